import { describe, expect, it, vi } from "vitest";
import type { SessionAnswer } from "../../src/client/fetch-session.ts";
import type { PlanSettings } from "../../src/client/plan.ts";
import { createScheduler, type Scheduler } from "../../src/client/scheduler.ts";
import type { ClientSession } from "../../src/client/session.ts";
import { FakePage, settle } from "./fake-page.ts";
import { FakeServer, type Fault } from "./fake-server.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

interface Tab {
  readonly page: FakePage;
  readonly server: FakeServer;
  readonly scheduler: Scheduler;
  readonly stop: () => void;
  readonly user: () => string | null | undefined;
}

/** A tab that has been opened, with alice signed in unless told otherwise. */
async function openTab(
  options: Partial<PlanSettings> & { lifetimeMs?: number; server?: FakeServer; page?: FakePage } = {},
): Promise<Tab> {
  const { lifetimeMs, server: given, page = new FakePage(), ...settings } = options;
  const startedMs = page.monotonicMs;
  const server = given ?? new FakeServer(() => page.monotonicMs - startedMs, lifetimeMs);
  const scheduler = createScheduler({
    environment: page,
    fetchSession: (reason) => server.answer(reason),
  });
  scheduler.configure(settings);
  const stop = scheduler.start();
  await settle();
  const user = (): string | null | undefined => nameOf(scheduler.current());
  return { page, server, scheduler, stop, user };
}

function nameOf(session: ClientSession | null | undefined): string | null | undefined {
  return session ? (session.user as { name: string }).name : session;
}

describe("an idle tab", () => {
  it.each([12_000, 60_000, 300_000, HOUR_MS])(
    "with tokens of %i ms asks once per lifetime, at the time that the server named",
    async (lifetimeMs) => {
      const { page, server } = await openTab({ lifetimeMs });
      await page.pass(10 * server.idleMs);

      expect(server.refreshes).toBe(10);
      expect(server.asked.map(({ atMs }) => Math.round(atMs))).toEqual(
        Array.from({ length: 11 }, (_, i) => Math.round(i * server.idleMs)),
      );
      expect(server.reasons).toEqual(["mount", ...Array.from({ length: 10 }, () => "idle")]);
    },
  );

  it("with a token of 60 days asks nothing for 24.8 days, and then on time (F25)", async () => {
    const { page, server } = await openTab({ lifetimeMs: 60 * DAY_MS, checkEveryMs: Infinity });

    await page.pass(server.idleMs - 1);
    expect(server.reasons).toEqual(["mount"]);

    await page.pass(1);
    expect(server.reasons).toEqual(["mount", "idle"]);
    expect(server.refreshes).toBe(1);
  });

  it.each([HOUR_MS, -HOUR_MS])(
    "whose clock is off by %i ms asks as often as one with the right time (F26)",
    async (offMs) => {
      const page = new FakePage();
      page.wallMs += offMs;
      const { server } = await openTab({ page });
      await page.pass(5 * server.idleMs);

      expect(server.asked).toHaveLength(6);
      expect(server.refreshes).toBe(5);
    },
  );

  it.each([HOUR_MS, -HOUR_MS])(
    "asks once when its clock is moved by %i ms, and goes on as before (F26)",
    async (jumpMs) => {
      const { page, server } = await openTab();
      await page.pass(20_000);
      page.wallMs += jumpMs;
      await page.pass(15_000);
      expect(server.reasons).toEqual(["mount", "idle"]);

      await page.pass(5 * MINUTE_MS);
      expect(server.asked.length).toBeLessThanOrEqual(2 + Math.ceil((5 * MINUTE_MS) / server.idleMs));
      expect(server.refreshes).toBeGreaterThanOrEqual(5);
    },
  );

  it("with an idle lead of a second asks before the token expires, whatever chance says (F14)", async () => {
    const page = new FakePage();
    page.chance = 0.999;
    const askedAtMs: number[] = [];
    const session: ClientSession = {
      accessTokenExpiresIn: 3_600,
      tokenState: { status: "fresh", askInMs: 3_599_000 },
    };
    createScheduler({
      environment: page,
      fetchSession: () => {
        askedAtMs.push(page.monotonicMs);
        return Promise.resolve<SessionAnswer>({ kind: "session", session });
      },
    }).start();
    await page.pass(3 * HOUR_MS);

    expect(askedAtMs).toHaveLength(4);
    const gaps = askedAtMs.slice(1).map((atMs, index) => atMs - (askedAtMs[index] ?? 0));
    expect(Math.max(...gaps)).toBeLessThan(3_600_000);
  });

  it("whose token has no known end asks nothing more", async () => {
    const page = new FakePage();
    const asked: string[] = [];
    const scheduler = createScheduler({
      environment: page,
      fetchSession: (reason) => {
        asked.push(reason);
        return Promise.resolve<SessionAnswer>({
          kind: "session",
          session: { user: { name: "alice" }, tokenState: { status: "fresh" } },
        });
      },
    });
    scheduler.start();
    await page.pass(30 * DAY_MS);

    expect(asked).toEqual(["mount"]);
  });

  it("honours the app's own interval as an upper bound", async () => {
    const { page, server } = await openTab({ lifetimeMs: HOUR_MS, refetchIntervalMs: 5 * MINUTE_MS });
    await page.pass(HOUR_MS);

    expect(server.asked).toHaveLength(13);
  });
});

describe("a tab that slept", () => {
  it.each([false, true])(
    "8 hours asks once, however many events tell it (monotonic clock went on: %s) (F22)",
    async (monotonicToo) => {
      const { page, server } = await openTab();
      await page.pass(10_000);
      page.sleep(8 * HOUR_MS, monotonicToo);
      await page.wake("focus", "visible", "pageshow", "online");
      await page.wake("visible");

      expect(server.reasons).toEqual(["mount", "focus"]);
    },
  );

  it("without any event notices it within 15 seconds of being awake (F22)", async () => {
    const { page, server } = await openTab({ lifetimeMs: HOUR_MS });
    await page.pass(MINUTE_MS);
    page.sleep(30 * MINUTE_MS);
    await page.pass(15_000);

    expect(server.reasons).toEqual(["mount", "idle"]);
  });

  it("while an answer was under way takes that answer for none", async () => {
    const page = new FakePage();
    const answers: ((answer: SessionAnswer) => void)[] = [];
    const scheduler = createScheduler({
      environment: page,
      fetchSession: () => new Promise((resolve) => answers.push(resolve)),
    });
    scheduler.start();
    await settle();
    page.sleep(8 * HOUR_MS);
    answers[0]!({ kind: "session", session: { user: { name: "alice" } } });
    await settle();
    expect(scheduler.current()).toBeUndefined();

    await page.pass(1_000);
    expect(answers).toHaveLength(2);
  });

  it("awake before the network is, keeps the session and recovers by itself (F23)", async () => {
    const { page, server, user } = await openTab();
    page.sleep(HOUR_MS);
    server.fault = "network";
    await page.wake("visible");
    await page.pass(4_000);
    expect(user()).toBe("alice");

    server.fault = undefined;
    await page.pass(4_000);
    expect(server.refreshes).toBe(0);
    expect(server.reasons.slice(1)).toEqual(["visible", "retry", "retry", "retry"]);
  });
});

describe("a request that fails", () => {
  it.each<Fault>(["network", "500", "html", "401"])(
    "with %s keeps the last good session, and the next good answer ends it (F30)",
    async (fault) => {
      const { page, server, scheduler, user } = await openTab();
      const before = scheduler.current();
      server.fault = fault;
      await page.pass(10 * MINUTE_MS);
      expect(scheduler.current()).toBe(before);

      server.fault = undefined;
      await page.pass(MINUTE_MS);
      expect(user()).toBe("alice");
      expect(server.refreshes).toBe(1);
    },
  );

  it("is repeated at most once a minute in the long run (F33)", async () => {
    const { page, server } = await openTab();
    server.fault = "500";
    await page.pass(HOUR_MS);

    expect(server.asked.length).toBeLessThan(70);
    expect(server.asked.length).toBeGreaterThan(55);
  });

  it("across the expiry is repeated at once when the network is back (F23)", async () => {
    const { page, server } = await openTab();
    await page.pass(40_000);
    page.isOnline = false;
    server.fault = "network";
    await page.pass(MINUTE_MS);
    const before = server.asked.length;

    page.isOnline = true;
    server.fault = undefined;
    await page.wake("online");
    expect(server.reasons.slice(before)).toEqual(["online"]);
    expect(server.refreshes).toBe(1);
  });

  it("is not sent while offline where the app wants it so, and is made up for when online", async () => {
    const { page, server } = await openTab({ askWhenOffline: false });
    page.isOnline = false;
    await page.pass(HOUR_MS);
    expect(server.reasons).toEqual(["mount"]);

    page.isOnline = true;
    await page.wake("online");
    expect(server.reasons).toEqual(["mount", "online"]);
  });

  it("never keeps another from being sent: one without an answer is given up after 15 seconds (F19)", async () => {
    const { page, server, user } = await openTab();
    server.fault = "hang";
    await page.pass(server.idleMs + 14_999);
    await page.wake("visible", "focus");
    expect(server.asked).toHaveLength(2);

    server.fault = undefined;
    await page.pass(1_001);
    expect(server.reasons).toEqual(["mount", "idle", "retry"]);
    expect(user()).toBe("alice");
  });

  it("is given up although its timer fires a fraction of a millisecond early, for hours (F19, F25)", async () => {
    const { page, server, user } = await openTab();
    let turn = 0;
    page.earlyMs = () => [0, 0.3, 0.999, 1][turn++ % 4] ?? 0;
    server.fault = "hang";
    await page.pass(3 * HOUR_MS);

    const gaps = server.asked.slice(2).map(({ atMs }, index) => atMs - (server.asked[index + 1]?.atMs ?? 0));
    expect(gaps.length).toBeGreaterThan(100);
    // The bound of a request and the longest back-off.
    expect(Math.max(...gaps)).toBeLessThan(15_000 + 60_000 + 10);
    expect(user()).toBe("alice");

    server.fault = undefined;
    await page.pass(3 * HOUR_MS);
    expect(server.expiresAtMs, "the token is fresh").toBeGreaterThan(server.nowMs());
    expect(server.asked.length, "and there is no hot loop").toBeLessThan(
      gaps.length + (4 * 3 * HOUR_MS) / server.idleMs,
    );
  });

  it("by a throw in the function itself is a failure like any other", async () => {
    const page = new FakePage();
    const fetchSession = vi.fn(() => {
      throw new Error("no network stack");
    });
    createScheduler({ environment: page, fetchSession }).start();
    await page.pass(3_000);

    expect(fetchSession).toHaveBeenCalledTimes(3);
  });

  it("leaves a first visit open, and a refusal makes it signed out until a session comes", async () => {
    const page = new FakePage();
    const server = new FakeServer(() => page.monotonicMs);
    server.fault = "500";
    const { user } = await openTab({ page, server });
    expect(user()).toBeUndefined();

    server.fault = "401";
    await page.pass(1_000);
    expect(user()).toBeNull();

    server.fault = undefined;
    await page.pass(2_000);
    expect(user()).toBe("alice");
  });
});

describe("while the authorization server is down", () => {
  it("a tab keeps its session, is told so, and asks a bounded number of times (F30, F33)", async () => {
    const { page, server, scheduler } = await openTab();
    server.refreshFails = true;
    await page.pass(HOUR_MS);
    expect(scheduler.current()?.tokenState?.status).toBe("retrying");
    expect(server.asked.length).toBeLessThan(240);

    server.refreshFails = false;
    await page.pass(20_000);
    expect(scheduler.current()?.tokenState?.status).toBe("fresh");
  });
});

describe("a tab that is told again and again to come back in a second", () => {
  it("asks ever more rarely instead (F33)", async () => {
    const { page, server } = await openTab();
    server.hurries = true;
    await page.pass(server.idleMs + 10 * MINUTE_MS);
    expect(server.asked.length).toBeLessThan(60);

    server.hurries = false;
    await page.pass(20_000 + server.idleMs);
    const { length } = server.asked;
    await page.pass(10 * server.idleMs);
    expect(server.asked.length).toBeLessThanOrEqual(length + 10);
  });
});

describe("a sign-out", () => {
  it("ends all asking, whatever happens", async () => {
    const { page, server, user } = await openTab({ refetchIntervalMs: 10_000 });
    server.user = null;
    await page.pass(10_000);
    expect(user()).toBeNull();
    const before = server.asked.length;

    await page.pass(DAY_MS);
    await page.wake("visible", "focus", "online", "pageshow");
    expect(server.asked).toHaveLength(before);
  });

  it("heard of is believed only when an own request says so, and a failure keeps the session", async () => {
    const { page, server, scheduler, user } = await openTab();
    server.fault = "network";
    scheduler.confirm();
    await page.pass(10_000);
    expect(user()).toBe("alice");

    server.fault = undefined;
    server.user = null;
    await page.pass(10_000);
    expect(user()).toBeNull();
  });

  it("is no end: a sign-in that is announced twice at once, or while the route fails, is found (I13, I19)", async () => {
    const { page, server, scheduler, user } = await openTab();
    server.user = null;
    scheduler.confirm();
    await page.pass(5_000);
    expect(user()).toBeNull();

    server.user = "bob";
    server.fault = "500";
    scheduler.confirm();
    await page.pass(1_000);
    scheduler.confirm();
    server.fault = undefined;
    await page.pass(10_000);
    expect(user()).toBe("bob");
  });

  it("and a sign-in right after it are no failure: what is heard second is asked about within two seconds (F30, F43)", async () => {
    const [alice, carol] = await Promise.all([openTab(), openTab()]);
    const failures: (number | undefined)[] = [];
    for (const { scheduler } of [alice, carol])
      scheduler.share((peer) => ({
        waitMs: () => 0,
        take: async () => ({ release: () => undefined }),
        tell: () => void failures.push(peer.state()?.failures),
        tellActive: () => undefined,
        stop: () => undefined,
      }));
    alice.server.user = null;
    for (const { scheduler } of [alice, carol]) scheduler.confirm();
    await Promise.all([alice.page.pass(300), carol.page.pass(300)]);
    expect([alice.user(), carol.user()]).toEqual([null, "alice"]);

    alice.server.user = "bob";
    for (const { page, scheduler } of [alice, carol]) {
      scheduler.confirm();
      await page.pass(100);
      await page.wake("focus");
      scheduler.confirm();
      await page.pass(1_700);
    }
    expect([alice.user(), carol.user()]).toEqual(["bob", "alice"]);
    expect(new Set(failures)).toEqual(new Set([0]));
    for (const { server } of [alice, carol]) expect(server.reasons).toEqual(["mount", "update", "update"]);
  });

  it("heard of again and again costs a bounded number of requests (F33)", async () => {
    const { page, server, scheduler } = await openTab();
    for (let i = 0; i < 100; i++) {
      scheduler.confirm();
      await page.pass(100);
    }
    expect(server.asked.length).toBeLessThan(12);
  });
});

describe("starting and stopping", () => {
  it("twice, as StrictMode does, sends one request and leaves one schedule (F21)", async () => {
    const page = new FakePage();
    const server = new FakeServer(() => page.monotonicMs);
    const scheduler = createScheduler({ environment: page, fetchSession: (reason) => server.answer(reason) });
    scheduler.start()();
    const stop = scheduler.start();
    await page.pass(3 * server.idleMs);
    expect(server.asked).toHaveLength(4);

    stop();
    expect(page.leftovers).toBe(0);
  });

  it("leaves nothing behind, drops the request under way, and shows no later answer", async () => {
    const page = new FakePage();
    const signals: AbortSignal[] = [];
    const answers: ((answer: SessionAnswer) => void)[] = [];
    const scheduler = createScheduler({
      environment: page,
      fetchSession: (_reason, signal) => {
        signals.push(signal);
        return new Promise((resolve) => answers.push(resolve));
      },
    });
    const stop = scheduler.start();
    await settle();
    stop();
    answers[0]!({ kind: "session", session: { user: { name: "alice" } } });
    await settle();

    expect(signals[0]!.aborted).toBe(true);
    expect(page.leftovers).toBe(0);
    expect(scheduler.current()).toBeUndefined();
  });

  it("again after a long break asks at once if it is time", async () => {
    const { page, server, scheduler, stop } = await openTab();
    stop();
    await page.pass(HOUR_MS);
    expect(server.asked).toHaveLength(1);

    scheduler.start();
    await settle();
    expect(server.asked).toHaveLength(2);
  });

  it("with a session in hand sends nothing until it is time", async () => {
    const page = new FakePage();
    const server = new FakeServer(() => page.monotonicMs);
    const scheduler = createScheduler({
      environment: page,
      session: server.session(),
      fetchSession: (reason) => server.answer(reason),
    });
    scheduler.start();
    await page.pass(server.idleMs - 1);
    expect(server.asked).toHaveLength(0);

    await page.pass(1);
    expect(server.reasons).toEqual(["idle"]);
  });

  it("survives a listener that throws", async () => {
    const { page, server, scheduler } = await openTab();
    server.showsToken = true;
    scheduler.subscribe(() => {
      throw new Error("a bug in the app");
    });
    await page.pass(3 * server.idleMs);

    expect(server.asked).toHaveLength(4);
  });
});

describe("several tabs of one user", () => {
  it("ask once each per lifetime, not in the same second, and cause one renewal (F14)", async () => {
    const pages = [0, 0.3, 0.6, 0.9].map((chance) => Object.assign(new FakePage(), { chance }));
    let nowMs = 0;
    const server = new FakeServer(() => nowMs, HOUR_MS);
    await Promise.all(pages.map((page) => openTab({ page, server })));
    for (; nowMs < 5 * HOUR_MS; nowMs += 500) for (const page of pages) await page.pass(500);

    const idle = server.asked.filter(({ reason }) => reason === "idle");
    expect(server.refreshes).toBe(5);
    expect(idle.length).toBeLessThanOrEqual(5 * pages.length);
    expect(new Set(idle.slice(0, 4).map(({ atMs }) => Math.floor(atMs / 1000))).size).toBe(4);
  });

  it("of two users keep apart (F43)", async () => {
    const [alice, bob] = await Promise.all([openTab(), openTab()]);
    bob.server.user = "bob";
    await Promise.all([alice.page.pass(10 * MINUTE_MS), bob.page.pass(10 * MINUTE_MS)]);

    expect([alice.user(), bob.user()]).toEqual(["alice", "bob"]);
  });
});
