/** Stores that one machine has, where there is no one machine: on serverless hosts, and on a disk that cannot be written. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { SERVERLESS_HOSTS } from "../../src/core/serverless-hosts.ts";
import type { GrantStore } from "../../src/core/grant-store.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { sqliteStore } from "../../src/stores/sqlite.ts";

const fs = process.getBuiltinModule("node:fs");

let folder: string;
let path: string;
let stores: GrantStore[];

/** The stores that live in a process or on its disk. */
const makers: Readonly<Record<string, (allowServerless?: boolean) => GrantStore>> = {
  memoryStore: (allowServerless = false) => memoryStore({ name: folder, allowServerless }),
  sqliteStore: (allowServerless = false) => sqliteStore({ path, allowServerless }),
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nolapse-local-"));
  path = join(folder, "data", "grants.db");
  stores = [];
  for (const variable of Object.keys(SERVERLESS_HOSTS)) vi.stubEnv(variable, undefined);
  vi.stubEnv("NEXT_PHASE", undefined);
});

afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  for (const store of stores) await store.close();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(Object.entries(makers))("%s()", (name, make) => {
  const made = (allowServerless?: boolean): GrantStore => {
    const store = make(allowServerless);
    stores.push(store);
    return store;
  };

  it.each(Object.entries(SERVERLESS_HOSTS))(
    "refuses production on a serverless host (%s) at first use, with the reason and the way out (SEC-73)",
    async (variable, host) => {
      vi.stubEnv(variable, "1");
      vi.stubEnv("NODE_ENV", "production");
      const store = made();

      const error: unknown = await store.read("x").catch((reason: unknown) => reason);

      expect(error).toMatchObject({ code: "invalid_option", option: "store" });
      const said = String(error);
      expect(said).toContain(`"store" is ${name}() in production on ${host} (${variable} is set)`);
      expect(said).toContain("users would be signed out");
      expect(said).toContain("redisStore() or postgresStore(): docs/serverless.md");
      await expect(store.read("x"), "every time, not only the first").rejects.toMatchObject({
        message: said.replace(/^\w+: /, ""),
      });
    },
  );

  it.each([
    ["while Next builds there", { NODE_ENV: "production", NEXT_PHASE: "phase-production-build" }],
    ["in development there", { NODE_ENV: "development" }],
    ["in tests there", { NODE_ENV: "test" }],
  ])("works %s", async (_when, environment) => {
    vi.stubEnv("VERCEL", "1");
    for (const [variable, value] of Object.entries(environment)) vi.stubEnv(variable, value);

    expect(await made().read("x")).toBeUndefined();
  });

  it("works in production elsewhere, and where the application says that it knows", async () => {
    vi.stubEnv("NODE_ENV", "production");
    expect(await made().read("x")).toBeUndefined();

    vi.stubEnv("K_SERVICE", "shop");
    expect(await made(true).read("x")).toBeUndefined();
  });
});

describe("sqliteStore()", () => {
  it("touches no disk where it refuses to work", async () => {
    vi.stubEnv("NODE_ENV", "production");
    vi.stubEnv("AWS_LAMBDA_FUNCTION_NAME", "shop");

    await expect(sqliteStore({ path }).read("x")).rejects.toMatchObject({ code: "invalid_option" });

    expect(existsSync(join(folder, "data"))).toBe(false);
  });

  it.each([
    ["EROFS", "read-only"],
    ["EACCES", "may not be written by the user that runs Node"],
  ])("says so, with the way out, where its place cannot be written (%s)", async (code, words) => {
    refuseWrites(code);
    const store = sqliteStore({ path });

    const error: unknown = await store.read("x").catch((reason: unknown) => reason);

    expect(error).toMatchObject({ code: "invalid_option", option: "path" });
    expect(String(error)).toContain(words);
    expect(String(error)).toContain(`: ${folder}. `);
    expect(String(error)).toContain("redisStore() or postgresStore() (docs/serverless.md)");

    vi.restoreAllMocks();
    expect(await store.read("x"), "once the volume is there").toBeUndefined();
    await store.close();
  });

  it("says so where the file is there and its folder cannot be written", async () => {
    const before = sqliteStore({ path });
    await before.read("x");
    await before.close();
    refuseWrites("EROFS");
    // SQLite opens such a file, and then finds no place for its log.
    vi.spyOn(fs, "statSync").mockImplementation(() => {
      throw Object.assign(new Error("unable to open database file"), { errcode: 14 });
    });

    await expect(sqliteStore({ path }).read("x")).rejects.toMatchObject({
      code: "invalid_option",
      message: expect.stringContaining(`: ${path}. `) as string,
    });
  });

  it("leaves other failures what they are", async () => {
    vi.spyOn(fs, "openSync").mockImplementation(() => {
      throw Object.assign(new Error("disk full"), { code: "ENOSPC" });
    });

    await expect(sqliteStore({ path }).read("x")).rejects.toMatchObject({ code: "store_failed" });
  });
});

/** As Node answers below a folder that cannot be written. That it is so is said by `access` only. */
function refuseWrites(code: string): void {
  const refuse = (said: string) => () => {
    throw Object.assign(new Error(said), { code: said });
  };
  vi.spyOn(fs, "mkdirSync").mockImplementation(refuse("ENOENT"));
  vi.spyOn(fs, "accessSync").mockImplementation(refuse(code));
}
