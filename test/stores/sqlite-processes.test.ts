import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { GrantStore } from "../../src/core/grant-store.ts";
import { sqliteStore } from "../../src/stores/sqlite.ts";
import { grantStoreContract } from "../../src/testing/grant-store-contract.ts";
import { newGrant } from "../../src/testing/grant-store-contract/fixtures.ts";
import { contextOf } from "./fixtures.ts";
import { remoteSqliteStore } from "./support/remote-store.ts";

/** The full run may take longer, and tries more. */
const IS_FULL = process.env["NOLAPSE_FULL"] === "1";
const HISTORIES = grantStoreContract.filter(({ name }) => name.includes("linearizable"));
const CHILD = fileURLToPath(new URL("sqlite-child.ts", import.meta.url));

interface Process {
  readonly child: ChildProcess;
  readonly said: unknown[];
  heard(count: number): Promise<void>;
  start(): void;
  readonly exited: Promise<unknown>;
}

let folder: string;
let path: string;
let store: GrantStore;
let processes: Process[];

function processOf(task: string, ids: readonly string[] = []): Process {
  const child = spawn(process.execPath, [CHILD, path, task, ...ids], { stdio: ["pipe", "pipe", "inherit"] });
  const said: unknown[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => said.push(JSON.parse(line)));
  const started: Process = {
    child,
    said,
    heard: async (count) => {
      while (said.length < count) await once(lines, "line");
    },
    start: () => child.stdin.end("go"),
    exited: once(child, "close"),
  };
  processes.push(started);
  return started;
}

async function insertedIds(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let made = 0; made < count; made++) {
    const grant = newGrant(contextOf(store));
    await store.insert(grant);
    ids.push(grant.id);
  }
  return ids;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nolapse-processes-"));
  path = join(folder, "grants.db");
  store = sqliteStore({ path });
  processes = [];
});

afterEach(async () => {
  for (const { child, exited } of processes) {
    child.kill("SIGKILL");
    await exited;
  }
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("processes that share a SQLite file", () => {
  it("open it together, and give each of 100 leases to one of them (I1)", { timeout: 30_000 }, async () => {
    const ids = await insertedIds(100);
    const racers = [
      processOf("acquire", ids),
      processOf("acquire", ids),
      processOf("acquire", ids.toReversed()),
    ];
    await Promise.all(racers.map((racer) => racer.heard(1)));
    for (const racer of racers) racer.start();
    await Promise.all(racers.map((racer) => racer.exited));

    const wins = racers.flatMap(({ said }) => said.slice(1, -1) as { id: string; fence: number }[]);
    expect(racers.map(({ said }) => said.at(-1))).toEqual(["done", "done", "done"]);
    expect(wins.map(({ id }) => id).sort()).toEqual(ids.toSorted());
    expect(new Set(wins.map(({ fence }) => fence))).toEqual(new Set([1]));
  });

  it(
    "open many new files at the same moment, and find none of them somebody else's",
    { timeout: 30_000 },
    async () => {
      const paths = Array.from({ length: IS_FULL ? 100 : 15 }, (_, index) => join(folder, `new-${index}.db`));
      const openers = [processOf("open", paths), processOf("open", paths), processOf("open", paths)];
      await Promise.all(openers.map((opener) => opener.heard(1)));
      for (const opener of openers) opener.start();
      await Promise.all(openers.map((opener) => opener.exited));

      for (const { said } of openers) expect(said).toEqual(["ready", "done"]);
    },
  );

  it.each(IS_FULL ? HISTORIES : HISTORIES.slice(0, 1))("$name", { timeout: 30_000 }, async ({ check }) => {
    const others = [remoteSqliteStore(path), remoteSqliteStore(path)];
    const waiting = others.map(({ store: other }) => other.read("opens the file"));
    await Promise.all(waiting);
    const free = others.map((other) => other.store);
    try {
      await check({ ...contextOf(store), another: () => free.pop() ?? store });
    } finally {
      for (const other of others) await other.kill();
    }
  });

  it("lose no commit among them, for each of two users (I2)", { timeout: 30_000 }, async () => {
    const ids = await insertedIds(2);
    const writers = [processOf("commit", ids), processOf("commit", ids.toReversed())];
    await Promise.all(writers.map((writer) => writer.heard(1)));
    for (const writer of writers) writer.start();
    await Promise.all(writers.map((writer) => writer.exited));

    expect(writers.map(({ said }) => said.at(-1))).toEqual(["done", "done"]);
    for (const id of ids) expect((await store.read(id))?.grant.version).toBe(1 + 2 * 50);
  });

  it("find every grant that a killed one had stored (I22)", { timeout: 30_000 }, async () => {
    const writer = processOf("insert");
    await writer.heard(1);
    writer.start();
    await writer.heard(30);
    writer.child.kill("SIGKILL");
    await writer.exited;

    const ids = writer.said.slice(1) as string[];
    expect(ids.length).toBeGreaterThanOrEqual(29);
    for (const id of ids)
      expect((await store.read(id))?.grant).toMatchObject({ id, version: 1, state: "live" });
  });
});
