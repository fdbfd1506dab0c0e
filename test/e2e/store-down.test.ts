/**
 * The grant store is away: at sign-in the user is told and nothing is half done; later the session stands, a valid token
 * is served for the stated bound, and everything comes back by itself.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startStage, type Stage } from "./support/app.ts";
import {
  browserless,
  signInWithCredentials,
  signInWithProvider,
  type Browserless,
  type Page,
} from "./support/browserless.ts";
import { LOGINS } from "./support/servers.ts";
import { ask, pause, type TabReport } from "./support/tabs.ts";

const TOKEN_TTL_SECONDS = 12;

function atDemo(stage: Stage, browser: Browserless, user: "alice" | "bob"): Promise<Page> {
  const { url } = stage.app;
  return signInWithProvider(
    browser,
    { url, providerId: "demo", callbackUrl: `${url}/protected` },
    LOGINS[user],
  );
}

async function session(stage: Stage, browser: Browserless): Promise<Record<string, unknown>> {
  return JSON.parse((await browser.visit(`${stage.app.url}/api/auth/session`)).body) as Record<
    string,
    unknown
  >;
}

describe("an app whose store cannot be opened", () => {
  let stage: Stage;
  let place: string;
  beforeAll(async () => {
    place = join(tmpdir(), `nolapse-store-${process.pid}`);
    // A file where a directory should be: the database below it cannot be made, whoever asks.
    rmSync(place, { recursive: true, force: true });
    writeFileSync(place, "not a directory");
    stage = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS, database: join(place, "grants.db") });
  });
  afterAll(async () => {
    await stage.stop();
    rmSync(place, { recursive: true, force: true });
  });

  it("turns a sign-in down with a page that says so, sets no session, and takes the next one once it can", async () => {
    const [alice, carol] = [browserless(), browserless()];
    const { url } = stage.app;

    const turnedDown = await atDemo(stage, alice, "alice");
    const carols = await signInWithCredentials(
      carol,
      { url, providerId: "credentials", callbackUrl: url },
      LOGINS.carol,
    );

    for (const [browser, page] of [
      [alice, turnedDown],
      [carol, carols],
    ] as const) {
      expect(page.url).toContain("error=StoreUnavailable");
      expect(page.status).toBeLessThan(500);
      expect(await browser.cookie(url, "next-auth.session-token")).toBeUndefined();
      expect(await session(stage, browser)).toEqual({});
    }

    rmSync(place);
    mkdirSync(place);
    const back = await atDemo(stage, alice, "alice");

    expect(back.body).toContain('data-testid="orders"');
    expect(stage.app.output()).not.toMatch(/unhandledRejection|UnhandledPromise/i);
  });
});

describe("a store that another process keeps locked for longer than a lifetime", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS });
  });
  afterAll(async () => {
    await stage.stop();
  });

  it("costs nobody the session: valid tokens are served, then calls say 503, and all comes back (I6, F30)", async () => {
    const [alice, bob] = [browserless(), browserless()];
    await Promise.all([atDemo(stage, alice, "alice"), atDemo(stage, bob, "bob")]);
    const { proxy, audit } = stage.servers.authorizationServer;
    const other = new DatabaseSync(join(stage.servers.dataDir, "grants.db"));
    const report: TabReport = { sent: 0, failed: [], tookMs: [] };
    const everybody = (): Promise<unknown> =>
      Promise.all([alice, bob].map((browser) => ask(browser, `${stage.app.url}/api/orders`, report)));

    other.exec("BEGIN IMMEDIATE");
    const lockedAtMs = Date.now();
    while (Date.now() - lockedAtMs < (TOKEN_TTL_SECONDS + 3) * 1000) {
      const failedBefore = report.failed.length;
      await everybody();
      if (Date.now() - lockedAtMs < (TOKEN_TTL_SECONDS - 4) * 1000) {
        expect(report.failed.slice(failedBefore), "a valid token was not served").toEqual([]);
      }
      await pause(400);
    }
    const lockedFailures = [...report.failed];
    for (const browser of [alice, bob]) {
      expect(await session(stage, browser)).toMatchObject({ tokenState: { status: "retrying" } });
    }
    other.exec("ROLLBACK");
    other.close();

    const endMs = Date.now() + 30_000;
    let good = false;
    while (!good && Date.now() < endMs) {
      const failedBefore = report.failed.length;
      await everybody();
      good = report.failed.length === failedBefore;
      await pause(400);
    }

    expect(good, "the tokens did not come back").toBe(true);
    expect(lockedFailures.every((failure) => failure.includes(" 503"))).toBe(true);
    expect(Math.max(...report.tookMs)).toBeLessThan(12_000);
    const hashes = proxy.log
      .filter(({ grantType }) => grantType === "refresh_token")
      .map((one) => one.refreshTokenHash);
    expect(new Set(hashes).size, "a refresh token was presented twice").toBe(hashes.length);
    expect(audit("refresh_token.reused")).toEqual([]);
    expect(audit("grant.revoked")).toEqual([]);
  });
});
