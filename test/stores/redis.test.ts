import { inspect } from "node:util";

import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";

import type { GrantStore } from "../../src/core/grant-store.ts";
import type { NewGrant } from "../../src/core/grant.ts";
import { redisStore, type RedisClient, type RedisStoreOptions } from "../../src/stores/redis.ts";
import { grantStoreContract, grantStoreRestartContract } from "../../src/testing/grant-store-contract.ts";
import { commitOn, newGrant, request } from "../../src/testing/grant-store-contract/fixtures.ts";
import { contextOf, standsDamage } from "./fixtures.ts";
import { clients, type ConnectedClient } from "./support/redis-clients.ts";
import { describeWithServers, redisServerForTests, startRedisServer } from "./support/redis-server.ts";

// Real servers on a machine that others may use.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const silent = (): void => undefined;
const grantFor = (store: GrantStore, given: Partial<NewGrant> = {}): NewGrant =>
  newGrant(contextOf(store), given);

describeWithServers("the Redis store", (program) => {
  const server = redisServerForTests(program);
  let admin: Redis;
  beforeAll(async () => {
    admin = new Redis((await server()).url);
  });
  afterAll(() => admin.disconnect());
  afterEach(() => vi.restoreAllMocks());

  const storeFor = (client: RedisClient, given: Partial<RedisStoreOptions> = {}): GrantStore =>
    redisStore({ client, warn: silent, ...given });

  describe.each(Object.entries(clients))("over %s", (name, connect) => {
    let connected: ConnectedClient;
    beforeAll(async () => {
      connected = await connect((await server()).url);
    });
    afterAll(() => connected.close());

    it.each(grantStoreContract)("$name", async ({ check }) => {
      await check(contextOf(storeFor(connected.client, { prefix: `${name}:` })));
    });

    describe("killed and started again", () => {
      it.each(grantStoreRestartContract)("$name", { timeout: 30_000 }, async ({ check }) => {
        const store = storeFor(connected.client, { prefix: `${name}-restarts:` });
        const reopen = async (): Promise<GrantStore> => {
          await (await server()).restart();
          return store;
        };
        await check({ ...contextOf(store), reopen });
      });
    });

    it("runs on after Redis has lost its scripts", async () => {
      const store = storeFor(connected.client);
      const grant = grantFor(store);
      await admin.script("FLUSH");
      expect(await store.insert(grant)).toBe(true);
      await admin.script("FLUSH");

      expect((await store.read(grant.id))?.grant.id).toBe(grant.id);
    });
  });

  it("needs one round trip for each step upon a grant, and two for a new one", async () => {
    const sent: string[][] = [];
    const counting: RedisClient = {
      sendCommand: (args: string[]) => {
        sent.push(args);
        return admin.call(...(args as [string]));
      },
    };
    const store = storeFor(counting);
    const grant = grantFor(store);
    await store.insert(grant);
    await store.acquireLease(grant.id, request("a"));
    await store.commit(grant.id, commitOn(1));
    await store.end(grant.id, "signed_out");
    const names = sent.map(([name]) => name).filter((name) => name !== "INFO" && name !== "CONFIG");
    expect(new Set(names.filter((name) => name !== "EVAL"))).toEqual(new Set(["EVALSHA"]));
    sent.length = 0;

    await store.acquireLease(grant.id, request("a"));
    await store.commit(grant.id, commitOn(1));

    expect(sent.map(([name]) => name)).toEqual(["EVALSHA", "EVALSHA"]);
  });

  it("lets each grant and index expire by itself at its end, and moves that with the end", async () => {
    const store = storeFor(admin, { prefix: "expiry:" });
    const grant = grantFor(store);
    await store.insert(grant);
    const expiry = (key: string): Promise<number> => admin.pexpiretime(key);
    expect(await expiry(`expiry:grant:${grant.id}`)).toBe(grant.slidingEndMs);

    await store.slide(grant.id, grant.slidingEndMs + 5_000);
    expect(await expiry(`expiry:grant:${grant.id}`)).toBe(grant.slidingEndMs + 5_000);
    await store.commit(grant.id, commitOn(1, { slidingEndMs: grant.absoluteEndMs + 1 }));
    expect(await expiry(`expiry:grant:${grant.id}`)).toBe(grant.absoluteEndMs);

    await store.end(grant.id, "signed_out");
    await store.wipe(grant.id);
    expect(await expiry(`expiry:grant:${grant.id}`)).toBe(grant.absoluteEndMs);
    for (const index of ["sessionRef", "subjectRef", "sidRef"] as const) {
      expect(await expiry(`expiry:${index}:${String(grant[index])}`)).toBe(grant.absoluteEndMs);
    }
  });

  it("leaves no key behind that does not expire", async () => {
    const store = storeFor(admin, { prefix: "all:" });
    for (const sessionRef of ["one", "two"]) {
      for (let made = 0; made < 5; made++) await store.insert(grantFor(store, { sessionRef }));
      await store.endMatching({ sessionRef }, "signed_out");
    }

    const keys = await admin.keys("all:*");
    expect(keys.length).toBe(10 + 2 + 10 + 10);
    const lives = await Promise.all(keys.map((key) => admin.pttl(key)));
    expect(lives.filter((pttl) => pttl <= 0)).toEqual([]);
  });

  it("drops ended lives from an index, so that it does not grow with every sign-in", async () => {
    const store = storeFor(admin, { prefix: "index:" });
    const subjectRef = "alice";
    const soonMs = Date.now() + 60;
    for (let made = 0; made < 20; made++) {
      await store.insert(grantFor(store, { subjectRef, absoluteEndMs: soonMs, slidingEndMs: soonMs }));
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(soonMs - Date.now(), 0) + 20));
    const last = grantFor(store, { subjectRef });
    await store.insert(last);

    expect(await admin.call("ZRANGE", "index:subjectRef:alice", "0", "-1")).toEqual([last.id]);
  });

  it("ends no other session's grant because an insert of its id was refused (I8)", async () => {
    const store = storeFor(admin);
    const alice = grantFor(store);
    await store.insert(alice);
    expect(await store.insert({ ...grantFor(store), id: alice.id, sessionRef: "mallory's" })).toBe(false);

    expect(await store.endMatching({ sessionRef: "mallory's" }, "signed_out")).toEqual([]);

    expect((await store.read(alice.id))?.grant.state).toBe("live");
  });

  it("scans only its own grants among other keys, whatever its prefix looks like", async () => {
    await admin.set("somebody else's", "x");
    for (const prefix of ["a*[b]?\\:", "{tag}:", "a:"]) {
      const store = storeFor(admin, { prefix });
      const grant = grantFor(store);
      await store.insert(grant);
      await storeFor(admin, { prefix: `${prefix}other:` }).insert(grantFor(store));

      const page = await store.scan(null, 1_000_000);

      expect([page.grants.map(({ id }) => id), page.next]).toEqual([[grant.id], null]);
    }
  });

  it.each(["", "0", "0:", "x:1", "0:1:2", "1:-1"])("refuses the cursor %j", async (cursor) => {
    await expect(storeFor(admin).scan(cursor, 10)).rejects.toMatchObject({ option: "cursor" });
  });

  it("works with a client that has a key prefix of its own", async () => {
    const client = new Redis((await server()).url, { keyPrefix: "app*:" });
    const store = storeFor(client);
    const sessionRef = "prefixed";
    const grant = grantFor(store, { sessionRef });
    await store.insert(grant);

    expect(await admin.exists(`app*:nolapse:grant:${grant.id}`)).toBe(1);
    expect((await store.scan(null, 1_000_000)).grants.map(({ id }) => id)).toEqual([grant.id]);
    expect(await store.endMatching({ sessionRef }, "signed_out")).toHaveLength(1);
    client.disconnect();
  });

  it("reads a lease by Redis's clock, and lets none seem longer than 5 minutes (I17, X21)", async () => {
    const store = storeFor(admin, { prefix: "clock:" });
    const grant = grantFor(store);
    await store.insert(grant);
    await store.acquireLease(grant.id, request("a", { durationMs: 3_600_000 }));
    const reading = await store.read(grant.id);
    const untilMs = reading?.grant.lease?.untilMs ?? 0;
    expect(untilMs - (reading?.storeNowMs ?? 0)).toBeLessThanOrEqual(300_000);
    expect((await store.acquireLease(grant.id, request("b"))).status).toBe("held");

    await admin.hset(`clock:grant:${grant.id}`, "leaseUntilMs", String(untilMs + 3_600_000));

    expect((await store.acquireLease(grant.id, request("b"))).status).toBe("acquired");
  });

  it("refuses a row of a newer nolapse, and one that is damaged, without a word of it (X30, X18)", async () => {
    const store = storeFor(admin, { prefix: "damaged:" });
    for (const [field, value] of [
      ["format", "2"],
      ["state", "?"],
      ["version", "x"],
      ["intent", "{secret-of-the-row"],
      ["candidate:a", "secret-of-the-row"],
    ] as const) {
      const damaged = grantFor(store);
      const other = grantFor(store);
      await store.insert(damaged);
      await store.insert(other);
      await admin.hset(`damaged:grant:${damaged.id}`, field, value);

      const failure: unknown = await store.read(damaged.id).catch((error: unknown) => error);

      expect(failure).toMatchObject({ code: "store_failed" });
      expect(inspect(failure)).not.toContain("secret-of-the-row");
      expect((await store.read(other.id))?.grant.id).toBe(other.id);
    }
  });

  it.each([
    ["format", "2"],
    ["intent", "{damaged"],
    ["candidate:a", "damaged"],
  ])("shows and ends the others beside a row that it cannot read: %s (X30, I15)", async (field, value) => {
    const prefix = `damage-${field}:`;
    await standsDamage(storeFor(admin, { prefix }), async (id) => {
      await admin.hset(`${prefix}grant:${id}`, field, value);
    });
  });

  it("shows and ends the others beside a foreign key under its prefix (X30)", async () => {
    await standsDamage(storeFor(admin, { prefix: "foreign:" }), async (id) => {
      await admin.set(`foreign:grant:${id}`, "no hash");
    });
  });

  it("ends all that it can before it says that Redis failed for one (X25, I16)", async () => {
    let failing = "";
    const flaky: RedisClient = {
      sendCommand: (args: string[]) =>
        failing !== "" && args.includes(failing)
          ? Promise.reject(new Error("ECONNRESET"))
          : admin.call(...(args as [string])),
    };
    const store = storeFor(flaky, { prefix: "flaky:" });
    const grants = Array.from({ length: 120 }, () => grantFor(store, { sessionRef: "busy" }));
    for (const grant of grants) await store.insert(grant);
    failing = `flaky:grant:${grants[3]!.id}`;

    await expect(store.endMatching({ sessionRef: "busy" }, "signed_out")).rejects.toMatchObject({
      code: "store_failed",
    });
    await expect(store.scan(null, 1_000_000)).rejects.toMatchObject({ code: "store_failed" });
    failing = "";

    const left = await store.endMatching({ sessionRef: "busy" }, "signed_out");
    expect(left.map(({ id }) => id)).toEqual([grants[3]!.id]);
  });

  it("says in an error what Redis said, and nothing of address, password or values (SEC-83)", async () => {
    const store = storeFor(admin);
    await admin.set("nolapse:grant:odd", "no hash");
    const failure: unknown = await store.end("odd", "signed_out").catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: "store_failed",
      message: expect.stringMatching(/^The Redis store failed at "end": [A-Z]+$/),
    });
    expect(inspect(failure)).not.toMatch(/odd|no hash|evalsha/i);

    const away = new Redis("redis://user:pass-word-1@127.0.0.1:1", {
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    });
    away.on("error", silent);
    const lost: unknown = await storeFor(away)
      .read("handle-hash")
      .catch((error: unknown) => error);
    expect(lost).toMatchObject({ code: "store_failed" });
    expect(inspect(lost, { depth: 9 })).not.toMatch(/pass-word-1|handle-hash|127\.0\.0\.1/);
  });

  it("takes rotations and ends when its memory is full, and refuses new grants", async () => {
    const small = await startRedisServer(program, ["--save", "", "--maxmemory-policy", "noeviction"]);
    const client = new Redis(small.url);
    try {
      const store = storeFor(client);
      const [alice, bob] = [grantFor(store), grantFor(store)];
      for (const grant of [alice, bob]) await store.insert(grant);
      await client.config("SET", "maxmemory", "1mb");
      await expect(client.set("other", "x")).rejects.toThrow(/OOM/);

      await expect(store.insert(grantFor(store))).rejects.toMatchObject({
        message: expect.stringMatching(/"insert": OOM$/),
      });
      for (const { id } of [alice, bob]) {
        const answer = await store.acquireLease(id, request("a"));
        expect(answer.status).toBe("acquired");
        expect((await store.commit(id, commitOn(1))).status).toBe("committed");
        const candidate = { attemptId: "a", sealedTokenSet: "s", keyId: "k", version: 2 };
        expect(await store.addCandidate(id, candidate)).toBe(true);
        expect((await store.end(id, "signed_out"))?.version).toBe(2);
        expect((await store.read(id))?.grant.state).toBe("ended");
      }
    } finally {
      client.disconnect();
      await small.stop();
    }
  });

  it("does nothing while it is made, and closes no client of the application", async () => {
    const call = vi.fn();
    const store = redisStore({ client: { call } });
    await store.close();
    expect(call).not.toHaveBeenCalled();

    const used = storeFor(admin);
    await used.read("x");
    await used.close();
    expect(await admin.ping()).toBe("PONG");
  });
});

describe("redisStore() refuses at once, naming the option and the fix:", () => {
  const client: RedisClient = { call: () => Promise.resolve(null) };

  it.each([undefined, null, "redis://localhost", {}, { call: "no function" }])("the client %j", (odd) => {
    expect(() => redisStore({ client: odd as unknown as RedisClient })).toThrow(
      /^"client" must be a client of/,
    );
  });

  it.each(["", "x".repeat(201), 7])("the prefix %j", (odd) => {
    expect(() => redisStore({ client, prefix: odd as string })).toThrow(
      /^"prefix" must be a text of 1 to 200/,
    );
  });

  it.each([
    [
      { replicas: 0, timeoutMs: 100 },
      /^"waitReplicas.replicas" must be a whole number from 1 to 100, and is 0/,
    ],
    [
      { replicas: 1, timeoutMs: 0 },
      /^"waitReplicas.timeoutMs" must be a whole number from 1 to 1000, and is 0/,
    ],
    [{ replicas: 1, timeoutMs: 60_000 }, /^"waitReplicas.timeoutMs"/],
    [{ replicas: 1 }, /^"waitReplicas.timeoutMs" .* is undefined/],
  ])("the wait %j", (waitReplicas, says) => {
    expect(() => redisStore({ client, waitReplicas: waitReplicas as never })).toThrow(says);
  });

  it("a wait with a cluster or a pool, where WAIT would count another connection's writes", () => {
    const waitReplicas = { replicas: 1, timeoutMs: 100 };
    const cluster = { ...client, isCluster: true };
    const pool = { sendCommand: () => Promise.resolve(null), execute: () => undefined };

    for (const many of [cluster, pool]) {
      expect(() => redisStore({ client: many, waitReplicas })).toThrow(
        /^"waitReplicas" needs a client with one/,
      );
    }
  });
});
