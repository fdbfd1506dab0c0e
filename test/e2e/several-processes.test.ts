/** Four processes of the app behind a plain load balancer, on a store that they share: killed, deployed, and all gone at once. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { freePort } from "../../scripts/lib/ports.ts";
import { STORE_KINDS, startStore, type StoreServer } from "../../torture/stores.ts";
import { exampleApp, type App } from "./support/app.ts";
import { browserless, signInWithProvider, type Browserless } from "./support/browserless.ts";
import { roundRobin, type RoundRobin } from "./support/round-robin.ts";
import { LOGINS, startServers, type Servers } from "./support/servers.ts";
import { keepLoading, pause } from "./support/tabs.ts";

const TOKEN_TTL_SECONDS = 12;
const PROCESSES = 4;
/** Deadline of a request for a token of that life, the quiet time after it, and some time for a loaded machine. */
const UNTIL_TRIED_AGAIN_MS = 20_000;
const ADDRESS_VARIABLE = { sqlite: "NOLAPSE_DB", redis: "REDIS_URL", postgres: "DATABASE_URL" } as const;

describe.each(STORE_KINDS)("four processes of the app on one %s", (kind) => {
  let store: StoreServer | undefined;
  let servers: Servers;
  let apps: readonly App[] = [];
  let balancer: RoundRobin;

  beforeAll(async () => {
    store = await startStore(kind);
    if (store === undefined) {
      console.warn(`\nSKIPPED four processes on ${kind}: there is no such server here\n`);
      if (process.env["CI"] === "true") throw new Error(`CI=true, and there is no ${kind}`);
      return;
    }
    const port = await freePort();
    const url = `http://localhost:${port}`;
    servers = await startServers({
      tokenTtlSeconds: TOKEN_TTL_SECONDS,
      redirectUris: [`${url}/api/auth/callback/demo`],
    });
    const ports = await Promise.all(Array.from({ length: PROCESSES }, () => freePort()));
    const env = { STORE: kind, [ADDRESS_VARIABLE[kind]]: store.address.at };
    apps = ports.map((appPort) => exampleApp({ servers, port: appPort, publicUrl: url, env }));
    // One after the other: the first makes the table.
    for (const app of apps) await app.start();
    balancer = await roundRobin(port, ports);
  });
  afterAll(async () => {
    if (store === undefined) return;
    await balancer.stop();
    await Promise.all(apps.map((app) => app.stop()));
    await servers.stop();
    await store.stop();
  });

  const signedIn = async (user: "alice" | "bob"): Promise<Browserless> => {
    const browser = browserless();
    const { url } = balancer;
    await signInWithProvider(
      browser,
      { url, providerId: "demo", callbackUrl: `${url}/protected` },
      LOGINS[user],
    );
    return browser;
  };
  /** Asks until the answer is one of these, or it takes too long. */
  const statusAmong = async (person: Browserless, statuses: readonly number[]): Promise<number> => {
    const endMs = Date.now() + UNTIL_TRIED_AGAIN_MS;
    for (;;) {
      const { status } = await person.visit(`${balancer.url}/api/orders`);
      if (statuses.includes(status) || Date.now() > endMs) return status;
      await pause(500);
    }
  };
  const refreshes = () =>
    servers.authorizationServer.proxy.log.filter(({ grantType }) => grantType === "refresh_token");
  /**
   * Waits until both users' tokens have just been renewed: none is due soon, so that a kill now meets no refresh and can lose
   * nothing. After a lifetime it is enough that none is under way.
   */
  const calm = async (): Promise<void> => {
    const giveUpMs = Date.now() + TOKEN_TTL_SECONDS * 1000;
    for (;;) {
      const ages = refreshes().map(({ endedAtMs }) =>
        endedAtMs === undefined ? -1 : Date.now() - endedAtMs,
      );
      const quiet = ages.every((ageMs) => ageMs > 300);
      const justRenewed = ages.filter((ageMs) => ageMs < (TOKEN_TTL_SECONDS * 1000) / 3).length >= 2;
      if (quiet && (justRenewed || Date.now() > giveUpMs)) return;
      await pause(20);
    }
  };

  it("lose nobody and replay nothing while one after the other is killed or deployed anew (I1, X17, F12)", async ({
    skip,
  }) => {
    if (store === undefined) return skip();
    const people = [await signedIn("alice"), await signedIn("bob")];
    const endMs = Date.now() + TOKEN_TTL_SECONDS * 3_000;
    const loading = Promise.all(
      people.map((person) => keepLoading(person, balancer.url, { tabs: 2, everyMs: 700, endMs })),
    );
    for (let turn = 0; Date.now() < endMs - 6_000; turn++) {
      const app = apps[turn % apps.length]!;
      await pause(2_000);
      if (turn % 2 === 0) {
        await calm();
        await app.kill();
      } else {
        await app.stop();
      }
      await app.start();
    }
    const reports = await loading;

    const failed = reports.flatMap((report) => report.failed);
    // A request that a killed process was answering is lost with it, and no other.
    expect(failed.filter((line) => !/ 502: cut|fetch failed|terminated/.test(line))).toEqual([]);
    expect(failed.length).toBeLessThanOrEqual(balancer.cut());
    const presented = refreshes().map(({ refreshTokenHash }) => refreshTokenHash);
    expect(presented.length).toBeGreaterThanOrEqual(4);
    expect(new Set(presented).size).toBe(presented.length);
    expect(servers.authorizationServer.audit("refresh_token.reused")).toEqual([]);
    for (const person of people) expect((await person.visit(`${balancer.url}/api/orders`)).status).toBe(200);
  });

  it("under load lose exactly the chains whose answer a killed process held, and keep the others (I21, X5)", async ({
    skip,
  }) => {
    if (store === undefined) return skip();
    const people = [await signedIn("alice"), await signedIn("bob")];
    const { proxy } = servers.authorizationServer;
    const before = proxy.log.length;
    const endMs = Date.now() + TOKEN_TTL_SECONDS * 2_500;
    const loading = Promise.all(
      people.map((person) => keepLoading(person, balancer.url, { tabs: 1, everyMs: 700, endMs })),
    );
    await pause(TOKEN_TTL_SECONDS * 250);
    proxy.hold("answer");
    await proxy.untilHeld(2, TOKEN_TTL_SECONDS * 1_000);
    // The server had committed, and whoever was to hear of it is gone.
    const held = () => proxy.log.slice(before).filter(({ serverStatus }) => serverStatus === 200);
    const unread = () =>
      held().filter(({ status, endedAtMs }) => endedAtMs !== undefined && status === undefined);
    const killed: App[] = [];
    for (const app of apps) {
      if (unread().length > 0) break;
      await app.kill();
      killed.push(app);
      await pause(50);
    }
    proxy.release();
    await Promise.all(killed.map((app) => app.start()));
    await loading;

    // The tokens from before have run out by now: what is answered comes of a refresh, or of its refusal.
    const statuses = await Promise.all(people.map((person) => statusAmong(person, [200, 401])));
    expect(unread().length).toBeGreaterThan(0);
    expect(statuses.filter((status) => status === 401)).toHaveLength(unread().length);
    expect(statuses.filter((status) => status === 200)).toHaveLength(people.length - unread().length);
  });

  it("all gone between the server's commit and the answer lose exactly those two chains, say why, and take a new sign-in (I21, X5)", async ({
    skip,
  }) => {
    if (store === undefined) return skip();
    const people = [await signedIn("alice"), await signedIn("bob")];
    const { proxy } = servers.authorizationServer;
    await pause(TOKEN_TTL_SECONDS * 500 + 700);
    proxy.hold("answer");
    await Promise.all(people.map((person) => person.visit(`${balancer.url}/api/orders`)));
    await proxy.untilHeld(2);
    await Promise.all(apps.map((app) => app.kill()));
    proxy.release();
    await Promise.all(apps.map((app) => app.start()));

    for (const person of people) {
      expect(await statusAmong(person, [401])).toBe(401);
      const session = JSON.parse((await person.visit(`${balancer.url}/api/auth/session`)).body) as object;
      expect(session).toMatchObject({
        tokenState: { status: "reauthentication_required", reason: "lost_response" },
      });
    }
    const again = await signedIn("alice");
    expect((await again.visit(`${balancer.url}/api/orders`)).status).toBe(200);
  });
});
