import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Cluster, Redis } from "ioredis";
import { createClientPool, createCluster } from "redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";

import type { GrantStore } from "../../src/core/grant-store.ts";
import type { NewGrant } from "../../src/core/grant.ts";
import { SCRIPTS } from "../../src/stores/redis-runner.ts";
import { redisStore, type RedisClient } from "../../src/stores/redis.ts";
import { grantStoreContract } from "../../src/testing/grant-store-contract.ts";
import { acquired, commitOn, newGrant, request } from "../../src/testing/grant-store-contract/fixtures.ts";
import { contextOf } from "./fixtures.ts";
import { startLossyProxy, type LossyProxy } from "./support/lossy-proxy.ts";
import { clients, type ConnectedClient } from "./support/redis-clients.ts";
import { startRedisCluster, type RedisCluster } from "./support/redis-cluster.ts";
import {
  describeWithServers,
  redisServerForTests,
  serverPrograms,
  startRedisServer,
  type RedisServer,
} from "./support/redis-server.ts";

// Real servers on a machine that others may use.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const page = readFileSync(join(import.meta.dirname, "../../docs/redis.md"), "utf8");
const silent = (): void => undefined;
const storeFor = (client: RedisClient): GrantStore => redisStore({ client, warn: silent });

async function insertedIn(store: GrantStore): Promise<NewGrant> {
  const grant = newGrant(contextOf(store));
  expect(await store.insert(grant)).toBe(true);
  return grant;
}

describeWithServers("an answer that gets lost on its way", (program) => {
  const server = redisServerForTests(program);
  let proxy: LossyProxy;
  let direct: Redis;
  let connected: ConnectedClient;
  beforeEach(async () => {
    const { port, url } = await server();
    proxy = await startLossyProxy(port);
    direct = new Redis(url);
  });
  afterEach(async () => {
    direct.disconnect();
    await connected.close();
    await proxy.close();
  });

  describe("is asked for again by ioredis, and", () => {
    let store: GrantStore;
    beforeEach(async () => {
      connected = await clients["ioredis"]!(proxy.url);
      store = storeFor(connected.client);
      // The scripts are known from here on, so that each step is one request.
      const warmUp = await insertedIn(store);
      await store.acquireLease(warmUp.id, request("a"));
      await store.end(warmUp.id, "signed_out");
    });

    it("an insert is still answered with true (X26)", async () => {
      const grant = newGrant(contextOf(store));
      proxy.dropAnswerTo(SCRIPTS.insert.sha1);

      expect(await store.insert(grant)).toBe(true);

      expect(proxy.dropped()).toBe(1);
      expect(await store.insert(grant)).toBe(false);
    });

    it("a lease is taken once, and shows the intent that was there before it (X26, S2)", async () => {
      const { id } = await insertedIn(store);
      const first = await acquired(
        storeFor(direct),
        id,
        request("a", { durationMs: 1, attemptId: "crashed" }),
      );
      proxy.dropAnswerTo(SCRIPTS.acquire.sha1);

      const { lease, previousIntent } = await acquired(store, id, request("a", { attemptId: "next" }));

      expect(proxy.dropped()).toBe(1);
      expect(lease.fence).toBe(first.lease.fence + 1);
      expect(previousIntent).toEqual(first.grant.intent);
    });

    it("an end still hands out the tokens, so that they are revoked (I16)", async () => {
      const grant = await insertedIn(store);
      proxy.dropAnswerTo(SCRIPTS.end.sha1);

      expect(await store.end(grant.id, "signed_out")).toMatchObject({
        state: "live",
        sealedTokenSet: grant.sealedTokenSet,
      });

      expect(proxy.dropped()).toBe(1);
      expect(await store.end(grant.id, "revoked")).toBeUndefined();
    });

    it("a commit is known by its token set (X26)", async () => {
      const { id } = await insertedIn(store);
      await store.commit((await insertedIn(store)).id, commitOn(1));
      proxy.dropAnswerTo(SCRIPTS.commit.sha1);

      const answer = await store.commit(id, commitOn(1, { sealedTokenSet: "mine" }));

      expect(proxy.dropped()).toBe(1);
      expect(answer).toMatchObject({ status: "conflict", grant: { version: 2, sealedTokenSet: "mine" } });
    });
  });

  it("is an error with redis, and the same call made again tells what happened (X26)", async () => {
    connected = await clients["redis"]!(proxy.url);
    const store = storeFor(connected.client);
    const { id } = await insertedIn(store);
    await store.commit((await insertedIn(store)).id, commitOn(1));
    proxy.dropAnswerTo(SCRIPTS.commit.sha1);
    const commit = commitOn(1, { sealedTokenSet: "mine" });

    await expect(store.commit(id, commit)).rejects.toMatchObject({ code: "store_failed" });

    expect(await store.commit(id, commit)).toMatchObject({
      status: "conflict",
      grant: { version: 2, sealedTokenSet: "mine" },
    });
  });
});

describeWithServers("a replica of the Redis store", (program) => {
  const primary = redisServerForTests(program);
  let replica: RedisServer;
  let onPrimary: Redis;
  let onReplica: Redis;
  const follow = async (): Promise<void> => {
    await onReplica.call("REPLICAOF", "127.0.0.1", String((await primary()).port));
    await vi.waitFor(
      async () => expect(await onReplica.info("replication")).toContain("master_link_status:up"),
      { timeout: 15_000, interval: 20 },
    );
  };
  beforeAll(async () => {
    onPrimary = new Redis((await primary()).url);
    await onPrimary.config("SET", "repl-diskless-sync-delay", "0");
    replica = await startRedisServer(program, ["--save", "", "--appendonly", "no"]);
    onReplica = new Redis(replica.url);
  });
  beforeEach(follow);
  afterAll(async () => {
    onPrimary.disconnect();
    onReplica.disconnect();
    await replica.stop();
  });

  it("has each new grant, commit and end before it is answered, where the store waits for it", async () => {
    const warn = vi.fn();
    const waitReplicas = { replicas: 1, timeoutMs: 1_000 };
    const store = redisStore({ client: onPrimary, prefix: "waits:", waitReplicas, warn });
    const copy = redisStore({ client: onReplica, prefix: "waits:", warn: silent });

    const { id } = await insertedIn(store);
    expect((await copy.read(id))?.grant.version).toBe(1);
    await store.commit(id, commitOn(1));
    expect((await copy.read(id))?.grant.version).toBe(2);
    await store.end(id, "signed_out");
    expect((await copy.read(id))?.grant.state).toBe("ended");
    expect(warn).not.toHaveBeenCalledWith(expect.stringContaining("replicas"));
  });

  it("that is too late holds nothing up for longer than the wait, and is warned of once", async () => {
    const warn = vi.fn();
    const waitReplicas = { replicas: 2, timeoutMs: 20 };
    const store = redisStore({ client: onPrimary, waitReplicas, warn });

    const { id } = await insertedIn(store);
    expect((await store.commit(id, commitOn(1))).status).toBe("committed");

    const warnings = warn.mock.calls.flat().filter((message) => String(message).includes("replicas"));
    expect(warnings).toEqual([expect.stringMatching(/^\d of 2 Redis replicas had a write within 20 ms/)]);
  });

  it("that takes over without a commit refuses the next one, which is kept as a candidate (X13, I4)", async () => {
    const store = storeFor(onPrimary);
    const copy = storeFor(onReplica);
    const users = [await insertedIn(store), await insertedIn(store)];
    await vi.waitFor(async () => {
      for (const { id } of users) expect(await copy.read(id)).toBeDefined();
    });
    await onReplica.call("REPLICAOF", "NO", "ONE");

    for (const { id } of users) {
      await store.commit(id, commitOn(1));
      const answer = await copy.commit(id, commitOn(2, { sealedTokenSet: "of version 3" }));
      expect(answer).toMatchObject({ status: "conflict", grant: { version: 1 } });
      const candidate = { attemptId: "a", sealedTokenSet: "of version 3", keyId: "k", version: 3 };
      expect(await copy.addCandidate(id, candidate)).toBe(true);
    }
  });
});

const firstProgram = serverPrograms.slice(0, 1);

describeWithServers(
  "the Redis store in a cluster of two primaries",
  (program) => {
    let cluster: RedisCluster;
    beforeAll(async () => {
      cluster = await startRedisCluster(program);
    }, 60_000);
    afterAll(() => cluster.stop());

    type Credentials = { readonly username: string; readonly password: string };
    const connections: Readonly<Record<string, (given?: Credentials) => Promise<ConnectedClient>>> = {
      ioredis: async (redisOptions) => {
        const ports = cluster.ports.map((port) => ({ host: "127.0.0.1", port }));
        const client = new Cluster(ports, redisOptions && { redisOptions });
        client.on("error", silent);
        return { client, close: async () => client.disconnect() };
      },
      redis: async (defaults) => {
        const client = createCluster({
          ...(defaults && { defaults }),
          rootNodes: cluster.ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })),
        });
        client.on("error", silent);
        await client.connect();
        return { client, close: async () => client.destroy() };
      },
    };

    describe.each(Object.entries(connections))("over %s", (name, connect) => {
      let connected: ConnectedClient;
      beforeAll(async () => {
        connected = await connect();
      });
      afterAll(() => connected.close());

      it.each(grantStoreContract)("$name", async ({ check }) => {
        const store = redisStore({ client: connected.client, prefix: `${name}:`, warn: silent });
        await check(contextOf(store));
      });

      it("writes a grant's entries into the indexes again at a commit, after their primary lost them (X13)", async () => {
        const store = redisStore({ client: connected.client, prefix: `${name}-lost:`, warn: silent });
        const { id, subjectRef } = await insertedIn(store);
        for (const port of cluster.ports) {
          const node = new Redis(port);
          for (const key of await node.keys(`${name}-lost:*Ref:*`)) await node.del(key);
          node.disconnect();
        }
        const subject = { subjectRef: String(subjectRef) };
        expect(await store.endMatching(subject, "revoked")).toEqual([]);

        await store.commit(id, commitOn(1));

        await vi.waitFor(async () =>
          expect(await store.endMatching(subject, "revoked")).toMatchObject([{ id }]),
        );
      });

      it("works for the user that docs/redis.md describes for a cluster", async () => {
        const rules = [/^ACL SETUSER (.+)$/m, /cluster's clients.*?`(.+?)`/].map(
          (rule) => rule.exec(page)?.[1] ?? "",
        );
        for (const port of cluster.ports) {
          const node = new Redis(port);
          await node.call("ACL", "SETUSER", ...rules.join(" ").replace("PASSWORD", "pw").split(" "));
          node.disconnect();
        }
        const user = await connect({ username: "nolapse", password: "pw" });
        const warn = vi.fn();
        const store = redisStore({ client: user.client, warn });

        const { id, sessionRef } = await insertedIn(store);
        expect((await store.commit(id, commitOn(1))).status).toBe("committed");
        expect(await store.endMatching({ sessionRef }, "revoked")).toHaveLength(1);
        await user.close();
      });

      it("spreads grants over both, and shows all of them in a scan", async () => {
        const store = redisStore({ client: connected.client, prefix: `${name}-spread:`, warn: silent });
        const ids = new Set<string>();
        for (let made = 0; made < 20; made++) ids.add((await insertedIn(store)).id);
        const counts = await Promise.all(
          cluster.ports.map(async (port) => {
            const node = new Redis(port);
            const keys = await node.keys(`${name}-spread:grant:*`);
            node.disconnect();
            return keys.length;
          }),
        );
        expect(Math.min(...counts)).toBeGreaterThan(0);

        const shown = new Set<string>();
        for (let cursor: string | null = null, pages = 0; pages < 1_000; pages++) {
          const page = await store.scan(cursor, 5);
          for (const { id } of page.grants) shown.add(id);
          cursor = page.next;
          if (cursor === null) break;
        }
        expect(shown).toEqual(ids);
      });
    });
  },
  firstProgram,
);

describeWithServers(
  "the Redis store over a pool of connections",
  (program) => {
    const server = redisServerForTests(program);

    it("keeps its promises", async () => {
      const pool = createClientPool({ url: (await server()).url }, { minimum: 2, maximum: 4 });
      pool.on("error", silent);
      await pool.connect();
      try {
        for (const { name, check } of grantStoreContract) {
          if (/100|linearizable/.test(name)) await check(contextOf(storeFor(pool)));
        }
      } finally {
        pool.destroy();
      }
    });
  },
  firstProgram,
);
