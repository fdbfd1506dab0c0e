/**
 * The moments at which a process can die with something half done, by name, and hooks around the engine's ports that
 * strike there. `kill` is SIGKILL to itself, `stop` SIGSTOP: nothing of the process runs any more after either.
 */
import { appendFileSync } from "node:fs";

import type { Refresher } from "../src/core/refresher.ts";
import type { GrantStore } from "../src/core/grant-store.ts";

/** Where a process can strike itself. The fault list of the reliability requirements has the numbers. */
export type WorkerPoint =
  /** Before the lease is asked for. */
  | "X1"
  /** Lease and intent are written, nothing is sent. */
  | "X2"
  /** The answer is here, nothing is stored. */
  | "X6"
  /** The new tokens are on their way to the store, which takes them or does not: nobody is left to hear it. */
  | "X7"
  /** The new tokens are stored, nobody has been told. */
  | "X8"
  /** The tombstone stands, nothing is revoked. */
  | "X9"
  /** In the middle of sealing everything anew. */
  | "X10";

/** Where the gate before the authorization server strikes a process. */
export type GatePoint =
  /** The request is under way, the server has not seen it, and never will. */
  | "X3"
  /** The server has the request, and commits after the process is gone. */
  | "X4"
  /** The server has committed, the answer is not here. */
  | "X5";

/** How a process is struck. */
export type Blow = "kill" | "stop";

/** A blow that waits for its moment. */
export interface Armed {
  readonly point: WorkerPoint;
  readonly blow: Blow;
}

/** In the order of the protocol. */
export const GATE_POINTS: readonly GatePoint[] = ["X3", "X4", "X5"];

/** Where a process can be killed. */
export type KillPoint = WorkerPoint | GatePoint;
export const KILL_POINTS: readonly KillPoint[] = [
  "X1",
  "X2",
  "X3",
  "X4",
  "X5",
  "X6",
  "X7",
  "X8",
  "X9",
  "X10",
];

/** A blow that fell, as the file of a process tells it: written before the blow, and readable after it. */
export interface Struck {
  readonly pid: number;
  readonly point: WorkerPoint;
  readonly blow: Blow;
  readonly atMs: number;
}

/** Holds at most one armed blow. */
export interface Striker {
  /** `undefined` takes the armed blow back. */
  arm(armed: Armed | undefined): void;
  /** Strikes if this is the armed point. After a `stop` it returns when the process goes on. */
  reach(point: WorkerPoint): void;
}

/** Makes a striker that writes each blow to a file first. */
export function createStriker(file: string): Striker {
  let armed: Armed | undefined;
  return {
    arm: (next) => {
      armed = next;
    },
    reach(point) {
      if (armed?.point !== point) return;
      const { blow } = armed;
      armed = undefined;
      const struck: Struck = { pid: process.pid, point, blow, atMs: Date.now() };
      appendFileSync(file, `${JSON.stringify(struck)}\n`);
      process.kill(process.pid, blow === "kill" ? "SIGKILL" : "SIGSTOP");
    },
  };
}

/** The store with its crash points. */
export function strikingStore(store: GrantStore, striker: Striker): GrantStore {
  return {
    ...store,
    async acquireLease(id, request) {
      striker.reach("X1");
      const answer = await store.acquireLease(id, request);
      if (answer.status === "acquired") striker.reach("X2");
      return answer;
    },
    async commit(id, commit) {
      const answering = store.commit(id, commit);
      // It may fail before anybody waits for it.
      answering.catch(() => undefined);
      // The turn of the loop in which a driver writes to its socket.
      await new Promise((resolve) => setImmediate(resolve));
      striker.reach("X7");
      const answer = await answering;
      if (answer.status === "committed") striker.reach("X8");
      return answer;
    },
    async end(id, reason, expectedVersion) {
      const before = await store.end(id, reason, expectedVersion);
      if (before !== undefined && reason === "signed_out") striker.reach("X9");
      return before;
    },
    async reseal(id, reseal) {
      const done = await store.reseal(id, reseal);
      if (done) striker.reach("X10");
      return done;
    },
  };
}

/** The refresher with its crash points. */
export function strikingRefresher(refresher: Refresher, striker: Striker): Refresher {
  return {
    async refresh(request) {
      const outcome = await refresher.refresh(request);
      if (outcome.kind === "committed") striker.reach("X6");
      return outcome;
    },
    revoke: (request) => refresher.revoke(request),
  };
}
