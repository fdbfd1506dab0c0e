/**
 * What is done to the processes and their connections: which blow next, and how the gate before the authorization
 * server deals its share of them.
 */
import { setTimeout as wait } from "node:timers/promises";

import type { Gate, GateVerdict } from "./authorization-server.ts";
import { GATE_POINTS, WORKER_POINTS, type Blow, type GatePoint, type WorkerPoint } from "./crash-points.ts";

/** One thing to do to one process. */
export type Strike =
  | { readonly kind: "worker"; readonly point: WorkerPoint; readonly blow: Blow }
  | { readonly kind: "gate"; readonly point: GatePoint; readonly blow: Blow | "cut" }
  | { readonly kind: "sigterm" };

/** Points at which a process that stands still past its lease is worth a look: something of it is still to come. */
const STOP_POINTS: readonly WorkerPoint[] = ["X2", "X6", "X7", "X8"];
const LONGEST_LATENCY_MS = 400;

/** The next strike, by chance: two of three kill, the others stop, cut, or end the process as a deployment does. */
export function nextStrike(random: () => number): Strike {
  const of = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const chance = random();
  if (chance < 0.42) return { kind: "worker", point: of(WORKER_POINTS), blow: "kill" };
  if (chance < 0.66) return { kind: "gate", point: of(GATE_POINTS), blow: "kill" };
  if (chance < 0.74) return { kind: "worker", point: of(STOP_POINTS), blow: "stop" };
  if (chance < 0.8) return { kind: "gate", point: of(["X4", "X5"] as const), blow: "stop" };
  if (chance < 0.92) return { kind: "gate", point: of(["X3", "X5"] as const), blow: "cut" };
  return { kind: "sigterm" };
}

/** The gate's part. */
export interface Gatekeeper {
  readonly gate: Gate;
  /** Arms a strike for the next refresh request of a process. */
  arm(pid: number, strike: Extract<Strike, { kind: "gate" }>, struck: () => void): void;
  disarm(pid: number): void;
}

/** Makes a gate that adds latency to everything and deals armed strikes. `signal` reaches a process. */
export function createGatekeeper(
  random: () => number,
  signal: (pid: number, name: NodeJS.Signals) => void,
): Gatekeeper {
  const armed = new Map<number, { strike: Extract<Strike, { kind: "gate" }>; struck: () => void }>();
  const deal = (pid: number, points: readonly GatePoint[]): GateVerdict => {
    const found = armed.get(pid);
    if (found === undefined || !points.includes(found.strike.point)) return "pass";
    armed.delete(pid);
    const { point, blow } = found.strike;
    if (blow === "kill") signal(pid, "SIGKILL");
    if (blow === "stop") signal(pid, "SIGSTOP");
    found.struck();
    // Killed or cut before the server has seen the request: it never will. With X4 it commits for nobody.
    return blow === "stop" || point === "X4" ? "pass" : "drop";
  };
  return {
    gate: {
      async before(pid) {
        await wait(random() ** 4 * LONGEST_LATENCY_MS);
        return deal(pid, ["X3", "X4"]);
      },
      async after(pid) {
        const verdict = deal(pid, ["X5"]);
        await wait(random() ** 4 * LONGEST_LATENCY_MS);
        return verdict;
      },
    },
    arm: (pid, strike, struck) => void armed.set(pid, { strike, struck }),
    disarm: (pid) => void armed.delete(pid),
  };
}
