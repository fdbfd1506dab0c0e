/**
 * An app whose users are signed in with a hand-written recipe is deployed again, with nolapse: nobody has to sign in
 * again. The authorization server is the real one, and as strict as ever.
 */
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { decode } from "next-auth/jwt";
import { describe, it, type TestContext } from "vitest";

import { freePort } from "../../scripts/lib/ports.ts";
import { SECRETS } from "./support/app.ts";
import { browserless, signInWithProvider, type Browserless } from "./support/browserless.ts";
import { childServer } from "./support/child-server.ts";
import { LOGINS, startServers, type Servers } from "./support/servers.ts";
import { pause } from "./support/tabs.ts";

const TOKEN_TTL_SECONDS = 8;
const LIFETIME_MS = TOKEN_TTL_SECONDS * 1000;
const SESSION_COOKIE = "next-auth.session-token";
const SERVER = resolve(import.meta.dirname, "support/moving-in/server.ts");

interface Scene {
  readonly url: string;
  readonly servers: Servers;
  readonly alice: Browserless;
  readonly bob: Browserless;
  /** Deploys the app again, at the same address and with the same secret. */
  deploy(mode: "notes" | "guide" | "nolapse"): Promise<void>;
  output(): string;
}

async function scene(
  store: "memory" | "sqlite",
  onTestFinished: TestContext["onTestFinished"],
): Promise<Scene> {
  const port = await freePort();
  const url = `http://localhost:${port}`;
  const servers = await startServers({
    tokenTtlSeconds: TOKEN_TTL_SECONDS,
    redirectUris: [`${url}/api/auth/callback/demo`],
  });
  let running = "";
  const app = childServer(SERVER, () => ({
    ...servers.appEnvironment(),
    PORT: String(port),
    MODE: running,
    STORE: store,
    NOLAPSE_DB: join(servers.dataDir, "grants.db"),
    NEXTAUTH_URL: url,
    NEXTAUTH_SECRET: SECRETS.nextAuth,
    NOLAPSE_SECRET: SECRETS.nolapse,
  }));
  onTestFinished(async () => {
    await app.stop();
    await servers.stop();
  });
  return {
    url,
    servers,
    alice: browserless(),
    bob: browserless(),
    async deploy(mode) {
      await app.stop();
      running = mode;
      await app.start();
    },
    output: app.output,
  };
}

async function statusesOf(browser: Browserless, urls: readonly string[]): Promise<readonly number[]> {
  const pages = await Promise.all(urls.map((url) => browser.visit(url)));
  return pages.map(({ status }) => status);
}

function refreshTokensPresented({ servers }: Scene): readonly (string | undefined)[] {
  const { log } = servers.authorizationServer.proxy;
  return log
    .filter(({ grantType }) => grantType === "refresh_token")
    .map(({ refreshTokenHash }) => refreshTokenHash);
}

async function jwtIn(browser: Browserless, url: string): Promise<string> {
  const token = await browser.cookie(url, SESSION_COOKIE);
  return JSON.stringify(await decode({ ...(token !== undefined && { token }), secret: SECRETS.nextAuth }));
}

async function adoptions({ alice, url }: Scene): Promise<number> {
  const events = JSON.parse((await alice.visit(`${url}/events`)).body) as {
    type: string;
    adopted?: boolean;
  }[];
  return events.filter(({ type, adopted }) => type === "grant_created" && adopted === true).length;
}

describe("users who are signed in with a recipe", () => {
  it.concurrent.for([
    ["the notes' recipe", "memory", "notes"],
    ["the notes' recipe", "sqlite", "notes"],
    ["the guide's recipe as it was published", "sqlite", "guide"],
  ] as const)(
    "of %s go on with nolapse over a %s store, and nobody signs in again",
    async ([, store, recipe], { expect, onTestFinished }) => {
      const stage = await scene(store, onTestFinished);
      const { url, alice, bob, servers } = stage;
      const both = [alice, bob];
      await stage.deploy(recipe);
      for (const [browser, login] of [
        [alice, LOGINS.alice],
        [bob, LOGINS.bob],
      ] as const) {
        const page = await signInWithProvider(
          browser,
          { url, providerId: "demo", callbackUrl: `${url}/orders` },
          login,
        );
        expect(page.body).toContain('"ok":true');
      }

      // One request at a time and a cookie that each answer may replace: that much a recipe survives.
      for (const endMs = Date.now() + LIFETIME_MS + 1_000; Date.now() < endMs; await pause(700)) {
        for (const browser of both) {
          expect(await statusesOf(browser, [`${url}/api/auth/session`])).toEqual([200]);
          if (recipe === "notes") expect(await statusesOf(browser, [`${url}/orders`])).toEqual([200]);
        }
      }
      const before = refreshTokensPresented(stage).length;
      expect(before).toBeGreaterThanOrEqual(recipe === "notes" ? 2 : 0);
      for (const browser of both) expect(await jwtIn(browser, url)).toMatch(/"accessToken":"[\w-]{20,}"/);
      const old = await Promise.all(both.map(async ({ jar }) => browserless({ jar: await jar.clone() })));

      await stage.deploy("nolapse");
      const reads = Array.from({ length: 20 }, () => `${url}/orders`);
      const first = await Promise.all(both.map((browser) => statusesOf(browser, reads)));
      expect(first.flat().filter((status) => status !== 200)).toEqual([]);
      expect(await adoptions(stage)).toBe(2);
      const cookies = await Promise.all(both.map((browser) => jwtIn(browser, url)));
      expect(cookies.join(), "a read needs no new cookie").not.toContain("nolapse");

      const failed: number[] = [];
      const keepAsking = async (durationMs: number): Promise<void> => {
        for (const endMs = Date.now() + durationMs; Date.now() < endMs; await pause(400)) {
          const statuses = await Promise.all(both.map((browser) => statusesOf(browser, reads.slice(0, 5))));
          failed.push(...statuses.flat().filter((status) => status !== 200));
        }
      };
      await keepAsking(LIFETIME_MS);
      for (const browser of both) {
        await browser.visit(`${url}/api/auth/session`);
        const jwt = await jwtIn(browser, url);
        expect(jwt).toContain('"nolapse":{"handle"');
        expect(jwt).not.toMatch(/"(accessToken|refreshToken|id_token)"/);
      }
      await keepAsking(LIFETIME_MS);

      expect(failed).toEqual([]);
      expect(await Promise.all(old.map((browser) => statusesOf(browser, [`${url}/orders`])))).toEqual([
        [200],
        [200],
      ]);
      expect(await adoptions(stage), "the old cookie names the same grant").toBe(2);
      const presented = refreshTokensPresented(stage);
      // Both users are renewed at least once in each of the two lifetimes.
      expect(presented.length - before).toBeGreaterThanOrEqual(4);
      expect(new Set(presented).size).toBe(presented.length);
      expect(servers.authorizationServer.audit("refresh_token.reused")).toEqual([]);
      expect(servers.authorizationServer.audit("grant.revoked")).toEqual([]);
      if (store === "sqlite") expect(grantRows(servers)).toBe(2);

      const csrf = JSON.parse((await alice.visit(`${url}/api/auth/csrf`)).body) as { csrfToken: string };
      const body = new URLSearchParams({ csrfToken: csrf.csrfToken, callbackUrl: url });
      await alice.visit(`${url}/api/auth/signout`, { method: "POST", body, follow: false });
      expect(
        await statusesOf(old[0]!, [`${url}/orders`, `${url}/me`]),
        "a cookie from before outlives the sign-out",
      ).toEqual([401, 401]);
      expect(await statusesOf(bob, [`${url}/orders`])).toEqual([200]);
      expect(stage.output()).not.toMatch(/\[nolapse\]|Unhandled|Error:/);
    },
  );
});

function grantRows(servers: Servers): number {
  const database = new DatabaseSync(join(servers.dataDir, "grants.db"), { readOnly: true });
  const row = database.prepare("SELECT count(*) AS count FROM grants").get() as { count: number };
  database.close();
  return row.count;
}
