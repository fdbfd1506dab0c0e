/**
 * The promise itself, over HTTP: tabs that hammer the example through many token lifetimes lose nothing, and the strict
 * authorization server sees one refresh per access token.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startStage, type Stage } from "./support/app.ts";
import {
  browserless,
  signInWithCredentials,
  signInWithProvider,
  type Browserless,
} from "./support/browserless.ts";
import { LOGINS } from "./support/servers.ts";
import { ask, keepLoading, loadPage, pause, type TabReport } from "./support/tabs.ts";

const TOKEN_TTL_SECONDS = 12;
/** 3 in `npm test`, 10 in `npm run test:full`. */
const LIFETIMES = Number(process.env["NOLAPSE_LIFETIMES"] ?? 3);
const TABS = 3;
const EVERY_MS = 700;

let stage: Stage;

beforeAll(async () => {
  stage = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS });
});
afterAll(async () => {
  await stage.stop();
});

async function signedIn(user: "alice" | "bob"): Promise<Browserless> {
  const browser = browserless();
  const { app } = stage;
  const page = await signInWithProvider(
    browser,
    { url: app.url, providerId: "demo", callbackUrl: `${app.url}/protected` },
    LOGINS[user],
  );
  expect(page.body).toContain('data-testid="orders"');
  return browser;
}

function refreshRequests(): readonly { readonly refreshTokenHash: string | undefined }[] {
  return stage.servers.authorizationServer.proxy.log.filter(({ grantType }) => grantType === "refresh_token");
}

function issuedAfterSignIn(): number {
  const { authorizationServer } = stage.servers;
  return authorizationServer
    .audit("access_token.issued")
    .filter(({ grantType }) => grantType === "refresh_token").length;
}

/** What the authorization server has seen so far: a test, and each try of it, counts from where it began. */
interface Before {
  readonly requests: number;
  readonly issued: number;
  readonly reused: number;
  readonly revoked: number;
}

function soFar(): Before {
  const { authorizationServer } = stage.servers;
  return {
    requests: refreshRequests().length,
    issued: issuedAfterSignIn(),
    reused: authorizationServer.audit("refresh_token.reused").length,
    revoked: authorizationServer.audit("grant.revoked").length,
  };
}

function expectNothingLost(before: Before): void {
  const presented = refreshRequests()
    .slice(before.requests)
    .map(({ refreshTokenHash }) => refreshTokenHash);
  const { issued, reused, revoked } = soFar();
  expect(new Set(presented).size, "a refresh token was presented twice").toBe(presented.length);
  expect(presented.length, "one refresh request per access token").toBe(issued - before.issued);
  expect({ reused, revoked }).toEqual({ reused: before.reused, revoked: before.revoked });
}

async function signedInAtBackend(user: "carol" | "dave"): Promise<Browserless> {
  const browser = browserless();
  const { app } = stage;
  const page = await signInWithCredentials(
    browser,
    { url: app.url, providerId: "credentials", callbackUrl: `${app.url}/protected` },
    LOGINS[user],
  );
  expect(page.body).toContain('data-testid="orders"');
  return browser;
}

function tell(reports: readonly TabReport[], before: Before): void {
  const tookMs = reports.flatMap((report) => report.tookMs).sort((a, b) => a - b);
  const { requests, issued } = soFar();
  console.log(
    `[lifetimes] ${JSON.stringify({
      lifetimes: LIFETIMES,
      users: 2,
      tabsPerUser: TABS,
      requests: sentBy(reports),
      failed: reports.reduce((sum, report) => sum + report.failed.length, 0),
      refreshRequests: requests - before.requests,
      accessTokensIssuedAfterSignIn: issued - before.issued,
      medianMs: tookMs[Math.floor(tookMs.length / 2)],
      p99Ms: tookMs[Math.floor(tookMs.length * 0.99)],
    })}`,
  );
}

function sentBy(reports: readonly TabReport[]): number {
  return reports.reduce((sum, report) => sum + report.sent, 0);
}

describe.concurrent("two users with three tabs each", () => {
  it(`live ${LIFETIMES} token lifetimes without a failed request (F10, F11, F15, I1)`, async () => {
    const before = soFar();
    const people = await Promise.all([signedIn("alice"), signedIn("bob")]);
    const endMs = Date.now() + LIFETIMES * TOKEN_TTL_SECONDS * 1000;

    const reports = await Promise.all(
      people.map((browser) => keepLoading(browser, stage.app.url, { tabs: TABS, everyMs: EVERY_MS, endMs })),
    );

    tell(reports, before);
    expect(reports.flatMap((report) => report.failed)).toEqual([]);
    expect(sentBy(reports)).toBeGreaterThan(2 * TABS * 5 * LIFETIMES);
    // A 12 s token is due at half of its life, so each user has at least one refresh per lifetime.
    expect(issuedAfterSignIn() - before.issued).toBeGreaterThanOrEqual(2 * LIFETIMES);
    expectNothingLost(before);
  });
});

describe.concurrent("a Credentials login against a backend of the app's own", () => {
  it("lives three lifetimes with parallel calls, and the backend sees no refresh token twice (F10, F15)", async () => {
    const { app, servers } = stage;
    const before = servers.api.proxy.log.length;
    const people = await Promise.all([signedInAtBackend("carol"), signedInAtBackend("dave")]);

    const endMs = Date.now() + 3 * TOKEN_TTL_SECONDS * 1000;
    const reports = await Promise.all(
      people.map((browser) => keepLoading(browser, app.url, { tabs: 2, everyMs: EVERY_MS, endMs })),
    );

    expect(reports.flatMap((report) => report.failed)).toEqual([]);
    const refreshes = servers.api.proxy.log.slice(before);
    const presented = refreshes.map(({ refreshTokenHash }) => refreshTokenHash);
    expect(presented.length).toBeGreaterThanOrEqual(6);
    expect(new Set(presented).size).toBe(presented.length);
    expect(refreshes.every(({ status }) => status === 200)).toBe(true);
  });
});

describe("people whose tokens have expired", () => {
  it("have one refresh each, whoever reads: proxy, layout, page, routes, Pages Router; and five renders in a row (F1, F2, F11, F24)", async () => {
    const before = soFar();
    const [alice, bob] = await Promise.all([signedIn("alice"), signedIn("bob")]);
    await pause(TOKEN_TTL_SECONDS * 1000 + 500);
    const report: TabReport = { sent: 0, failed: [], tookMs: [] };
    const { url } = stage.app;
    const renderFiveTimes = async (): Promise<void> => {
      for (let render = 0; render < 5; render++) await ask(bob, `${url}/protected`, report);
    };

    await Promise.all([
      ...["/via-proxy", "/protected", "/pages-router"].map((path) => ask(alice, url + path, report)),
      ...["/api/orders", "/api/pages/orders"].map((path) => ask(alice, url + path, report)),
      loadPage(alice, url, report),
      renderFiveTimes(),
    ]);

    expect(report.failed).toEqual([]);
    expect(refreshRequests().length - before.requests).toBe(2);
    expectNothingLost(before);
  });
});

describe("a reader whose token is long enough", () => {
  it("is answered while the token endpoint is held, and the refresh ends after it (who waits)", async () => {
    const before = soFar();
    const people = await Promise.all([signedIn("alice"), signedIn("bob")]);
    const { proxy } = stage.servers.authorizationServer;
    const issuedAtMs = stage.servers.authorizationServer.audit("access_token.issued").at(-1)?.atMs ?? 0;
    await pause(issuedAtMs + TOKEN_TTL_SECONDS * 500 + 200 - Date.now());
    proxy.hold();
    const report: TabReport = { sent: 0, failed: [], tookMs: [] };
    let endedBeforeRelease = 0;
    try {
      await Promise.all(people.map((browser) => loadPage(browser, stage.app.url, report)));
      await proxy.untilHeld(2);
      await Promise.all(people.map((browser) => ask(browser, `${stage.app.url}/api/orders`, report)));
      endedBeforeRelease = report.tookMs.length;
    } finally {
      proxy.release();
    }

    expect(report.failed).toEqual([]);
    expect(endedBeforeRelease).toBe(12);
    await pause(1_000);
    expect(refreshRequests().length - before.requests).toBe(2);
    expectNothingLost(before);
  });
});
