/**
 * The activity policy in a browser of several tabs: who may still ask, who is warned, and when.
 */
import { describe, expect, it } from "vitest";
import { createScheduler, type Scheduler } from "../../src/client/scheduler.ts";
import { createSharing, type Sharing } from "../../src/client/sharing.ts";
import {
  createSignInPolicy,
  type SignInPolicy,
  type SignInPolicySettings,
} from "../../src/client/sign-in-policy.ts";
import type { SignInSoon } from "../../src/client/sign-in-soon.ts";
import type { ClientSession } from "../../src/client/session.ts";
import type { FakePage } from "./fake-page.ts";
import { FakeProfile } from "./fake-profile.ts";
import { FakeServer } from "./fake-server.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const LIMIT_MS = 15 * MINUTE_MS;

interface Tab {
  readonly page: FakePage;
  readonly scheduler: Scheduler;
  readonly policy: SignInPolicy;
  /** The user presses a key. */
  readonly press: () => Promise<void>;
  /** What the app was told, as `idle`, `idle over`, `session_end`, `null`. */
  readonly told: string[];
  readonly warning: () => SignInSoon | null;
  readonly stop: () => void;
}

interface Browser {
  readonly profile: FakeProfile;
  readonly server: FakeServer;
  readonly tabs: readonly [Tab, ...Tab[]];
  /** How many requests were sent since the tabs were opened. */
  readonly requests: () => number;
  readonly open: () => Tab;
}

/** A browser of `count` tabs at one server whose tokens last five minutes, all open since a second. */
async function openBrowser(
  count: number,
  settings: Partial<SignInPolicySettings> = {},
  lifetimeMs = 5 * MINUTE_MS,
): Promise<Browser> {
  const profile = new FakeProfile(true);
  let server: FakeServer | undefined;
  let sessionOf: (() => ClientSession | null) | undefined;
  const open = (): Tab => {
    const page = profile.open();
    const startedMs = page.monotonicMs;
    server ??= new FakeServer(() => page.monotonicMs - startedMs, lifetimeMs);
    sessionOf ??= () => server!.session();
    return openTab(page, server, { idleLimitMs: LIMIT_MS, warnBeforeMs: MINUTE_MS, ...settings });
  };
  const first = open();
  const tabs: [Tab, ...Tab[]] = [first];
  while (tabs.length < count) tabs.push(open());
  await profile.pass(1_000);
  const before = server!.asked.length;
  return { profile, server: server!, tabs, requests: () => server!.asked.length - before, open };
}

function openTab(page: FakePage, server: FakeServer, settings: SignInPolicySettings): Tab {
  const told: string[] = [];
  const inputs = new Set<() => void>();
  const scheduler = createScheduler({ environment: page, fetchSession: (reason) => server.answer(reason) });
  scheduler.configure({ idleLimitMs: settings.idleLimitMs });
  const policy = createSignInPolicy({
    environment: page,
    scheduler,
    onInput(listener) {
      inputs.add(listener);
      return () => inputs.delete(listener);
    },
    settings: () => ({ onSignInSoon: (warning) => told.push(nameOf(warning)), ...settings }),
  });
  let sharing: Sharing | undefined;
  const { heardActive } = policy;
  const stops = [
    scheduler.start(),
    scheduler.share((peer) => (sharing = createSharing(page, page.tabs!, { ...peer, heardActive }))),
    policy.start((atMs) => sharing?.tellActive(atMs)),
  ];
  return {
    page,
    scheduler,
    policy,
    async press() {
      for (const listener of [...inputs]) listener();
      await page.pass(0);
    },
    told,
    warning: policy.current,
    stop: () => stops.forEach((stop) => stop()),
  };
}

function nameOf(warning: SignInSoon | null): string {
  return warning ? `${warning.reason}${warning.over ? " over" : ""}` : "null";
}

/** Somebody works in `tab`: a key every ten seconds. */
async function work(browser: Browser, tab: Tab, durationMs: number): Promise<void> {
  for (let leftMs = durationMs; leftMs > 0; leftMs -= 10_000) {
    await tab.press();
    await browser.profile.pass(10_000);
  }
}

const pressed = (browser: Browser): number =>
  browser.profile.posted.filter((news) => (news as { kind: string }).kind === "active").length;

describe("a browser that nobody uses", () => {
  it.each([1, 5])(
    "of %i tabs refreshes no more after the idle limit, through a night (F29)",
    async (count) => {
      const { profile, server, requests } = await openBrowser(count);
      await profile.pass(LIMIT_MS);
      const [refreshes, asked] = [server.refreshes, requests()];
      expect(refreshes).toBeGreaterThanOrEqual(3);

      await profile.pass(8 * HOUR_MS);
      expect([server.refreshes, requests()]).toEqual([refreshes, asked]);
    },
  );

  it("goes on refreshing where an open tab counts as use", async () => {
    const { profile, server } = await openBrowser(2, { idleLimitMs: Infinity });
    await profile.pass(HOUR_MS);
    expect(server.refreshes).toBeGreaterThan(10);
    expect(profile.posted.filter((news) => (news as { kind: string }).kind === "active")).toEqual([]);
  });

  it("is not kept by polls, by what wakes a page, or by what other tabs tell (F29)", async () => {
    const { profile, tabs, requests } = await openBrowser(3);
    await profile.pass(10 * MINUTE_MS);
    for (const { page } of tabs) await page.wake("online", "pageshow", "focus", "marker");
    await profile.pass(LIMIT_MS - 10 * MINUTE_MS);
    const asked = requests();
    for (const { page } of tabs) await page.wake("online", "pageshow", "focus", "marker", "visible");
    const answer = profile.posted.findLast((news) => (news as { kind: string }).kind === "answer") as object;
    profile.post({ ...answer, atMs: tabs[0].page.wallMs, view: 7 });
    await profile.pass(HOUR_MS);

    expect(requests()).toBe(asked);
  });

  it("sends nothing by itself after a sleep longer than the limit, and asks once when somebody is there (F22)", async () => {
    const { profile, server, tabs, requests } = await openBrowser(20);
    await profile.pass(MINUTE_MS);
    const asked = requests();
    for (const { page } of tabs) page.sleep(8 * HOUR_MS);
    for (const { page } of tabs) await page.wake("online", "focus");
    await profile.pass(MINUTE_MS);
    expect(requests()).toBe(asked);

    await tabs[7]!.press();
    await profile.pass(MINUTE_MS);
    expect(server.reasons.slice(-1)).toEqual(["active"]);
    expect(requests()).toBe(asked + 1);
  });

  it("sends nothing after a sleep that began while a tab waited for its turn (F22)", async () => {
    const { profile, server, tabs, requests } = await openBrowser(2);
    server.fault = "hang";
    while (requests() === 0) await profile.pass(1_000);
    await profile.pass(500);
    const asked = requests();
    for (const { page } of tabs) page.sleep(8 * HOUR_MS);
    await profile.pass(5 * MINUTE_MS);

    expect(requests()).toBe(asked);
  });

  it("where the session has ended meanwhile learns it as soon as somebody is back (F28)", async () => {
    const { profile, server, tabs } = await openBrowser(2);
    await profile.pass(HOUR_MS);
    server.user = null;
    expect(tabs[0].scheduler.current()).not.toBeNull();

    await tabs[0].press();
    await profile.pass(100);
    expect(tabs[0].scheduler.current()).toBeNull();
    expect(tabs[0].warning()).toBeNull();
  });
});

describe("input", () => {
  it("in one tab keeps the sign-in in all of them, with one request per token (F29, I19)", async () => {
    const browser = await openBrowser(5);
    const { server, tabs, requests } = browser;
    await work(browser, tabs[2]!, 2 * HOUR_MS);

    expect(server.refreshes).toBeGreaterThan(20);
    expect(requests()).toBe(server.refreshes);
    expect(tabs.map(({ told }) => told)).toEqual([[], [], [], [], []]);
  });

  it("of one browser keeps nobody else's (I8, F43)", async () => {
    const alice = await openBrowser(2);
    const bob = await openBrowser(2);
    bob.server.user = "bob";
    await Promise.all([work(alice, alice.tabs[1]!, HOUR_MS), bob.profile.pass(HOUR_MS)]);

    expect(alice.server.refreshes).toBeGreaterThan(10);
    expect(bob.server.refreshes).toBeLessThan(5);
    expect([alice.tabs[0].told, bob.tabs[0].told]).toEqual([[], ["idle", "idle over"]]);
  });

  it("is told to the other tabs every ten seconds at most, however much there is", async () => {
    const browser = await openBrowser(2);
    const { profile, tabs } = browser;
    const before = pressed(browser);
    const notes = new Set<unknown>();
    for (let i = 0; i < 1_000; i++) {
      await tabs[0].press();
      notes.add(tabs[0].scheduler.state()!.activeAt);
      await profile.pass(60);
    }
    expect(notes.size).toBeLessThanOrEqual(61);
    expect(pressed(browser) - before).toBeGreaterThanOrEqual(6);
    expect(pressed(browser) - before).toBeLessThanOrEqual(7);
  });

  it("is told to the last, so that no other tab is idle before this one", async () => {
    const { profile, tabs } = await openBrowser(2);
    await profile.pass(10_000);
    await tabs[0].press();
    await profile.pass(9_000);
    await tabs[0].press();
    await profile.pass(5_000);

    const last = tabs[0].scheduler.state()!.activeAt.wallMs;
    expect(tabs[1]!.scheduler.state()!.activeAt.wallMs).toBe(last);
  });

  it("that was lost on its way is asked for before anybody is told that it is over (X59)", async () => {
    const browser = await openBrowser(2);
    const { profile, tabs } = browser;
    profile.isDeaf = true;
    await work(browser, tabs[0], LIMIT_MS - 10_000);
    profile.isDeaf = false;
    await profile.pass(MINUTE_MS);

    expect(tabs[1]!.told).toEqual(["idle", "null"]);
    expect(tabs[0].told).toEqual([]);
  });
});

describe("a tab that was frozen", () => {
  it("and thaws does not take a browser for idle that somebody used meanwhile (F22, F29)", async () => {
    const browser = await openBrowser(2);
    const { profile, tabs } = browser;
    const frozen = tabs[1]!;
    frozen.page.isFrozen = true;
    await work(browser, tabs[0], HOUR_MS);
    profile.thaw(frozen.page);
    await profile.pass(MINUTE_MS);

    expect(tabs.map(({ told }) => told)).toEqual([[], []]);
  });

  it("and is used before the news of the others came does not either", async () => {
    const browser = await openBrowser(2);
    const { profile, tabs } = browser;
    // As in the back/forward cache: what is said meanwhile is lost.
    const frozen = tabs[1]!;
    profile.isDeaf = true;
    frozen.page.isFrozen = true;
    await work(browser, tabs[0], HOUR_MS);
    profile.isDeaf = false;
    frozen.page.isFrozen = false;
    await frozen.press();
    await profile.pass(MINUTE_MS);

    expect(tabs.map(({ told }) => told)).toEqual([[], []]);
  });

  it("while nobody used the others either is told that it is over by the first input (F22)", async () => {
    const { profile, tabs } = await openBrowser(3);
    for (const { page } of tabs) page.sleep(8 * HOUR_MS);
    await tabs[1]!.press();
    // The others repeat what they heard.
    profile.post({ kind: "active", atMs: tabs[1]!.page.wallMs });
    await profile.pass(2_000);
    expect(tabs[1]!.told).toEqual(["idle over"]);
    await tabs[1]!.page.wake("focus");
    await profile.pass(30_000);
    expect(tabs[1]!.told).toEqual(["idle over"]);
    expect(tabs[1]!.warning()).toMatchObject({ over: true });

    await tabs[1]!.press();
    expect(tabs[1]!.told).toEqual(["idle over", "null"]);
  });
});

describe("the warning", () => {
  it("comes once before the limit and once at it, in every tab, by the browser's clock (F29)", async () => {
    const { profile, tabs } = await openBrowser(3);
    const { wallMs } = tabs[0].scheduler.state()!.activeAt;
    await profile.pass(LIMIT_MS - MINUTE_MS + 1_000);
    for (const { told, warning } of tabs) {
      expect(told).toEqual(["idle"]);
      expect(warning()).toMatchObject({ reason: "idle", over: false });
      expect(Math.abs(warning()!.atMs - wallMs - LIMIT_MS)).toBeLessThan(2_000);
    }
    await profile.pass(HOUR_MS);
    expect(tabs.map(({ told }) => told)).toEqual(Array(3).fill(["idle", "idle over"]));
  });

  it("is taken back by input anywhere, at once where that is and within a second in the other tabs", async () => {
    const { profile, tabs } = await openBrowser(3);
    await profile.pass(LIMIT_MS - 30_000);
    await tabs[0].press();
    expect(tabs[0].told).toEqual(["idle", "null"]);
    await profile.pass(1_000);
    expect(tabs.map(({ told }) => told)).toEqual(Array(3).fill(["idle", "null"]));
  });

  it("is taken back by stayActive(), which keeps the session for another limit", async () => {
    const { profile, server, tabs } = await openBrowser(2);
    await profile.pass(LIMIT_MS - 30_000);
    tabs[1]!.warning()!.stayActive();
    const refreshes = server.refreshes;
    await profile.pass(LIMIT_MS - 2 * MINUTE_MS);

    expect(server.refreshes).toBeGreaterThan(refreshes);
    expect(tabs.map(({ told }) => told)).toEqual(Array(2).fill(["idle", "null"]));
  });

  it("is the same object as long as nothing changes (F36)", async () => {
    const { profile, tabs } = await openBrowser(1);
    await profile.pass(LIMIT_MS - 50_000);
    const warning = tabs[0].warning();
    await profile.pass(20_000);
    expect(tabs[0].warning()).toBe(warning);
    expect(warning).not.toBeNull();
  });

  it("goes with the sign-out that an app makes of it, and does not meet who signs in next (F43)", async () => {
    const { profile, server, tabs } = await openBrowser(1);
    tabs[0].page.sleep(8 * HOUR_MS);
    server.user = null;
    await tabs[0].press();
    await profile.pass(5_000);
    server.user = "bob";
    tabs[0].scheduler.tell(server.session(), true);
    await tabs[0].press();
    await profile.pass(MINUTE_MS);

    expect(tabs[0].told).toEqual([]);
  });

  it.each([HOUR_MS, -HOUR_MS])(
    "after the clock was set by %i ms ends with the next input (F26)",
    async (jumpMs) => {
      const browser = await openBrowser(2);
      const { tabs, server } = browser;
      await work(browser, tabs[0], 2 * MINUTE_MS);
      for (const { page } of tabs) page.wallMs += jumpMs;
      await work(browser, tabs[0], MINUTE_MS);
      const refreshes = server.refreshes;
      await work(browser, tabs[0], 20 * MINUTE_MS);

      expect(server.refreshes - refreshes).toBeGreaterThan(3);
      expect(tabs.map(({ warning }) => warning())).toEqual([null, null]);
      if (jumpMs < 0) expect(tabs.map(({ told }) => told)).toEqual([[], []]);
    },
  );
});

describe("the end that the server names", () => {
  async function openEnding(count: number, endsAtMs: () => number): Promise<Browser> {
    const browser = await openBrowser(count, { idleLimitMs: Infinity });
    const { server } = browser;
    const session = server.session.bind(server);
    server.session = () => {
      const known = session();
      const left = endsAtMs() - server.nowMs();
      if (left <= 0) return null;
      return (
        known &&
        ({ ...known, tokenState: { ...(known.tokenState as object), endsInMs: left } } as ClientSession)
      );
    };
    for (const { scheduler } of browser.tabs) scheduler.confirm();
    await browser.profile.pass(1_000);
    return browser;
  }

  it("is warned of once in every tab, and no renewal puts it off (F28)", async () => {
    const { profile, server, tabs } = await openEnding(3, () => HOUR_MS);
    await profile.pass(HOUR_MS - 59_000 - server.nowMs());
    expect(tabs.map(({ told }) => told)).toEqual(Array(3).fill(["session_end"]));
    expect(server.refreshes).toBeGreaterThan(10);
    for (const { warning, page } of tabs)
      expect(Math.abs(warning()!.atMs - page.wallMs - 59_000)).toBeLessThan(2_000);
  });

  it("ends the session in every tab when it comes, not when the token would have been due (F28)", async () => {
    const { profile, server, tabs } = await openEnding(2, () => 4.1 * HOUR_MS);
    server.lifetimeMs = 3 * HOUR_MS;
    await profile.pass(4.1 * HOUR_MS - server.nowMs() + 10_000);

    expect(
      tabs.map(({ scheduler }) => scheduler.current()).filter((session) => session !== null).length,
    ).toBe(0);
    expect(tabs.map(({ warning }) => warning())).toEqual([null, null]);
  });

  it("moves where the server moves it, also for tabs that did not ask themselves", async () => {
    let endsAtMs = HOUR_MS;
    const { profile, server, tabs } = await openEnding(3, () => endsAtMs);
    await profile.pass(HOUR_MS - 10 * MINUTE_MS - server.nowMs());
    endsAtMs = 3 * HOUR_MS;
    await profile.pass(HOUR_MS);
    expect(tabs.map(({ told }) => told)).toEqual([[], [], []]);
  });

  it("is not put off by stayActive()", async () => {
    const { profile, server, tabs } = await openEnding(1, () => HOUR_MS);
    await profile.pass(HOUR_MS - 30_000 - server.nowMs());
    tabs[0].warning()!.stayActive();
    await profile.pass(5_000);
    expect(tabs[0].told).toEqual(["session_end"]);
  });

  it.each([HOUR_MS, -HOUR_MS])(
    "is not announced because the clock was set by %i ms (F26)",
    async (jumpMs) => {
      const { profile, server, tabs } = await openEnding(2, () => 90 * MINUTE_MS);
      await profile.pass(HOUR_MS - server.nowMs());
      for (const { page } of tabs) page.wallMs += jumpMs;
      await profile.pass(20 * MINUTE_MS);
      expect(tabs.map(({ told }) => told)).toEqual([[], []]);

      await profile.pass(90 * MINUTE_MS - server.nowMs() - 30_000);
      expect(tabs.map(({ told }) => told)).toEqual([["session_end"], ["session_end"]]);
    },
  );
});

describe("a forged message of activity", () => {
  it.each([
    ["without a time", () => ({ kind: "active" })],
    ["with a text as its time", (nowMs: number) => ({ kind: "active", atMs: String(nowMs) })],
    ["from before", () => ({ kind: "active", atMs: 0 })],
    ["from the future", (nowMs: number) => ({ kind: "active", atMs: nowMs + HOUR_MS })],
    ["from no time", () => ({ kind: "active", atMs: Number.NaN })],
  ])("%s changes nothing (X59)", async (_what, forge) => {
    const { profile, server, tabs } = await openBrowser(2);
    const known = await openBrowser(2);
    for (let i = 0; i < 20; i++) {
      await profile.pass(MINUTE_MS);
      await known.profile.pass(MINUTE_MS);
      profile.post(forge(tabs[0].page.wallMs));
    }
    expect(server.refreshes).toBe(known.server.refreshes);
    expect(tabs.map(({ told }) => told)).toEqual(known.tabs.map(({ told }) => told));
  });

  it("keeps the sign-in for one idle limit at most (F29)", async () => {
    const { profile, server, tabs } = await openBrowser(2);
    await profile.pass(5 * MINUTE_MS);
    profile.post({ kind: "active", atMs: tabs[0].page.wallMs + 1_500 });
    await profile.pass(LIMIT_MS + 1_000);
    const { refreshes } = server;
    await profile.pass(HOUR_MS);
    expect(server.refreshes).toBe(refreshes);
    expect(tabs.map(({ told }) => told)).toEqual(Array(2).fill(["idle", "idle over"]));
  });

  it("has no two tabs answer each other for ever", async () => {
    const browser = await openBrowser(20);
    const { profile, tabs } = browser;
    await profile.pass(5 * MINUTE_MS);
    await tabs[3]!.press();
    await profile.pass(15_000);
    const before = pressed(browser);
    profile.post({ kind: "active", atMs: 0 });
    await profile.pass(5_000);
    expect(pressed(browser) - before).toBeLessThanOrEqual(1 + tabs.length);
  });

  it("is answered once a second at most, however many there are", async () => {
    const browser = await openBrowser(2);
    const { profile } = browser;
    await profile.pass(5 * MINUTE_MS);
    const before = pressed(browser);
    for (let i = 0; i < 100; i++) {
      profile.post({ kind: "active", atMs: i });
      await profile.pass(50);
    }
    expect(pressed(browser) - before - 100).toBeGreaterThan(2);
    expect(pressed(browser) - before - 100).toBeLessThanOrEqual(2 * 6);
  });

  it("that says no less than what is known is answered by nobody, although the clock was set (F26)", async () => {
    const browser = await openBrowser(3);
    const { profile, tabs } = browser;
    await profile.pass(MINUTE_MS);
    for (const { page } of tabs) page.wallMs += 10 * MINUTE_MS;
    const before = pressed(browser);
    profile.post({ kind: "active", atMs: tabs[0].scheduler.state()!.activeAt.wallMs });
    await profile.pass(30_000);
    expect(pressed(browser) - before).toBe(1);
  });
});

describe("an app that throws when it is told", () => {
  it("keeps nobody else from being told, and is told the next time", async () => {
    let told = 0;
    const onSignInSoon = (): void => {
      told++;
      throw new Error("a bug in the app");
    };
    const { profile, tabs } = await openBrowser(1, { onSignInSoon });
    const seen: string[] = [];
    tabs[0].policy.subscribe(() => seen.push(nameOf(tabs[0].policy.current())));
    for (let minutes = 0; minutes < 16; minutes++) await profile.pass(MINUTE_MS).catch(() => undefined);
    expect(seen).toEqual(["idle", "idle over"]);
    expect(told).toBe(2);
  });
});

describe("a tab that is opened or switched over", () => {
  it("counts as activity for all of them", async () => {
    const { profile, tabs, open } = await openBrowser(2);
    await profile.pass(LIMIT_MS - 30_000);
    expect(tabs[0].told).toEqual(["idle"]);
    open();
    await profile.pass(1_000);
    expect(tabs.map(({ told }) => told)).toEqual(Array(2).fill(["idle", "null"]));
  });

  it("leaves nothing behind when it is closed", async () => {
    const { profile, tabs } = await openBrowser(2);
    await tabs[0].press();
    await profile.pass(2_000);
    await tabs[0].press();
    for (const { stop } of tabs) stop();
    expect(tabs.map(({ page }) => page.leftovers)).toEqual([0, 0]);
    await profile.pass(HOUR_MS);
    expect(tabs.map(({ told }) => told)).toEqual([[], []]);
  });
});
