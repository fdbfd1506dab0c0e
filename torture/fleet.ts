/**
 * Several server processes: started, told what to do, struck, and started anew.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import type { CallerAnswer, Order, Report, WorkerSetup } from "./worker.ts";

/** One place in the fleet; the process in it changes. */
export interface Place {
  readonly index: number;
  pid: number;
  alive: boolean;
}

/** What the fleet hears from its processes. */
export interface FleetListener {
  readonly answers: (answers: readonly CallerAnswer[]) => void;
  readonly lease?: (lease: Extract<Report, { type: "lease" }>) => void;
  readonly event: (type: string, code: string) => void;
  /** A process has ended, not by a signal, with an error. */
  readonly broke: (pid: number, exitCode: number) => void;
}

/** The processes. */
export interface Fleet {
  readonly places: readonly Place[];
  /** Orders one process, or all of them. */
  order(order: Order, place?: Place): void;
  /** Resolves when the process in this place has gone. */
  gone(place: Place): Promise<void>;
  signal(place: Place, signal: NodeJS.Signals): void;
  /** Starts a new process in a place whose process has gone. */
  restart(place: Place): Promise<void>;
  /** Resolves with the next report of a kind from a place. */
  report<Type extends Report["type"]>(place: Place, type: Type): Promise<Extract<Report, { type: Type }>>;
  /** Ends all of them by SIGTERM. Resolves with those that had to be killed because they did not end. */
  stop(): Promise<readonly number[]>;
}

/** What a process may take to close, which is 12 s, and to leave. */
const ENDS_WITHIN_MS = 16_000;

/** Starts `size` processes. */
export async function startFleet(size: number, setup: WorkerSetup, listener: FleetListener): Promise<Fleet> {
  const children = new Map<number, ChildProcess>();
  let grants: Order = { type: "grants", ids: [] };
  const places: Place[] = Array.from({ length: size }, (_, index) => ({ index, pid: 0, alive: false }));
  const childOf = ({ index }: Place): ChildProcess => {
    const child = children.get(index);
    if (child === undefined) throw new Error(`No process was started in place ${index}`);
    return child;
  };
  const start = async (place: Place): Promise<void> => {
    const child = fork(join(import.meta.dirname, "worker.ts"), [JSON.stringify(setup)], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    children.set(place.index, child);
    place.pid = child.pid ?? 0;
    child.on("error", () => undefined);
    child.on("message", (report: Report) => {
      if (report.type === "answers") listener.answers(report.answers);
      if (report.type === "lease") listener.lease?.(report);
      if (report.type === "event") listener.event(report.event, report.code);
    });
    const { pid = 0 } = child;
    child.once("exit", (exitCode) => {
      place.alive = false;
      if (exitCode !== null && exitCode !== 0) listener.broke(pid, exitCode);
    });
    await new Promise<void>((resolve, reject) => {
      child.once("exit", () => reject(new Error(`The process in place ${place.index} ended while starting`)));
      child.on("message", (report: Report) => {
        if (report.type === "ready") resolve();
      });
    });
    place.alive = true;
    send(child, grants);
  };
  await Promise.all(places.map(start));
  return {
    places,
    order(order, place) {
      if (order.type === "grants") grants = order;
      for (const one of place === undefined ? places : [place]) if (one.alive) send(childOf(one), order);
    },
    async gone(place) {
      const child = childOf(place);
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
    signal: (place, signal) => void childOf(place).kill(signal),
    restart: start,
    report: (place, type) =>
      new Promise((resolve) => {
        const child = childOf(place);
        const listen = (report: Report): void => {
          if (report.type !== type) return;
          child.off("message", listen);
          resolve(report as Extract<Report, { type: typeof type }>);
        };
        child.on("message", listen);
      }),
    async stop() {
      const late: number[] = [];
      const end = async (place: Place): Promise<void> => {
        const child = childOf(place);
        child.kill("SIGCONT");
        child.kill("SIGTERM");
        const timer = setTimeout(() => {
          late.push(place.pid);
          child.kill("SIGKILL");
        }, ENDS_WITHIN_MS);
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
        clearTimeout(timer);
      };
      await Promise.all(places.filter(({ alive }) => alive).map(end));
      return late;
    },
  };
}

function send(child: ChildProcess, order: Order): void {
  // A process that has just been killed cannot hear any more.
  child.send(order, () => undefined);
}
