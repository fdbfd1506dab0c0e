/**
 * The three shared stores, each real: how its server is started and restarted, and how a process opens it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { retried } from "./retried.ts";
import type { GrantStore } from "../src/core/grant-store.ts";
import { postgresStore, migratePostgres } from "../src/stores/postgres.ts";
import { redisStore } from "../src/stores/redis.ts";
import { sqliteStore } from "../src/stores/sqlite.ts";
import { findPostgres, startPostgres } from "../test/stores/support/postgres-server.ts";
import { serverPrograms, startRedisServer } from "../test/stores/support/redis-server.ts";

/** The stores that several processes can share. */
export const STORE_KINDS = ["sqlite", "redis", "postgres"] as const;
export type StoreKind = (typeof STORE_KINDS)[number];

/** What a process needs to open a store: goes to it as JSON. */
export interface StoreAddress {
  readonly kind: StoreKind;
  /** A file, or a URL. */
  readonly at: string;
}

/** A store's server, or file. */
export interface StoreServer {
  readonly address: StoreAddress;
  /**
   * Ends the server, as an administrator does or as a crash does, and starts it again. What it has acknowledged is on the
   * disk, so that neither may lose anything. `undefined`: there is none to restart.
   */
  readonly restart?: (how: "ends" | "crashes") => Promise<void>;
  stop(): Promise<void>;
}

/** Starts one. `undefined`: this machine has no such server. */
export async function startStore(kind: StoreKind): Promise<StoreServer | undefined> {
  if (kind === "sqlite") {
    const folder = mkdtempSync(join(tmpdir(), "nolapse-torture-"));
    return {
      address: { kind, at: join(folder, "grants.db") },
      stop: () => Promise.resolve(rmSync(folder, { recursive: true, force: true })),
    };
  }
  if (kind === "redis") {
    const [program] = serverPrograms;
    if (program === undefined) return undefined;
    const server = await startRedisServer(program);
    return {
      address: { kind, at: server.url },
      restart: (how) => server.restart(how === "ends" ? "SIGTERM" : "SIGKILL"),
      stop: server.stop,
    };
  }
  const program = findPostgres();
  if (program === undefined) return undefined;
  const server = await startPostgres(program, ["fsync=on", "full_page_writes=on"]);
  const opened = await openPostgres(server.url);
  await retried(() => migratePostgres({ client: opened.pool }));
  await opened.close();
  return {
    address: { kind, at: server.url },
    // SIGQUIT is PostgreSQL's own "as after a crash": nothing is written any more, and the log is replayed at the start.
    restart: (how) => server.restart(how === "ends" ? "SIGINT" : "SIGQUIT"),
    stop: server.stop,
  };
}

/** A store as a process has it. */
export interface OpenedStore {
  readonly store: GrantStore;
  close(): Promise<void>;
}

/** Opens a store as an application would, with its usual client. */
export async function openStore({ kind, at }: StoreAddress): Promise<OpenedStore> {
  if (kind === "sqlite") {
    const store = sqliteStore({ path: at });
    return { store, close: () => store.close() };
  }
  if (kind === "redis") {
    const { Redis } = await import("ioredis");
    // A command that meets a broken connection fails at once: what may be asked again is for the engine to say.
    const client = new Redis(at, { maxRetriesPerRequest: 0, retryStrategy: () => 100 });
    client.on("error", () => undefined);
    return {
      store: redisStore({ client }),
      close: () => Promise.resolve(client.disconnect()),
    };
  }
  const { pool, close } = await openPostgres(at);
  return { store: postgresStore({ client: pool }), close };
}

async function openPostgres(connectionString: string) {
  const { default: pg } = await import("pg");
  const pool = new pg.Pool({ connectionString, max: 8, connectionTimeoutMillis: 2_000 });
  pool.on("error", () => undefined);
  return { pool, close: () => pool.end() };
}
