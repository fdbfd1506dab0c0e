import { Pool } from "pg";
import { beforeAll, describe, expect, it, vi } from "vitest";

import type { GrantStore } from "../../src/core/grant-store.ts";
import type { NewGrant } from "../../src/core/grant.ts";
import {
  migratePostgres,
  postgresMigrationSql,
  postgresStore,
  type PostgresClient,
  type PostgresPlace,
} from "../../src/stores/postgres.ts";
import { grantStoreContract } from "../../src/testing/grant-store-contract.ts";
import {
  acquired,
  commitOn,
  newGrant,
  request,
  rowOf,
} from "../../src/testing/grant-store-contract/fixtures.ts";
import { contextOf, standsDamage } from "./fixtures.ts";
import { describeWithPostgres } from "./support/postgres-tests.ts";

const storeFailure = (said: RegExp): object => ({
  code: "store_failed",
  message: expect.stringMatching(said) as string,
});

/** A client that no server is behind. */
const failingClient = (error: unknown): PostgresClient => ({ query: () => Promise.reject(error) });

describeWithPostgres("the PostgreSQL store", (bench) => {
  let store: GrantStore;
  let table: string;
  let pool: Pool;
  const grantFor = (given: Partial<NewGrant> = {}): NewGrant => newGrant(contextOf(store), given);

  beforeAll(async () => {
    table = await bench.table();
    pool = await bench.pool();
    store = postgresStore({ client: pool, table });
  }, 60_000);

  it.each(grantStoreContract)("$name", ({ check }) => check(contextOf(store)));

  it("sends one statement for each step, and names none of them", async () => {
    const sent: { text: string; values: unknown[] }[] = [];
    const spied = postgresStore({
      table,
      client: {
        query: (text, values) => {
          sent.push({ text, values });
          return pool.query(text, values);
        },
      },
    });
    const grant = grantFor();
    await spied.insert(grant);
    sent.length = 0;
    const { lease } = await acquired(spied, grant.id, request("a"));
    await spied.renewLease(grant.id, lease, 5_000);
    await spied.commit(grant.id, commitOn(1, { lease }));
    await spied.endMatching({ sessionRef: grant.sessionRef }, "revoked");

    expect(sent).toHaveLength(4);
    for (const { text } of sent) {
      expect(text).not.toMatch(/;|\b(BEGIN|COMMIT|SET LOCAL|PREPARE|LISTEN|advisory)\b/);
      expect(text).not.toContain(grant.id);
    }
  });

  it("ends every grant of a user who has more of them than one statement ends", async () => {
    const subjectRef = `busy user of ${table}`;
    const [first, ...others] = Array.from({ length: 1_100 }, () => grantFor({ subjectRef }));
    await store.insert(first!);
    const columns = await bench.sql<{ column_name: string }>(
      "SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND column_name <> 'id'",
      [table],
    );
    const rest = columns.map(({ column_name }) => column_name).join(", ");
    const copies = `INSERT INTO nolapse.${table} (id, ${rest})
      SELECT unnest($2::text[]), ${rest} FROM nolapse.${table} WHERE id = $1`;
    await bench.sql(copies, [first!.id, others.map(({ id }) => id)]);

    const ended = await store.endMatching({ subjectRef }, "revoked");

    expect(new Set(ended.map(({ id }) => id)).size).toBe(1_100);
    expect(await store.endMatching({ subjectRef }, "revoked")).toEqual([]);
  });

  it("loses expired grants along the way, without a call to purge (SEC-18)", async () => {
    const own = postgresStore({ client: pool, table });
    const expired = grantFor({ slidingEndMs: 1 });
    await own.insert(expired);

    for (let insert = 0; insert < 101; insert++) await own.insert(grantFor());

    await expect.poll(() => own.read(expired.id), { timeout: 20_000 }).toBeUndefined();
  });

  it("reports no insert as failed because the purge beside it failed", async () => {
    const client: PostgresClient = {
      query: (text, values) =>
        text.includes("DELETE") ? Promise.reject(new Error("purge")) : pool.query(text, values),
    };
    const rejected = vi.fn();
    process.on("unhandledRejection", rejected);

    expect(await postgresStore({ client, table }).insert(grantFor())).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", rejected);

    expect(rejected).not.toHaveBeenCalled();
  });

  it("finds grants, sessions, users and what is past its end by index", async () => {
    const client = await bench.pool({ max: 1, options: "-c enable_seqscan=off" });
    const plans: string[] = [];
    const explained = postgresStore({
      table,
      client: {
        query: async (text, values) => {
          const { rows } = await client.query<{ "QUERY PLAN": string }>(`EXPLAIN ${text}`, values);
          plans.push(rows.map((row) => row["QUERY PLAN"]).join("\n"));
          return { rows: [] };
        },
      },
    });

    await explained.read("x");
    await explained.commit("x", commitOn(1));
    await explained.scan("x", 10);
    await explained.endMatching({ sessionRef: "x" }, "revoked");
    await explained.endMatching({ subjectRef: "x" }, "revoked");
    await explained.endMatching({ sidRef: "x" }, "revoked");
    await explained.findMatching({ sessionRef: "x" }, 10);
    await explained.findMatching({ subjectRef: "x" }, 10);
    await explained.findMatching({ sidRef: "x" }, 10);
    await explained.findMatching({ sessionRef: "x" }, 10, "ended");
    await explained.purge(10);

    const selected = ["by_session", "by_subject", "by_sid"];
    for (const by of ["pkey", "pkey", "pkey", ...selected, ...selected, "by_session", "by_end"]) {
      const plan = plans.shift();
      expect(plan).toMatch(new RegExp(`(Index Scan using|Index Scan on) ${table}_${by}`));
      expect(plan).not.toContain("Seq Scan");
    }
  });

  it("lets no clock that was set back hold up a lease for longer than the bound (I17, X21)", async () => {
    const grant = grantFor();
    await store.insert(grant);
    await acquired(store, grant.id, request("a"));
    expect(await store.acquireLease(grant.id, request("b"))).toMatchObject({ status: "held" });

    const later = "lease_until_ms = lease_until_ms + 3600000";
    await bench.sql(`UPDATE nolapse.${table} SET ${later} WHERE id = $1`, [grant.id]);

    expect(await store.acquireLease(grant.id, request("b"))).toMatchObject({ status: "acquired" });
  });

  it("keeps rows of a newer format from being read wrongly", async () => {
    const grant = grantFor();
    await store.insert(grant);
    await bench.sql(`UPDATE nolapse.${table} SET format = 2 WHERE id = $1`, [grant.id]);

    await expect(store.read(grant.id)).rejects.toMatchObject(storeFailure(/format 2; this release knows 1/));
  });

  it.each(["format = 2", "candidates = '{}'"])(
    "shows and ends the others beside a row that it cannot read: %s (X30, I15)",
    async (damage) => {
      const own = await bench.table();
      await standsDamage(postgresStore({ client: pool, table: own }), async (id) => {
        await bench.sql(`UPDATE nolapse.${own} SET ${damage} WHERE id = $1`, [id]);
      });
    },
  );

  it("works on with a table to which a newer release has added a column", async () => {
    const newer = await bench.table();
    const own = postgresStore({ client: pool, table: newer });
    const grant = grantFor();
    await own.insert(grant);
    await bench.sql(`ALTER TABLE nolapse.${newer} ADD COLUMN more text NOT NULL DEFAULT 'x'`);

    expect(await acquired(own, grant.id, request("a"))).toMatchObject({ lease: { fence: 1 } });
    expect((await own.commit(grant.id, commitOn(1))).status).toBe("committed");
    expect(await own.endMatching({ sessionRef: grant.sessionRef }, "revoked")).toHaveLength(1);
  });

  it("reads what a client gives as text, as a number or as a BigInt", async () => {
    const grant = grantFor();
    await store.insert(grant);
    await store.addCandidate(grant.id, { attemptId: "a", sealedTokenSet: "s", keyId: "k", version: 2 });
    const expected = await rowOf(store, grant.id);
    const { rows } = await pool.query<Record<string, unknown>>(
      `SELECT *, 5::bigint AS now_ms FROM nolapse.${table} WHERE id = $1`,
      [grant.id],
    );
    const bigints = Object.entries(rows[0]!).filter(
      ([name, value]) => /_ms$|version|fence/.test(name) && value,
    );
    expect(bigints.length).toBeGreaterThan(5);

    for (const convert of [String, Number, BigInt] as const) {
      const row = {
        ...rows[0],
        ...Object.fromEntries(bigints.map(([name, value]) => [name, convert(value as string)])),
        candidates: convert === String ? JSON.stringify(rows[0]?.["candidates"]) : rows[0]?.["candidates"],
      };
      const other = postgresStore({ client: { query: async () => ({ rows: [row] }) } });
      expect(await other.read(grant.id)).toEqual({ grant: expected, storeNowMs: 5 });
    }
  });

  it("leaves the application's client open, and goes on after close()", async () => {
    const own = postgresStore({ client: pool, table });
    await own.close();

    expect((await pool.query("SELECT 1")).rows).toHaveLength(1);
    expect(await own.read("x")).toBeUndefined();
  });

  it("says what to run where the table is missing", async () => {
    for (const place of [{ table: "none" }, { schema: "none" }]) {
      const missing = postgresStore({ client: pool, ...place });
      await expect(missing.read("x")).rejects.toMatchObject(
        storeFailure(/there is no table "\w+"\."\w+".*Run migratePostgres\({ client }\)/),
      );
    }
  });

  it("says nothing of a row that the server refused", async () => {
    const grant = grantFor({ sealedTokenSet: "canary-sealed", issuer: "canary\0issuer" });
    await bench.sql(
      `ALTER TABLE nolapse.${table} ADD CONSTRAINT never CHECK (provider <> 'canary-provider')`,
    );
    const failures = [
      store.insert(grant),
      store.insert(grantFor({ provider: "canary-provider", sealedTokenSet: "canary-sealed" })),
    ].map((insert) => insert.catch((error: unknown) => error));

    for (const failure of await Promise.all(failures)) {
      const { message, stack, cause } = failure as Error;
      expect(failure).toMatchObject(
        storeFailure(/failed at "insert": the server refused \(SQLSTATE \w{5}\)/),
      );
      expect(`${message} ${stack} ${JSON.stringify(failure)}`).not.toContain("canary");
      expect(cause).toBeUndefined();
    }
  });
});

describe("a PostgreSQL store without a server", () => {
  it("does nothing when it is made: `next build` evaluates the module", () => {
    const query = vi.fn();

    postgresStore({ client: { query } });
    postgresMigrationSql();

    expect(query).not.toHaveBeenCalled();
  });

  it("fails with what is safe to say of a connection that cannot be made", async () => {
    const client = new Pool({ connectionString: "postgres://canary:canary@127.0.0.1:1/canary" });
    const failure: unknown = await postgresStore({ client })
      .read("x")
      .catch((error: unknown) => error);
    await client.end();

    expect(failure).toMatchObject(storeFailure(/^The PostgreSQL store failed at "read": ECONNREFUSED$/));
  });

  it.each([
    [{ code: "28P01", message: 'password authentication failed for user "canary"' }, /refused the password/],
    [{ code: "25006", message: "canary" }, /read-only: a standby/],
    [
      { code: "42501", message: "canary" },
      /It needs USAGE on the schema and SELECT, INSERT, UPDATE and DELETE/,
    ],
    [{ code: "XX000", message: "canary", detail: "canary" }, /: the server refused \(SQLSTATE XX000\)$/],
    [new Error("timeout exceeded when trying to connect"), /: timeout exceeded when trying to connect$/],
    [new Error("Query read timeout"), /: Query read timeout$/],
    [new Error("canary"), /: the client failed$/],
    [{ code: 'Key (id)=("canary")' }, /: the client failed$/],
    ["canary", /: the client failed$/],
    [undefined, /: the client failed$/],
  ])("says of %o what is known to be safe, and no more", async (error, said) => {
    const failure: unknown = await postgresStore({ client: failingClient(error) })
      .read("x")
      .catch((thrown: unknown) => thrown);

    expect(failure).toMatchObject(storeFailure(said));
    expect((failure as Error).message).not.toContain("canary");
  });

  it("gives up on transactions that are in the way after 20 tries, with a pause of 1 to 20 ms between them", async () => {
    vi.useFakeTimers();
    try {
      const query = vi.fn(() => Promise.reject(Object.assign(new Error("no"), { code: "40001" })));
      const failing = postgresStore({ client: { query } })
        .read("x")
        .catch((error: unknown) => error);
      await vi.advanceTimersByTimeAsync(0);
      expect(query).toHaveBeenCalledTimes(1);

      await vi.advanceTimersByTimeAsync(19 * 20);

      expect(await failing).toMatchObject(storeFailure(/expects READ COMMITTED/));
      expect(query).toHaveBeenCalledTimes(20);
    } finally {
      vi.useRealTimers();
    }
  });

  it("migrates again once where another process has just made the table, and no more than once", async () => {
    for (const code of ["42P07", "42710"]) {
      const exists = Object.assign(new Error("exists"), { code });
      const query = vi.fn<PostgresClient["query"]>(() => Promise.reject(exists));
      query.mockRejectedValueOnce(exists).mockResolvedValueOnce({ rows: [] });
      await migratePostgres({ client: { query } });

      await expect(migratePostgres({ client: { query } })).rejects.toMatchObject(
        storeFailure(new RegExp(code)),
      );

      expect(query).toHaveBeenCalledTimes(4);
      query.mockClear();
      await expect(postgresStore({ client: { query } }).read("x")).rejects.toThrow();
      expect(query).toHaveBeenCalledTimes(1);
    }
  });

  it("refuses a client without query(), naming the option", async () => {
    for (const client of [undefined, null, {}, "postgres://x"]) {
      const given = { client } as unknown as { client: PostgresClient };
      expect(() => postgresStore(given)).toThrow(/"client" must have query\(text, values\)/);
      await expect(migratePostgres(given)).rejects.toThrow(/"client" must have query\(text, values\)/);
    }
  });

  it.each<[keyof PostgresPlace, unknown]>([
    ["schema", ""],
    ["schema", 'a"; DROP TABLE users; --'],
    ["schema", "pg_catalog"],
    ["schema", "information_schema"],
    ["schema", "a.b"],
    ["table", "x".repeat(51)],
    ["table", "1st"],
    ["table", "grants\n"],
    ["table", "größe"],
    ["table", 5],
    ["table", null],
  ])("refuses a bad name at once, naming the option: %s %o", (option, name) => {
    const place = { [option]: name } as PostgresPlace;
    const refusal = expect.objectContaining({ code: "invalid_option", option }) as Error;

    expect(() => postgresStore({ client: failingClient("never"), ...place })).toThrow(refusal);
    expect(() => postgresMigrationSql(place)).toThrow(refusal);
  });
});
