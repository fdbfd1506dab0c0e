/**
 * An app that opted in (`exposeAccessToken: "on-request"`) in a real browser: its pages have the access token when they ask,
 * and connections that outlive it; nothing else within reach of a page has it. And a browser that nobody uses asks no more.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";

import { startStage, type Stage } from "./support/app.ts";
import { secretsOf, sessionSecrets } from "./support/canaries.ts";
import { describeInChromium, launchChromium } from "./support/chromium.ts";
import { answered, TOKEN_TTL_SECONDS, untilAsked, untilSettled } from "./support/idle.ts";
import { expectSeen, reachable, recordEverything, uniqueBy } from "./support/reach.ts";
import { findLeaks, type Canary, type Place } from "./support/secret-scan.ts";
import {
  callOrders,
  hydrated,
  newTab,
  newVisitor,
  renewals,
  signIn,
  signOut,
  type Person,
  type Visitor,
} from "./support/visitor.ts";

const LIFETIME_MS = TOKEN_TTL_SECONDS * 1_000;
const LIVES = 3;
const TOKEN_ROUTE = "/api/auth/access-token";
const ON_REQUEST = { EXPOSE_ACCESS_TOKEN: "on-request" };

describeInChromium("a page that may have the access token, and uses it for long", () => {
  // A third of it is what a request may take on a machine that others use.
  const tokenTtlSeconds = 20;
  const lifetimeMs = tokenTtlSeconds * 1_000;
  /** `minForcedAgeMs`: a token younger than a quarter of its life is not renewed before its time. */
  const forcedAgeMs = lifetimeMs / 4;
  let stage: Stage;
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
    stage = await startStage({ tokenTtlSeconds, env: ON_REQUEST });
  });
  afterAll(async () => {
    await browser.close();
    await stage.stop();
  });

  it.concurrent(
    `keeps a WebSocket and an event stream over ${LIVES} lifetimes, with no message lost, for two users (F38)`,
    async () => {
      const people = await Promise.all(
        (["alice", "dave"] as const).map((name) => open(browser, stage, name)),
      );
      // On a slow machine so short a token is nearly over when its page is up.
      const check = (): void => people.forEach((me) => expect(answered(me)).toBeGreaterThan(0));
      await vi.waitFor(check, { timeout: 2 * lifetimeMs });
      for (const { page } of people) {
        await page.getByTestId("toggle-socket").click();
        await page.getByTestId("start-ticks").click();
        await page.getByTestId("socket").waitFor();
        await page.getByTestId("ticks").waitFor();
      }
      const begunMs = Date.now();
      const before = await Promise.all(people.map(({ page }) => connectionsOf(page)));

      await people[0]!.page.waitForTimeout(LIVES * lifetimeMs + 1_000);

      const passedS = (Date.now() - begunMs) / 1_000;
      for (const [index, me] of people.entries()) {
        const now = await connectionsOf(me.page);
        expect(now, JSON.stringify(stage.servers.api.audit("socket.closed"))).toMatchObject({
          lost: 0,
          closes: 0,
        });
        expect(now.tokens, "the socket was given no new token").toBeGreaterThanOrEqual(LIVES);
        expect(now.messages - before[index]!.messages).toBeGreaterThan(passedS - 4);
        expect(now.ticks - before[index]!.ticks).toBeGreaterThan(passedS - 4);
        expect(renewals(me)).toBeGreaterThanOrEqual(LIVES - 1);
        expect(me.trouble).toEqual([]);
        await me.close();
      }
    },
  );

  it.concurrent(
    "hears of a renewal by a server action in all tabs without a poll, by one session request at most (F35, F39)",
    async () => {
      const me = await open(browser, stage, "carol");
      const tabs = [me.page, await newTab(me, "/stream")];
      const action = await newTab(me, "/action");
      await hydrated(action.getByTestId("renew"));
      // The next idle request is then further away than all that follows.
      const had = answered(me);
      await vi.waitFor(() => expect(answered(me)).toBeGreaterThan(had), { timeout: lifetimeMs });
      await untilSettled(me);
      const old = await Promise.all(tabs.map((tab) => ask(tab, "get-token")));
      await me.page.waitForTimeout(forcedAgeMs + 300);
      const [renewed, asked, sent] = [renewals(me), me.sessionRequests.length, tokenRequests(me)];

      const answer = action.waitForResponse((response) => response.request().method() === "POST");
      await action.getByTestId("renew").click();
      const told = (await (await answer).headerValues("set-cookie")).map(markerIn).find(Boolean);
      await action.getByTestId("renewed").waitFor();
      const endsAtMs = Number(await action.getByTestId("renewed").getAttribute("data-expires"));
      expect(renewals(me) - renewed, "the action renewed nothing").toBe(1);
      expect(told, "the action's answer has no marker").toBe(String(Math.floor(endsAtMs / 1_000)));
      const next = await Promise.all(tabs.map((tab) => ask(tab, "get-token")));

      for (const [index, endMs] of next.entries())
        expect(endMs, "still the old token").toBeGreaterThan(old[index]! + forcedAgeMs / 2);
      expect(sent).toHaveLength(tabs.length);
      // As long as a tab waits before it asks because of the marker, and then some.
      await me.page.waitForTimeout(2_500);
      await untilSettled(me);
      const [oneOfThem, ...others] = me.sessionRequests
        .slice(asked)
        .filter(({ reason }) => reason !== "idle");
      expect(others, "more than one tab asked").toEqual([]);
      if (oneOfThem) expect(oneOfThem).toMatchObject({ reason: "marker", status: 200 });
      expect(renewals(me) - renewed, "the tabs made the server renew it again").toBe(1);
      expect(me.trouble).toEqual([]);
      await me.close();
    },
  );
});

describeInChromium("a page that may have the access token", () => {
  let stage: Stage;
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
    stage = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS, env: ON_REQUEST });
  });
  afterAll(async () => {
    await browser.close();
    await stage.stop();
  });

  it.concurrent("answers 100 calls in the fresh zone from memory, without a request (F37)", async () => {
    const me = await open(browser, stage, "bob");
    const sent = tokenRequests(me);
    let [asked, sessions] = [0, -1];
    // A token that is renewed just then is a reason to ask for it.
    for (let round = 0; round < 4 && sessions !== me.sessionRequests.length; round++) {
      await untilAsked(me, answered(me) + 1);
      await ask(me.page, "get-token");
      [asked, sessions] = [sent.length, me.sessionRequests.length];
      await ask(me.page, "get-token-often");
    }
    expect(await me.page.getByTestId("token").getAttribute("data-calls")).toBe("100");
    expect(me.sessionRequests, "the calls asked for the session").toHaveLength(sessions);
    expect(sent).toHaveLength(asked);
    expect(asked).toBeGreaterThan(0);
    expect(me.trouble).toEqual([]);
    await me.close();
  });

  it.concurrent(
    "is given the access token by its one route, and by nothing else; the refresh token by nothing (SEC-01, SEC-06)",
    async () => {
      const people = await Promise.all(
        (["alice", "dave"] as const).map((name) => open(browser, stage, name)),
      );
      const records = people.map(recordEverything);
      const canaries: Canary[] = [];
      const places: Place[] = [];
      const keepCanaries = async (): Promise<void> => {
        canaries.push(...secretsOf(stage), ...(await Promise.all(people.map(sessionSecrets))).flat());
      };
      for (const me of people) {
        await ask(me.page, "get-token");
        await me.page.getByTestId("toggle-socket").click();
        await me.page.getByTestId("socket").waitFor();
      }
      await keepCanaries();
      for (const { page } of people) {
        await page.locator('nav a[href="/action"]').click();
        await (await hydrated(page.getByTestId("run-action"))).click();
        await page.getByTestId("orders").waitFor();
        await page.goBack();
        await hydrated(page.getByTestId("get-token"));
      }
      await Promise.all(people.map((me) => untilAsked(me, answered(me) + 1)));
      await keepCanaries();
      for (const [index, me] of people.entries()) {
        await ask(me.page, "get-token");
        places.push(...(await reachable(me.page, "signed in")), await flightOf(me.page));
        await me.page.reload();
        await ask(me.page, "get-token");
        places.push(...(await reachable(me.page, "signed in, loaded again")));
        await signOut(me.page);
        places.push(...(await reachable(me.page, "signed out")));
        places.push(...(await records[index]!()));
      }

      expectSeen(places, /^flight of/, /\w{20}/);
      expectSeen(places, /^html while signed in/, /data-testid="token"/);
      const secrets = uniqueBy(canaries, "value");
      const leaks = findLeaks(secrets, uniqueBy(places, "text"));
      const isTokenRoute = ({ where }: { where: string }): boolean => where === stage.app.url + TOKEN_ROUTE;
      expect(leaks.filter((leak) => !isTokenRoute(leak)).map(toText)).toEqual([]);
      const handedOut = leaks.filter(isTokenRoute);
      expect(handedOut, "the search is blind").not.toEqual([]);
      expect(handedOut.filter(({ name }) => !/^access_?token$/i.test(name)).map(toText)).toEqual([]);
      for (const me of people) await me.close();
    },
  );
});

describeInChromium("a browser that nobody uses, with keepAlive user-active", () => {
  const IDLE_LIMIT_MS = LIFETIME_MS + 2_000;
  let stage: Stage;
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
    const env = { ...ON_REQUEST, KEEP_ALIVE: "user-active", IDLE_LIMIT_MS: String(IDLE_LIMIT_MS) };
    stage = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS, env });
  });
  afterAll(async () => {
    await browser.close();
    await stage.stop();
  });

  it("sends nothing after the limit, and a key in one of its tabs brings all a token by one renewal (F29)", async () => {
    const [me, other] = await Promise.all([open(browser, stage, "alice"), open(browser, stage, "bob")]);
    const tab = await newTab(me, "/stream");
    await hydrated(tab.getByTestId("get-token"));
    await ask(tab, "get-token");
    const tabs = [me.page, tab];
    const asked = me.sessionRequests.length;

    // Somebody uses the other one.
    const endMs = Date.now() + IDLE_LIMIT_MS + LIFETIME_MS;
    let atLimit: readonly number[] = [];
    const sent = tokenRequests(me);
    while (Date.now() < endMs) {
      await other.page.keyboard.press("Shift");
      await other.page.waitForTimeout(1_000);
      // A request that was sent just before the limit is counted a little later.
      if (Date.now() < endMs - LIFETIME_MS + 1_000) atLimit = [me.sessionRequests.length, renewals(me)];
    }
    expect(atLimit[0], "it never asked, used or not").toBeGreaterThan(asked);
    expect([me.sessionRequests.length, renewals(me)], "an unused browser was kept alive").toEqual(atLimit);
    expect(sent).toEqual([]);
    expect((await callOrders(other.page)).ok).toBe(true);
    const others = other.sessionRequests.length;
    expect(others, "a used browser was not kept alive").toBeGreaterThan(1);

    const [before, had] = [me.sessionRequests.length, answered(me)];
    await tab.keyboard.press("ArrowDown");
    await vi.waitFor(() => expect(answered(me)).toBeGreaterThan(had), { timeout: 15_000 });
    await tab.waitForTimeout(1_500);
    const since = me.sessionRequests.slice(before);
    // A tab whose token is long over waits a second for another's answer, and a slow server takes longer.
    expect(since.length).toBeLessThanOrEqual(tabs.length);
    expect(renewals(me) - atLimit[1]!).toBe(1);
    for (const each of tabs) expect(await ask(each, "get-token")).toBeGreaterThan(Date.now());
    // On a slow machine the next token is due meanwhile.
    const reasons = me.sessionRequests.slice(before).map(({ reason }) => reason);
    const notDue = reasons.filter((reason) => reason !== "idle");
    expect(["", "active"], "the tabs asked for themselves").toContain(notDue.join());
    expect([...me.trouble, ...other.trouble]).toEqual([]);
    await Promise.all([me.close(), other.close()]);
  });
});

async function open(browser: Browser, stage: Stage, name: Person): Promise<Visitor> {
  const me = await newVisitor(browser, stage);
  await signIn(me, name, "/stream");
  await hydrated(me.page.getByTestId("get-token"));
  return me;
}

/** Presses a button of the page that asks for the token; the end that the page then shows, in epoch milliseconds. */
async function ask(page: Page, button: "get-token" | "get-token-often"): Promise<number> {
  await (await hydrated(page.getByTestId(button))).click();
  const shown = page.getByTestId("token");
  await shown.waitFor();
  expect(await shown.getAttribute("data-code"), "there was no token").toBeNull();
  return Number(await shown.getAttribute("data-expires"));
}

/** The page as Next's router loads it. Asked for by hand: the browser does not keep what a router reads as it comes. */
async function flightOf(page: Page): Promise<Place> {
  const { type, text } = await page.evaluate(async () => {
    const answer = await fetch(`${location.pathname}?_rsc=1`, { headers: { rsc: "1" } });
    return { type: answer.headers.get("content-type"), text: await answer.text() };
  });
  expect(type).toContain("text/x-component");
  return { where: `flight of ${page.url()}`, text };
}

/** The requests for the token from now on, of all tabs. */
function tokenRequests({ context }: Visitor): readonly string[] {
  const sent: string[] = [];
  context.on("request", (request) => {
    if (new URL(request.url()).pathname === TOKEN_ROUTE) sent.push(request.method());
  });
  return sent;
}

/** The marker that a `set-cookie` line sets. */
function markerIn(line: string): string | undefined {
  return /nolapse\.marker=(\d+)/.exec(line)?.[1];
}

interface Connections {
  readonly messages: number;
  readonly lost: number;
  readonly tokens: number;
  readonly closes: number;
  readonly ticks: number;
}

/** The page's own account of its socket, and of its event stream. */
async function connectionsOf(page: Page): Promise<Connections> {
  const of = async (id: string, name: string): Promise<number> =>
    Number(await page.getByTestId(id).getAttribute(`data-${name}`));
  const [messages, lost, tokens, closes] = await Promise.all(
    ["messages", "lost", "tokens", "closes"].map((name) => of("socket", name)),
  );
  const ticks = await of("ticks", "count");
  return { messages: messages!, lost: lost!, tokens: tokens!, closes: closes!, ticks };
}

function toText({ where, name, below }: { where: string; name: string; below: string }): string {
  return `${name} in ${where} ${below}`;
}
