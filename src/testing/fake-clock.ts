/**
 * A clock that only moves when a test says so.
 *
 * @module
 */
import { MAX_TIMER_MS, type Clock } from "../core/clock.ts";

/** What a {@link FakeClock} can be told. */
export interface FakeClockOptions {
  /** The time it starts at, in epoch milliseconds. @defaultValue 2026-01-01T00:00:00Z */
  readonly startMs?: number;
}

const DEFAULT_START_MS = Date.UTC(2026, 0, 1);
const SETTLE_ROUNDS = 5;
const MAX_SLEEPS_PER_ADVANCE = 100_000;

interface Sleep {
  readonly atMs: number;
  readonly wake: () => void;
}

/** A {@link Clock} for tests: time stands still until {@link FakeClock.advance} moves it. */
export class FakeClock implements Clock {
  #elapsedMs = 0;
  #wallOffsetMs: number;
  readonly #sleeps = new Set<Sleep>();

  constructor(options: FakeClockOptions = {}) {
    this.#wallOffsetMs = options.startMs ?? DEFAULT_START_MS;
  }

  /** The fake wall clock, in epoch milliseconds. */
  nowMs(): number {
    return this.#wallOffsetMs + this.#elapsedMs;
  }

  /**
   * Resolves when the clock has been advanced by `durationMs` milliseconds, or as soon as `signal` is aborted.
   * Like the real clock it never rejects and is capped at `MAX_TIMER_MS`; a sleep of 0 ends at the next advance.
   */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = (): void => {
        this.#sleeps.delete(sleep);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const atMs = this.#elapsedMs + Math.min(Math.max(durationMs, 0), MAX_TIMER_MS);
      const sleep: Sleep = { atMs, wake };
      this.#sleeps.add(sleep);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  /** How many sleeps have not ended yet. */
  get pendingSleeps(): number {
    return this.#sleeps.size;
  }

  /**
   * Lets `durationMs` milliseconds pass: ends the sleeps that fall due, in the order of time (those of the same
   * moment in the order in which they began), and lets everything settle after each moment. A sleep that begins
   * on the way is ended too if it falls due within the same advance.
   *
   * @throws `RangeError` for a negative duration, and when 100,000 sleeps ended without reaching the end: a loop.
   */
  async advance(durationMs: number): Promise<void> {
    if (!(durationMs >= 0)) throw new RangeError(`A clock cannot be advanced by ${durationMs} ms`);
    const endMs = this.#elapsedMs + durationMs;
    await this.settle();
    for (let ended = 0; ;) {
      const due = this.#dueBefore(endMs);
      if (due.length === 0) break;
      ended += due.length;
      if (ended > MAX_SLEEPS_PER_ADVANCE) {
        throw new RangeError(`More than ${MAX_SLEEPS_PER_ADVANCE} sleeps ended within one advance: a loop`);
      }
      this.#elapsedMs = Math.max(this.#elapsedMs, due[0]?.atMs ?? 0);
      for (const sleep of due) sleep.wake();
      await this.settle();
    }
    this.#elapsedMs = endMs;
    await this.settle();
  }

  /** Makes the wall clock jump, either way, without any time passing: no sleep ends by it (X19). */
  jump(durationMs: number): void {
    this.#wallOffsetMs += durationMs;
  }

  /** Lets pending promise chains run to their end, macrotasks of a few rounds included. No time passes. */
  async settle(): Promise<void> {
    for (let round = 0; round < SETTLE_ROUNDS; round++) await nextMacrotask();
  }

  /** The sleeps of the earliest moment up to `endMs`. */
  #dueBefore(endMs: number): Sleep[] {
    let earliestMs = Infinity;
    for (const { atMs } of this.#sleeps) earliestMs = Math.min(earliestMs, atMs);
    if (earliestMs > endMs) return [];
    return [...this.#sleeps].filter(({ atMs }) => atMs === earliestMs);
  }
}

// Taken at load, so that a test runner's fake timers do not stop the clock that they stand beside.
const realSetImmediate = (globalThis as { setImmediate?: (callback: () => void) => unknown }).setImmediate;

/** Resolves after one turn of the event loop, without a timer. */
function nextMacrotask(): Promise<void> {
  return new Promise((resolve) => {
    if (realSetImmediate !== undefined) {
      realSetImmediate(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
