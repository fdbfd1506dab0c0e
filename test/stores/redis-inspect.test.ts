import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";

import type { GrantStore } from "../../src/core/grant-store.ts";
import { judge } from "../../src/stores/redis-inspect.ts";
import { inspectRedis, redisStore, type RedisClient } from "../../src/stores/redis.ts";
import { grantStoreContract } from "../../src/testing/grant-store-contract.ts";
import { newGrant } from "../../src/testing/grant-store-contract/fixtures.ts";
import { contextOf } from "./fixtures.ts";
import { clients } from "./support/redis-clients.ts";
import { describeWithServers, redisServerForTests } from "./support/redis-server.ts";

// Real servers on a machine that others may use.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const SAFE = {
  maxmemory: "0",
  "maxmemory-policy": "noeviction",
  appendonly: "yes",
  appendfsync: "everysec",
  save: "",
};
const judged = (given: Readonly<Record<string, string | undefined>>): ReturnType<typeof judge> => {
  const settings: [string, string | undefined][] = Object.entries({ ...SAFE, ...given });
  return judge(new Map(settings.filter((entry): entry is [string, string] => entry[1] !== undefined)));
};

describe("what settings of Redis mean for a grant", () => {
  it.each([
    [{}, "ok", "ok"],
    [{ maxmemory: "100", "maxmemory-policy": "noeviction" }, "ok", "ok"],
    [{ maxmemory: "0", "maxmemory-policy": "allkeys-lru" }, "ok", "ok"],
    [{ maxmemory: "100", "maxmemory-policy": "allkeys-lru" }, "evicts", "ok"],
    [{ maxmemory: "100", "maxmemory-policy": "volatile-ttl" }, "evicts", "ok"],
    [{ maxmemory: undefined, "maxmemory-policy": "volatile-lru" }, "unknown", "ok"],
    [{ maxmemory: undefined, "maxmemory-policy": undefined }, "unknown", "ok"],
    [{ maxmemory: "100", "maxmemory-policy": undefined }, "unknown", "ok"],
    [{ appendonly: "no" }, "ok", "volatile"],
    [{ appendonly: "no", save: "3600 1" }, "ok", "lags"],
    [{ appendfsync: "no" }, "ok", "lags"],
    [{ appendfsync: "always" }, "ok", "ok"],
    [{ appendfsync: undefined }, "ok", "unknown"],
    [{ appendonly: "no", save: undefined }, "ok", "lags"],
    [{ appendonly: undefined, appendfsync: undefined, save: undefined }, "ok", "unknown"],
  ] as const)("%j: eviction %s, persistence %s", (given, eviction, persistence) => {
    expect(judged(given)).toMatchObject({ eviction, persistence });
  });

  it("are problems only where a grant can get lost, each with the way out", () => {
    expect(judged({}).problems).toEqual([]);
    expect(judge(new Map()).problems).toEqual([]);
    expect(judged({ appendfsync: undefined }).problems).toEqual([]);
    expect(judged({ appendonly: "no", save: undefined }).problems).toEqual([
      expect.stringMatching(/append-only file is off.*crash loses.*set appendonly yes/),
    ]);
    expect(
      judged({ maxmemory: "100", "maxmemory-policy": "allkeys-lru", appendonly: "no" }).problems,
    ).toEqual([
      expect.stringMatching(/allkeys-lru.*set maxmemory-policy noeviction/),
      expect.stringMatching(/restart signs everybody out.*set appendonly yes/),
    ]);
  });
});

describeWithServers("inspectRedis()", (program) => {
  const server = redisServerForTests(program);
  let admin: Redis;
  beforeAll(async () => {
    admin = new Redis((await server()).url);
    await admin.call("ACL", "SETUSER", "managed", "on", ">pw", "~*", "+@all", "-config");
    await admin.call("ACL", "SETUSER", "blind", "on", ">pw", "~*", "+@all", "-config", "-info");
  });
  afterAll(() => admin.disconnect());
  afterEach(() => vi.restoreAllMocks());

  const configured = async (settings: Readonly<Record<string, string>>): Promise<void> => {
    for (const [name, value] of Object.entries({ ...SAFE, ...settings }))
      await admin.config("SET", name, value);
  };
  const urlOf = async (user: string): Promise<string> =>
    `redis://${user}:pw@127.0.0.1:${(await server()).port}`;

  it.each(Object.entries(clients))("reads a server's settings over %s", async (_name, connect) => {
    const { client, close } = await connect((await server()).url);
    await configured({});
    expect(await inspectRedis(client)).toEqual({ eviction: "ok", persistence: "ok", problems: [] });

    await configured({ maxmemory: "100mb", "maxmemory-policy": "volatile-lru", appendonly: "no" });
    expect(await inspectRedis(client)).toMatchObject({ eviction: "evicts", persistence: "volatile" });

    await configured({ appendonly: "no", save: "3600 1" });
    expect(await inspectRedis(client)).toMatchObject({ eviction: "ok", persistence: "lags" });
    await close();
  });

  it.each(Object.entries(clients))(
    "sees what INFO tells where CONFIG is forbidden, over %s",
    async (_name, connect) => {
      const { client, close } = await connect(await urlOf("managed"));
      await configured({ maxmemory: "100mb", "maxmemory-policy": "allkeys-lfu" });
      expect(await inspectRedis(client)).toMatchObject({ eviction: "evicts", persistence: "unknown" });

      await configured({ appendonly: "no" });
      expect(await inspectRedis(client)).toEqual({
        eviction: "ok",
        persistence: "lags",
        problems: [expect.stringMatching(/set appendonly yes/)],
      });
      await close();
    },
  );

  it("knows nothing, and says so, where both are forbidden, nobody is there, or the answer is odd", async () => {
    const unknown = { eviction: "unknown", persistence: "unknown", problems: [] };
    const { client, close } = await clients["redis"]!(await urlOf("blind"));
    expect(await inspectRedis(client)).toEqual(unknown);
    await close();

    const rejecting: RedisClient = { call: () => Promise.reject(new Error("away")) };
    const odd: RedisClient = { call: () => Promise.resolve(7) };
    const emptyCluster = { ...odd, isCluster: true, nodes: () => [] };
    for (const other of [rejecting, odd, emptyCluster]) expect(await inspectRedis(other)).toEqual(unknown);
  });

  it("makes the store warn once, at first use, of settings that can lose a grant", async () => {
    await configured({ maxmemory: "100mb", "maxmemory-policy": "allkeys-lru" });
    const warn = vi.fn();
    const store = redisStore({ client: admin, warn });
    expect(warn).not.toHaveBeenCalled();

    for (let made = 0; made < 3; made++) await store.insert(newGrant(contextOf(store)));

    await vi.waitFor(() => expect(warn).toHaveBeenCalled());
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/^Redis can lose grants: .*allkeys-lru.*docs\/redis\.md/)],
    ]);
  });

  it("is asked again, at most 5 times, after each answered call until it learnt something", async () => {
    await configured({ appendonly: "no" });
    let refuses = (name: string): boolean => name === "INFO" || name === "CONFIG";
    const asked = vi.fn();
    const client: RedisClient = {
      sendCommand: async (args: string[]) => {
        const [name = ""] = args;
        if (name === "INFO" && args[1] === "memory") asked();
        if (refuses(name)) throw new Error("away");
        return admin.call(...(args as [string]));
      },
    };
    const warn = vi.fn();
    const read = async (store: GrantStore, times: number): Promise<void> => {
      for (let made = 0; made < times; made++) {
        await store.read("x").catch(() => undefined);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const store = redisStore({ client, warn });
    refuses = () => true;
    await read(store, 3);
    expect(asked).not.toHaveBeenCalled();

    refuses = (name) => name === "INFO" || name === "CONFIG";
    await read(store, 2);
    refuses = () => false;
    await read(store, 2);
    await vi.waitFor(() => expect(warn).toHaveBeenCalledOnce());
    await read(store, 2);
    expect(asked).toHaveBeenCalledTimes(3);

    asked.mockClear();
    refuses = (name) => name === "INFO" || name === "CONFIG";
    await read(redisStore({ client, warn }), 10);
    expect(asked).toHaveBeenCalledTimes(5);
  });

  it("leaves the store silent where the settings are safe or cannot be seen, and by default warns on the console", async () => {
    const onConsole = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const { client, close } = await clients["redis"]!(await urlOf("blind"));
    await configured({});
    for (const each of [client, admin]) await redisStore({ client: each }).read("x");
    await configured({ appendonly: "no" });
    await redisStore({ client }).read("x");
    await redisStore({ client: admin }).read("x");

    await vi.waitFor(() => expect(onConsole).toHaveBeenCalled());
    expect(onConsole.mock.calls).toEqual([[expect.stringMatching(/^\[nolapse\] Redis can lose grants/)]]);
    await close();
  });

  it("fails no write because the application's logger does", async () => {
    await configured({ appendonly: "no" });
    const warn = vi.fn(() => {
      throw new Error("the logger is broken");
    });
    const store = redisStore({ client: admin, warn, waitReplicas: { replicas: 9, timeoutMs: 1 } });

    expect(await store.insert(newGrant(contextOf(store)))).toBe(true);

    await vi.waitFor(() => expect(warn).toHaveBeenCalledTimes(2));
  });
});

describeWithServers("the user that docs/redis.md describes", (program) => {
  const server = redisServerForTests(program);
  const page = readFileSync(join(import.meta.dirname, "../../docs/redis.md"), "utf8");
  const [, rule = ""] = /^ACL SETUSER (.+)$/m.exec(page) ?? [];

  it.each(Object.entries(clients))(
    "has all rights that the store needs over %s, and no other",
    async (_name, connect) => {
      const admin = new Redis((await server()).url);
      expect(rule).not.toBe("");
      await admin.call("ACL", "SETUSER", ...rule.replace("PASSWORD", "pw").split(" "));
      const { client, close } = await connect(`redis://nolapse:pw@127.0.0.1:${(await server()).port}`);
      const warn = (): void => undefined;
      const store = redisStore({ client, warn });
      const waiting = redisStore({ client, warn, waitReplicas: { replicas: 1, timeoutMs: 1 } });

      for (const { check } of grantStoreContract) await check(contextOf(store));
      expect(await waiting.insert(newGrant(contextOf(store)))).toBe(true);
      expect(await inspectRedis(client)).toMatchObject({ eviction: "ok", persistence: "ok" });

      const other = redisStore({ client, prefix: "other:", warn: () => undefined });
      await expect(other.read("x")).rejects.toMatchObject({
        message: expect.stringMatching(/: (NOPERM|ERR)$/),
      });
      const denied = await admin.call("ACL", "DRYRUN", "nolapse", "FLUSHALL");
      expect(String(denied)).toMatch(/no permissions/);
      await close();
      admin.disconnect();
    },
    60_000,
  );
});

describe("docs/redis.md", () => {
  it("names every option of the store", () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/redis.md"), "utf8");

    const source = readFileSync(join(import.meta.dirname, "../../src/stores/redis.ts"), "utf8");
    const [, members = ""] = /interface RedisStoreOptions \{([^]+?)\n\}/.exec(source) ?? [];
    const options = [...members.matchAll(/^ {2}readonly (\w+)/gm)].map(([, name = ""]) => name);
    expect(options.length).toBe(4);
    expect(options.filter((name) => !page.includes(`| \`${name}\``))).toEqual([]);
  });
});
