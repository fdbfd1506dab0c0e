/**
 * An authorization server that is away, says "later", hangs or answers with a web page signs nobody out; one that has
 * ended the grant leads to one sign-in, with the reason, back to the same page.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startStage, type Stage } from "./support/app.ts";
import { browserless, signInWithProvider, type Browserless } from "./support/browserless.ts";
import { EXAMPLE } from "./support/example.ts";
import type { WatchedRequest } from "./support/fault-proxy.ts";
import { LOGINS } from "./support/servers.ts";
import { ask, pause, type TabReport } from "./support/tabs.ts";

const TOKEN_TTL_SECONDS = 12;
const HTML = "<!doctype html><title>Bad gateway</title><h1>502</h1>";

/** All faults at once at one server: each meets two users of its own. */
let stage: Stage;

beforeAll(async () => {
  stage = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS });
});
afterAll(async () => {
  await stage.stop();
});

/** Somebody who is signed in, and the chain of refresh tokens that the sign-in began. */
interface Person {
  readonly browser: Browserless;
  /** Grows with each refresh. */
  readonly refreshTokens: ReadonlySet<string>;
}

let turn: Promise<unknown> = Promise.resolve();

/** Signs alice and bob in when nobody else does, so that it is known which refresh tokens came of it. */
function signedIn(): Promise<readonly [alice: Person, bob: Person]> {
  const mine = turn.then(async () => [await signIn("alice"), await signIn("bob")] as const);
  turn = mine.catch(() => undefined);
  return mine;
}

async function signIn(user: "alice" | "bob"): Promise<Person> {
  const browser = browserless();
  const { url } = stage.app;
  const before = codes().length;
  await signInWithProvider(
    browser,
    { url, providerId: "demo", callbackUrl: `${url}/protected` },
    LOGINS[user],
  );
  const [first] = codes().slice(before);
  return { browser, refreshTokens: new Set([first?.issuedHash ?? "no refresh token"]) };
}

function codes(): readonly WatchedRequest[] {
  return stage.servers.authorizationServer.proxy.log.filter(
    ({ grantType }) => grantType === "authorization_code",
  );
}

async function session({ browser }: Person): Promise<Record<string, unknown>> {
  return JSON.parse((await browser.visit(`${stage.app.url}/api/auth/session`)).body) as Record<
    string,
    unknown
  >;
}

/** The refresh requests that these people's chains have seen, each answered with its successor or not. */
function refreshRequests(...people: readonly Person[]): number {
  const chain = new Set(people.flatMap(({ refreshTokens }) => [...refreshTokens]));
  let count = 0;
  for (const { refreshTokenHash, issuedHash } of stage.servers.authorizationServer.proxy.log) {
    if (refreshTokenHash === undefined || !chain.has(refreshTokenHash)) continue;
    count++;
    if (issuedHash !== undefined) chain.add(issuedHash);
  }
  return count;
}

/** Asks every half second until the orders come. */
async function untilAnswered({ browser }: Person, limitMs: number): Promise<void> {
  const endMs = Date.now() + limitMs;
  while (Date.now() < endMs) {
    const { status } = await browser.visit(`${stage.app.url}/api/orders`);
    if (status === 200) return;
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

describe.concurrent("while the token endpoint answers with", () => {
  for (const [name, fault] of FAULTS) {
    it(`${name}, nobody is signed out, calls stay bounded, and the token comes back by itself (F30, F33)`, async () => {
      const [alice, bob] = await signedIn();
      const goodUntilMs = Date.now() + (TOKEN_TTL_SECONDS / 2) * 1000;
      const { proxy } = stage.servers.authorizationServer;
      const refreshTokens = new Set([...alice.refreshTokens, ...bob.refreshTokens]);
      const over = proxy.next(1_000, fault, { refreshTokens });
      const endMs = Date.now() + TOKEN_TTL_SECONDS * 1000 + 3_000;
      const report: TabReport = { sent: 0, failed: [], tookMs: [] };

      while (Date.now() < endMs) {
        const failedBefore = report.failed.length;
        await Promise.all(
          [alice, bob].map(({ browser }) => ask(browser, `${stage.app.url}/api/orders`, report)),
        );
        if (Date.now() < goodUntilMs)
          expect(report.failed.slice(failedBefore), "a valid token was not served").toEqual([]);
        await pause(500);
      }
      expect(report.failed.every((failure) => failure.includes(" 503"))).toBe(true);
      expect(Math.max(...report.tookMs), "a call waited longer than maxWaitMs").toBeLessThan(7_000);
      // However many calls there were, the authorization server met at most a handful of requests.
      const sent = refreshRequests(alice, bob);
      expect(sent, "the fault met nobody").toBeGreaterThanOrEqual(2);
      expect(sent).toBeLessThanOrEqual(24);
      for (const person of [alice, bob]) {
        expect(await session(person)).toMatchObject({ tokenState: { status: "retrying" } });
        expect(await session(person)).not.toHaveProperty("error");
      }

      over();
      await Promise.all([alice, bob].map((person) => untilAnswered(person, 35_000)));

      expect(stage.servers.authorizationServer.audit("refresh_token.reused")).toEqual([]);
    });
  }
});

describe.concurrent("a grant that the authorization server has ended", () => {
  it("asks for one sign-in with the reason, and returns to the same page; the other user is not touched (F31, F32, I6)", async () => {
    const [alice, bob] = await signedIn();
    const { proxy } = stage.servers.authorizationServer;
    proxy.next(
      1,
      {
        kind: "respond",
        status: 400,
        headers: { "content-type": "application/json" },
        body: '{"error":"invalid_grant"}',
      },
      { refreshTokens: alice.refreshTokens },
    );
    await pause(TOKEN_TTL_SECONDS * 1000 + 200);

    const ended = await alice.browser.visit(`${stage.app.url}/protected`);
    const again = await Promise.all([1, 2, 3].map(() => alice.browser.visit(`${stage.app.url}/api/orders`)));
    const bobs = await bob.browser.visit(`${stage.app.url}/protected`);

    expect(new URL(ended.url).pathname).toBe("/signin");
    expect(ended.body).toMatch(
      /data-testid="signin-reason"[^>]*data-code="rejected"|data-code="rejected"[^>]*data-testid="signin-reason"/,
    );
    expect(ended.body.includes("/protected"), "the way back is lost").toBe(true);
    expect(again.map(({ status }) => status)).toEqual([401, 401, 401]);
    expect(await session(alice)).toMatchObject({
      error: EXAMPLE.signInAgainError,
      tokenState: { status: "reauthentication_required", reason: "rejected" },
    });
    expect(bobs.body).toContain('data-testid="orders"');
    // One request that was rejected, one for bob: a dead grant is not asked for again.
    expect(refreshRequests(alice, bob)).toBe(2);

    const { url } = stage.app;
    const back = await signInWithProvider(
      alice.browser,
      { url, providerId: "demo", callbackUrl: `${url}/protected` },
      LOGINS.alice,
    );

    expect(new URL(back.url).pathname).toBe("/protected");
    expect(back.body).toContain('data-testid="orders"');
    expect(await session(alice)).not.toHaveProperty("error");
  });
});
