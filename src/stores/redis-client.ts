/**
 * The clients of Redis and Valkey that an application may hand in, known by their shape: nothing is imported from them.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";

/** `new Redis()` or `new Cluster()` of `ioredis`, or of a package that follows it. */
export interface IoredisClient {
  call(command: string, ...args: string[]): Promise<unknown>;
}

/** `createClient()` or `createClientPool()` of `redis`; anything else that sends a command given as a list of texts. */
export interface NodeRedisClient {
  sendCommand(args: string[]): Promise<unknown>;
}

/** `createCluster()` of `redis`. */
export interface NodeRedisCluster {
  sendCommand(
    firstKey: string | undefined,
    isReadonly: boolean | undefined,
    args: string[],
  ): Promise<unknown>;
  readonly masters: readonly unknown[];
  nodeClient(node: never): Promise<NodeRedisClient> | NodeRedisClient;
}

/** A connected client. It stays the application's: the store neither connects nor closes it. */
export type RedisClient = IoredisClient | NodeRedisClient | NodeRedisCluster;

/** Sends one command: its name, then its arguments. */
export type SendCommand = (args: readonly string[]) => Promise<unknown>;

/** A client as the store uses it. */
export interface RedisSender {
  /** Sends a command on a key to wherever the key lives. */
  send(key: string, args: readonly string[]): Promise<unknown>;
  /** One sender for each server that holds keys of its own: one, or each primary of a cluster. */
  nodes(): Promise<readonly SendCommand[]>;
  /** Whether keys live on several primaries. */
  readonly isCluster: boolean;
  /** What the client itself puts before each key. The server's own lists, as `SCAN` gives them, show it. */
  readonly keyPrefix: string;
  /** Whether all commands go over one connection, in order: what `WAIT` counts on. */
  readonly isOneConnection: boolean;
}

/** @throws {@link InvalidOptionError} for something that is no client. */
export function redisSender(client: RedisClient): RedisSender {
  const shape = shapeOf(client);
  if (shape === undefined) {
    throw new InvalidOptionError(
      "client",
      "must be a client of ioredis (with call()) or of redis (with sendCommand()), such as new Redis(url)",
    );
  }
  return shape;
}

function shapeOf(client: unknown): RedisSender | undefined {
  if (typeof client !== "object" || client === null) return undefined;
  if (isFunction(client, "call")) return ioredisSender(client as unknown as Ioredis);
  if (!isFunction(client, "sendCommand")) return undefined;
  if (isFunction(client, "nodeClient")) return clusterSender(client as unknown as NodeRedisCluster);
  const plain = client as unknown as NodeRedisClient;
  const send: SendCommand = (args) => plain.sendCommand([...args]);
  return {
    send: (_key, args) => send(args),
    nodes: () => Promise.resolve([send]),
    isCluster: false,
    keyPrefix: "",
    // A pool of `redis` runs a task on one connection of many by `execute`.
    isOneConnection: !isFunction(client, "execute"),
  };
}

/** What of `ioredis` is optional here, because other packages follow only its `call`. */
interface Ioredis extends IoredisClient {
  readonly isCluster?: boolean;
  readonly options?: { readonly keyPrefix?: unknown };
  nodes?(role: "master"): readonly IoredisClient[];
}

function ioredisSender(client: Ioredis): RedisSender {
  const senderOf =
    (node: IoredisClient): SendCommand =>
    ([command = "", ...args]) =>
      node.call(command, ...args);
  const send = senderOf(client);
  const isCluster = client.isCluster === true;
  const keyPrefix = client.options?.keyPrefix;
  return {
    send: (_key, args) => send(args),
    nodes: () => Promise.resolve(isCluster ? (client.nodes?.("master") ?? []).map(senderOf) : [send]),
    isCluster,
    keyPrefix: typeof keyPrefix === "string" || Buffer.isBuffer(keyPrefix) ? String(keyPrefix) : "",
    isOneConnection: !isCluster,
  };
}

function clusterSender(cluster: NodeRedisCluster): RedisSender {
  return {
    send: (key, args) => cluster.sendCommand(key, false, [...args]),
    nodes: () =>
      Promise.all(
        cluster.masters.map(async (master): Promise<SendCommand> => {
          const node = await cluster.nodeClient(master as never);
          return (args) => node.sendCommand([...args]);
        }),
      ),
    isCluster: true,
    keyPrefix: "",
    isOneConnection: false,
  };
}

function isFunction(client: object, name: string): boolean {
  return typeof (client as Partial<Record<string, unknown>>)[name] === "function";
}
