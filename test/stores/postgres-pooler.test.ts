/** The whole contract where each statement may run on another connection: through PgBouncer in transaction mode. */
import { Pool } from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";

import type { GrantStore } from "../../src/core/grant-store.ts";
import { migratePostgres, postgresStore } from "../../src/stores/postgres.ts";
import { grantStoreContract } from "../../src/testing/grant-store-contract.ts";
import { contextOf } from "./fixtures.ts";
import { findPgBouncer, startPgBouncer } from "./support/postgres-server.ts";
import { describeWithPostgres } from "./support/postgres-tests.ts";

const bouncerPath = findPgBouncer();
if (bouncerPath === undefined) {
  console.warn("\nNO PgBouncer here: a pool that opens a connection for each statement stands in for it\n");
}
const through =
  bouncerPath === undefined ? "a connection for each statement" : "PgBouncer in transaction mode";

describeWithPostgres(`the PostgreSQL store through ${through}`, (bench) => {
  let client: Pool;
  let store: GrantStore;
  let stop: (() => Promise<void>) | undefined;

  beforeAll(async () => {
    const server = await bench.server();
    if (bouncerPath === undefined) {
      client = await bench.pool({ maxUses: 1 });
    } else {
      const bouncer = await startPgBouncer(bouncerPath, server);
      stop = bouncer.stop;
      client = new Pool({ connectionString: bouncer.url, max: 40 });
    }
    await migratePostgres({ client });
    store = postgresStore({ client });
  }, 60_000);
  afterAll(async () => {
    if (stop === undefined) return;
    await client.end();
    await stop();
  });

  it("has one statement of a client on several connections of the server", async () => {
    const connection = await client.connect();
    const pids = new Set<unknown>();
    for (let statement = 0; statement < 200; statement++) {
      const beside = Promise.all(Array.from({ length: 4 }, () => client.query("SELECT pg_sleep(0.001)")));
      pids.add((await connection.query<{ pid: number }>("SELECT pg_backend_pid() AS pid")).rows[0]?.pid);
      await beside;
      if (pids.size > 1) break;
    }
    connection.release();

    expect(pids.size > 1 || bouncerPath === undefined).toBe(true);
  });

  it.each(grantStoreContract)("$name", ({ check }) => check(contextOf(store)));
});
