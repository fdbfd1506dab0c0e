import { describe, expect, it, vi } from "vitest";
import { settle } from "./fake-page.ts";
import { gate, openTab, outcome } from "./token-tab.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The network is away for so long that the tab asks seldom, and is back since a moment ago. */
async function failForLong({ page, route, get }: ReturnType<typeof openTab>): Promise<void> {
  route.fault = "network";
  for (let i = 0; i < 5; i++) {
    await outcome(get());
    await page.pass(20_000);
  }
  await outcome(get());
  route.fault = undefined;
}

describe("a request that fails", () => {
  it.each([
    "network",
    { kind: "failed", code: "refresh_unavailable" },
    { kind: "failed", code: "not_exposed" },
  ] as const)("with %o leaves the token in hand to serve as long as it lives", async (fault) => {
    const { page, route, hear, get } = openTab();
    await get();
    route.renew();
    hear();
    route.fault = fault;
    expect(await get()).toBe("alice-0");
    expect(await outcome(get({ minValidityMs: 299_000 }))).toBe("alice-0");
    await page.pass(10_000);
    const code = fault === "network" ? "refresh_unavailable" : fault.code;
    expect(await outcome(get({ minValidityMs: 299_000 }))).toBe(code);
    await page.pass(289_999);
    expect(await get()).toBe("alice-0");

    await page.pass(2);
    expect(await outcome(get())).toBe(code);
  });

  it("is not repeated by callers in a hot loop: 1 s to 60 s lie between (I10)", async () => {
    const { page, route, get } = openTab();
    route.fault = "network";
    const atMs: number[] = [];
    for (let i = 0; i < 6_000; i++) {
      const before = route.asked.length;
      expect(await outcome(get())).toBe("refresh_unavailable");
      if (route.asked.length > before) atMs.push(page.monotonicMs);
      await page.pass(100);
    }
    const gaps = atMs.slice(1).map((at, index) => at - atMs[index]!);

    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(60_200);
    expect(gaps.length).toBeLessThanOrEqual(16);
  });

  it("after a success counts from 1 s again", async () => {
    const { page, route, get } = openTab();
    const fail = async (): Promise<void> => {
      route.fault = "network";
      await outcome(get({ renew: true }));
      route.fault = undefined;
    };
    for (let i = 0; i < 5; i++) {
      await fail();
      await page.pass(MINUTE_MS);
    }
    await get({ renew: true });
    await page.pass(10_000);
    await fail();
    await page.pass(1_100);

    expect(await get({ renew: true })).toBe("alice-2");
  });

  it("is also an answer with less than was asked for, whose token others get (F38)", async () => {
    const { page, route, get } = openTab();
    route.ignoresValidity = true;
    await page.pass(4 * MINUTE_MS);
    expect(await outcome(get({ minValidityMs: 100_000 }))).toBe("refresh_unavailable");
    expect(await outcome(get({ minValidityMs: 100_000 }))).toBe("refresh_unavailable");
    expect(await get()).toBe("alice-0");

    expect(route.asked).toHaveLength(1);
  });

  it("is repeated at the first call after the network is back (F23)", async () => {
    const tab = openTab();
    await failForLong(tab);
    const { page, get } = tab;
    await page.wake("online");

    expect(await get()).toBe("alice-0");
  });

  it("is repeated at the first call after the session was heard of, and not after a failure to", async () => {
    const tab = openTab();
    await failForLong(tab);
    const { source, hear, get } = tab;
    source.heard(false);
    expect(await outcome(get())).toBe("refresh_unavailable");
    hear();

    expect(await get()).toBe("alice-0");
  });

  it("waits as long as the server said, a minute at most", async () => {
    const { page, route, get } = openTab();
    route.fault = { kind: "failed", code: "store_failed", retryAfterMs: 7_000 };
    await outcome(get());
    route.fault = undefined;
    await page.pass(6_900);
    expect(await outcome(get())).toBe("store_failed");
    await page.pass(200);

    expect(await get()).toBe("alice-0");
  });

  it("by its time limit is over after 15 s, also where the timer was frozen (F20)", async () => {
    const { page, route, get } = openTab();
    route.fault = "hang";
    const first = outcome(get());
    await page.pass(15_000);
    expect(await first).toBe("refresh_unavailable");
    expect(route.signals[0]!.aborted).toBe(true);

    await page.pass(2_000);
    void outcome(get());
    await settle();
    page.sleep(HOUR_MS);
    route.fault = undefined;
    expect(await get()).toMatch(/^alice/);
    expect(route.signals[1]!.aborted).toBe(true);
  });

  it("says what to do, and holds no token (SEC-01)", async () => {
    const { route, source, get } = openTab();
    const rejected = await get();
    route.fault = { kind: "failed", code: "reauthentication_required", reason: "rejected" };
    const error = (await source.get({ rejected }).catch((reason: unknown) => reason)) as Error;

    expect(error.message).toBe("The sign-in has ended: have the user sign in again (rejected)");
    expect(JSON.stringify([error, Object.entries(error), error.stack])).not.toContain(rejected);
  });
});

describe("a caller that gives up", () => {
  it("stops waiting with its own reason, and the request goes on for the others", async () => {
    const { route, get } = openTab();
    const { closed, open } = gate();
    route.held.push(closed);
    const abort = new AbortController();
    const [gone, other] = [outcome(get({ signal: abort.signal })), get()];
    await settle();
    abort.abort(new Error("enough"));
    expect(await gone).toBe("Error: enough");
    open();

    expect(await other).toBe("alice-0");
    expect(route.asked).toHaveLength(1);
  });

  it("before it began sends nothing", async () => {
    const { route, get } = openTab();
    expect(await outcome(get({ signal: AbortSignal.abort(new Error("enough")) }))).toBe("Error: enough");
    expect(route.asked).toHaveLength(0);
  });
});

describe("a sign-out", () => {
  it("clears memory at once, and an answer under way restores nothing (I13, SEC-03)", async () => {
    const { route, known, source, get } = openTab();
    await get();
    const { closed, open } = gate();
    route.held.push(closed);
    const late = outcome(get({ renew: true }));
    await settle();
    known.session = null;
    source.heard(true);
    open();

    expect(await late).toBe("not_signed_in");
    expect(await outcome(get())).toBe("not_signed_in");
    expect(source.snapshot().token).toBeUndefined();
    expect(route.asked).toHaveLength(2);
    expect(route.signals[1]!.aborted).toBe(true);
  });

  it("that only the token's route knows of clears memory, too (I13)", async () => {
    const { page, route, source, get } = openTab();
    await get();
    route.user = null;
    expect(await outcome(get({ renew: true }))).toBe("not_signed_in");
    expect(source.snapshot().token).toBeUndefined();

    expect(await outcome(get())).toBe("not_signed_in");
    await page.pass(100);
    expect(route.asked).toHaveLength(2);
  });

  it("is not undone by another request whose answer comes after it (I13)", async () => {
    const { page, route, source, get } = openTab();
    await page.pass(180_000);
    route.leadMs = 0;
    const [first, second] = [gate(), gate()];
    route.held.push(first.closed, second.closed);
    const weak = get();
    const calls = [outcome(get({ minValidityMs: 130_000 })), outcome(get({ minValidityMs: 140_000 }))];
    route.fault = { kind: "failed", code: "not_signed_in" };
    route.faultMeets = ({ minValidityMs }) => minValidityMs === 140_000;
    first.open();
    expect(await weak).toBe("alice-0");
    await settle();
    expect(route.asked).toHaveLength(3);
    second.open();

    expect(await Promise.all(calls)).toEqual(["not_signed_in", "not_signed_in"]);
    expect(source.snapshot().token).toBeUndefined();
  });

  it("has no older answer put in the place of a newer one", async () => {
    const { page, route, source, get } = openTab();
    await page.pass(180_000);
    route.leadMs = 0;
    const [first, second] = [gate(), gate()];
    route.held.push(first.closed, second.closed);
    const calls = [get(), get({ minValidityMs: 130_000 })];
    const newest = get({ renew: true });
    first.open();
    expect(await newest).toBe("alice-2");
    second.open();
    await Promise.all(calls);

    expect(source.snapshot().token?.accessToken).toBe("alice-2");
  });
});

describe("the end of the source, as when its provider is hidden or taken away", () => {
  it("is no sign-out: who waits hears that it may be tried again", async () => {
    const { route, source, get } = openTab();
    const { closed, open } = gate();
    route.held.push(closed);
    const late = source.get().catch((error: unknown) => error);
    await settle();
    source.stop();
    open();

    expect(await late).toMatchObject({ code: "refresh_unavailable", reason: "stopped" });
    expect(await outcome(get())).toBe("refresh_unavailable");
  });
});

describe("another user", () => {
  it("gets no token of the one before, nor does a caller of that one get the new one's (I13, F43)", async () => {
    const { route, hear, get } = openTab();
    await get();
    const { closed, open } = gate();
    route.held.push(closed);
    const late = outcome(get({ renew: true }));
    await settle();
    route.user = "bob";
    hear();
    const bobs = get();
    open();

    expect(await late).toBe("not_signed_in");
    expect(await bobs).toMatch(/^bob/);
    expect(await get()).toMatch(/^bob/);
  });

  it("who came before the session was known has no token left behind (I13)", async () => {
    const { page, route, known, source, hear, get } = openTab();
    known.session = undefined;
    expect(await get()).toBe("alice-0");
    await page.pass(2_000);
    route.user = "bob";
    route.renew();
    hear();
    expect(source.snapshot().token).toBeUndefined();

    expect(await get()).toBe("bob-1");
  });

  it("who signed in while a request from before the session was known was under way does not get its token (I13)", async () => {
    const { page, route, known, source, hear, get } = openTab();
    known.session = undefined;
    const { closed, open } = gate();
    route.held.push(closed);
    const call = get();
    await page.pass(2_000);
    route.user = "bob";
    route.renew();
    hear();
    open();

    expect(await call).toBe("bob-1");
    expect(source.snapshot().token?.accessToken).toBe("bob-1");
  });

  it("whose sign-in this tab has not heard of leaves no token in its page: the session is asked first (I13)", async () => {
    const { page, route, source, session, known, get } = openTab();
    await page.pass(2_000);
    route.user = "bob";
    route.renew();
    const heard: string[] = [];
    source.onTokenChange(({ accessToken }) => heard.push(accessToken));
    expect(await outcome(get())).toBe("not_signed_in");
    expect(session.asked).toBe(1);

    expect(known.session).toMatchObject({ user: { name: "bob" } });
    expect(await get()).toBe("bob-1");
    expect(heard).toEqual(["bob-1"]);
    expect(session.asked).toBe(1);
  });

  it("gets no token by the renewal of one that was refused, either (I13)", async () => {
    const { page, route, session, get } = openTab();
    const rejected = await get();
    await page.pass(2_000);
    route.user = "bob";
    expect(await outcome(get({ rejected }))).toBe("not_signed_in");
    expect(session.asked).toBe(1);
  });

  it("cannot be told from this one while the session route fails: nothing new is handed out (I13, F23)", async () => {
    const { page, route, source, session, hear, get } = openTab("alice", 60_000);
    expect(await get()).toBe("alice-0");
    await page.pass(45_000);
    route.renew();
    session.confirm = () => Promise.reject(new TypeError("Failed to fetch"));
    expect(await outcome(get({ renew: true }))).toBe("refresh_unavailable");
    // What is in hand serves.
    expect(await get({ minValidityMs: 12_000 })).toBe("alice-0");
    await page.pass(15_000);
    expect(await outcome(get())).toBe("refresh_unavailable");
    expect(source.snapshot().token).toBeUndefined();

    hear();
    expect(await get()).toMatch(/^alice-/);
  });

  it("is waited for 15 s at most, where the session route hangs (F20)", async () => {
    const { page, route, session, get } = openTab();
    await page.pass(2_000);
    route.renew();
    session.confirm = () => new Promise(() => undefined);
    const call = outcome(get());
    await page.pass(15_000);

    expect(await call).toBe("refresh_unavailable");
  });

  it("is not asked about where session and token come together, nor twice for one token", async () => {
    const { page, route, session, known, hear, get } = openTab("alice", 60_000);
    for (let i = 0; i < 10; i++) {
      await get();
      await page.pass(35_000);
      route.renew();
      hear();
    }
    expect(session.asked).toBe(0);

    await page.pass(5_000);
    route.renew();
    known.named = [route.expires];
    const calls = await Promise.all(Array.from({ length: 20 }, () => get()));
    known.named = [7];
    calls.push(await get());
    expect(new Set(calls)).toEqual(new Set([route.token]));
    expect(session.asked).toBe(1);
  });

  it("is not seen in a session that was only not known yet: its token stays", async () => {
    const { route, known, hear, get } = openTab();
    known.session = undefined;
    await get();
    hear();
    await get();

    expect(route.asked).toHaveLength(1);
  });
});

describe("a sign-in that has ended", () => {
  it("clears memory, sends nothing more, and says why (I13, F32)", async () => {
    const { route, known, source, get } = openTab();
    await get();
    const tokenState = { status: "reauthentication_required", reason: "rejected" } as const;
    known.session = { user: { name: "alice" }, tokenState };
    source.heard(true);
    const error = await source.get().catch((reason: unknown) => reason);

    expect(error).toMatchObject({ code: "reauthentication_required", reason: "rejected" });
    expect(source.snapshot()).toEqual({ error });
    expect(route.asked).toHaveLength(1);
  });
});

describe("a listener", () => {
  it("hears each new token once, as soon as the server names it, through ten lifetimes (F38)", async () => {
    const { page, route, source, hear } = openTab();
    const heard: string[] = [];
    source.onTokenChange(({ accessToken }) => heard.push(accessToken));
    for (let i = 0; i < 10; i++) {
      hear();
      source.look();
      await page.pass(route.lifetimeMs - route.leadMs);
      await page.wake("visible", "focus");
      route.renew();
    }

    expect(heard).toEqual(Array.from({ length: 10 }, (_, i) => `alice-${i}`));
    expect(route.asked).toHaveLength(10);
  });

  it("of none costs nothing: nobody asks", async () => {
    const { page, route, source, hear } = openTab();
    const stop = source.onTokenChange(() => undefined);
    stop();
    hear();
    await page.pass(HOUR_MS);
    await page.wake("online");

    expect(route.asked).toHaveLength(0);
    expect(page.leftovers).toBe(1);
  });

  it("does not keep a sign-in alive that nobody uses: only a call asks then (F29)", async () => {
    const { page, route, source, known, hear, get } = openTab();
    source.onTokenChange(() => undefined);
    await get();
    known.isIdle = true;
    await page.pass(HOUR_MS);
    await page.wake("online", "pageshow");
    hear();
    source.look();
    await page.pass(HOUR_MS);
    expect(route.asked).toHaveLength(1);

    expect(await get()).toBe("alice-1");
  });

  it("that throws harms nobody", async () => {
    const { source, listenerErrors, get } = openTab();
    const second = vi.fn();
    source.onTokenChange(() => {
      throw new Error("mine");
    });
    source.onTokenChange(second);

    expect(await get()).toBe("alice-0");
    expect(second).toHaveBeenCalledTimes(1);
    expect(listenerErrors).toEqual([new Error("mine")]);
  });

  it("gets the token after an outage by itself, and stops then (F23, F38)", async () => {
    const { page, route, source, hear } = openTab();
    page.earlyMs = () => 5;
    const heard: string[] = [];
    source.onTokenChange(({ accessToken }) => heard.push(accessToken));
    route.fault = "network";
    hear();
    await page.pass(5 * MINUTE_MS);
    const failures = route.asked.length;
    expect(failures).toBeLessThanOrEqual(12);
    route.fault = undefined;
    await page.pass(MINUTE_MS);
    expect(heard).toEqual(["alice-0"].map(() => route.token));
    expect(route.asked).toHaveLength(failures + 1);

    await page.pass(MINUTE_MS);
    expect(route.asked).toHaveLength(failures + 1);
  });

  it("gets the token by itself also after a call of somebody else failed", async () => {
    const { page, route, source, get } = openTab();
    const heard: string[] = [];
    source.onTokenChange(({ accessToken }) => heard.push(accessToken));
    route.fault = "network";
    await outcome(get());
    route.fault = undefined;
    await page.pass(2_000);

    expect(heard).toEqual(["alice-0"]);
  });

  it("that hears of a sign-out with the token leaves none to who waited (I13)", async () => {
    const { source, known, get } = openTab();
    source.onTokenChange(() => {
      known.session = null;
      source.heard(true);
    });

    expect(await outcome(get())).toBe("not_signed_in");
    expect(source.snapshot().token).toBeUndefined();
  });

  it("does not have a renewal repeated that somebody else asked for in vain", async () => {
    const { page, route, source, get } = openTab();
    source.onTokenChange(() => undefined);
    await get();
    route.fault = "network";
    await outcome(get({ renew: true }));
    await page.pass(4 * 60_000);

    expect(route.asked).toHaveLength(2);
    // Its wake-ups, and the end of the token in hand.
    expect(page.leftovers).toBe(2);
  });

  it("of what readers see is told of a sign-out, and not of a renewal that failed", async () => {
    const { route, known, source, get } = openTab();
    const seen: unknown[] = [];
    source.subscribe(() => seen.push(source.snapshot().token?.accessToken ?? source.snapshot().error?.code));
    await get();
    route.fault = "network";
    await outcome(get({ renew: true }));
    known.session = null;
    source.heard(true);

    expect(seen).toEqual(["alice-0", "not_signed_in"]);
  });

  it("of what readers see is told when a token has ended and no other can be had", async () => {
    const { page, route, source, get } = openTab("alice", 60_000);
    const seen: unknown[] = [];
    source.subscribe(() => seen.push(source.snapshot().token?.accessToken ?? source.snapshot().error?.code));
    await get();
    route.fault = "network";
    page.sleep(HOUR_MS);
    expect(await outcome(get())).toBe("refresh_unavailable");

    expect(seen).toEqual(["alice-0", "refresh_unavailable"]);
  });

  it("hears nothing of an answer with the same token, which stays the same object (F36)", async () => {
    const { route, source, known, get } = openTab();
    const listener = vi.fn();
    source.onTokenChange(listener);
    source.subscribe(listener);
    const token = await source.get();
    listener.mockClear();
    known.named = [7];
    await get();

    expect(route.asked).toHaveLength(2);
    expect(await source.get()).toBe(token);
    expect(listener).not.toHaveBeenCalled();
  });

  it("leaves nothing behind when all is over", async () => {
    const { page, route, source, hear, get } = openTab();
    source.onTokenChange(() => undefined);
    route.fault = "network";
    hear();
    await settle();
    source.stop();
    await settle();

    expect(page.leftovers).toBe(0);
    expect(await outcome(get())).toBe("refresh_unavailable");
    expect(source.snapshot().token).toBeUndefined();
  });
});
