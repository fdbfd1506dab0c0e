import { describe, expect, it, vi } from "vitest";
import { isBrowserTokenError } from "../../src/client/browser-token-error.ts";
import type { BrowserToken } from "../../src/client/held-token.ts";
import type { ClientSession } from "../../src/client/session.ts";
import { createTokenSource, type TokenSource } from "../../src/client/token-source.ts";
import { FakePage, settle } from "./fake-page.ts";
import { FakeTokenRoute } from "./fake-token-route.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

interface Tab {
  readonly page: FakePage;
  readonly route: FakeTokenRoute;
  readonly source: TokenSource;
  /** What the tab knows of the session, and what else the server has named. */
  readonly known: { session: ClientSession | null | undefined; named: number[] };
  /** The session route's newest answer gets here. */
  readonly hear: () => void;
  readonly listenerErrors: unknown[];
  readonly get: (options?: Parameters<TokenSource["get"]>[0]) => Promise<string>;
}

function openTab(user = "alice", lifetimeMs?: number): Tab {
  const page = new FakePage();
  const startedMs = page.monotonicMs;
  // The server's own clock, an hour behind.
  const route = new FakeTokenRoute(() => page.monotonicMs - startedMs + 1_699_996_400_000, lifetimeMs);
  route.user = user;
  const known: Tab["known"] = { session: route.session(), named: [] };
  const listenerErrors: unknown[] = [];
  const source = createTokenSource({
    environment: page,
    fetchToken: route.fetchToken,
    session: () => known.session,
    named: () => known.named,
    onListenerError: (error) => listenerErrors.push(error),
  });
  const hear = (): void => {
    known.session = route.session();
    source.heard(true);
  };
  const get: Tab["get"] = async (options) => (await source.get(options)).accessToken;
  return { page, route, source, known, hear, listenerErrors, get };
}

/** How a promise ended, as its token or the code of its error. */
async function outcome(promise: Promise<string | BrowserToken>): Promise<string> {
  try {
    const value = await promise;
    return typeof value === "string" ? value : value.accessToken;
  } catch (error) {
    return isBrowserTokenError(error) ? error.code : String(error);
  }
}

function gate(): { readonly closed: Promise<void>; readonly open: () => void } {
  let open!: () => void;
  const closed = new Promise<void>((resolve) => (open = resolve));
  return { closed, open };
}

describe("the access token in the browser", () => {
  it("comes from memory while it is fresh: 100 calls send one request (F37)", async () => {
    const { page, route, get } = openTab();
    expect(await get()).toBe("alice-0");
    for (let i = 0; i < 99; i++) {
      await page.pass(1_000);
      expect(await get()).toBe("alice-0");
    }

    expect(route.asked).toHaveLength(1);
  });

  it("is asked for once by all who wait, for two users apart (F37, I8)", async () => {
    const [alice, bob] = [openTab("alice"), openTab("bob")];
    const calls = [alice, bob].flatMap(({ get }) => Array.from({ length: 20 }, () => get()));
    const tokens = await Promise.all(calls);

    expect(new Set(tokens.slice(0, 20))).toEqual(new Set(["alice-0"]));
    expect(new Set(tokens.slice(20))).toEqual(new Set(["bob-0"]));
    expect([alice.route.asked.length, bob.route.asked.length]).toEqual([1, 1]);
  });

  it("is asked for again before it ends, at most once in every lifetime, and never handed out dead (F22, F27)", async () => {
    const { page, route, get } = openTab("alice", 60_000);
    for (let i = 0; i < 600; i++) {
      const token = await get();
      expect(token).toBe(route.token);
      expect(route.expiresAtMs).toBeGreaterThan(route.nowMs());
      await page.pass(1_000);
    }

    expect(route.asked.length).toBeLessThanOrEqual(13);
  });

  it("of a short life is not asked for at every call near its end, while the server cannot renew it (F27, F33)", async () => {
    const { page, route, get } = openTab("alice", 60_000);
    route.leadMs = 0;
    await get();
    for (let i = 0; i < 590; i++) {
      await page.pass(100);
      await get();
    }

    expect(route.asked.length).toBeLessThanOrEqual(6);
  });

  it.each([
    ["a sleep that only the wall clock saw", false],
    ["a sleep that both clocks saw", true],
  ])("is not served from before %s (F22)", async (_what, both) => {
    const { page, route, get } = openTab();
    await get();
    page.sleep(8 * HOUR_MS, both);
    route.renew();

    expect(await get()).toBe("alice-1");
  });

  it.each([HOUR_MS, -HOUR_MS, 10 * MINUTE_MS, -10 * MINUTE_MS])(
    "costs as many requests with a clock that is off by %i ms (F26)",
    async (offMs) => {
      const { page, route, source, get } = openTab("alice", 60_000);
      page.wallMs += offMs;
      for (let i = 0; i < 60; i++) {
        await get();
        await page.pass(1_000);
      }
      const { expiresAtMs } = await source.get();

      expect(route.asked).toHaveLength(2);
      expect(expiresAtMs! - page.wallMs).toBeCloseTo(route.expiresAtMs - route.nowMs(), -3);
    },
  );

  it("counts its life from the request, not from a late answer (F26)", async () => {
    const { page, route, source } = openTab();
    const { closed, open } = gate();
    route.held.push(closed);
    const wallMs = page.wallMs;
    const token = source.get();
    await page.pass(9_000);
    open();

    expect((await token).expiresAtMs).toBe(wallMs + route.lifetimeMs);
  });

  it("without a known end is served until another is named, and has no end", async () => {
    const { page, route, source, known } = openTab();
    route.isEndless = true;
    known.session = { user: { name: "alice" } };
    expect(await source.get()).toEqual({ accessToken: "alice-0" });
    await page.pass(HOUR_MS);
    expect(await source.get()).toEqual({ accessToken: "alice-0" });

    expect(route.asked).toHaveLength(1);
  });

  it("is not to be changed by who got it", async () => {
    const { source } = openTab();
    const token = await source.get();

    expect(() => Object.assign(token, { accessToken: "x" })).toThrow(TypeError);
    expect(await source.get()).toBe(token);
  });
});

describe("a newer token that the server named", () => {
  it("in the session makes the next call hold it (F35)", async () => {
    const { page, route, hear, get } = openTab();
    await get();
    await page.pass(30_000);
    route.renew();
    hear();

    expect(await get()).toBe("alice-1");
    expect(await get()).toBe("alice-1");
    expect(route.asked).toHaveLength(2);
  });

  it("in the marker makes the next call hold it, without any event (F35)", async () => {
    const { route, known, get } = openTab();
    await get();
    route.renew();
    known.named = [route.expires + 1];

    expect(await get()).toBe("alice-1");
    expect(await get()).toBe("alice-1");
    expect(route.asked).toHaveLength(2);
  });

  it("while a request is under way makes a later call ask once more (F35)", async () => {
    const { route, known, get } = openTab();
    const { closed, open } = gate();
    route.held.push(closed);
    const before = get();
    await settle();
    route.renew();
    known.named = [route.expires + 1];
    const after = get();
    open();

    expect(await Promise.all([before, after])).toEqual(["alice-0", "alice-1"]);
    expect(route.asked).toHaveLength(2);
  });

  it("is asked for once, also where the server knows nothing of it", async () => {
    const { route, known, get } = openTab();
    await get();
    known.named = [7];
    for (let i = 0; i < 10; i++) expect(await get()).toBe("alice-0");

    expect(route.asked).toHaveLength(2);
  });

  it("by a script that invents one for every call costs 5 requests, then one in two seconds", async () => {
    const { page, route, known, get } = openTab();
    await get();
    for (let i = 0; i < 1_000; i++) {
      known.named = [i];
      expect(await get()).toBe("alice-0");
      await page.pass(10);
    }

    expect(route.asked.length).toBeGreaterThan(5);
    expect(route.asked.length).toBeLessThanOrEqual(1 + 5 + 5);
  });
});

describe("minValidityMs", () => {
  it("has a token renewed that is fresh for others (F38)", async () => {
    const { page, route, get } = openTab();
    await get();
    await page.pass(180_000);
    expect(await get()).toBe("alice-0");
    expect(await get({ minValidityMs: 140_000 })).toBe("alice-1");

    expect(route.asked).toEqual([
      { minValidityMs: 0, renew: false },
      { minValidityMs: 140_000, renew: false },
    ]);
  });

  it("that no token has is refused early, and harms nobody else who waits (F38)", async () => {
    const { route, get } = openTab();
    const upload = outcome(get({ minValidityMs: 600_000 }));
    const calls = [get(), get(), outcome(get({ minValidityMs: 600_000 }))];

    expect(await upload).toBe("invalid_option");
    expect(await Promise.all(calls)).toEqual(["alice-0", "alice-0", "invalid_option"]);
    expect(route.asked.length).toBeLessThanOrEqual(2);
  });

  it("is not taken to be served by the answer to less", async () => {
    const { page, route, get } = openTab();
    await page.pass(180_000);
    route.leadMs = 0;
    const answers = await Promise.all([
      get(),
      get({ minValidityMs: 140_000 }),
      get({ minValidityMs: 100_000 }),
    ]);

    expect(answers).toEqual(["alice-0", "alice-1", "alice-0"].with(2, answers[2]));
    expect(route.asked.map(({ minValidityMs }) => minValidityMs)).toEqual([0, 140_000]);
  });

  it.each([-1, Number.NaN, Infinity])("of %d is refused with its name", async (minValidityMs) => {
    const { route, source } = openTab();
    await expect(source.get({ minValidityMs })).rejects.toThrow(/"minValidityMs" must be 0 or more; got/);
    expect(route.asked).toHaveLength(0);
  });
});

describe("a rejected token", () => {
  it("is renewed once for 20 callers that had it refused at once, and for those that come later (F39)", async () => {
    const { page, route, get } = openTab();
    const rejected = await get();
    const retries = await Promise.all(Array.from({ length: 20 }, () => get({ rejected })));
    await page.pass(30_000);
    retries.push(await get({ rejected }));

    expect(new Set(retries)).toEqual(new Set(["alice-1"]));
    expect(route.renewals).toBe(1);
    expect(route.asked).toHaveLength(2);
  });

  it("that a caller had from before is renewed, where the server still hands it out (F39)", async () => {
    const { route, get } = openTab();

    expect(await get({ rejected: "alice-0" })).toBe("alice-1");
    expect(route.asked.map(({ renew }) => renew)).toEqual([false, true]);
  });

  it("that the server does not renew again so soon ends in no loop (F39)", async () => {
    const { route, get } = openTab();
    const rejected = await get();
    route.renew = () => undefined;
    for (let i = 0; i < 20; i++) expect(await get({ rejected })).toBe("alice-0");

    expect(route.asked).toHaveLength(2);
  });

  it("is not handed out again when its renewal fails (F39)", async () => {
    const { route, get } = openTab();
    const rejected = await get();
    route.fault = { kind: "failed", code: "refresh_unavailable" };

    expect(await outcome(get({ rejected }))).toBe("refresh_unavailable");
    // Others have not had it refused.
    expect(await get()).toBe("alice-0");
  });
});

describe("renew", () => {
  it("renews a fresh token: after a role changed (F39)", async () => {
    const { route, get } = openTab();
    await get();
    const answers = await Promise.all(Array.from({ length: 20 }, () => get({ renew: true })));
    answers.push(await get({ renew: true }));

    expect(new Set(answers)).toEqual(new Set(["alice-1"]));
    expect(route.asked.map(({ renew }) => renew)).toEqual([false, true]);
  });

  it("is not served by a request under way that renews nothing", async () => {
    const { route, get } = openTab();
    const answers = await Promise.all([get(), get({ renew: true })]);

    expect(answers).toEqual(["alice-0", "alice-1"]);
    expect(route.renewals).toBe(1);
  });

  it("renews anew after a while", async () => {
    const { page, get } = openTab();
    expect(await get({ renew: true })).toBe("alice-1");
    await page.pass(3_000);

    expect(await get({ renew: true })).toBe("alice-2");
  });
});

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
    await page.pass(299_999);
    expect(await get()).toBe("alice-0");

    await page.pass(2);
    expect(await outcome(get())).toBe(fault === "network" ? "refresh_unavailable" : fault.code);
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

  it("is repeated at the first call after the network is back (F23)", async () => {
    const { page, route, get } = openTab();
    route.fault = "network";
    for (let i = 0; i < 5; i++) {
      await outcome(get());
      await page.pass(20_000);
    }
    await outcome(get());
    route.fault = undefined;
    await page.wake("online");

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

  it("does not have a renewal repeated that somebody else asked for in vain", async () => {
    const { page, route, source, get } = openTab();
    source.onTokenChange(() => undefined);
    await get();
    route.fault = "network";
    await outcome(get({ renew: true }));
    await page.pass(4 * 60_000);

    expect(route.asked).toHaveLength(2);
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

  it("leaves nothing behind when all is over", async () => {
    const { page, route, source, hear } = openTab();
    source.onTokenChange(() => undefined);
    route.fault = "network";
    hear();
    await settle();
    source.stop();
    await settle();

    expect(page.leftovers).toBe(0);
    expect(source.snapshot().token).toBeUndefined();
  });
});
