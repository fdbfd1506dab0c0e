import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "vitest";

import { sqliteStore } from "../../src/stores/sqlite.ts";
import type { GrantStore } from "../../src/core/grant-store.ts";
import { grantStoreRestartContract } from "../../src/testing/grant-store-contract.ts";
import { contextOf } from "./fixtures.ts";
import { remoteSqliteStore, type RemoteStore } from "./support/remote-store.ts";

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

describe("the SQLite store, in a process that is killed, and opened by the next one", () => {
  let place: string;
  let current: RemoteStore;
  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), "nolapse-sqlite-killed-"));
    current = remoteSqliteStore(join(place, "grants.db"));
  });
  afterAll(async () => {
    await current.kill();
    rmSync(place, { recursive: true, force: true });
  });

  it.each(grantStoreRestartContract)("$name", { timeout: 30_000 }, async ({ check }) => {
    const reopen = async (): Promise<GrantStore> => {
      await current.kill();
      current = remoteSqliteStore(join(place, "grants.db"));
      return current.store;
    };
    await check({ ...contextOf(current.store), reopen });
  });
});
