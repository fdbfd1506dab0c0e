/**
 * `next dev` in Chromium, where React starts every effect twice: there is still one session request and one renewal for
 * each token, and one event stream.
 */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";

import { startStage, type Stage } from "./support/app.ts";
import { describeInChromium, launchChromium } from "./support/chromium.ts";
import { answered, TOKEN_TTL_SECONDS, untilAsked, untilSettled } from "./support/idle.ts";
import { recordStreams, streams } from "./support/page-scripts.ts";
import { pause } from "./support/tabs.ts";
import { newVisitor, renewals, signIn, type Visitor } from "./support/visitor.ts";

/** How many tokens each page renews: 1 in `npm test`, 3 in `npm run test:full`. */
const LIFETIMES = process.env["NOLAPSE_FULL"] === "1" ? 3 : 1;

describeInChromium("a page in development", () => {
  let stage: Stage;
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
    stage = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS, mode: "dev" });
  });
  afterAll(async () => {
    await browser.close();
    await stage.stop();
  });

  it("is started twice by React, and asks, renews and listens once (F21)", async () => {
    const people = ["alice", "carol"] as const;
    const visitors = [];
    for (const person of people) {
      const me = await newVisitor(browser, stage, { init: { script: recordStreams } });
      await signIn(me, person, "/live");
      await me.page.locator('[data-testid="timeline"] .recharts-area-curve').waitFor();
      visitors.push(me);
    }
    await Promise.all(visitors.map(expectOnce));
    expect(stage.servers.authorizationServer.audit("refresh_token.reused")).toEqual([]);
  });
});

async function expectOnce(me: Visitor): Promise<void> {
  // Begins in the quiet between two renewals.
  await untilAsked(me, answered(me) + 1);
  await untilSettled(me);
  const [asked, renewed] = [answered(me), renewals(me)];

  await untilAsked(me, asked + LIFETIMES);
  // Time for what a second timer would send.
  await pause(2_000);

  expect(me.sessionRequests.slice(asked).map(({ reason }) => reason)).toEqual(
    Array.from({ length: LIFETIMES }, () => "idle"),
  );
  expect(renewals(me) - renewed).toBe(LIFETIMES);
  // The first start of the effect was undone, and its stream closed.
  expect(await streams(me.page)).toEqual({ opened: 2, open: 1 });
  const fromNextAuth = me.sessionRequests.filter(({ reason }) => reason === undefined);
  expect(fromNextAuth.length, "next-auth's own provider asked more than once").toBeLessThanOrEqual(1);
  expect(me.trouble).toEqual([]);
  await me.close();
}
