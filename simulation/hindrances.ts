/**
 * What kept a process from storing what it had, and when: the only things that excuse a refresh token that reached it and
 * became nothing (I4, I21).
 *
 * @module
 */
import { DEFAULT_LIMITS } from "../src/core/engine.ts";
import type { SimRecord } from "./history.ts";

/** The time that a process gets to store a fresh refresh token, with the last operation of the store, in milliseconds. */
export const PERSIST_MS: number = DEFAULT_LIMITS.persistBudgetMs + DEFAULT_LIMITS.storeTimeoutMs;

/**
 * How long after a failure of the store its process may need to get rid of what waits in memory: until a call gives up
 * that the outage has swallowed, and the next offer.
 */
const RECOVERY_MS = DEFAULT_LIMITS.storeTimeoutMs + 1_500;

interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** When each process was dead, stood still, or had no store. */
export class Hindrances {
  readonly #still = new Map<string, Span[]>();
  readonly #failuresAtMs = new Map<string, number[]>();

  see(record: SimRecord): void {
    if (record.kind === "process" && record.what !== "start" && record.what !== "resume") {
      const untilMs = record.what === "pause" ? (record.untilMs ?? record.atMs) : Infinity;
      push(this.#still, record.process, { fromMs: record.atMs, untilMs });
    }
    if (record.kind === "event" && record.event.type === "store_failed")
      push(this.#failuresAtMs, record.process, record.atMs);
  }

  /** Whether the process was dead, stood still or had no store at some moment of that time. */
  hinders(process: string, fromMs: number, untilMs: number): boolean {
    const failed = this.#failuresAtMs.get(process)?.some((atMs) => atMs >= fromMs && atMs <= untilMs);
    return failed === true || this.standsStill(process, fromMs, untilMs);
  }

  /**
   * Whether what a process had got by a moment could not be in the store at a later one: it was dead or stood still while
   * it had to store it, or its store was away from then on and to the end.
   */
  keeps(process: string, gotAtMs: number, neededAtMs: number): boolean {
    const untilMs = this.#awayUntilMs(process, gotAtMs);
    return (
      untilMs >= neededAtMs ||
      this.standsStill(process, gotAtMs, Math.min(Math.max(gotAtMs + PERSIST_MS, untilMs), neededAtMs))
    );
  }

  /** Until when the store was away from a process, where that began while it had to store something; else -Infinity. */
  #awayUntilMs(process: string, gotAtMs: number): number {
    let untilMs = gotAtMs + PERSIST_MS;
    let isAway = false;
    for (const atMs of this.#failuresAtMs.get(process) ?? []) {
      if (atMs < gotAtMs || atMs > untilMs) continue;
      isAway = true;
      untilMs = atMs + RECOVERY_MS;
    }
    return isAway ? untilMs : -Infinity;
  }

  /** Whether the process was dead or stood still at some moment of that time. */
  standsStill(process: string, fromMs: number, untilMs: number): boolean {
    const spans = this.#still.get(process) ?? [];
    return spans.some((span) => span.fromMs <= untilMs && span.untilMs >= fromMs);
  }
}

function push<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}
