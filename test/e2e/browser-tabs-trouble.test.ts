/**
 * What befalls the tabs of one browser: the one that asks is lost, they are hidden, frozen, asleep, offline or left, and the
 * session route fails or never answers. Nobody is signed out, nothing is lost, and no tab asks for itself alone.
 */
import { afterAll, beforeAll, expect, it, vi } from "vitest";

import { startStage, type Stage } from "./support/app.ts";
import { describeInChromium } from "./support/chromium.ts";
import { launchProtocol, type Protocol } from "./support/devtools-protocol.ts";
import {
  answered,
  IDLE_ASK_MS,
  ROOM_MS,
  TOKEN_TTL_SECONDS,
  untilAsked,
  untilSettled,
} from "./support/idle.ts";
import { expectAllKnow, holdWhoAsks, newestEnd, visitorWithTabs } from "./support/idle-tabs.ts";
import { canSleep } from "./support/page-scripts.ts";
import type { RawTab } from "./support/raw-tab.ts";
import type { RawVisitor, RawVisitorOptions } from "./support/raw-visitor.ts";
import { pause } from "./support/tabs.ts";
import type { Person } from "./support/visitor.ts";

const IS_FULL = process.env["NOLAPSE_FULL"] === "1";
/** How many tabs sleep, freeze and wake together. */
const MANY = IS_FULL ? 20 : 5;
const LIFETIME_MS = TOKEN_TTL_SECONDS * 1_000;
/** How long a tab waits for an answer: longer than a token lives here. */
const REQUEST_TIMEOUT_MS = 15_000;
const LIMIT_MS = 150_000 + MANY * 5_000;

// They wait most of the time, but real tabs are heavy: more at once, and two cores would make them and others late.
vi.setConfig({ maxConcurrency: 2 });

describeInChromium("tabs in trouble", () => {
  let stage: Stage;
  let protocol: Protocol;
  /** The grants of those who sign out. */
  const signedOut = new Set<unknown>();
  beforeAll(async () => {
    protocol = await launchProtocol();
    stage = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS });
  });
  afterAll(async () => {
    await protocol.close();
    for (const server of [stage.servers.authorizationServer, stage.servers.api]) {
      expect(server.audit("refresh_token.reused")).toEqual([]);
      const revoked = server.audit("grant.revoked").filter(({ grant }) => !signedOut.has(grant));
      expect(revoked).toEqual([]);
    }
    await stage.stop();
  });

  const tabsOf = (person: Person, count: number, options?: RawVisitorOptions): Promise<RawVisitor> =>
    visitorWithTabs(protocol, stage, person, count, options);

  const ENDS = [
    { how: "closed", end: (tab: RawTab) => tab.close(), returns: false },
    { how: "crashed", end: (tab: RawTab) => tab.crash(), returns: false },
    { how: "frozen", end: (tab: RawTab) => tab.freeze(), returns: true },
  ].flatMap((lost) => [
    { ...lost, where: "before somebody's eyes", isHidden: false, most: 2 },
    // Chromium runs the timers of hidden tabs together, once a second: with so short a life those that wait stop waiting together.
    { ...lost, where: "where all are hidden", isHidden: true, most: 3 },
  ]);
  it.concurrent.each(ENDS)(
    "replace the one that is $how while it asks, $where, with $most requests at most and nothing lost (F20, X55, X56, I19)",
    async ({ end, returns, isHidden, most }) => {
      const me = await tabsOf("alice", 3);
      const tabs = [...me.tabs];
      // Nobody becomes visible when one of them is gone, which would be a reason of its own to ask.
      if (isHidden) await (await me.openTab("about:blank")).show();
      const first = await holdWhoAsks(tabs);
      const left = tabs.filter((tab) => tab !== first);
      const [from, had] = [me.sessionRequests.length - 1, answered(me)];
      const endsAtMs = newestEnd(me) * 1_000;
      if (!isHidden) await left[0]!.show();
      await end(first);
      await untilAsked(me, had + 1);
      await pause(1_500);

      const asked = me.sessionRequests.slice(from);
      const [lost, next] = asked;
      expect([lost?.tab, lost?.session]).toEqual([first, undefined]);
      expect(next?.tab).not.toBe(first);
      expect(next?.status).toBe(200);
      expect(next?.answeredAtMs, "the others waited until the token was over").toBeLessThan(endsAtMs);
      expect(asked.length, asked.map(toText(me, lost!.atMs)).join("; ")).toBeLessThanOrEqual(most);
      await expectAllKnow(me, left);
      if (returns) {
        await first.setFault(undefined);
        await first.thaw();
        await expectAllKnow(me, tabs);
      }
      const before = me.sessionRequests.length;
      await untilAsked(me, answered(me) + 1);
      await pause(1_000);
      expect(me.sessionRequests.length - before, "the next lifetime").toBe(1);
      await expectAllKnow(me, returns ? tabs : left);
      expect(me.trouble).toEqual([]);
      await me.close();
    },
    LIMIT_MS,
  );

  it.concurrent(
    `frozen for longer than a token lives, ${MANY} of them, ask together once when they wake (F22, F24, X57, I19)`,
    async () => {
      const people = [await tabsOf("alice", MANY), await tabsOf("bob", 1)];
      const [me, other] = people as [RawVisitor, RawVisitor];
      const from = me.sessionRequests.length;
      await Promise.all(me.tabs.map((tab) => tab.freeze()));
      await pause(LIFETIME_MS + 1_000);
      expect(me.sessionRequests.length, "a frozen tab asked").toBe(from);
      await Promise.all(me.tabs.map((tab) => tab.thaw()));
      await untilAsked(me, answered(me) + 1);
      await pause(1_500);
      await untilSettled(me);

      expect(me.sessionRequests.length - from).toBeLessThanOrEqual(2);
      await expectAllKnow(me);
      expect([...me.trouble, ...other.trouble]).toEqual([]);
      await Promise.all(people.map((each) => each.close()));
    },
    LIMIT_MS,
  );

  it.concurrent(
    "left for longer than a token lives, and taken out of the back/forward cache, ask at once (F22, F24, X56)",
    async () => {
      const me = await tabsOf("alice", 1, { forgetsNoStore: true });
      const [tab] = me.tabs as readonly [RawTab];
      await tab.evaluate(notePageshow);
      await tab.goto("about:blank");
      const from = me.sessionRequests.length;
      await pause(LIFETIME_MS + 1_000);
      expect(me.sessionRequests.length).toBe(from);
      await tab.goBack();
      const backMs = Date.now();
      await untilAsked(me, answered(me) + 1);

      expect(Date.now() - backMs, "asked late").toBeLessThan(ROOM_MS);
      expect(await tab.evaluate(wasPersisted), tab.notCachedBecause.join()).toBe(true);
      await expectAllKnow(me);
      expect(me.trouble).toEqual([]);
      await me.close();
    },
    LIMIT_MS,
  );

  it.concurrent(
    "offline while their token runs out, have a new one as soon as they are back, and one request does it (F23)",
    async () => {
      const me = await tabsOf("bob", 3, {
        expects: (trouble) => trouble.includes("INTERNET_DISCONNECTED"),
      });
      await Promise.all(me.tabs.map((tab) => tab.setOffline(true)));
      await pause(LIFETIME_MS + 1_000);
      const from = me.sessionRequests.length;
      const names = await Promise.all(me.tabs.map((tab) => tab.evaluate(shownUser)));
      await Promise.all(me.tabs.map((tab) => tab.setOffline(false)));
      await untilAsked(me, answered(me) + 1);
      await pause(1_500);

      expect(
        names.every((name) => name?.includes("Bob")),
        "somebody was signed out",
      ).toBe(true);
      expect(me.sessionRequests.slice(from).filter(({ session }) => session).length).toBeLessThanOrEqual(2);
      await expectAllKnow(me);
      expect(me.trouble).toEqual([]);
      await me.close();
    },
    LIMIT_MS,
  );

  it.concurrent(
    `asleep for hours, ${MANY} of them, ask together once when every event of waking comes at once (F22, F24, X57)`,
    async () => {
      const me = await tabsOf("alice", MANY, { init: canSleep });
      const from = me.sessionRequests.length;
      await Promise.all(me.tabs.map((tab) => tab.evaluate(sleepFor, 8 * 3_600_000)));
      await untilAsked(me, answered(me) + 1);
      await pause(2_000);
      await untilSettled(me);

      expect(me.sessionRequests.length - from).toBeLessThanOrEqual(2);
      await expectAllKnow(me);
      expect(me.trouble).toEqual([]);
      await me.close();
    },
    LIMIT_MS,
  );

  it.concurrent(
    "share the back-off of a session route that fails for a whole lifetime, and sign nobody out (F30, F33)",
    async () => {
      const me = await tabsOf("bob", 5, { expects: (trouble) => trouble.includes("503") });
      await Promise.all(me.tabs.map((tab) => tab.setFault("503")));
      const from = me.sessionRequests.length;
      await pause(LIFETIME_MS + 2_000);
      const failed = me.sessionRequests.length - from;
      const names = await Promise.all(me.tabs.map((tab) => tab.evaluate(shownUser)));
      await Promise.all(me.tabs.map((tab) => tab.setFault(undefined)));
      await untilAsked(me, answered(me) + 1);

      expect(failed, "nobody tried again").toBeGreaterThanOrEqual(2);
      // One tab alone tries six times at most.
      expect(failed, "each tab tries for itself").toBeLessThanOrEqual(2 * 6);
      expect(
        names.every((name) => name?.includes("Bob")),
        "somebody was signed out",
      ).toBe(true);
      await expectAllKnow(me);
      expect(me.trouble).toEqual([]);
      await me.close();
    },
    LIMIT_MS,
  );

  it.concurrent(
    "whose session route never answers for a whole lifetime sign nobody out, and have a token once it does (F23, F30, F33)",
    async () => {
      const me = await tabsOf("alice", 5);
      await Promise.all(me.tabs.map((tab) => tab.setFault("silent")));
      const from = me.sessionRequests.length;
      await pause(LIFETIME_MS + 2_000);
      const sent = me.sessionRequests.slice(from);
      const names = await Promise.all(me.tabs.map((tab) => tab.evaluate(shownUser)));
      await Promise.all(me.tabs.map((tab) => tab.setFault(undefined)));

      console.log(`5 tabs, no answer for ${LIFETIME_MS + 2_000} ms: ${sent.length} session requests`);
      expect(sent.length, "nobody asked").toBeGreaterThanOrEqual(1);
      // Each may take the others for dead, and waits for its own request then.
      expect(sent.length, "a tab did not wait for its answer").toBeLessThanOrEqual(me.tabs.length);
      expect(
        names.every((name) => name?.includes("Alice")),
        "somebody was signed out",
      ).toBe(true);
      const check = (): void => expect(me.sessionRequests.at(-1)?.session).toBeDefined();
      await vi.waitFor(check, { timeout: REQUEST_TIMEOUT_MS + ROOM_MS });
      await expectAllKnow(me);
      expect(me.trouble).toEqual([]);
      await me.close();
    },
    LIMIT_MS,
  );

  it.concurrent(
    "stay signed out when an answer to an older request comes after the sign-out (F18, I13)",
    async () => {
      const people = [await tabsOf("alice", 2), await tabsOf("bob", 1)] as const;
      const [me, other] = people;
      const [first, second] = me.tabs as readonly [RawTab, RawTab];
      for (const tab of me.tabs) await tab.setFault("held");
      await vi.waitFor(() => expect([...first.held, ...second.held]).toHaveLength(1), {
        timeout: IDLE_ASK_MS + ROOM_MS,
      });
      const [late, quick] = first.held.length > 0 ? [first, second] : [second, first];
      await quick.setFault(undefined);
      signedOut.add(me.grant);
      await quick.show();
      await quick.evaluate(clickSignOut);
      await vi.waitFor(async () => expect(await quick.evaluate(isSignedOut)).toBe(true), { timeout: 20_000 });
      await late.setFault(undefined);
      await vi.waitFor(async () => expect(await late.evaluate(isSignedOut)).toBe(true), { timeout: 20_000 });
      await pause(IDLE_ASK_MS);

      for (const tab of me.tabs) {
        expect(await tab.evaluate(isSignedOut), "the session came back").toBe(true);
        expect(await tab.evaluate(ordersAnswered)).toBe(false);
      }
      await expectAllKnow(other);
      await Promise.all(people.map((each) => each.close()));
    },
    LIMIT_MS,
  );

  it.concurrent(
    "tell each other neither a token nor who is signed in (SEC-06)",
    async () => {
      const me = await tabsOf("bob", 2);
      await me.tabs[0]!.evaluate(listen);
      await untilAsked(me, answered(me) + 2);
      const told = (): Promise<readonly string[]> => me.tabs[0]!.evaluate(heard);
      await vi.waitFor(async () => expect((await told()).length).toBeGreaterThan(0), IDLE_ASK_MS + ROOM_MS);
      for (const message of await told())
        expect(message).toMatch(/^kind: (answer|failed|asking|active)(, \w+: number)+$/);
      await me.close();
    },
    LIMIT_MS,
  );
});

/** Who asked when, why, and what came of it. */
function toText(me: RawVisitor, sinceMs: number): (request: RawVisitor["sessionRequests"][number]) => string {
  return ({ tab, reason, atMs, answeredAtMs, status }) =>
    `tab ${me.tabs.indexOf(tab)} ${reason ?? "next-auth"} at ${atMs - sinceMs} ms: ${status ?? "no answer"} at ${(answeredAtMs ?? NaN) - sinceMs} ms`;
}

// These run in the page, and may use nothing from outside themselves.

async function ordersAnswered(): Promise<boolean> {
  const response = await fetch("/api/orders", { cache: "no-store" });
  const { ok, tokenLeftMs } = (await response.json()) as { ok: boolean; tokenLeftMs?: number };
  return ok && (tokenLeftMs ?? 0) > 0;
}

function sleepFor(durationMs: number): void {
  const { testSleep } = globalThis as unknown as { testSleep: { wallMs: number } };
  testSleep.wallMs += durationMs;
  for (const name of ["visibilitychange", "focus", "online", "pageshow"])
    (name === "visibilitychange" ? document : globalThis).dispatchEvent(new Event(name));
}

function clickSignOut(): void {
  document.querySelector<HTMLElement>('[data-testid="user"]')?.click();
  const press = (): void => {
    const button = document.querySelector<HTMLElement>('[data-testid="sign-out"]');
    if (button) button.click();
    else setTimeout(press, 50);
  };
  press();
}

function isSignedOut(): boolean {
  return document.querySelector('[data-testid="sign-in"]') !== null;
}

function shownUser(): string | null | undefined {
  return document.querySelector('[data-testid="user"]')?.getAttribute("aria-label");
}

function notePageshow(): void {
  addEventListener("pageshow", ({ persisted }) => Object.assign(window, { testPersisted: persisted }));
}

function wasPersisted(): boolean {
  return (window as { testPersisted?: boolean }).testPersisted === true;
}

function listen(): void {
  const said: unknown[] = [];
  Object.assign(window, { testHeard: said });
  new BroadcastChannel("nolapse /api/auth/session").onmessage = ({ data }) => said.push(data);
}

/** Each message's kind, and of all else in it what it is: the way out of the page knows no `Infinity`. */
function heard(): string[] {
  const { testHeard } = window as unknown as { testHeard: Record<string, unknown>[] };
  return testHeard.map((message) =>
    Object.entries(message)
      .map(([name, value]) => `${name}: ${name === "kind" ? String(value) : typeof value}`)
      .join(", "),
  );
}
