/**
 * Runs the Redis store's scripts: by their digest, in one round trip, and in full where the server does not have them
 * yet. Here too: the look at the server's settings at first use, and waiting for replicas.
 *
 * @module
 */
import { createHash } from "node:crypto";

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

/** What the store's methods run on. Everything rejects with a `StoreFailedError`. */
export interface RedisRunner {
  /** Sends one command on a key. */
  send(operation: string, key: string, args: readonly string[]): Promise<unknown>;
  /** Runs a script on a key. */
  run(operation: string, key: string, script: Script, args?: readonly string[]): Promise<unknown>;
  /** Waits until the replicas that the application asked for have what was written, if it asked for any. */
  replicated(operation: string): Promise<void>;
}

/** What {@link redisRunner} is told. */
export interface RedisRunnerOptions {
  readonly client: RedisClient;
  readonly sender: RedisSender;
  readonly waitReplicas: { readonly replicas: number; readonly timeoutMs: number } | undefined;
  readonly warn: (message: string) => void;
}

/** Makes a runner. Nothing happens before its first use. */
export function redisRunner({ client, sender, waitReplicas, ...options }: RedisRunnerOptions): RedisRunner {
  let isInspected = false;
  let isLagging = false;

  /** A logger that fails must not fail a write that is done. */
  const warn = (message: string): void => {
    try {
      options.warn(message);
    } catch {
      return;
    }
  };

  const inspectOnce = async (): Promise<void> => {
    if (isInspected) return;
    isInspected = true;
    const { problems } = await inspectRedis(client);
    if (problems.length > 0) warn(`Redis can lose grants: ${problems.join("; ")} (see docs/redis.md)`);
  };

  const send: RedisRunner["send"] = async (operation, key, args) => {
    void inspectOnce();
    try {
      return await sender.send(key, args);
    } catch (error) {
      throw redisFailureFrom(operation, error);
    }
  };

  return {
    send,

    async run(operation, key, script, args = []) {
      void inspectOnce();
      const rest = ["1", key, ...args];
      try {
        return await sender.send(key, ["EVALSHA", script.sha1, ...rest]);
      } catch (error) {
        if (!isMissingScript(error)) throw redisFailureFrom(operation, error);
      }
      return send(operation, key, ["EVAL", script.text, ...rest]);
    },

    async replicated(operation) {
      if (!waitReplicas) return;
      const { replicas, timeoutMs } = waitReplicas;
      const reached = Number(await send(operation, "", ["WAIT", String(replicas), String(timeoutMs)]));
      const lags = !(reached >= replicas);
      if (lags && !isLagging) {
        warn(
          `${reached} of ${replicas} Redis replicas had a write within ${timeoutMs} ms (see docs/redis.md)`,
        );
      }
      isLagging = lags;
    },
  };
}

function scriptOf(text: string): Script {
  return { text, sha1: createHash("sha1").update(text).digest("hex") };
}
