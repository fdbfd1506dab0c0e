/** How the table comes into being, and with which rights the store makes do. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, describe, expect, it } from "vitest";

import type { GrantStore } from "../../src/core/grant-store.ts";
import { migratePostgres, postgresMigrationSql, postgresStore } from "../../src/stores/postgres.ts";
import { grantStoreContract } from "../../src/testing/grant-store-contract.ts";
import { newGrant } from "../../src/testing/grant-store-contract/fixtures.ts";
import { contextOf } from "./fixtures.ts";
import { describeWithPostgres } from "./support/postgres-tests.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/postgres.md"), "utf8");
const blocks = [...page.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, sql = ""]) => sql);
const grantsSql = blocks.find((sql) => sql.startsWith("GRANT")) ?? "";

describe("docs/postgres.md", () => {
  it("shows the migration as the function gives it", () => {
    expect(blocks).toContain(postgresMigrationSql());
  });

  it("shows the rights that the store needs", () => {
    expect(grantsSql.trim().split("\n")).toHaveLength(3);
  });
});

describeWithPostgres("the migration", (bench) => {
  const tablesOf = (schema: string): Promise<{ tablename: string }[]> =>
    bench.sql("SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY tablename", [schema]);

  it("makes schema, table and indexes once, when 20 processes start at once", async () => {
    const client = await bench.pool({ max: 20 });
    await Promise.all(Array.from({ length: 20 }, () => client.query("SELECT pg_sleep(0.05)")));

    await Promise.all(
      Array.from({ length: 20 }, () => migratePostgres({ client, schema: "Crowd", table: "T" })),
    );

    expect(await tablesOf("Crowd")).toEqual([{ tablename: "T" }, { tablename: "T_migrations" }]);
    expect(await bench.sql('SELECT version FROM "Crowd"."T_migrations"')).toEqual([{ version: 1 }]);
    const indexes = await bench.sql("SELECT indexname FROM pg_indexes WHERE schemaname = 'Crowd' ORDER BY 1");
    expect(indexes.map((row) => (row as { indexname: string }).indexname)).toEqual([
      ...["T_by_end", "T_by_session", "T_by_sid", "T_by_subject", "T_migrations_pkey", "T_pkey"],
    ]);
  });

  it.each(["repeatable read", "serializable"])(
    "is made once by 20 processes at once, where the database's default is %s",
    async (isolation) => {
      const options = `-c default_transaction_isolation=${isolation.replace(" ", "\\ ")}`;
      const client = await bench.pool({ max: 20, options });
      await Promise.all(Array.from({ length: 20 }, () => client.query("SELECT pg_sleep(0.05)")));
      const schema = `strict_${isolation.slice(0, 4)}`;

      await Promise.all(Array.from({ length: 20 }, () => migratePostgres({ client, schema })));

      expect(await tablesOf(schema)).toEqual([{ tablename: "grants" }, { tablename: "grants_migrations" }]);
    },
  );

  it("leaves grants alone that are there already", async () => {
    const client = await bench.pool({ max: 2 });
    const place = { client, schema: "again" };
    await migratePostgres(place);
    const store = postgresStore(place);
    const grant = newGrant(contextOf(store));
    await store.insert(grant);

    await migratePostgres(place);

    expect(await store.read(grant.id)).toMatchObject({ grant: { id: grant.id, version: 1 } });
  });

  it("leaves alone what a newer release has made", async () => {
    const client = await bench.pool({ max: 1 });
    const place = { client, schema: "newer" };
    await migratePostgres(place);
    await bench.sql("INSERT INTO newer.grants_migrations (version) VALUES (2)");

    await migratePostgres(place);

    expect(await bench.sql("SELECT version FROM newer.grants_migrations ORDER BY 1")).toEqual([
      { version: 1 },
      { version: 2 },
    ]);
  });

  it("puts several tables side by side into a schema that is there, without the right to make schemas", async () => {
    await bench.sql("CREATE ROLE maker LOGIN; CREATE SCHEMA shared AUTHORIZATION maker");
    const client = await bench.pool({ max: 1, user: "maker" });

    for (const table of ["one", "two"]) await migratePostgres({ client, schema: "shared", table });

    expect((await tablesOf("shared")).map(({ tablename }) => tablename)).toEqual([
      ...["one", "one_migrations", "two", "two_migrations"],
    ]);
  });

  it("changes nothing, and says so, where the role may not make what is missing", async () => {
    await bench.sql("CREATE ROLE nobody_special LOGIN");
    const client = await bench.pool({ max: 1, user: "nobody_special" });

    await expect(migratePostgres({ client, schema: "forbidden" })).rejects.toMatchObject({
      code: "store_failed",
      message: expect.stringMatching(
        /failed at "migrate": the role may not make "forbidden"."grants" \(42501\)/,
      ) as string,
    });
    expect(await tablesOf("forbidden")).toEqual([]);
  });

  it("is undone as a whole where a part of it fails", async () => {
    await bench.sql("CREATE SCHEMA taken; CREATE TABLE taken.grants_by_session (x int)");
    const client = await bench.pool({ max: 1 });

    await expect(migratePostgres({ client, schema: "taken" })).rejects.toMatchObject({
      code: "store_failed",
    });

    expect(await tablesOf("taken")).toEqual([{ tablename: "grants_by_session" }]);
  });
});

describeWithPostgres("a role with the rights of docs/postgres.md and no other", (bench) => {
  let store: GrantStore;

  beforeAll(async () => {
    await migratePostgres({ client: await bench.pool({ max: 1 }) });
    await bench.sql(`CREATE ROLE app LOGIN; ${grantsSql}`);
    store = postgresStore({ client: await bench.pool({ user: "app" }) });
  }, 60_000);

  it.each(grantStoreContract)("$name", ({ check }) => check(contextOf(store)));

  it("may ask for the migration that somebody else has run", async () => {
    await migratePostgres({ client: await bench.pool({ max: 1, user: "app" }) });
  });

  it("may not change the table, nor empty it, nor make another", async () => {
    const app = await bench.pool({ max: 1, user: "app" });
    for (const sql of [
      "DROP TABLE nolapse.grants",
      "ALTER TABLE nolapse.grants ADD COLUMN x int",
      "TRUNCATE nolapse.grants",
      "CREATE TABLE nolapse.x (x int)",
      "DELETE FROM nolapse.grants_migrations",
    ])
      await expect(app.query(sql)).rejects.toMatchObject({ code: "42501" });
  });

  it.each(["SELECT", "INSERT", "UPDATE", "DELETE"])("needs the right to %s", async (right) => {
    await bench.sql(`REVOKE ${right} ON nolapse.grants FROM app`);
    const { id } = newGrant(contextOf(store));
    const each: Readonly<Record<string, () => Promise<unknown>>> = {
      SELECT: () => store.read(id),
      INSERT: () => store.insert(newGrant(contextOf(store), { id })),
      UPDATE: () => store.end(id, "signed_out"),
      DELETE: () => store.purge(1),
    };

    const failure: unknown = await each[right]!().catch((error: unknown) => error);
    await bench.sql(`GRANT ${right} ON nolapse.grants TO app`);

    expect(failure).toMatchObject({
      code: "store_failed",
      message: expect.stringMatching(/the role may not do this on "nolapse"\."grants" \(42501\)/) as string,
    });
  });
});
