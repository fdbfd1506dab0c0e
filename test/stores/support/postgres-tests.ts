/**
 * What the tests of the PostgreSQL store share: one server for all tests of a file, and a table of its own for each
 * test that asks for one.
 */
import { randomUUID } from "node:crypto";

import { Pool, type PoolConfig } from "pg";
import { afterAll, describe, it } from "vitest";

import { migratePostgres } from "../../../src/stores/postgres.ts";
import { findPostgres, startPostgres, type PostgresServer } from "./postgres-server.ts";

/** A server, and connections to it that are closed after the tests. */
export interface PostgresBench {
  readonly server: () => Promise<PostgresServer>;
  /** A pool to the server, or to another address. */
  pool(config?: PoolConfig): Promise<Pool>;
  /** A new table, made by the migration. */
  table(): Promise<string>;
  /** Runs SQL as the superuser, over connections of its own. */
  sql<Row>(text: string, values?: unknown[]): Promise<Row[]>;
}

const SUITE_TIMEOUT_MS = 60_000;

/**
 * `describe` on a real server. Without PostgreSQL on the machine it is skipped, loudly, and fails where `CI` is `true`:
 * there the machine has to have one.
 */
export function describeWithPostgres(subject: string, define: (bench: PostgresBench) => void): void {
  const program = findPostgres();
  if (program === undefined) {
    const without = `${subject}: no PostgreSQL here; install one, or set POSTGRES_BIN_PATH`;
    console.warn(`\nSKIPPED ${without}\n`);
    describe(subject, () => {
      it.skipIf(process.env["CI"] !== "true")("has a real server to run on", () => {
        throw new Error(without);
      });
    });
    return;
  }
  describe(`${subject} on PostgreSQL ${program.version}`, { timeout: SUITE_TIMEOUT_MS }, () => {
    let starting: Promise<PostgresServer> | undefined;
    const pools: Pool[] = [];
    const bench: PostgresBench = {
      server: () => (starting ??= startPostgres(program)),
      pool: async (config = {}) => {
        const { port } = await bench.server();
        // Piece by piece: a user in a connection string would win over the one in `config`.
        const address = { host: "127.0.0.1", port, user: "postgres", database: "postgres" };
        const pool = new Pool({ ...(config.connectionString ? {} : address), max: 20, ...config });
        pool.on("error", () => undefined);
        pools.push(pool);
        return pool;
      },
      table: async () => {
        const table = `t_${randomUUID().replaceAll("-", "")}`;
        await migratePostgres({ client: await bench.pool({ max: 1 }), table });
        return table;
      },
      sql: async <Row>(text: string, values: unknown[] = []) => {
        superuser ??= await bench.pool({ max: 5 });
        return (await superuser.query(text, values)).rows as Row[];
      },
    };
    let superuser: Pool | undefined;
    afterAll(async () => {
      await Promise.allSettled(pools.map((pool) => pool.end()));
      await (await starting)?.stop();
    }, SUITE_TIMEOUT_MS);
    define(bench);
  });
}
