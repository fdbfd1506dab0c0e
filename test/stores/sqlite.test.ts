import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { inspect } from "node:util";

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { GrantStore } from "../../src/core/grant-store.ts";
import type { NewGrant } from "../../src/core/grant.ts";
import { sqliteStore } from "../../src/stores/sqlite.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { grantStoreContract, grantStoreLostAnswerContract } from "../../src/testing/grant-store-contract.ts";
import { commitOn, newGrant, request } from "../../src/testing/grant-store-contract/fixtures.ts";
import { createIndexer } from "../../src/vault/indexer.ts";
import { createSealer } from "../../src/vault/sealer.ts";
import { newSecret, ringOf } from "../vault/fixtures.ts";
import { contextOf, lossyContextOf, standsDamage } from "./fixtures.ts";

let folder: string;
let path: string;
let stores: GrantStore[];

const opened = (options: Partial<Parameters<typeof sqliteStore>[0]> = {}): GrantStore => {
  const store = sqliteStore({ path, ...options });
  stores.push(store);
  return store;
};
const grantFor = (store: GrantStore, given: Partial<NewGrant> = {}): NewGrant =>
  newGrant(contextOf(store), given);
const modeOf = (file: string): string => (statSync(file).mode & 0o777).toString(8);
const connections = (): Map<string, unknown> =>
  (globalThis as Partial<Record<symbol, Map<string, unknown>>>)[Symbol.for("nolapse.sqlite")] ?? new Map();

/** Runs SQL as another process would: over a connection of its own. */
const rawly = <T>(use: (database: DatabaseSync) => T, file = path): T => {
  const database = new DatabaseSync(file);
  try {
    return use(database);
  } finally {
    database.close();
  }
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nolapse-sqlite-"));
  path = join(folder, "data", "grants.db");
  stores = [];
});

afterEach(async () => {
  vi.restoreAllMocks();
  for (const store of stores) await store.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("the SQLite store", () => {
  it.each(grantStoreContract)("$name", async ({ check }) => {
    await check(contextOf(opened()));
  });

  it.each(grantStoreLostAnswerContract)("$name", async ({ check }) => {
    await check(lossyContextOf(opened()));
  });

  it("does nothing while it is made, not even look for SQLite", async () => {
    const spy = vi.spyOn(process, "getBuiltinModule");
    const store = opened();
    expect(spy).not.toHaveBeenCalled();
    expect(existsSync(join(folder, "data"))).toBe(false);

    await store.read("x");
    expect(existsSync(path)).toBe(true);
  });

  it("says at first use which Node it needs, which one runs, and the ways out", async () => {
    vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined);

    await expect(opened().read("x")).rejects.toMatchObject({
      code: "invalid_option",
      message: expect.stringMatching(
        new RegExp(
          `22\\.13.*Node ${process.versions.node.replaceAll(".", "\\.")}.*newer Node.*another store`,
        ),
      ) as string,
    });
  });

  it.each([undefined, "", "  ", 7, "a\0b", ":memory:"])("refuses the path %j at once", (odd) => {
    expect(() => sqliteStore({ path: odd as string })).toThrow(/^"path" /);
  });

  it("refuses a nonsense waiting time at once", () => {
    for (const busyRetryMs of [-1, Number.NaN, Infinity]) {
      expect(() => sqliteStore({ path, busyRetryMs })).toThrow(/^"busyRetryMs" must be/);
    }
  });

  it("reports what the file system refuses, with the path", async () => {
    writeFileSync(join(folder, "data"), "a file where the directory should be");

    await expect(opened().read("x")).rejects.toMatchObject({
      code: "store_failed",
      message: expect.stringMatching(/E(NOTDIR|EXIST) at .*data/) as string,
    });
  });

  it("keeps whole milliseconds where a caller brings fractions", async () => {
    const store = opened();
    const grant = grantFor(store, { accessTokenExpiresAtMs: 1_000.4, slidingEndMs: 4_102_444_800_000.5 });
    await store.insert({ ...grant, absoluteEndMs: 4_102_444_900_000.7 });

    expect((await store.read(grant.id))?.grant).toMatchObject({
      accessTokenExpiresAtMs: 1_000,
      slidingEndMs: 4_102_444_800_001,
    });
  });

  it("rejects with an error that shows nothing of the values (SEC-83)", async () => {
    const store = opened();
    const grant = grantFor(store, { sealedTokenSet: "canary-sealed", absoluteEndMs: Number.NaN });
    const error: unknown = await store.insert(grant).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({
      code: "store_failed",
      message: expect.stringMatching(/constraint failed/) as string,
    });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/canary/);
  });

  it("refuses to work once it is closed", async () => {
    const store = opened();
    await store.read("x");
    await store.close();
    await store.close();

    await expect(store.read("x")).rejects.toMatchObject({
      code: "store_failed",
      message: expect.stringMatching(/closed/) as string,
    });
  });
});

describe("the SQLite file", () => {
  it("is for its owner only, with its directory and companions (SEC-73)", async () => {
    const store = opened();
    await store.insert(grantFor(store));

    expect(modeOf(join(folder, "data"))).toBe("700");
    for (const suffix of ["", "-wal", "-shm"]) expect(modeOf(path + suffix)).toBe("600");
  });

  it("is tightened if others could read it, while an existing directory is left alone", async () => {
    mkdirSync(join(folder, "data"), { mode: 0o755 });
    chmodSync(join(folder, "data"), 0o755);
    writeFileSync(path, "");
    chmodSync(path, 0o664);

    await opened().read("x");

    expect(modeOf(path)).toBe("600");
    expect(modeOf(join(folder, "data"))).toBe("755");
  });

  it("has a write-ahead log, and each commit reaches the disk (SEC-73)", async () => {
    const exec = vi.spyOn(DatabaseSync.prototype, "exec");
    await opened().read("x");

    expect(rawly((database) => database.prepare("PRAGMA journal_mode").get())).toEqual({
      journal_mode: "wal",
    });
    expect(exec.mock.calls.flat().join(";")).toMatch(/busy_timeout = 0;.*synchronous = FULL/s);
  });

  it("has every grant again after a restart", async () => {
    const before = opened();
    const grants = Array.from({ length: 20 }, () => grantFor(before));
    for (const grant of grants) await before.insert(grant);
    const first = grants[0]!;
    await before.commit(first.id, commitOn(1));
    await before.acquireLease(first.id, request("a"));
    const rows = await Promise.all(grants.map(async ({ id }) => (await before.read(id))?.grant));
    await before.close();
    expect(existsSync(`${path}-wal`)).toBe(false);

    const after = opened();
    expect(await Promise.all(grants.map(async ({ id }) => (await after.read(id))?.grant))).toEqual(rows);
    expect(rows[0]).toMatchObject({ version: 2, fence: 1, lease: { holder: "a" } });
  });

  it("holds no token, handle, secret or name of a user in clear (SEC-55, SEC-10)", async () => {
    const secret = newSecret();
    const [sealer, indexer] = [createSealer(ringOf(secret)), createIndexer(ringOf(secret))];
    const store = opened();
    const canaries = ["canary-access", "canary-refresh", "canary-alice", "canary-sid", secret];
    const handle = indexer.newHandle();
    const [keyId, id] = [
      indexer.newestKeyId(),
      indexer.grantIdOf(indexer.newestKeyId(), handle, "keycloak")!,
    ];
    const sealed = (version: number, field: "token-set" | "candidate" = "token-set"): string =>
      sealer.seal(`${canaries.join()} ${version}`, { grantId: id, field, version }).sealed;
    const grant = grantFor(store, {
      id,
      keyId,
      sessionRef: indexer.sessionRefOf(keyId, handle)!,
      subjectRef: indexer.subjectRefOf("https://as.example", "canary-alice"),
      sidRef: indexer.sidRefOf("https://as.example", "canary-sid"),
      sealedTokenSet: sealed(1),
    });
    await store.insert(grant);
    await store.commit(id, commitOn(1, { sealedTokenSet: sealed(2), keyId }));
    await store.addCandidate(id, {
      attemptId: "a",
      sealedTokenSet: sealed(3, "candidate"),
      keyId,
      version: 3,
    });

    const bytes = Buffer.concat(["", "-wal", "-shm"].map((suffix) => readFileSync(path + suffix)));

    expect(bytes.includes(grant.sessionRef)).toBe(true);
    for (const canary of [...canaries, handle]) {
      for (const encoding of ["utf8", "base64", "base64url", "hex"] as const) {
        const spelled = Buffer.from(canary).toString(encoding).replace(/=+$/, "");
        expect(bytes.includes(spelled)).toBe(false);
      }
    }
    expect(bytes.includes(Buffer.from(handle, "base64url"))).toBe(false);
  });

  it("is not touched if a newer release has migrated it", async () => {
    await opened().read("x");
    await stores[0]?.close();
    rawly((database) => database.exec("PRAGMA user_version = 99"));

    await expect(opened().read("x")).rejects.toMatchObject({
      code: "invalid_option",
      message: expect.stringMatching(/schema 99; this release knows 1/) as string,
    });
    expect(rawly((database) => database.prepare("PRAGMA user_version").get())).toEqual({ user_version: 99 });
  });

  it("is not touched if it is somebody else's", async () => {
    const file = join(folder, "app.db");
    rawly((database) => database.exec("CREATE TABLE users (name TEXT)"), file);
    const before = readFileSync(file);

    await expect(opened({ path: file }).read("x")).rejects.toMatchObject({
      code: "invalid_option",
      message: expect.stringMatching(/something else/) as string,
    });
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it("is reported if it is no SQLite file at all", async () => {
    const file = join(folder, "notes.txt");
    writeFileSync(file, "no database ".repeat(100), { mode: 0o600 });

    await expect(opened({ path: file }).read("x")).rejects.toMatchObject({
      code: "store_failed",
      message: expect.stringMatching(/file is not a database/) as string,
    });
  });

  it("keeps rows of a newer format from being read wrongly", async () => {
    const store = opened();
    const grant = grantFor(store);
    await store.insert(grant);
    rawly((database) => database.exec("UPDATE grants SET format = 2"));

    await expect(store.read(grant.id)).rejects.toMatchObject({
      code: "store_failed",
      message: expect.stringMatching(/format 2/) as string,
    });
  });

  it.each(["format = 2", "candidates = '{'", "candidates = 'null'"])(
    "shows and ends the others beside a row that it cannot read: %s (X30, I15)",
    async (damage) => {
      await standsDamage(opened(), (id) => {
        rawly((database) => database.prepare(`UPDATE grants SET ${damage} WHERE id = ?`).run(id));
      });
    },
  );

  it("ends many grants batch by batch, and lets others work in between (I8)", async () => {
    const store = opened();
    const subjectRef = "busy user";
    for (let made = 0; made < 350; made++) await store.insert(grantFor(store, { subjectRef }));
    const other = grantFor(store);
    await store.insert(other);
    let turns = 0;
    const turning = setInterval(() => turns++, 0);

    const ended = await store.endMatching({ subjectRef }, "revoked");
    clearInterval(turning);

    expect(new Set(ended.map(({ id }) => id)).size).toBe(350);
    expect(turns).toBeGreaterThan(1);
    expect(await store.endMatching({ subjectRef }, "revoked")).toEqual([]);
    expect((await store.read(other.id))?.grant.state).toBe("live");
  });

  it("loses expired grants along the way, without a call to purge (SEC-18)", async () => {
    const store = opened();
    const expired = grantFor(store, { slidingEndMs: 1 });
    await store.insert(grantFor(store));
    await store.insert(expired);
    expect(await store.read(expired.id)).toBeDefined();

    for (let insert = 0; insert < 100; insert++) await store.insert(grantFor(store));

    expect(await store.read(expired.id)).toBeUndefined();
  });

  it("finds sessions, users and what is past its end by index", () => {
    const store = opened();
    return store.read("x").then(() => {
      const plans = [
        "SELECT * FROM grants WHERE session_ref = 'x' AND state = 'live'",
        "SELECT * FROM grants WHERE subject_ref = 'x' AND state = 'live'",
        "SELECT * FROM grants WHERE sid_ref = 'x' AND state = 'live'",
        "SELECT id FROM grants WHERE sliding_end_ms <= 5 ORDER BY sliding_end_ms LIMIT 3",
      ].map((sql) =>
        rawly((database) => String(database.prepare(`EXPLAIN QUERY PLAN ${sql}`).get()?.detail)),
      );

      for (const plan of plans) expect(plan).toMatch(/^SEARCH grants USING (COVERING )?INDEX grants_by_/);
    });
  });

  it("lets no clock that was set back hold up a lease for longer than the bound (I17, X21)", async () => {
    const store = opened();
    const grant = grantFor(store);
    await store.insert(grant);
    await store.acquireLease(grant.id, request("a"));
    expect(await store.acquireLease(grant.id, request("b"))).toMatchObject({ status: "held" });

    rawly((database) => database.exec("UPDATE grants SET lease_until_ms = lease_until_ms + 3600000"));

    expect(await store.acquireLease(grant.id, request("b"))).toMatchObject({ status: "acquired" });
  });
});

describe("a locked SQLite file", () => {
  it("is tried again without holding up the event loop, and given up within the bound", async () => {
    const clock = new FakeClock();
    const store = opened({ clock, random: () => 0.5 });
    const grant = grantFor(store);
    await store.insert(grant);
    const sleep = vi.spyOn(clock, "sleep");

    const locked = new DatabaseSync(path);
    locked.exec("BEGIN IMMEDIATE");
    const startedMs = performance.now();
    const failing = Promise.all(
      Array.from({ length: 50 }, () =>
        expect(store.commit(grant.id, commitOn(1))).rejects.toMatchObject({
          code: "store_failed",
          message: expect.stringMatching(/locked for 2000 ms/) as string,
        }),
      ),
    );
    const synchronousMs = performance.now() - startedMs;
    expect((await store.read(grant.id))?.grant.version).toBe(1);
    await clock.advance(2_001);
    await failing;
    locked.exec("ROLLBACK");
    locked.close();

    expect(synchronousMs).toBeLessThan(500);
    const waitedMs = sleep.mock.calls.reduce((sum, [durationMs]) => sum + durationMs, 0);
    expect(waitedMs / 50).toBeCloseTo(2_000);
    expect((await store.commit(grant.id, commitOn(1))).status).toBe("committed");
  });

  it("is written to as soon as it is free", async () => {
    const clock = new FakeClock();
    const store = opened({ clock });
    const grant = grantFor(store);
    await store.insert(grant);
    const locked = new DatabaseSync(path);
    locked.exec("BEGIN IMMEDIATE");
    const answer = store.acquireLease(grant.id, request("a"));
    await clock.advance(500);
    locked.exec("ROLLBACK");
    locked.close();

    await clock.advance(30);

    expect((await answer).status).toBe("acquired");
  });
});

describe("SQLite stores of one process on one path", () => {
  it("share one connection, however often the module was loaded, until the last is closed", async () => {
    vi.resetModules();
    const copy = await import("../../src/stores/sqlite.ts");
    expect(copy.sqliteStore).not.toBe(sqliteStore);
    const [one, two] = [
      opened(),
      copy.sqliteStore({ path: join(folder, "data", "..", "data", "grants.db") }),
    ];
    stores.push(two);
    const grant = grantFor(one);
    const before = connections().size;

    await one.insert(grant);
    expect(await two.read(grant.id)).toMatchObject({ grant: { id: grant.id } });
    expect(connections().size).toBe(before + 1);

    await one.close();
    expect(await two.read(grant.id)).toMatchObject({ grant: { id: grant.id } });
    await two.close();
    expect(connections().size).toBe(before);
  });

  it("open the file anew if the first try failed", async () => {
    writeFileSync(join(folder, "data"), "in the way");
    const store = opened();
    await expect(store.read("x")).rejects.toMatchObject({ code: "store_failed" });

    rmSync(join(folder, "data"));

    expect(await store.read("x")).toBeUndefined();
  });
});
