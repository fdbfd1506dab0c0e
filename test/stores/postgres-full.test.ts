/** What the PostgreSQL store does where there is no connection left: at the server's limit, and at a pooler's. */
import { Pool } from "pg";
import { afterEach, beforeAll, afterAll, describe, expect, it, vi } from "vitest";

import { migratePostgres, postgresStore, type PostgresClient } from "../../src/stores/postgres.ts";
import {
  findPgBouncer,
  findPostgres,
  startPgBouncer,
  startPostgres,
  type PostgresProgram,
  type PostgresServer,
} from "./support/postgres-server.ts";
import { describeWithPostgres } from "./support/postgres-tests.ts";

/** The engine's default bound for a store call, in milliseconds. */
const STORE_TIMEOUT_MS = 3_000;
const CONNECTIONS = 5;
const RELEASED_AFTER_MS = 300;

describeWithPostgres("a PostgreSQL store without a connection left", () => {
  let server: PostgresServer;
  let bouncer: Omit<PostgresServer, "restart"> | undefined;
  const pools: Pool[] = [];
  const poolAt = (url: string): Pool => {
    const pool = new Pool({ connectionString: url, max: 1 });
    pool.on("error", () => undefined);
    pools.push(pool);
    return pool;
  };

  beforeAll(async () => {
    server = await startPostgres(findPostgres() as PostgresProgram, [
      `max_connections=${CONNECTIONS}`,
      "superuser_reserved_connections=0",
    ]);
    const path = findPgBouncer();
    bouncer =
      path === undefined
        ? undefined
        : await startPgBouncer(path, server, [`max_client_conn = ${CONNECTIONS}`, "default_pool_size = 1"]);
    const client = poolAt(server.url);
    await migratePostgres({ client });
    await client.end();
    pools.length = 0;
  }, 60_000);
  afterEach(async () => {
    await Promise.all(pools.splice(0).map((pool) => pool.end()));
  });
  afterAll(async () => {
    await bouncer?.stop();
    await server.stop();
  });

  const places = (): readonly (readonly [string, string])[] => [
    ["the server", server.url],
    ...(bouncer === undefined ? [] : [["a pooler", bouncer.url] as const]),
  ];
  /** Takes all connections that are left. Idle ones count. */
  const takeAll = async (url: string): Promise<Pool[]> => {
    for (const taken: Pool[] = []; ;) {
      const next = poolAt(url);
      try {
        await next.query("SELECT 1");
        taken.push(next);
      } catch {
        return taken;
      }
    }
  };

  it("waits for one of a moment's burst, and then serves", async () => {
    for (const [place, url] of places()) {
      const others = await takeAll(url);
      const store = postgresStore({ client: poolAt(url) });

      const answer = store.read("x");
      setTimeout(() => void others[0]?.end(), RELEASED_AFTER_MS);

      await expect(answer, place).resolves.toBeUndefined();
      pools.splice(pools.indexOf(others[0] as Pool), 1);
      await Promise.all(pools.splice(0).map((pool) => pool.end()));
    }
  });

  it("gives up before the engine does where none gets free, and says what is missing", async () => {
    for (const [place, url] of places()) {
      await takeAll(url);
      const store = postgresStore({ client: poolAt(url) });
      const begunMs = performance.now();

      await expect(store.read("x"), place).rejects.toMatchObject({
        code: "store_failed",
        message: expect.stringMatching(
          /at "read": the (server|pooler) has no connection left \(SQLSTATE (53300|08P01)\)/,
        ) as string,
      });

      expect(performance.now() - begunMs).toBeLessThan(STORE_TIMEOUT_MS);
      await Promise.all(pools.splice(0).map((pool) => pool.end()));
    }
  });
});

describe("a refusal for want of connections", () => {
  const refusals = [
    ["PostgreSQL", "53300", "sorry, too many clients already"],
    ["PgBouncer", "08P01", "no more connections allowed (max_client_conn)"],
    ["Supavisor", "XX000", "(EMAXCONN) max client connections reached, limit: 200"],
    ["Supavisor's session mode", "XX000", "(EMAXCONNSESSION) max clients reached in session mode"],
  ] as const;

  it.each(refusals)("of %s is tried again: the statement was not run", async (_who, code, message) => {
    const query = vi.fn<PostgresClient["query"]>();
    query.mockRejectedValueOnce(Object.assign(new Error(message), { code })).mockResolvedValue({ rows: [] });

    await expect(postgresStore({ client: { query } }).read("x")).resolves.toBeUndefined();

    expect(query).toHaveBeenCalledTimes(2);
  });

  it.each([
    ["08P01", "unsupported startup parameter: statement_timeout"],
    ["XX000", "something inside"],
    ["28P01", "password authentication failed"],
  ])("is no other refusal: %s, %s", async (code, message) => {
    const query = vi.fn<PostgresClient["query"]>(() =>
      Promise.reject(Object.assign(new Error(message), { code })),
    );

    await expect(postgresStore({ client: { query } }).read("x")).rejects.toMatchObject({
      code: "store_failed",
    });

    expect(query).toHaveBeenCalledTimes(1);
  });
});
