/**
 * Where the grants live: a SQLite file, or, with `STORE=redis` or `STORE=postgres`, a server that several machines share.
 *
 * @module
 */
import { migratePostgres, postgresStore } from "nolapse/stores/postgres";
import { redisStore } from "nolapse/stores/redis";
import { sqliteStore } from "nolapse/stores/sqlite";
import { Redis } from "ioredis";
import { Pool } from "pg";

import type { GrantStore } from "@/lib/auth";

const CONNECT_TIMEOUT_MS = 2_000;

/** The store that the environment asks for. Nothing is opened before its first use: `next build` comes here too. */
export function grantStore(): GrantStore {
  const kind = process.env.STORE ?? "sqlite";
  switch (kind) {
    case "sqlite":
      return sqliteStore({ path: process.env.NOLAPSE_DB ?? ".nolapse/grants.db" });
    case "redis":
      return redisStore({ client: redisClient() });
    case "postgres":
      return postgresStore({ client: postgresPool() });
    default:
      throw new Error(`STORE must be sqlite, redis or postgres; got "${kind}"`);
  }
}

/** Makes the table, or brings it up to date, where the store has one. Harmless to repeat. */
export async function migrateGrantStore(): Promise<void> {
  if (process.env.STORE !== "postgres") return;
  const client = postgresPool();
  try {
    await migratePostgres({ client });
  } finally {
    await client.end();
  }
}

function redisClient(): Redis {
  const client = new Redis(process.env.REDIS_URL ?? "redis://127.0.0.1:6379", {
    lazyConnect: true,
    // A command that finds the server away fails at once: what to do then is for nolapse to say.
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: (times) => Math.min(times * 100, CONNECT_TIMEOUT_MS),
  });
  // Each failed call is told by nolapse; a listener keeps the client from ending the process.
  client.on("error", () => undefined);
  return client;
}

function postgresPool(): Pool {
  const pool = new Pool({
    connectionString: process.env.DATABASE_URL ?? "postgres://postgres@127.0.0.1:5432/postgres",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: CONNECT_TIMEOUT_MS,
    max: 5,
  });
  // An idle connection that the server closes.
  pool.on("error", () => undefined);
  return pool;
}
