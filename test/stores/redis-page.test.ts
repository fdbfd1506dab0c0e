/** The clients as docs/redis.md makes them, on real servers: the snippets are read from the page. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runInNewContext } from "node:vm";

import { Redis } from "ioredis";
import { createClient } from "redis";
import { afterEach, describe, expect, it, vi } from "vitest";

import { redisStore, type RedisClient } from "../../src/stores/redis.ts";
import { newGrant } from "../../src/testing/grant-store-contract/fixtures.ts";
import { contextOf } from "./fixtures.ts";
import { describeWithServers, freePort, redisServerForTests } from "./support/redis-server.ts";

// Real servers on a machine that others may use.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const page = readFileSync(join(import.meta.dirname, "../../docs/redis.md"), "utf8");
/** The engine's default bound for a store call, in milliseconds. */
const STORE_TIMEOUT_MS = 3_000;

/** The last argument of a call in the page's code. */
function optionsOf(call: RegExp): object {
  const [, text = ""] = call.exec(page) ?? [];
  expect(text).not.toBe("");
  return runInNewContext(`(${text})`, { process: { env: {} } }) as object;
}

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Made as the page says, and not waited for. */
const makers: Readonly<Record<string, (url: string) => RedisClient>> = {
  ioredis: (url) => {
    const options = optionsOf(/new Redis\(process\.env\[.+?\]\s*\?\?\s*"[^"]+", (\{[^]+?\})\)/);
    const client = new Redis(url, options);
    client.on("error", () => undefined);
    closing.push(() => client.disconnect());
    return client;
  },
  redis: (url) => {
    const options = optionsOf(/createClient\((\{[^]+?\})\)/);
    const client = createClient({ ...options, url });
    client.on("error", () => undefined);
    client.connect().catch(() => undefined);
    closing.push(() => client.destroy());
    return client;
  },
};
const made = Object.entries(makers);
const silent = (): void => undefined;

describeWithServers("a client that docs/redis.md makes", (program) => {
  const server = redisServerForTests(program);

  it.each(made)("is right for the very first calls, before it is connected (%s)", async (_name, make) => {
    const { url } = await server();
    const store = redisStore({ client: make(url), warn: silent });
    const grants = [1, 2, 3].map(() => newGrant(contextOf(store)));

    expect(await Promise.all(grants.map((grant) => store.insert(grant)))).toEqual([true, true, true]);
  });

  it.each(made)(
    "serves again after the server was away, and fails quickly meanwhile (%s)",
    async (_name, make) => {
      const store = redisStore({ client: make((await server()).url), warn: silent });
      const grant = newGrant(contextOf(store));
      await store.insert(grant);

      const restarting = (await server()).restart();
      await store
        .read(grant.id)
        .catch((error: unknown) => expect(error).toMatchObject({ code: "store_failed" }));
      await restarting;

      await vi.waitFor(async () => expect(await store.read(grant.id)).toBeDefined(), { timeout: 10_000 });
    },
  );
});

describe("a client that docs/redis.md makes", () => {
  it.each(made)("fails before the engine gives up where no server is (%s)", async (_name, make) => {
    const store = redisStore({ client: make(`redis://127.0.0.1:${await freePort()}`), warn: silent });
    const begunMs = performance.now();

    await expect(store.read("x")).rejects.toMatchObject({ code: "store_failed" });

    expect(performance.now() - begunMs).toBeLessThan(STORE_TIMEOUT_MS);
  });
});
