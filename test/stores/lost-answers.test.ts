/**
 * Real stores whose answers get lost on the way: through a proxy that cuts the connection when the server has done what it
 * was asked. For each the promises after a lost answer, and histories in which some answers are missing.
 */
import { Pool } from "pg";
import { createClient } from "redis";
import { afterAll, beforeAll, it } from "vitest";

import type { GrantStore } from "../../src/core/grant-store.ts";
import { SCRIPTS } from "../../src/stores/redis-runner.ts";
import { postgresStore } from "../../src/stores/postgres.ts";
import { redisStore } from "../../src/stores/redis.ts";
import {
  grantStoreContract,
  grantStoreLostAnswerContract,
  type StoreCheckContext,
} from "../../src/testing/grant-store-contract.ts";
import { contextOf } from "./fixtures.ts";
import { startLossyProxy, type LossyProxy } from "./support/lossy-proxy.ts";
import { describeWithPostgres } from "./support/postgres-tests.ts";
import { describeWithServers, redisServerForTests, serverPrograms } from "./support/redis-server.ts";

const PATIENTLY = { timeout: 60_000 };
const checks = [
  ...grantStoreLostAnswerContract,
  ...grantStoreContract.filter(({ name }) => name.includes("linearizable")),
];

/** The scripts whose answer is the answer of the method. */
const SCRIPT_OF: Readonly<Partial<Record<keyof GrantStore, keyof typeof SCRIPTS>>> = {
  ...{
    insert: "insert",
    read: "read",
    acquireLease: "acquire",
    renewLease: "renew",
    releaseLease: "release",
  },
  ...{ commit: "commit", addCandidate: "addCandidate", end: "end", endMatching: "end" },
  ...{ reseal: "reseal", wipe: "wipe" },
};

describeWithServers(
  "the Redis store whose answers get lost",
  (program) => {
    const server = redisServerForTests(program);
    let proxy: LossyProxy;
    let client: ReturnType<typeof createClient>;
    let other: ReturnType<typeof createClient>;
    beforeAll(async () => {
      const { url, port } = await server();
      proxy = await startLossyProxy(port);
      // It sends nothing a second time by itself: a lost answer is a failed call.
      client = createClient({ url: proxy.url, socket: { reconnectStrategy: 5 } });
      other = createClient({ url });
      for (const each of [client, other]) each.on("error", () => undefined);
      await Promise.all([client.connect(), other.connect()]);
      // Each step is one request from here on.
      for (const { text } of Object.values(SCRIPTS)) await other.sendCommand(["SCRIPT", "LOAD", text]);
    }, 60_000);
    afterAll(async () => {
      client.destroy();
      other.destroy();
      await proxy.close();
    });

    it.each(checks)("$name", PATIENTLY, async ({ check }) => {
      const warn = (): void => undefined;
      const context: StoreCheckContext = {
        ...contextOf(redisStore({ client, warn })),
        another: () => redisStore({ client: other, warn }),
        loseNextAnswer: (method) => proxy.dropAnswerTo(SCRIPTS[SCRIPT_OF[method] ?? "read"].sha1),
      };
      await check(context);
    });
  },
  serverPrograms.slice(0, 1),
);

describeWithPostgres("the PostgreSQL store whose answers get lost", (bench) => {
  let proxy: LossyProxy;
  let table: string;
  let near: Pool;
  let far: Pool;
  beforeAll(async () => {
    table = await bench.table();
    proxy = await startLossyProxy((await bench.server()).port);
    near = await bench.pool({ port: Number(new URL(proxy.url).port), max: 4 });
    far = await bench.pool({ max: 4 });
  }, 60_000);
  afterAll(() => proxy.close());

  it.each(checks)("$name", PATIENTLY, async ({ check }) => {
    const context: StoreCheckContext = {
      ...contextOf(postgresStore({ client: near, table })),
      another: () => postgresStore({ client: far, table }),
      // Each statement names the table, and the next one is the one meant.
      loseNextAnswer: () => proxy.dropAnswerTo(table),
    };
    await check(context);
  });
});
