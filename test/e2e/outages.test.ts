/**
 * An authorization server that is away, says "later", hangs or answers with a web page signs nobody out; one that has
 * ended the grant leads to one sign-in, with the reason, back to the same page.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startStage, type Stage } from "./support/app.ts";
import { browserless, signInWithProvider, type Browserless } from "./support/browserless.ts";
import { LOGINS } from "./support/servers.ts";
import { ask, pause, type TabReport } from "./support/tabs.ts";

const TOKEN_TTL_SECONDS = 12;
const HTML = "<!doctype html><title>Bad gateway</title><h1>502</h1>";

async function signedIn({ app: { url } }: Stage, user: "alice" | "bob"): Promise<Browserless> {
  const browser = browserless();
  await signInWithProvider(
    browser,
    { url, providerId: "demo", callbackUrl: `${url}/protected` },
    LOGINS[user],
  );
  return browser;
}

async function session({ app }: Stage, browser: Browserless): Promise<Record<string, unknown>> {
  return JSON.parse((await browser.visit(`${app.url}/api/auth/session`)).body) as Record<string, unknown>;
}

function refreshRequests(stage: Stage): number {
  return stage.servers.authorizationServer.proxy.log.filter(({ grantType }) => grantType === "refresh_token")
    .length;
}

/** Asks every second until the orders come, and says how long that took. */
async function untilAnswered({ app }: Stage, browser: Browserless, limitMs: number): Promise<number> {
  const startedAtMs = Date.now();
  while (Date.now() - startedAtMs < limitMs) {
    const { status } = await browser.visit(`${app.url}/api/orders`);
    if (status === 200) return Date.now() - startedAtMs;
    expect(status, "a 401 would ask the user to sign in").toBe(503);
    await pause(500);
  }
  throw new Error(`No answer within ${limitMs} ms`);
}

const FAULTS = [
  ["503", { kind: "respond", status: 503, body: "down" }],
  [
    "429 with Retry-After",
    { kind: "respond", status: 429, headers: { "retry-after": "2" }, body: '{"error":"slow_down"}' },
  ],
  ["an HTML page", { kind: "respond", status: 200, headers: { "content-type": "text/html" }, body: HTML }],
  ["a hung connection", { kind: "stall" }],
  ["a connection cut before the server hears of it", { kind: "cut_before" }],
] as const;
const ENDED = "ended";

/** Each fault has an app and an authorization server of its own, so that all of them wait for their tokens to age at once. */
const stages = new Map<string, Stage>();

beforeAll(async () => {
  // One after the other: all at once, they would keep each other from starting in time.
  for (const name of [...FAULTS.map(([fault]) => fault), ENDED])
    stages.set(name, await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS }));
});
afterAll(async () => {
  await Promise.all([...stages.values()].map((stage) => stage.stop()));
});

describe.concurrent("while the token endpoint answers with", () => {
  for (const [name, fault] of FAULTS) {
    it(`${name}, nobody is signed out, calls stay bounded, and the token comes back by itself (F30, F33)`, async () => {
      const stage = stages.get(name)!;
      const goodUntilMs = Date.now() + (TOKEN_TTL_SECONDS - 1) * 1000;
      const [alice, bob] = [await signedIn(stage, "alice"), await signedIn(stage, "bob")];
      const { proxy } = stage.servers.authorizationServer;
      proxy.next(1_000, fault, { grantType: "refresh_token" });
      const sentBefore = refreshRequests(stage);
      const endMs = Date.now() + TOKEN_TTL_SECONDS * 1000 + 3_000;
      const report: TabReport = { sent: 0, failed: [], tookMs: [] };

      while (Date.now() < endMs) {
        const failedBefore = report.failed.length;
        await Promise.all([alice, bob].map((browser) => ask(browser, `${stage.app.url}/api/orders`, report)));
        if (Date.now() < goodUntilMs)
          expect(report.failed.slice(failedBefore), "a valid token was not served").toEqual([]);
        await pause(500);
      }
      expect(report.failed.every((failure) => failure.includes(" 503"))).toBe(true);
      expect(Math.max(...report.tookMs), "a call waited longer than maxWaitMs").toBeLessThan(7_000);
      // However many calls there were, the authorization server met at most a handful of requests.
      expect(refreshRequests(stage) - sentBefore).toBeLessThanOrEqual(24);
      for (const browser of [alice, bob]) {
        expect(await session(stage, browser)).toMatchObject({ tokenState: { status: "retrying" } });
        expect(await session(stage, browser)).not.toHaveProperty("error");
      }

      proxy.clear();
      await Promise.all([alice, bob].map((browser) => untilAnswered(stage, browser, 35_000)));

      expect(stage.servers.authorizationServer.audit("refresh_token.reused")).toEqual([]);
    });
  }
});

describe.concurrent("a grant that the authorization server has ended", () => {
  it("asks for one sign-in with the reason, and returns to the same page; the other user is not touched (F31, F32, I6)", async () => {
    const stage = stages.get(ENDED)!;
    const [alice, bob] = [await signedIn(stage, "alice"), await signedIn(stage, "bob")];
    const { proxy } = stage.servers.authorizationServer;
    proxy.next(
      1,
      {
        kind: "respond",
        status: 400,
        headers: { "content-type": "application/json" },
        body: '{"error":"invalid_grant"}',
      },
      { grantType: "refresh_token" },
    );
    await pause(TOKEN_TTL_SECONDS * 1000 + 200);
    const before = refreshRequests(stage);

    const ended = await alice.visit(`${stage.app.url}/protected`);
    const again = await Promise.all([1, 2, 3].map(() => alice.visit(`${stage.app.url}/api/orders`)));
    const bobs = await bob.visit(`${stage.app.url}/protected`);

    expect(new URL(ended.url).pathname).toBe("/signin");
    expect(ended.body).toMatch(
      /data-testid="signin-reason"[^>]*data-code="rejected"|data-code="rejected"[^>]*data-testid="signin-reason"/,
    );
    expect(ended.body.includes("/protected"), "the way back is lost").toBe(true);
    expect(again.map(({ status }) => status)).toEqual([401, 401, 401]);
    expect(await session(stage, alice)).toMatchObject({
      error: "RefreshAccessTokenError",
      tokenState: { status: "reauthentication_required", reason: "rejected" },
    });
    expect(bobs.body).toContain('data-testid="orders"');
    // One request that was rejected, one for bob: a dead grant is not asked for again.
    expect(refreshRequests(stage) - before).toBe(2);

    const { url } = stage.app;
    const back = await signInWithProvider(
      alice,
      { url, providerId: "demo", callbackUrl: `${url}/protected` },
      LOGINS.alice,
    );

    expect(new URL(back.url).pathname).toBe("/protected");
    expect(back.body).toContain('data-testid="orders"');
    expect(await session(stage, alice)).not.toHaveProperty("error");
  });
});
