/** A SQLite file that is moved, replaced or damaged under a running process. */
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { GrantStore } from "../../src/core/grant-store.ts";
import { sqliteStore } from "../../src/stores/sqlite.ts";
import { commitOn, newGrant } from "../../src/testing/grant-store-contract/fixtures.ts";
import { contextOf } from "./fixtures.ts";

let folder: string;
let path: string;
let store: GrantStore;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nolapse-sqlite-moved-"));
  path = join(folder, "data", "grants.db");
  store = sqliteStore({ path });
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

async function stored(): Promise<string> {
  const grant = newGrant(contextOf(store));
  await store.insert(grant);
  return grant.id;
}

/** A consistent copy of the database in one file, as a backup tool makes it. */
function backup(): string {
  const copy = join(folder, "backup.db");
  rmSync(copy, { force: true });
  const database = new DatabaseSync(path);
  database.prepare("VACUUM INTO ?").run(copy);
  database.close();
  return copy;
}

function replaceWith(file: string): void {
  for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true });
  renameSync(file, path);
}

describe("a SQLite file under a running process", () => {
  it("fails every call while it is moved away, without a new one in its place, and goes on when it is back", async () => {
    const id = await stored();

    renameSync(join(folder, "data"), join(folder, "away"));
    const failures = [store.read(id), store.commit(id, commitOn(1)), store.end(id, "signed_out")];
    for (const failure of failures)
      await expect(failure).rejects.toMatchObject({
        code: "store_failed",
        message: expect.stringMatching(/is gone/) as string,
      });
    expect(existsSync(path)).toBe(false);
    renameSync(join(folder, "away"), join(folder, "data"));

    expect(await store.read(id)).toMatchObject({ grant: { version: 1, state: "live" } });
    expect((await store.commit(id, commitOn(1))).status).toBe("committed");
  });

  it("is opened anew where a backup takes its place", async () => {
    const id = await stored();
    const copy = backup();
    const later = await stored();

    replaceWith(copy);

    expect(await store.read(id)).toMatchObject({ grant: { version: 1 } });
    expect(await store.read(later), "it is not in the backup").toBeUndefined();
    await store.commit(id, commitOn(1));
    const other = new DatabaseSync(path);
    expect(other.prepare("SELECT version FROM grants WHERE id = ?").get(id)).toEqual({ version: 2 });
    other.close();
    expect(statSync(path).mode & 0o077, "others may read it").toBe(0);
  });

  it("is not deleted in part when the process lets go of the one before it", async () => {
    const id = await stored();
    replaceWith(backup());
    const other = sqliteStore({ path: join(folder, "data", ".", "grants.db") });
    const writer = new DatabaseSync(path);
    writer.exec("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
    writer.prepare("UPDATE grants SET version = 7 WHERE id = ?").run(id);
    const wal = readFileSync(`${path}-wal`);

    expect(await other.read(id)).toMatchObject({ grant: { version: 7 } });
    await other.close();

    expect(readFileSync(`${path}-wal`).equals(wal)).toBe(true);
    writer.close();
  });

  it("fails every call while something else is in its place, and goes on with a backup", async () => {
    const id = await stored();
    const copy = backup();
    const garbage = join(folder, "garbage");
    writeFileSync(garbage, "no database ".repeat(2_000));

    replaceWith(garbage);
    for (let call = 0; call < 3; call++)
      await expect(store.read(id)).rejects.toMatchObject({ code: "store_failed" });
    replaceWith(copy);

    expect(await store.read(id)).toMatchObject({ grant: { version: 1, state: "live" } });
    expect((await store.commit(id, commitOn(1))).status).toBe("committed");
  });

  it("goes on after it was damaged in place and mended", async () => {
    const id = await stored();
    const checkpoint = new DatabaseSync(path);
    checkpoint.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    checkpoint.close();
    const good = readFileSync(path);

    writeFileSync(path, Buffer.alloc(good.length, 0xa5));
    const answers = await Promise.allSettled([1, 2, 3].map(() => store.read(id)));
    for (const answer of answers)
      if (answer.status === "rejected") expect(answer.reason).toMatchObject({ code: "store_failed" });
    writeFileSync(path, good);

    expect(await store.read(id)).toMatchObject({ grant: { version: 1, state: "live" } });
    expect((await store.commit(id, commitOn(1))).status).toBe("committed");
  });
});
