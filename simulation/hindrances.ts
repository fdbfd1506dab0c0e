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

interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** When each process was dead, stood still, or had no store. */
export class Hindrances {
  readonly #spans = new Map<string, Span[]>();

  see(record: SimRecord): void {
    if (record.kind === "process" && record.what !== "start" && record.what !== "resume") {
      const untilMs = record.what === "pause" ? (record.untilMs ?? record.atMs) : Infinity;
      this.#add(record.process, { fromMs: record.atMs, untilMs });
    }
    if (record.kind === "event" && record.event.type === "store_failed")
      this.#add(record.process, { fromMs: record.atMs, untilMs: record.atMs });
  }

  /** Whether the process was dead, stood still or had no store at some moment of that time. */
  hinders(process: string, fromMs: number, untilMs: number): boolean {
    const spans = this.#spans.get(process) ?? [];
    return spans.some((span) => span.fromMs <= untilMs && span.untilMs >= fromMs);
  }

  #add(process: string, span: Span): void {
    const spans = this.#spans.get(process);
    if (spans === undefined) this.#spans.set(process, [span]);
    else spans.push(span);
  }
}
