/**
 * Several tabs of one browser, as browsers have them: one visible, the others hidden and throttled, some frozen, crashed or
 * in the back/forward cache. One of them asks, and all have the answer.
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
import {
  newRawVisitor,
  type RawTab,
  type RawVisitor,
  type RawVisitorOptions,
} from "./support/raw-visitor.ts";
import { canSleep } from "./support/page-scripts.ts";
import { pause } from "./support/tabs.ts";
import { renewals, type Person } from "./support/visitor.ts";

const IS_FULL = process.env["NOLAPSE_FULL"] === "1";
const LIFETIMES = IS_FULL ? 10 : 3;
const COUNTS = IS_FULL ? [1, 5, 20] : [5];
/** How many tabs sleep, freeze and wake together. */
const MANY = IS_FULL ? 20 : 5;
const LIFETIME_MS = TOKEN_TTL_SECONDS * 1_000;
const LIMIT_MS = 120_000 + LIFETIMES * 15_000 + MANY * 5_000;

// They wait most of the time, but real tabs are heavy: more at once, and two cores would make them and others late.
vi.setConfig({ maxConcurrency: 2 });

/** What the full run adds. */
const also: (name: string, run: () => Promise<void>, limitMs: number) => void = IS_FULL
  ? it.concurrent
  : () => undefined;

describeInChromium("tabs that nobody touches", () => {
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

  /** A visitor with so many tabs that have heard of each other: those that open while a token is due may ask at once. */
  async function withTabs(person: Person, count: number, options?: RawVisitorOptions): Promise<RawVisitor> {
    const me = await newRawVisitor(protocol, stage, person, options);
    for (let open = 0; open < count; open++) await me.openTab("/protected");
    await untilAsked(me, answered(me) + 1);
    await untilSettled(me);
    return me;
  }

  /** The session requests since `from`, by the token that they brought. */
  function askedSince(me: RawVisitor, from: number): readonly (readonly string[])[] {
    const byToken = new Map<number | undefined, string[]>();
    for (const { session, reason, status } of me.sessionRequests.slice(from)) {
      const told = byToken.get(session?.accessTokenExpires) ?? [];
      told.push(`${reason ?? "next-auth"} ${status ?? "no answer"}`);
      byToken.set(session?.accessTokenExpires, told);
    }
    return [...byToken.values()];
  }

  async function expectAllHaveATokenInHand(me: RawVisitor, tabs: readonly RawTab[] = me.tabs): Promise<void> {
    const before = me.sessionRequests.length;
    for (const tab of tabs) expect(await tab.evaluate(ordersAnswered), "a call failed").toBe(true);
    expect(me.sessionRequests.slice(before).length, "a call made a tab ask").toBeLessThanOrEqual(1);
  }

  for (const count of COUNTS) {
    it.concurrent(
      `send one session request per lifetime, ${count} of them, for two users (F14, I19)`,
      async () => {
        const people = [await withTabs("alice", count), await withTabs("bob", count)];
        const from = people.map(({ sessionRequests }) => sessionRequests.length);
        const known = people.map(renewals);
        await Promise.all(people.map((me) => untilAsked(me, answered(me) + LIFETIMES)));

        for (const [index, me] of people.entries()) {
          await untilSettled(me);
          const asked = askedSince(me, from[index] ?? 0);
          expect(asked).toEqual(asked.map(() => ["idle 200"]));
          expect(asked.length).toBeGreaterThanOrEqual(LIFETIMES);
          expect(renewals(me) - (known[index] ?? 0), "a request brought no new token").toBe(asked.length);
          await expectAllHaveATokenInHand(me);
          expect(me.trouble).toEqual([]);
        }
        await Promise.all(people.map((me) => me.close()));
      },
      LIMIT_MS,
    );
  }

  const ENDS = [
    { how: "closed", end: (tab: RawTab) => tab.close(), returns: false },
    { how: "crashed", end: (tab: RawTab) => tab.crash(), returns: false },
    { how: "frozen", end: (tab: RawTab) => tab.freeze(), returns: true },
  ];
  it.concurrent.each(ENDS)(
    "replace the one that asks when it is $how, with two requests at most and nothing lost (F20, X55, X56, I19)",
    async ({ end, returns }) => {
      const me = await withTabs("alice", 3);
      const from = me.sessionRequests.length;
      const first = me.sessionRequests.at(-1)!.tab;
      await end(first);
      const left = me.tabs.filter((tab) => tab !== first);
      await left[0]!.show();
      await untilAsked(me, answered(me) + 2);
      await untilSettled(me);

      const asked = askedSince(me, from);
      expect(Math.max(...asked.map((requests) => requests.length))).toBeLessThanOrEqual(2);
      await expectAllHaveATokenInHand(me, left);
      if (returns) {
        await first.thaw();
        await pause(1_000);
        await expectAllHaveATokenInHand(me);
      }
      expect(me.trouble).toEqual([]);
      await me.close();
    },
    LIMIT_MS,
  );

  also(
    "that are all hidden and throttled by the browser ask on, one for all (F20, F22, I19)",
    async () => {
      const me = await withTabs("bob", 3);
      const cover = await me.openTab("/signin").catch(() => me.openTab("/protected"));
      await cover.show();
      const hidden = me.tabs.filter((tab) => tab !== cover);
      expect(await Promise.all(hidden.map((tab) => tab.evaluate(() => document.visibilityState)))).toEqual(
        hidden.map(() => "hidden"),
      );
      await cover.freeze();
      const from = me.sessionRequests.length;
      await untilAsked(me, answered(me) + 2);
      await untilSettled(me);

      expect(askedSince(me, from)).toEqual(askedSince(me, from).map(() => ["idle 200"]));
      await expectAllHaveATokenInHand(me, hidden);
      expect(me.trouble).toEqual([]);
      await me.close();
    },
    LIMIT_MS,
  );

  also(
    `frozen for longer than a token lives, ${MANY} of them, ask together once when they wake (F22, F24, X57, I19)`,
    async () => {
      const people = [await withTabs("alice", MANY), await withTabs("bob", 1)];
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
      await expectAllHaveATokenInHand(me);
      expect([...me.trouble, ...other.trouble]).toEqual([]);
      await Promise.all(people.map((each) => each.close()));
    },
    LIMIT_MS,
  );

  also(
    "left for longer than a token lives, and taken out of the back/forward cache, ask at once (F22, F24, X56)",
    async () => {
      const me = await withTabs("alice", 1, { forgetsNoStore: true });
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
      await expectAllHaveATokenInHand(me);
      expect(me.trouble).toEqual([]);
      await me.close();
    },
    LIMIT_MS,
  );

  also(
    "offline while their token runs out, have a new one as soon as they are back, and one request does it (F23)",
    async () => {
      const me = await withTabs("bob", 3, {
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
      await expectAllHaveATokenInHand(me);
      expect(me.trouble).toEqual([]);
      await me.close();
    },
    LIMIT_MS,
  );

  also(
    `asleep for hours, ${MANY} of them, ask together once when every event of waking comes at once (F22, F24, X57)`,
    async () => {
      const me = await withTabs("alice", MANY, { init: canSleep });
      const from = me.sessionRequests.length;
      await Promise.all(me.tabs.map((tab) => tab.evaluate(sleepFor, 8 * 3_600_000)));
      await untilAsked(me, answered(me) + 1);
      await pause(2_000);
      await untilSettled(me);

      expect(me.sessionRequests.length - from).toBeLessThanOrEqual(2);
      await expectAllHaveATokenInHand(me);
      expect(me.trouble).toEqual([]);
      await me.close();
    },
    LIMIT_MS,
  );

  also(
    "share the back-off of a session route that fails for a whole lifetime, and sign nobody out (F30, F33)",
    async () => {
      const me = await withTabs("bob", 5, { expects: (trouble) => trouble.includes("503") });
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
      await expectAllHaveATokenInHand(me);
      expect(me.trouble).toEqual([]);
      await me.close();
    },
    LIMIT_MS,
  );

  also(
    "stay signed out when an answer to an older request comes after the sign-out (F18, I13)",
    async () => {
      const people = [await withTabs("alice", 2), await withTabs("bob", 1)] as const;
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
      await expectAllHaveATokenInHand(other);
      await Promise.all(people.map((each) => each.close()));
    },
    LIMIT_MS,
  );

  also(
    "tell each other neither a token nor who is signed in (SEC-06)",
    async () => {
      const me = await withTabs("bob", 2);
      await me.tabs[0]!.evaluate(listen);
      await untilAsked(me, answered(me) + 2);
      const heardBy = (): Promise<Record<string, unknown>[]> => me.tabs[0]!.evaluate(heard);
      await vi.waitFor(
        async () => expect((await heardBy()).length).toBeGreaterThan(0),
        IDLE_ASK_MS + ROOM_MS,
      );
      for (const { kind, ...rest } of await heardBy()) {
        expect(["answer", "failed", "asking", "active"]).toContain(kind);
        for (const value of Object.values(rest)) expect(value).toBeTypeOf("number");
      }
      await me.close();
    },
    LIMIT_MS,
  );
});

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

function heard(): Record<string, unknown>[] {
  return (window as unknown as { testHeard: Record<string, unknown>[] }).testHeard;
}
