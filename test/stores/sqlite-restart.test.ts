import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, it } from "vitest";

import { sqliteStore } from "../../src/stores/sqlite.ts";
import type { GrantStore } from "../../src/core/grant-store.ts";
import { grantStoreRestartContract } from "../../src/testing/grant-store-contract.ts";
import { contextOf } from "./fixtures.ts";

let folder: string;
let stores: GrantStore[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nolapse-sqlite-restart-"));
  stores = [];
});

afterEach(async () => {
  for (const store of stores) await store.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("the SQLite store, closed and opened again", () => {
  const opened = (): GrantStore => {
    const store = sqliteStore({ path: join(folder, "grants.db") });
    stores.push(store);
    return store;
  };

  it.each(grantStoreRestartContract)("$name", async ({ check }) => {
    const store = opened();
    const reopen = async (): Promise<GrantStore> => {
      await store.close();
      return opened();
    };
    await check({ ...contextOf(store), reopen });
  });
});
