/**
 * What a tab was told to ask about after requests had failed: neither the pauses of an outage that is over hold it up, nor do
 * its failures use up what an idle tab may try.
 */
import { describe, expect, it } from "vitest";
import type { SessionAnswer } from "../../src/client/fetch-session.ts";
import { createScheduler } from "../../src/client/scheduler.ts";
import { FakePage, settle } from "./fake-page.ts";
import { FakeServer } from "./fake-server.ts";

const MINUTE_MS = 60_000;

/** A tab after so long an outage. */
async function afterOutage(outageMs: number, settings = {}) {
  const page = new FakePage();
  const server = new FakeServer(() => page.monotonicMs);
  let latencyMs = 0;
  const scheduler = createScheduler({
    environment: page,
    fetchSession: (reason, signal) =>
      new Promise<SessionAnswer>((resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("aborted")));
        page.setTimer(() => void server.answer(reason).then(resolve, reject), latencyMs);
      }),
  });
  scheduler.configure(settings);
  scheduler.start();
  await page.pass(1_000);
  server.fault = "500";
  await page.pass(server.idleMs + outageMs);
  return { page, server, scheduler, answersAfter: (ms: number) => (latencyMs = ms) };
}

describe("a tab that is told twice of a change when an outage has just ended", () => {
  it("knows in a few seconds, whatever the pause was (I13, I20)", async () => {
    const { page, server, scheduler, answersAfter } = await afterOutage(5 * MINUTE_MS);
    // Just after a failure, when the pause is longest.
    const failures = scheduler.state()!.failures;
    for (let i = 0; i < 200 && scheduler.state()!.failures === failures; i++) await page.pass(500);
    answersAfter(500);
    server.fault = undefined;
    scheduler.confirm();
    await page.pass(100);
    scheduler.confirm();
    await page.pass(3_500);
    expect(scheduler.state()!.failures).toBe(0);
  });
});

describe("an idle tab that is told of a sign-out after many failures", () => {
  it("asks again until it knows (F29, I13)", async () => {
    const { page, server, scheduler } = await afterOutage(20 * MINUTE_MS, { idleLimitMs: 15 * MINUTE_MS });
    expect(scheduler.state()!.failures).toBeGreaterThan(8);
    scheduler.tell(null);
    await settle();
    await page.pass(MINUTE_MS);
    server.fault = undefined;
    server.user = null;
    await page.pass(2 * MINUTE_MS);
    expect(scheduler.current()).toBeNull();
  });
});
