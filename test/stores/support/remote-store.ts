/** A SQLite store in a process of its own, which can be killed at any moment. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import type { GrantStore } from "../../../src/core/grant-store.ts";
import type { RemoteAnswer, RemoteCall } from "./sqlite-worker.ts";

/** The store, and how to end its process as a crash would. */
export interface RemoteStore {
  readonly store: GrantStore;
  /** Kills the process. What was not answered by then rejects. */
  kill(): Promise<void>;
}

const WORKER = fileURLToPath(new URL("sqlite-worker.ts", import.meta.url));
const METHODS = [
  ...(["insert", "read", "acquireLease", "renewLease", "releaseLease", "commit", "addCandidate"] as const),
  ...([
    "removeCandidate",
    "end",
    "endMatching",
    "findMatching",
    "wipe",
    "reseal",
    "scan",
    "slide",
    "purge",
    "close",
  ] as const),
] satisfies readonly RemoteCall["method"][];

/** Starts a process with a store on that file. */
export function remoteSqliteStore(path: string): RemoteStore {
  const child = fork(WORKER, [path], { serialization: "advanced", execArgv: [] });
  const exited = once(child, "exit");
  const open = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  let calls = 0;
  child.on("message", ({ number, answer, failure }: RemoteAnswer) => {
    const call = open.get(number);
    open.delete(number);
    if (failure === undefined) call?.resolve(answer);
    else call?.reject(new Error(failure));
  });
  child.on("exit", () => {
    for (const { reject } of open.values()) reject(new Error("the process is gone"));
  });
  const method =
    (name: RemoteCall["method"]) =>
    (...args: unknown[]): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const number = calls++;
        open.set(number, { resolve, reject });
        child.send({ number, method: name, args } satisfies RemoteCall);
      });
  const methods = Object.fromEntries(METHODS.map((name) => [name, method(name)]));
  return {
    store: { kind: "sqlite", ...methods } as unknown as GrantStore,
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
