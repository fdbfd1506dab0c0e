import { beforeAll, it } from "vitest";

import type { GrantStore } from "../../src/core/grant-store.ts";
import { postgresStore } from "../../src/stores/postgres.ts";
import { grantStoreContract } from "../../src/testing/grant-store-contract.ts";
import { contextOf } from "./fixtures.ts";
import { describeWithPostgres } from "./support/postgres-tests.ts";

describeWithPostgres("the PostgreSQL store", (bench) => {
  let store: GrantStore;
  let table: string;

  beforeAll(async () => {
    table = await bench.table();
    store = postgresStore({ client: await bench.pool(), table });
  }, 60_000);

  it.each(grantStoreContract)("$name", ({ check }) => check(contextOf(store)));
});
