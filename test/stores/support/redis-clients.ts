/** The two clients, connected, as an application has them. */
import { Redis } from "ioredis";
import { createClient } from "redis";

import type { RedisClient } from "../../../src/stores/redis.ts";

/** A connected client and how to close it. */
export interface ConnectedClient {
  readonly client: RedisClient;
  close(): Promise<void>;
}

/** How each client connects. */
export const clients: Readonly<Record<string, (url: string) => Promise<ConnectedClient>>> = {
  ioredis: async (url) => {
    const client = new Redis(url, { lazyConnect: true });
    client.on("error", () => undefined);
    await client.connect();
    return {
      client,
      close: async () => {
        client.disconnect();
      },
    };
  },
  redis: async (url) => {
    const client = createClient({ url });
    client.on("error", () => undefined);
    await client.connect();
    return {
      client,
      close: async () => {
        client.destroy();
      },
    };
  },
};
