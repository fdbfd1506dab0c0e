/** A cluster of two primaries without replicas, for tests. */
import { Redis } from "ioredis";
import { vi } from "vitest";

import { freePort, startRedisServer, type RedisServer, type ServerProgram } from "./redis-server.ts";

/** A cluster that runs. */
export interface RedisCluster {
  readonly ports: readonly number[];
  stop(): Promise<void>;
}

const HALVES = [
  ["0", "8191"],
  ["8192", "16383"],
] as const;

/** Starts both, tells them their halves of the slots, and waits until they agree. */
export async function startRedisCluster(program: ServerProgram): Promise<RedisCluster> {
  const nodes: { readonly server: RedisServer; readonly client: Redis; readonly busPort: number }[] = [];
  for (const slots of HALVES) {
    const busPort = await freePort();
    const settings = ["--save", "", "--cluster-enabled", "yes", "--cluster-port", String(busPort)];
    const server = await startRedisServer(program, settings);
    const client = new Redis(server.url);
    await client.call("CLUSTER", "ADDSLOTSRANGE", ...slots);
    nodes.push({ server, client, busPort });
  }
  const [first, second] = nodes;
  await first!.client.call(
    ...(["CLUSTER", "MEET", "127.0.0.1", String(second!.server.port), String(second!.busPort)] as const),
  );
  for (const { client } of nodes) {
    await vi.waitFor(
      async () => {
        const info = String(await client.call("CLUSTER", "INFO"));
        if (!/cluster_state:ok[^]*cluster_known_nodes:2/.test(info)) throw new Error("not joined yet");
      },
      { timeout: 30_000, interval: 50 },
    );
  }
  return {
    ports: nodes.map(({ server }) => server.port),
    stop: async () => {
      for (const { server, client } of nodes) {
        client.disconnect();
        await server.stop();
      }
    },
  };
}
