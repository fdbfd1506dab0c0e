/** Processes that die, that are two, and that are frozen right after the response. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { freePort } from "../../scripts/lib/ports.ts";
import { exampleApp, startStage, type App, type Stage } from "./support/app.ts";
import { browserless, signInWithProvider, type Browserless } from "./support/browserless.ts";
import { EXAMPLE } from "./support/example.ts";
import { LOGINS } from "./support/servers.ts";
import { ask, loadPage, pause, type TabReport } from "./support/tabs.ts";

const TOKEN_TTL_SECONDS = 12;
/** How often the app is killed: 1 in `npm test`, 3 in `npm run test:full`. */
const KILLS = process.env["NOLAPSE_FULL"] === "1" ? 3 : 1;

let stage: Stage;

beforeAll(async () => {
  stage = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS });
});
afterAll(async () => {
  await stage.stop();
});

async function signedIn(user: "alice" | "bob"): Promise<Browserless> {
  const browser = browserless();
  const { url } = stage.app;
  await signInWithProvider(
    browser,
    { url, providerId: "demo", callbackUrl: `${url}/protected` },
    LOGINS[user],
  );
  return browser;
}

function refreshRequests(): readonly (string | undefined)[] {
  const { log } = stage.servers.authorizationServer.proxy;
  return log
    .filter(({ grantType }) => grantType === "refresh_token")
    .map(({ refreshTokenHash }) => refreshTokenHash);
}

/** What the authorization server has seen so far: a test, and each try of it, counts from where it began. */
interface Before {
  readonly requests: number;
  readonly reused: number;
  readonly revoked: number;
}

function soFar(): Before {
  const reused = stage.servers.authorizationServer.audit("refresh_token.reused").length;
  return { requests: refreshRequests().length, reused, revoked: revoked() };
}

function expectNoReplay(before: Before): void {
  const presented = refreshRequests().slice(before.requests);
  expect(new Set(presented).size).toBe(presented.length);
  expect(soFar().reused).toBe(before.reused);
}

/** Grants that the authorization server ended so far; a sign-out ends one too. */
function revoked(): number {
  return stage.servers.authorizationServer.audit("grant.revoked").length;
}

const EMPTY = (): TabReport => ({ sent: 0, failed: [], tookMs: [] });

describe("an app that is killed between lifetimes", () => {
  it("goes on with every session after a restart on the same SQLite file (I22)", async () => {
    const browsers = [await signedIn("alice"), await signedIn("bob")];
    const [report, before] = [EMPTY(), soFar()];

    for (let round = 0; round < KILLS; round++) {
      await Promise.all(browsers.map((browser) => loadPage(browser, stage.app.url, report)));
      await stage.app.kill();
      await pause(TOKEN_TTL_SECONDS * 700);
      await stage.app.start();
      await Promise.all(browsers.map((browser) => loadPage(browser, stage.app.url, report)));
      await pause(500);
    }

    expect(report.failed).toEqual([]);
    expect(refreshRequests().length - before.requests).toBeGreaterThanOrEqual(2);
    expectNoReplay(before);
    expect(revoked()).toBe(before.revoked);
  });
});

describe("two processes on one SQLite file", () => {
  let second: App;
  beforeAll(async () => {
    second = exampleApp({
      servers: stage.servers,
      port: await freePort(),
      publicUrl: stage.app.url,
    });
    await second.start();
  });
  afterAll(async () => {
    await second.stop();
  });

  it("send one refresh for an expired token that both are asked for, and both hand out the new one (I1, F12)", async () => {
    const browsers = [await signedIn("alice"), await signedIn("bob")];
    await pause(TOKEN_TTL_SECONDS * 1000 + 300);
    const [report, before] = [EMPTY(), soFar()];

    await Promise.all(
      browsers.flatMap((browser) =>
        [stage.app.url, second.url].flatMap((url) => [
          loadPage(browser, url, report),
          loadPage(browser, url, report),
        ]),
      ),
    );

    expect(report.failed).toEqual([]);
    expect(refreshRequests().length - before.requests).toBe(2);
    expectNoReplay(before);
  });

  it("hold a sign-out at both: the old cookie is worth nothing at the other process (I7, I16)", async () => {
    const [alice, bob] = [await signedIn("alice"), await signedIn("bob")];
    const old = browserless({ jar: await alice.jar.clone() });
    const { url } = stage.app;
    const oldCookie = await old.cookie(url, EXAMPLE.sessionCookie);
    const csrf = JSON.parse((await alice.visit(`${url}/api/auth/csrf`)).body) as { csrfToken: string };
    await alice.visit(`${url}/api/auth/signout`, {
      method: "POST",
      body: new URLSearchParams({ csrfToken: csrf.csrfToken, callbackUrl: url }),
    });

    const [atOther, bobs] = [await old.visit(`${second.url}/api/orders`), EMPTY()];
    await ask(bob, `${second.url}/api/orders`, bobs);

    expect(atOther.status).toBe(401);
    expect(JSON.parse((await old.visit(`${second.url}/api/auth/session`)).body)).toEqual(EXAMPLE.noSession);
    expect(await old.cookie(url, EXAMPLE.sessionCookie), "no new cookie").toBe(oldCookie);
    expect(bobs.failed).toEqual([]);
  });
});

describe("a host that freezes right after the response", () => {
  it("loses no grant: what was under way is committed before, or goes on after the thaw (S3)", async () => {
    const browsers = [await signedIn("alice"), await signedIn("bob")];
    const [report, before] = [EMPTY(), soFar()];
    const { proxy } = stage.servers.authorizationServer;
    for (let round = 0; round < 2; round++) {
      const sent = refreshRequests().length;
      await pause(TOKEN_TTL_SECONDS * 500 + 700);
      // Due, so that the answer comes at once, with its refresh still under way: there the process is stopped.
      proxy.hold(round === 0 ? "request" : "answer");
      await Promise.all(browsers.map((browser) => ask(browser, `${stage.app.url}/api/orders`, report)));
      await proxy.untilHeld(2);
      stage.app.signal("SIGSTOP");
      proxy.release();
      await pause(1_000);
      stage.app.signal("SIGCONT");
      await pause(1_000);
      await Promise.all(browsers.map((browser) => ask(browser, `${stage.app.url}/api/orders`, report)));
      expect(refreshRequests().length - sent, "each token was renewed once").toBe(2);
    }

    expect(report.failed).toEqual([]);
    expectNoReplay(before);
    expect(revoked()).toBe(before.revoked);
  });
});
