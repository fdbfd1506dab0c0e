/**
 * Grants in Redis 7 or Valkey 8 and newer, for applications on more than one machine. The application hands in its own
 * client, of `ioredis` or of `redis`; each step is one Lua script, judged by the server's clock.
 *
 * A grant is one key and expires with its session, so nothing has to be purged. Indexes name the grants of a session,
 * of a user and of a login at the authorization server; each is one more key, written before the grant.
 *
 * Redis acknowledges before it replicates, so a failover can lose a rotation that was acknowledged, and with it, at an
 * authorization server that rotates strictly, the session. `waitReplicas` narrows that; docs/redis.md says how far.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";
import type { GrantStore } from "../core/grant-store.ts";
import { redisSender, type RedisClient } from "./redis-client.ts";
import { redisMethods } from "./redis-methods.ts";
import { redisRunner } from "./redis-runner.ts";

export type { IoredisClient, NodeRedisClient, NodeRedisCluster, RedisClient } from "./redis-client.ts";
export { inspectRedis, type RedisInspection } from "./redis-inspect.ts";

/** What {@link redisStore} is told. */
export interface RedisStoreOptions {
  /** A client of `ioredis` or of `redis`. It stays yours: the store neither connects nor closes it. */
  readonly client: RedisClient;
  /** The beginning of every key. Each application has its own. @defaultValue `nolapse:` */
  readonly prefix?: string;
  /**
   * Waits after each new grant, commit, candidate and end until so many replicas have it (`WAIT`), at most `timeoutMs`
   * milliseconds (1 to 1,000). Where fewer have it by then, or the wait fails, it stands all the same, and `warn` is
   * told. Not for a cluster or a pool.
   * @defaultValue no waiting
   */
  readonly waitReplicas?: { readonly replicas: number; readonly timeoutMs: number };
  /**
   * Told in a sentence, after the first use, of settings of the server that can lose a grant; and of replicas that lag.
   * @defaultValue `console.warn`
   */
  readonly warn?: (message: string) => void;
}

const DEFAULT_PREFIX = "nolapse:";
const MAX_PREFIX_LENGTH = 200;
const MAX_REPLICAS = 100;
/** Well below the engine's `storeTimeoutMs`: a write that is done must not be reported as failed. */
const MAX_WAIT_MS = 1_000;

/**
 * Makes a Redis store. Construction has no effects.
 *
 * `endMatching` is one atomic step for each grant, not one for all of them.
 *
 * @throws {@link InvalidOptionError} for a client that is none, an odd prefix, or a nonsense wait.
 */
export function redisStore(options: RedisStoreOptions): GrantStore {
  const { client, prefix = DEFAULT_PREFIX, waitReplicas, warn = warnOnConsole } = options;
  const sender = redisSender(client);
  checkPrefix(prefix);
  if (waitReplicas !== undefined) checkWait(waitReplicas, sender.isOneConnection);
  return redisMethods(redisRunner({ client, sender, waitReplicas, warn }), sender, prefix);
}

function warnOnConsole(message: string): void {
  console.warn(`[nolapse] ${message}`);
}

function checkPrefix(prefix: unknown): void {
  if (typeof prefix === "string" && prefix !== "" && prefix.length <= MAX_PREFIX_LENGTH) return;
  const given = typeof prefix === "string" ? `has ${prefix.length} characters` : `is ${typeof prefix}`;
  throw new InvalidOptionError(
    "prefix",
    `must be a text of 1 to ${MAX_PREFIX_LENGTH} characters, such as "my-app:", and ${given}`,
  );
}

function checkWait(wait: { replicas: number; timeoutMs: number }, isOneConnection: boolean): void {
  const { replicas, timeoutMs } = wait;
  checkWhole("waitReplicas.replicas", replicas, MAX_REPLICAS);
  // WAIT takes 0 for "as long as it takes".
  checkWhole("waitReplicas.timeoutMs", timeoutMs, MAX_WAIT_MS);
  if (isOneConnection) return;
  throw new InvalidOptionError(
    "waitReplicas",
    "needs a client with one connection, because WAIT counts the writes of its own; hand in no cluster and no pool",
  );
}

function checkWhole(option: string, value: unknown, most: number): void {
  if (Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= most) return;
  throw new InvalidOptionError(option, `must be a whole number from 1 to ${most}, and is ${String(value)}`);
}
