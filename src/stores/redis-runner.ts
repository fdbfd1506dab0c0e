/**
 * Runs the Redis store's scripts: by their digest, in one round trip, and in full where the server does not have them
 * yet. Here too: the look at the server's settings at first use, and waiting for replicas.
 *
 * @module
 */
import { createHash } from "node:crypto";

import { systemClock } from "../core/clock.ts";
import type { RedisClient, RedisSender } from "./redis-client.ts";
import { isMissingScript, redisFailureFrom } from "./redis-errors.ts";
import { inspectRedis } from "./redis-inspect.ts";
import * as texts from "./redis-scripts.ts";

/** A script and the digest by which Redis knows it. */
export interface Script {
  readonly text: string;
  readonly sha1: string;
}

type ScriptName =
  | ("insert" | "read" | "acquire" | "renew" | "release" | "commit" | "addCandidate" | "removeCandidate")
  | ("end" | "wipe" | "reseal" | "slide" | "index");

/** All scripts of the store. */
export const SCRIPTS: Readonly<Record<ScriptName, Script>> = {
  insert: scriptOf(texts.INSERT),
  read: scriptOf(texts.READ),
  acquire: scriptOf(texts.ACQUIRE),
  renew: scriptOf(texts.RENEW),
  release: scriptOf(texts.RELEASE),
  commit: scriptOf(texts.COMMIT),
  addCandidate: scriptOf(texts.ADD_CANDIDATE),
  removeCandidate: scriptOf(texts.REMOVE_CANDIDATE),
  end: scriptOf(texts.END),
  wipe: scriptOf(texts.WIPE),
  reseal: scriptOf(texts.RESEAL),
  slide: scriptOf(texts.SLIDE),
  index: scriptOf(texts.INDEX),
};

/** What the store's methods run on. `send` and `run` reject with a `StoreFailedError`. */
export interface RedisRunner {
  /** Sends one command on a key. */
  send(operation: string, key: string, args: readonly string[]): Promise<unknown>;
  /** Runs a script on a key. */
  run(operation: string, key: string, script: Script, args?: readonly string[]): Promise<unknown>;
  /**
   * Waits until the replicas that the application asked for have what was written, if it asked for any. Never rejects,
   * and never waits for much longer than it may: the write is done.
   */
  replicated(): Promise<void>;
}

/** How many replicas to wait for, and for how many milliseconds at most. */
export interface ReplicaWait {
  readonly replicas: number;
  readonly timeoutMs: number;
}

/** How often the server's settings are asked for that told nothing before. */
const MAX_INSPECTIONS = 5;
/** How much later than its timeout the answer of `WAIT` may come, in milliseconds. */
const ANSWER_WITHIN_MS = 250;

/** What {@link redisRunner} is told. */
export interface RedisRunnerOptions {
  readonly client: RedisClient;
  readonly sender: RedisSender;
  readonly waitReplicas: ReplicaWait | undefined;
  readonly warn: (message: string) => void;
}

/** Makes a runner. Nothing happens before its first use. */
export function redisRunner({ client, sender, waitReplicas, ...options }: RedisRunnerOptions): RedisRunner {
  let inspections = 0;
  let isInspecting = false;
  let isLagging = false;

  /** A logger that fails must not fail a write that is done. */
  const warn = (message: string): void => {
    try {
      options.warn(message);
    } catch {
      return;
    }
  };

  /** After an answer, because before it there may be no connection; again while the server told nothing at all. */
  const inspectOnce = async (): Promise<void> => {
    if (isInspecting || inspections >= MAX_INSPECTIONS) return;
    isInspecting = true;
    inspections++;
    const { eviction, persistence, problems } = await inspectRedis(client);
    if (eviction !== "unknown" || persistence !== "unknown") inspections = MAX_INSPECTIONS;
    isInspecting = false;
    if (problems.length > 0) warn(`Redis can lose grants: ${problems.join("; ")} (see docs/redis.md)`);
  };

  const sent = async (key: string, args: readonly string[]): Promise<unknown> => {
    const answer = await sender.send(key, args);
    void inspectOnce();
    return answer;
  };

  const send: RedisRunner["send"] = async (operation, key, args) => {
    try {
      return await sent(key, args);
    } catch (error) {
      throw redisFailureFrom(operation, error);
    }
  };

  return {
    send,

    async run(operation, key, script, args = []) {
      const rest = ["1", key, ...args];
      try {
        return await sent(key, ["EVALSHA", script.sha1, ...rest]);
      } catch (error) {
        if (!isMissingScript(error)) throw redisFailureFrom(operation, error);
      }
      return send(operation, key, ["EVAL", script.text, ...rest]);
    },

    async replicated() {
      if (!waitReplicas) return;
      const { replicas, timeoutMs } = waitReplicas;
      const given = new AbortController();
      const reached = await Promise.race([
        sender.send("", ["WAIT", String(replicas), String(timeoutMs)]).then(Number, () => undefined),
        // A client without a connection may keep the command, and the write is done.
        systemClock.sleep(timeoutMs + ANSWER_WITHIN_MS, given.signal).then(() => undefined),
      ]);
      given.abort();
      const lags = !(reached !== undefined && reached >= replicas);
      if (lags && !isLagging) warn(`${lagOf(reached, waitReplicas)} (see docs/redis.md)`);
      isLagging = lags;
    },
  };
}

function lagOf(reached: number | undefined, { replicas, timeoutMs }: ReplicaWait): string {
  return reached === undefined
    ? `The wait for ${replicas} Redis replicas failed, so nobody knows whether they had a write that is done`
    : `${reached} of ${replicas} Redis replicas had a write within ${timeoutMs} ms`;
}

function scriptOf(text: string): Script {
  return { text, sha1: createHash("sha1").update(text).digest("hex") };
}
