/**
 * What is done to the processes and their connections: which blow next, and how the gate before the authorization
 * server deals its share of them.
 */
import { setTimeout as wait } from "node:timers/promises";

import type { Gate, GateVerdict } from "./authorization-server.ts";
import type { Blow, GatePoint, KillPoint, WorkerPoint } from "./crash-points.ts";
import { GATE_POINTS, KILL_POINTS } from "./crash-points.ts";

/** One thing to do to one process. */
export type Strike =
  | { readonly kind: "worker"; readonly point: WorkerPoint; readonly blow: Blow }
  | { readonly kind: "gate"; readonly point: GatePoint; readonly blow: Blow | "cut" }
  | { readonly kind: "sigterm" };

/** What is not a kill. A process that stands still past its lease is worth a look where something of it is still to come. */
const OTHERS: readonly Strike[] = [
  { kind: "worker", point: "X2", blow: "stop" },
  { kind: "gate", point: "X5", blow: "cut" },
  { kind: "gate", point: "X4", blow: "stop" },
  { kind: "sigterm" },
  { kind: "worker", point: "X6", blow: "stop" },
  { kind: "gate", point: "X5", blow: "stop" },
  { kind: "gate", point: "X3", blow: "cut" },
  { kind: "worker", point: "X7", blow: "stop" },
  { kind: "worker", point: "X8", blow: "stop" },
];
const SHARE_OF_KILLS = 2 / 3;
const LONGEST_LATENCY_MS = 400;
/** Longer than a lease, and with all other latency shorter than the shortest deadline: only a renewed lease lasts so long. */
const SLOW_ANSWER_MS = 4_150;
const SHARE_OF_SLOW_ANSWERS = 0.02;

/** Deals strikes: the points in turn, so that each falls, and kills and others as chance mixes them. */
export interface Dealer {
  next(): Strike;
  /** The moment of this one did not come: it is dealt again in the next turn. */
  putBack(strike: Strike): void;
}

/** Makes a dealer that begins with the kill point number `first`, counted from 0 and around. */
export function createDealer(random: () => number, first: number): Dealer {
  const begin = first % KILL_POINTS.length;
  const inTurn = [...KILL_POINTS.slice(begin), ...KILL_POINTS.slice(0, begin)].map(killAt);
  const decks: Record<"kills" | "others", Strike[]> = { kills: [], others: [] };
  const isKill = (strike: Strike): boolean => strike.kind !== "sigterm" && strike.blow === "kill";
  return {
    next() {
      const name = random() < SHARE_OF_KILLS ? "kills" : "others";
      if (decks[name].length === 0) decks[name].push(...(name === "kills" ? inTurn : OTHERS));
      return decks[name].shift() ?? { kind: "sigterm" };
    },
    putBack: (strike) => void decks[isKill(strike) ? "kills" : "others"].push(strike),
  };
}

function killAt(point: KillPoint): Strike {
  const atGate = GATE_POINTS.find((one) => one === point);
  return atGate === undefined
    ? { kind: "worker", point: point as WorkerPoint, blow: "kill" }
    : { kind: "gate", point: atGate, blow: "kill" };
}

/** The gate's part. */
export interface Gatekeeper {
  readonly gate: Gate;
  /** Arms a strike for the next refresh request of a process. */
  arm(pid: number, strike: Extract<Strike, { kind: "gate" }>, struck: () => void): void;
  disarm(pid: number): void;
}

/**
 * Makes a gate that adds latency to everything and deals armed strikes. `signal` reaches a process. `slowAnswers`: some
 * answers take longer than a lease.
 */
export function createGatekeeper(
  random: () => number,
  signal: (pid: number, name: NodeJS.Signals) => void,
  slowAnswers = false,
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
        const isSlow = slowAnswers && random() < SHARE_OF_SLOW_ANSWERS;
        await wait(isSlow ? SLOW_ANSWER_MS : random() ** 4 * LONGEST_LATENCY_MS);
        return verdict;
      },
    },
    arm: (pid, strike, struck) => void armed.set(pid, { strike, struck }),
    disarm: (pid) => void armed.delete(pid),
  };
}
