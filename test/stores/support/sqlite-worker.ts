/** A process that has a SQLite store, for its parent. Usage: fork sqlite-worker.ts <path>; see remote-store.ts. */
import type { GrantStore } from "../../../src/core/grant-store.ts";
import { sqliteStore } from "../../../src/stores/sqlite.ts";

/** One call of the parent. */
export interface RemoteCall {
  readonly number: number;
  readonly method: Exclude<keyof GrantStore, "kind">;
  readonly args: unknown[];
}

/** What became of it. */
export interface RemoteAnswer {
  readonly number: number;
  readonly answer?: unknown;
  readonly failure?: string;
}

const store = sqliteStore({ path: process.argv[2] ?? "" });

process.on("message", ({ number, method, args }: RemoteCall) => {
  const say = (answer: RemoteAnswer): boolean | undefined => process.send?.(answer);
  const call = store[method] as (...args: unknown[]) => Promise<unknown>;
  call(...args).then(
    (answer) => say({ number, answer }),
    (error: unknown) => say({ number, failure: String(error) }),
  );
});
