/** `waitReplicas` where replicas lag or answers get lost: a write that is done is never reported as failed. */
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi, type Mock } from "vitest";

import type { GrantStore } from "../../src/core/grant-store.ts";
import { SCRIPTS } from "../../src/stores/redis-runner.ts";
import { redisStore, type RedisClient } from "../../src/stores/redis.ts";
import { acquired, commitOn, newGrant, request } from "../../src/testing/grant-store-contract/fixtures.ts";
import { contextOf } from "./fixtures.ts";
import { startLossyProxy, type LossyProxy } from "./support/lossy-proxy.ts";
import { describeWithServers, redisServerForTests, startRedisServer } from "./support/redis-server.ts";
import type { RedisServer } from "./support/redis-server.ts";

// Real servers on a machine that others may use.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const CANDIDATE = { attemptId: "x", sealedTokenSet: "s", keyId: "k", version: 2 };

/** Warnings about replicas: those about settings are another matter. */
function waitWarnings(warn: Mock): string[] {
  return warn.mock.calls
    .flat()
    .map(String)
    .filter((message) => message.includes("replica"));
}

describeWithServers("a wait for replicas", (program) => {
  const server = redisServerForTests(program);
  let admin: Redis;
  beforeAll(async () => {
    admin = new Redis((await server()).url);
  });
  afterAll(() => admin.disconnect());

  /** A client whose `WAIT` does this instead. */
  const clientWith = (wait: () => Promise<unknown>): RedisClient => ({
    sendCommand: (args: string[]) => (args[0] === "WAIT" ? wait() : admin.call(...(args as [string]))),
  });

  it.each([
    ["is not allowed", () => Promise.reject(new Error("NOPERM no permissions"))],
    ["breaks with its connection", () => Promise.reject(new Error("Connection is closed."))],
    ["is never answered", () => new Promise(() => undefined)],
  ])("that %s fails none of the writes that are done, and is warned of once", async (_what, wait) => {
    const warn = vi.fn();
    const waitReplicas = { replicas: 1, timeoutMs: 10 };
    const store = redisStore({ client: clientWith(wait), waitReplicas, warn });
    const grant = newGrant(contextOf(store));

    expect(await store.insert(grant)).toBe(true);
    expect((await store.commit(grant.id, commitOn(1))).status).toBe("committed");
    expect(await store.addCandidate(grant.id, CANDIDATE)).toBe(true);
    expect((await store.end(grant.id, "signed_out"))?.version).toBe(2);

    expect(waitWarnings(warn)).toEqual([expect.stringMatching(/replicas.*docs\/redis\.md/)]);
  });

  it("follows a candidate, and a commit that finds its own token set stored (I4, X26)", async () => {
    let waits = 0;
    const client = clientWith(async () => ++waits);
    const store = redisStore({ client, waitReplicas: { replicas: 1, timeoutMs: 10 }, warn: () => undefined });
    const waitsFor = async (call: Promise<unknown>): Promise<number> => {
      const before = waits;
      await call;
      return waits - before;
    };
    const { id } = await (async () => {
      const grant = newGrant(contextOf(store));
      await store.insert(grant);
      return grant;
    })();
    const mine = commitOn(1, { sealedTokenSet: "mine" });

    expect(await waitsFor(store.commit(id, mine))).toBe(1);
    expect(await waitsFor(store.commit(id, mine))).toBe(1);
    expect(await waitsFor(store.commit(id, commitOn(1, { sealedTokenSet: "another's" })))).toBe(0);
    expect(await waitsFor(store.addCandidate(id, CANDIDATE))).toBe(1);
    await store.end(id, "signed_out");
    expect(await waitsFor(store.addCandidate(id, CANDIDATE))).toBe(0);
  });
});

describeWithServers("a resent call", (program) => {
  const primary = redisServerForTests(program);
  let replica: RedisServer;
  let onReplica: Redis;
  let proxy: LossyProxy;
  let client: Redis;
  let store: GrantStore;
  let warn: Mock<(message: string) => void>;

  beforeAll(async () => {
    const { port, url } = await primary();
    const direct = new Redis(url);
    await direct.config("SET", "repl-diskless-sync-delay", "0");
    direct.disconnect();
    const settings = ["--save", "", "--appendonly", "no", "--enable-debug-command", "local"];
    replica = await startRedisServer(program, settings);
    onReplica = new Redis(replica.url);
    await onReplica.call("REPLICAOF", "127.0.0.1", String(port));
    await vi.waitFor(
      async () => expect(await onReplica.info("replication")).toContain("master_link_status:up"),
      { timeout: 15_000, interval: 20 },
    );
  });
  afterAll(async () => {
    onReplica.disconnect();
    await replica.stop();
  });
  beforeEach(async () => {
    proxy = await startLossyProxy((await primary()).port);
    client = new Redis(proxy.url);
    client.on("error", () => undefined);
    warn = vi.fn<(message: string) => void>();
    store = redisStore({ client, waitReplicas: { replicas: 1, timeoutMs: 400 }, warn });
    // The scripts are known from here on, so that each step is one request.
    const warmUp = newGrant(contextOf(store));
    await store.insert(warmUp);
    await store.acquireLease(warmUp.id, request("a"));
    await store.commit(warmUp.id, commitOn(1));
    await store.end(warmUp.id, "signed_out");
    await vi.waitFor(() => store.insert(newGrant(contextOf(store))));
    warn.mockClear();
  });
  afterEach(async () => {
    client.disconnect();
    await proxy.close();
  });

  const steps: Readonly<Record<"insert" | "commit" | "end", (id: string) => Promise<unknown>>> = {
    insert: () => store.insert(newGrant(contextOf(store))),
    commit: (id) => store.commit(id, commitOn(1)),
    end: (id) => store.end(id, "signed_out"),
  };
  it.each(["insert", "commit", "end"] as const)(
    "(%s) waits for its replicas over the new connection too, which had written nothing yet (X13, X26)",
    async (step) => {
      const grant = newGrant(contextOf(store));
      await store.insert(grant);
      const asleep = onReplica.call("DEBUG", "SLEEP", "1.5");
      await new Promise((resolve) => setTimeout(resolve, 50));
      proxy.dropAnswerTo(SCRIPTS[step].sha1);

      await steps[step](grant.id);

      expect(proxy.dropped()).toBe(1);
      expect(waitWarnings(warn)).toEqual([expect.stringMatching(/^0 of 1 Redis replicas/)]);
      await asleep;
    },
  );

  it("(acquireLease) gets a lease that lasts from the moment of its answer, with the fence of the first (X26)", async () => {
    const grant = newGrant(contextOf(store));
    await store.insert(grant);
    proxy.dropAnswerTo(SCRIPTS.acquire.sha1);

    const { lease, storeNowMs, grant: row } = await acquired(store, grant.id, request("a"));

    expect(proxy.dropped()).toBe(1);
    expect(lease).toMatchObject({ fence: 1, untilMs: storeNowMs + request("a").durationMs });
    expect(row.intent?.deadlineAtMs).toBe(storeNowMs + request("a").deadlineMs);
    expect(row.intent?.startedAtMs).toBeLessThan(storeNowMs);
  });
});

describe("redisStore()", () => {
  it("takes no wait that an engine's own bound for a store call would cut off", () => {
    const client: RedisClient = { call: () => Promise.resolve(null) };
    expect(() => redisStore({ client, waitReplicas: { replicas: 1, timeoutMs: 1_001 } })).toThrow(
      /"waitReplicas.timeoutMs" must be a whole number from 1 to 1000, and is 1001/,
    );
  });
});
