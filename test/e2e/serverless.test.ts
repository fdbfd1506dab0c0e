/**
 * Apps on a serverless platform, made of the code of docs/serverless.md: a process for each request, on a Redis and a
 * PostgreSQL as hosted services give them.
 */
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { signOut, type Browserless, type Page } from "./support/browserless.ts";
import type { FaultProxy } from "./support/fault-proxy.ts";
import { deploy, type Deployment } from "./support/serverless/deployment.ts";
import { missingFor } from "./support/serverless/hosted-stores.ts";

const FULL = process.env["NOLAPSE_FULL"] === "1";
/** They are due after half of it. */
const TOKEN_TTL_SECONDS = 6;
const REFRESHES_EACH = FULL ? 8 : 3;
const BETWEEN_LOADS_MS = 1_000;
const ANSWERS_EACH_MS = 600;
const MAX_CONNECTIONS = 5;
const BURST = 8;
const USERS = ["alice", "bob"] as const;
const APPS = [
  { version: 4, kind: "redis", platform: "freezes" },
  { version: 5, kind: "postgres", platform: "waits" },
  ...(FULL
    ? ([
        { version: 4, kind: "postgres", platform: "waits" },
        { version: 5, kind: "redis", platform: "freezes" },
      ] as const)
    : []),
] as const;
const IN_TURN = { concurrent: false };

const missing = [...new Set(APPS.map(({ kind }) => missingFor(kind)))].filter((each) => each !== undefined);
if (missing.length > 0) {
  console.warn(`\nSKIPPED serverless apps: no ${missing.join(", no ")} here\n`);
  if (process.env["CI"] === "true") throw new Error(`CI=true, and there is no ${missing.join(", no ")}`);
}

describe.concurrent.each(APPS.filter(({ kind }) => missingFor(kind) === undefined))(
  "next-auth $version on a hosted $kind, whose platform $platform",
  (plan) => {
    let deployment: Deployment | undefined;
    let browsers: readonly Browserless[] = [];
    const app = (): Deployment => {
      if (deployment === undefined) throw new Error("Nothing is deployed");
      return deployment;
    };
    beforeAll(async () => {
      const limits = { tokenTtlSeconds: TOKEN_TTL_SECONDS, maxConnections: MAX_CONNECTIONS };
      deployment = await deploy({ ...plan, ...limits });
    });
    afterAll(async () => {
      await deployment?.stop();
    });

    it("passes check() in a new process, and signs two users in", IN_TURN, async () => {
      const { status } = await fetch(`${app().host.url}/check`);
      expect(status, app().host.output()).toBe(204);

      browsers = await Promise.all(USERS.map((user) => app().signedIn(user)));
    });

    it("survives a burst of more processes than the store has connections for", IN_TURN, async () => {
      const { host } = app();
      host.afterwards = () => "exit";

      const asked = Array.from({ length: BURST }, (_, index) => orders(index));
      const answers = (await Promise.all(asked)).map(({ status, body }) => [status, body]);

      expect(BURST).toBeGreaterThan(MAX_CONNECTIONS);
      // Where a slow machine draws the burst out, some get no connection in time. They say so, and nobody is signed out.
      const refused = answers.filter(([status]) => status !== 200);
      const usefully = expect.stringMatching(/"code":"(?:store_failed|refresh_unavailable)"/) as unknown;
      for (const answer of refused) expect(answer).toEqual([503, usefully]);
      expect(refused.length).toBeLessThan(BURST);
      await host.atRest();
      expect((await Promise.all([orders(0), orders(1)])).flatMap(troubleOf)).toEqual([]);
    });

    it(
      "keeps both users' tokens, a new process for each request, half of them killed, and refreshes each once (I1)",
      IN_TURN,
      async () => {
        const { host, servers, refreshes } = app();
        host.afterwards = (count) => (count % 2 === 0 ? "kill" : "exit");
        // A refresh outlasts the request that began it, unless somebody waits.
        const stopDelay = delayAnswers(servers.authorizationServer.proxy);

        const seen = await Promise.all(USERS.map((_, index) => loadUntilRefreshed(index))).finally(stopDelay);

        for (const [index, user] of USERS.entries()) {
          const pages = seen[index] ?? [];
          expect(pages.flatMap(troubleOf)).toEqual([]);
          const owners = pages
            .filter(({ url }) => url.endsWith("/orders"))
            .map(({ body }) => (JSON.parse(body) as { user: string }).user);
          expect(new Set(owners)).toEqual(new Set([user]));
          const spent = refreshes(user).map(({ token }) => token);
          expect(new Set(spent).size).toBe(spent.length);
        }
        const trouble = servers.authorizationServer
          .audit()
          .filter(({ event, outcome = "ok" }) => event === "refresh_token.reused" || outcome !== "ok");
        expect(trouble).toEqual([]);
        expect(host.started()).toBeGreaterThan(2 * USERS.length * REFRESHES_EACH);
      },
    );

    it("goes on in a process that was frozen, after the store has cut its connection", IN_TURN, async () => {
      const { host, store } = app();
      await host.atRest();
      host.afterwards = () => "freeze";
      const first = await orders(0);
      await host.atRest();
      const started = host.started();
      await store.cut();

      const second = await orders(1);
      await host.atRest();
      const third = await orders(0);

      expect([first, second, third].flatMap(troubleOf)).toEqual([]);
      expect([first, second, third].map(({ body }) => /"user":"\w+"/.exec(body)?.[0])).toEqual([
        '"user":"alice"',
        '"user":"bob"',
        '"user":"alice"',
      ]);
      expect(host.started(), "processes").toBe(started);
    });

    it(
      "signs out for good, although the process is killed right after its answer (SEC-13)",
      IN_TURN,
      async () => {
        const { host, servers } = app();
        const [alice] = browsers as readonly [Browserless];
        const cookie = await alice.jar.getCookieString(host.url);
        host.afterwards = () => "kill";

        await signOut(alice, { url: host.url });
        await host.atRest();

        const old = await fetch(`${host.url}/orders`, { headers: { cookie } });
        expect([old.status, await old.text()]).toEqual([
          401,
          expect.stringContaining('"code":"not_signed_in"'),
        ]);
        expect([await orders(1)].flatMap(troubleOf)).toEqual([]);
        const revoked = servers.authorizationServer.audit("token.revoked").map(({ user }) => user);
        expect(revoked).toContain("alice");
        expect(revoked).not.toContain("bob");
      },
    );

    /** What the browser of a user, by index, sees on the app's page. */
    async function orders(index: number, path = "/orders"): Promise<Page> {
      const browser = browsers[index % browsers.length];
      if (browser === undefined) throw new Error("Nobody is signed in");
      return browser.visit(app().host.url + path);
    }

    /** Loads pages, two at once, until each of the user's tokens has had its turn. */
    async function loadUntilRefreshed(index: number): Promise<readonly Page[]> {
      const seen: Page[] = [];
      const refreshed = (): number => app().refreshes(USERS[index] ?? "").length;
      const wanted = refreshed() + REFRESHES_EACH;
      for (let load = 0; refreshed() < wanted && seen.flatMap(troubleOf).length === 0; load++) {
        const beside = load % 2 === 0 ? "/orders" : "/api/auth/session";
        seen.push(...(await Promise.all([orders(index), orders(index, beside)])));
        await pause(BETWEEN_LOADS_MS);
      }
      return seen;
    }
  },
);

function troubleOf({ url, status, body }: Page): readonly string[] {
  return status === 200 ? [] : [`${url} ${status}: ${body.slice(0, 300)}`];
}

/** Has the answers of the token endpoint come late, until it is stopped. */
function delayAnswers(proxy: FaultProxy): () => void {
  proxy.hold("answer");
  const timer = setInterval(() => {
    proxy.release();
    proxy.hold("answer");
  }, ANSWERS_EACH_MS);
  return () => {
    clearInterval(timer);
    proxy.release();
  };
}
