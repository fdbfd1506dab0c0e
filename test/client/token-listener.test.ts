/**
 * Somebody listens for tokens, such as a WebSocket that lives through many of them, and no news comes of the next one.
 */
import { describe, expect, it } from "vitest";
import { openTab, type TokenTab } from "./token-tab.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Listens. The list grows with each token. */
function listen({ source }: TokenTab): string[] {
  const heard: string[] = [];
  source.onTokenChange(({ accessToken }) => heard.push(accessToken));
  return heard;
}

describe("a listener that nobody brings news", () => {
  it.each([12_000, 60_000, 300_000, HOUR_MS])(
    "has the next token before the one in hand ends, by one request each, of two users apart (F38, I8; lifetime %i ms)",
    async (lifetimeMs) => {
      const tabs = [openTab("alice", lifetimeMs), openTab("bob", lifetimeMs)];
      const heard = tabs.map(listen);
      await Promise.all(tabs.map(({ get }) => get()));
      for (const [index, { page, route }] of tabs.entries()) {
        for (let step = 0; step < 60; step++) {
          await page.pass(lifetimeMs / 10);
          expect(heard[index]!.at(-1)).toBe(route.token);
          expect(route.expiresAtMs).toBeGreaterThan(route.nowMs());
        }
        expect(route.asked).toHaveLength(route.renewals + 1);
        expect(heard[index]).toEqual(
          Array.from({ length: route.renewals + 1 }, (_, i) => `${String(route.user)}-${i}`),
        );
        expect(route.renewals).toBeGreaterThanOrEqual(6);
        expect(route.renewals).toBeLessThanOrEqual(9);
      }
    },
  );

  it("and came when the token was in hand already, has the next one as well", async () => {
    const tab = openTab("alice", 60_000);
    await tab.get();
    await tab.page.pass(10_000);
    const heard = listen(tab);
    await tab.page.pass(50_000);

    expect(heard).toEqual(["alice-1"]);
  });

  it("does not have it in the same second as other tabs: chance says when (F14)", async () => {
    const atMs = [];
    for (const chance of [0, 0.33, 0.66, 0.99]) {
      const tab = openTab("alice", 300_000);
      tab.page.chance = chance;
      listen(tab);
      await tab.get();
      const startedMs = tab.page.monotonicMs;
      for (let i = 0; i < 3_000 && tab.route.asked.length < 2; i++) await tab.page.pass(100);
      atMs.push(tab.page.monotonicMs - startedMs);
    }

    expect(new Set(atMs.map((at) => Math.floor(at / 1_000))).size).toBe(4);
    expect(Math.min(...atMs)).toBeGreaterThan(290_000);
    expect(Math.max(...atMs)).toBeLessThan(299_000);
  });

  it("costs no second request where the news comes in time, through ten lifetimes", async () => {
    const tab = openTab("alice", 60_000);
    const heard = listen(tab);
    await tab.get();
    for (let i = 0; i < 10; i++) {
      // When an idle tab asks at the latest: with all of its jitter.
      await tab.page.pass(48_400);
      tab.route.renew();
      tab.hear();
      await tab.page.pass(100);
    }

    expect(heard).toHaveLength(11);
    expect(tab.route.asked).toHaveLength(11);
  });

  it("has it right after a sleep through the end (F22)", async () => {
    const tab = openTab("alice", 60_000);
    const heard = listen(tab);
    await tab.get();
    tab.page.sleep(HOUR_MS);
    tab.route.renew();
    await tab.page.wake("visible");

    expect(heard).toEqual(["alice-0", "alice-1"]);
  });

  it("has a token of 60 days replaced at its end, and no timer that fires at once (F25)", async () => {
    const tab = openTab("alice", 60 * DAY_MS);
    const heard = listen(tab);
    await tab.get();
    for (let day = 0; day < 59; day++) await tab.page.pass(DAY_MS);
    expect(tab.route.asked).toHaveLength(1);
    await tab.page.pass(DAY_MS);

    expect(heard).toEqual(["alice-0", "alice-1"]);
  });

  it("of a token without a known end sets no timer", async () => {
    const { page, route, known, source, get } = openTab();
    route.isEndless = true;
    known.session = { user: { name: "alice" } };
    source.onTokenChange(() => undefined);
    await get();

    expect(page.leftovers).toBe(1);
  });

  it("stops with its end: no timer is left, and nobody asks", async () => {
    const { page, route, source, get } = openTab("alice", 60_000);
    const stop = source.onTokenChange(() => undefined);
    await get();
    expect(page.leftovers).toBe(2);
    stop();
    expect(page.leftovers).toBe(1);
    await page.pass(HOUR_MS);

    expect(route.asked).toHaveLength(1);
  });

  it("that nobody uses has no token renewed, and has one as soon as somebody is back (F29)", async () => {
    const tab = openTab("alice", 60_000);
    const heard = listen(tab);
    await tab.get();
    tab.known.isIdle = true;
    await tab.page.pass(HOUR_MS);
    expect(tab.route.asked).toHaveLength(1);
    tab.known.isIdle = false;
    tab.source.heard(true);
    await tab.page.pass(60_000);

    expect(heard.at(-1)).toBe(tab.route.token);
    expect(heard.length).toBeGreaterThanOrEqual(3);
  });
});

describe("a server that has no other token", () => {
  it("is asked a few times around the end of the one in hand, then less and less, and is right again after that (F33)", async () => {
    const tab = openTab("alice", 60_000);
    const { page, route } = tab;
    const heard = listen(tab);
    await tab.get();
    const { renew } = route;
    route.renew = () => undefined;
    await page.pass(60_000);
    expect(route.asked.length).toBeLessThanOrEqual(3);
    await page.pass(10 * 60_000);
    expect(route.asked.length).toBeLessThanOrEqual(20);

    route.renew = renew;
    await page.pass(61_000);
    expect(heard.slice(0, 2)).toEqual(["alice-0", "alice-1"]);
  });

  it("and says so for good is asked no more than twice for one token", async () => {
    const tab = openTab("alice", 60_000);
    listen(tab);
    await tab.get();
    tab.route.fault = { kind: "failed", code: "no_token" };
    await tab.page.pass(HOUR_MS);

    expect(tab.route.asked.length).toBeLessThanOrEqual(3);
  });

  it("or says of each that it is about to end, is asked once a second at most", async () => {
    const tab = openTab("alice", 60_000);
    const { page, route } = tab;
    listen(tab);
    await tab.get();
    route.lifetimeMs = 10;
    await page.pass(60_000);
    const before = route.asked.length;
    await page.pass(60_000);

    expect(route.asked.length - before).toBeGreaterThan(30);
    expect(route.asked.length - before).toBeLessThanOrEqual(60);
  });
});

describe("a listener that comes when the session was heard of long before", () => {
  it("hears the token that the session names at once, by one request for all (F38)", async () => {
    const tab = openTab("alice", HOUR_MS);
    tab.hear();
    await tab.page.pass(5_000);
    expect(tab.route.asked).toHaveLength(0);
    const heard = [listen(tab), listen(tab)];
    await tab.page.pass(100);

    expect(heard).toEqual([["alice-0"], ["alice-0"]]);
    expect(tab.route.asked).toHaveLength(1);
  });

  it.each<[string, (tab: TokenTab) => Promise<void> | void]>([
    ["has ended", ({ page }) => page.pass(2 * HOUR_MS)],
    [
      "is not the one that the session names now",
      ({ route, hear }) => {
        route.renew();
        hear();
      },
    ],
  ])("hears the next one at once where the one in hand %s", async (_what, make) => {
    const tab = openTab("alice", HOUR_MS);
    await tab.get();
    await tab.page.pass(MINUTE_MS);
    await make(tab);
    const heard = listen(tab);
    await tab.page.pass(100);

    expect(heard).toEqual(["alice-1"]);
    expect(tab.route.asked).toHaveLength(2);
  });

  it("adds no request to that of who asks for more in the same turn", async () => {
    const tab = openTab("alice", HOUR_MS);
    const heard = listen(tab);
    await tab.get({ minValidityMs: 20 * MINUTE_MS });

    expect(heard).toEqual(["alice-0"]);
    expect(tab.route.asked).toEqual([{ minValidityMs: 20 * MINUTE_MS, renew: false }]);
  });

  it.each<[string, (tab: TokenTab) => void]>([
    ["a token is in hand", () => undefined],
    ["nobody uses the page (F29)", ({ known, source }) => [source.clear(), (known.isIdle = true)]],
    ["nobody is signed in", ({ known }) => (known.session = null)],
    ["nothing is known of the session", ({ known, source }) => [source.clear(), (known.session = undefined)]],
  ])("sends none while %s", async (_what, make) => {
    const tab = openTab("alice", HOUR_MS);
    await tab.get();
    make(tab);
    const heard = listen(tab);
    await tab.page.pass(MINUTE_MS);

    expect(heard).toEqual([]);
    expect(tab.route.asked).toHaveLength(1);
  });

  it("sends none once it has gone in the same turn", async () => {
    const { page, route, source } = openTab();
    source.onTokenChange(() => undefined)();
    await page.pass(MINUTE_MS);

    expect([route.asked.length, page.leftovers]).toEqual([0, 1]);
  });

  it("does not hammer a server that fails, however often listeners come and go", async () => {
    const { page, route, source } = openTab();
    route.fault = "network";
    for (let second = 0; second < 60; second++) {
      const stop = source.onTokenChange(() => undefined);
      await page.pass(1_000);
      stop();
    }

    expect(route.asked.length).toBeGreaterThan(2);
    expect(route.asked.length).toBeLessThanOrEqual(10);
  });
});
