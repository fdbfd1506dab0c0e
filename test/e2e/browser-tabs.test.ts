/**
 * Several tabs of one browser, as browsers have them: one visible, the others hidden and throttled. One of them asks, all have
 * the answer, and the next takes over from one that is closed. What else befalls tabs is in `browser-tabs-trouble.test.ts`.
 */
import { afterAll, beforeAll, expect, it } from "vitest";

import { startStage, type Stage } from "./support/app.ts";
import { describeInChromium } from "./support/chromium.ts";
import { launchProtocol, type Protocol } from "./support/devtools-protocol.ts";
import { answered, idleAskMs, untilAsked, untilSettled } from "./support/idle.ts";
import { askedSince, expectAllKnow, holdWhoAsks, newestEnd, visitorWithTabs } from "./support/idle-tabs.ts";
import type { RawVisitor } from "./support/raw-visitor.ts";
import { pause } from "./support/tabs.ts";
import { renewals } from "./support/visitor.ts";

const IS_FULL = process.env["NOLAPSE_FULL"] === "1";
const LIFETIMES = IS_FULL ? 10 : 3;
const COUNTS = IS_FULL ? [1, 5, 20] : [5];
/** Hidden tabs look at the clock once a second, all at once: with a shorter life those that wait for one would not wait any longer. */
const TOKEN_TTL_SECONDS = 20;
const ASK_MS = idleAskMs(TOKEN_TTL_SECONDS);
const LIMIT_MS = 180_000 + LIFETIMES * 20_000;

describeInChromium("tabs that nobody touches", () => {
  let stage: Stage;
  let protocol: Protocol;
  beforeAll(async () => {
    // With a process for each tab, opening ten of them keeps two cores busy for longer than others can wait.
    protocol = await launchProtocol({ sharesProcess: !IS_FULL });
    stage = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS });
  });
  afterAll(async () => {
    await protocol.close();
    for (const server of [stage.servers.authorizationServer, stage.servers.api]) {
      expect(server.audit("refresh_token.reused")).toEqual([]);
      expect(server.audit("grant.revoked")).toEqual([]);
    }
    await stage.stop();
  });

  for (const count of COUNTS) {
    const andClosed = count > 1 ? ", and none is lost when the one that asks is closed" : "";
    it(
      `send one session request per lifetime, ${count} of them, for two users${andClosed} (F14, F20, X55, I19)`,
      async () => {
        const people = await Promise.all(
          (["alice", "bob"] as const).map((person) =>
            visitorWithTabs(protocol, stage, person, count, { askMs: ASK_MS }),
          ),
        );
        const from = people.map(({ sessionRequests }) => sessionRequests.length);
        const known = people.map(renewals);
        await Promise.all(people.map((me) => untilAsked(me, answered(me) + LIFETIMES, ASK_MS)));

        for (const [index, me] of people.entries()) {
          await untilSettled(me);
          const asked = askedSince(me, from[index] ?? 0);
          console.log(`${count} tabs, ${asked.length} lifetimes: ${asked.flat().length} session requests`);
          expect(asked).toEqual(asked.map(() => ["idle 200"]));
          expect(asked.length).toBeGreaterThanOrEqual(LIFETIMES);
          expect(renewals(me) - (known[index] ?? 0), "a request brought no new token").toBe(asked.length);
          await expectAllKnow(me);
          expect(me.trouble).toEqual([]);
        }

        if (count > 1) await Promise.all(people.map(closeWhoAsks));
        await Promise.all(people.map((me) => me.close()));
      },
      LIMIT_MS,
    );
  }

  async function closeWhoAsks(me: RawVisitor): Promise<void> {
    const first = await holdWhoAsks(me.tabs, ASK_MS);
    const [from, had] = [me.sessionRequests.length - 1, answered(me)];
    const endsAtMs = newestEnd(me) * 1_000;
    await first.close();
    await untilAsked(me, had + 1, ASK_MS);
    await pause(1_500);
    await untilSettled(me);

    const [lost, next, ...more] = me.sessionRequests.slice(from);
    expect(lost).toMatchObject({ tab: first, canceled: true });
    expect(next?.status).toBe(200);
    expect(next?.tab).not.toBe(first);
    expect(next?.answeredAtMs, "the others waited until the token was over").toBeLessThan(endsAtMs);
    expect(more.length, "more than one took over").toBe(0);
    await expectAllKnow(
      me,
      me.tabs.filter((tab) => tab !== first),
    );
    expect(me.trouble).toEqual([]);
  }
});
