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

function expectNothingLost(): void {
  const { authorizationServer } = stage.servers;
  const presented = refreshRequests().map(({ refreshTokenHash }) => refreshTokenHash);
  expect(new Set(presented).size, "a refresh token was presented twice").toBe(presented.length);
  expect(presented.length, "one refresh request per access token").toBe(issuedAfterSignIn());
  expect(authorizationServer.audit("refresh_token.reused")).toEqual([]);
  expect(authorizationServer.audit("grant.revoked")).toEqual([]);
}

describe("two users with three tabs each", () => {
  it(`live ${LIFETIMES} token lifetimes without a failed request (F10, F11, F15, I1)`, async () => {
    const [alice, bob] = [await signedIn("alice"), await signedIn("bob")];
    const before = issuedAfterSignIn();
    const endMs = Date.now() + LIFETIMES * TOKEN_TTL_SECONDS * 1000;

    const reports = await Promise.all(
      [alice, bob].map((browser) =>
        keepLoading(browser, stage.app.url, { tabs: TABS, everyMs: EVERY_MS, endMs }),
      ),
    );

    const sent = reports.reduce((sum, report) => sum + report.sent, 0);
    const refreshed = issuedAfterSignIn() - before;
    const tookMs = reports.flatMap((report) => report.tookMs).sort((a, b) => a - b);
    console.log(
      `[lifetimes] ${JSON.stringify({
        lifetimes: LIFETIMES,
        users: 2,
        tabsPerUser: TABS,
        requests: sent,
        failed: reports.reduce((sum, report) => sum + report.failed.length, 0),
        refreshRequests: refreshRequests().length,
        accessTokensIssuedAfterSignIn: issuedAfterSignIn(),
        medianMs: tookMs[Math.floor(tookMs.length / 2)],
        p99Ms: tookMs[Math.floor(tookMs.length * 0.99)],
      })}`,
    );
    expect(reports.flatMap((report) => report.failed)).toEqual([]);
    expect(sent).toBeGreaterThan(2 * TABS * 5 * LIFETIMES);
    // A 12 s token is due at half of its life, so each user has at least one refresh per lifetime.
    expect(refreshed).toBeGreaterThanOrEqual(2 * LIFETIMES);
    expectNothingLost();
  });
});

describe("all readers of one page load", () => {
  it("share one refresh of an expired token: proxy, layout, page, routes, Pages Router (F1, F2, F11, F24)", async () => {
    const browser = await signedIn("alice");
    await pause(TOKEN_TTL_SECONDS * 1000 + 500);
    const before = refreshRequests().length;
    const report: TabReport = { sent: 0, failed: [], tookMs: [] };
    const { url } = stage.app;

    await Promise.all([
      ...["/via-proxy", "/protected", "/pages-router"].map((path) => ask(browser, url + path, report)),
      ...["/api/orders", "/api/pages/orders"].map((path) => ask(browser, url + path, report)),
      loadPage(browser, url, report),
    ]);

    expect(report.failed).toEqual([]);
    expect(refreshRequests().length - before).toBe(1);
    expectNothingLost();
  });

  it("stays signed in over five renders in a row with an expired token (F1)", async () => {
    const browser = await signedIn("bob");
    const report: TabReport = { sent: 0, failed: [], tookMs: [] };
    await pause(TOKEN_TTL_SECONDS * 1000 + 500);

    for (let render = 0; render < 5; render++) await ask(browser, `${stage.app.url}/protected`, report);

    expect(report.failed).toEqual([]);
    expectNothingLost();
  });
});

describe("a reader whose token is long enough", () => {
  it("is answered while the token endpoint is held, and the refresh ends after it (who waits)", async () => {
    const [alice, bob] = [await signedIn("alice"), await signedIn("bob")];
    const { proxy } = stage.servers.authorizationServer;
    await pause(TOKEN_TTL_SECONDS * 500 + 700);
    proxy.hold();
    const report: TabReport = { sent: 0, failed: [], tookMs: [] };

    await Promise.all([alice, bob].map((browser) => loadPage(browser, stage.app.url, report)));
    await proxy.untilHeld(2);
    await Promise.all([alice, bob].map((browser) => loadPage(browser, stage.app.url, report)));
    const endedBeforeRelease = report.tookMs.length;
    proxy.release();

    expect(report.failed).toEqual([]);
    expect(endedBeforeRelease).toBe(20);
    await pause(1_000);
    expectNothingLost();
  });
});

describe("a Credentials login against a backend of the app's own", () => {
  it("lives three lifetimes with parallel calls, and the backend sees no refresh token twice (F10, F15)", async () => {
    const [carol, dave] = [browserless(), browserless()];
    const { app, servers } = stage;
    for (const [browser, login] of [
      [carol, LOGINS.carol],
      [dave, LOGINS.dave],
    ] as const) {
      const page = await signInWithCredentials(
        browser,
        { url: app.url, providerId: "credentials", callbackUrl: `${app.url}/protected` },
        login,
      );
      expect(page.body).toContain('data-testid="orders"');
    }

    const endMs = Date.now() + 3 * TOKEN_TTL_SECONDS * 1000;
    const reports = await Promise.all(
      [carol, dave].map((browser) => keepLoading(browser, app.url, { tabs: 2, everyMs: EVERY_MS, endMs })),
    );

    expect(reports.flatMap((report) => report.failed)).toEqual([]);
    const presented = servers.api.proxy.log.map(({ refreshTokenHash }) => refreshTokenHash);
    expect(presented.length).toBeGreaterThanOrEqual(6);
    expect(new Set(presented).size).toBe(presented.length);
    expect(servers.api.proxy.log.every(({ status }) => status === 200)).toBe(true);
  });
});
