/**
 * One life of one server: its clock, whether it runs, and the gate through which everything from outside reaches it.
 *
 * A paused process gets nothing and sends nothing until it is resumed; a crashed one never again. What it has sent before
 * goes on without it.
 *
 * @module
 */
import { MAX_TIMER_MS, type Clock } from "../src/core/clock.ts";
import type { Timeline } from "./timeline.ts";

/** How late and early the timers of a process fire, in milliseconds, and which share of them never does. */
export interface TimerFault {
  readonly neverShare: number;
  readonly lateByMs: number;
  readonly earlyByMs: number;
}

/** The clock of a machine; it outlives the process. */
export interface MachineClock {
  offsetMs: number;
  /** How much faster than true time it runs, in parts per million. */
  driftPpm: number;
  /** True time at which the drift began to count. */
  driftSinceMs: number;
}

/** What that clock shows, in epoch milliseconds. */
export function machineNowMs(clock: MachineClock, trueNowMs: number): number {
  return Math.floor(
    trueNowMs + clock.offsetMs + ((trueNowMs - clock.driftSinceMs) * clock.driftPpm) / 1_000_000,
  );
}

/** A server process. */
export class SimProcess {
  readonly name: string;
  readonly server: number;
  readonly startedAtMs: number;
  alive = true;
  /** True time until which it stands still; 0 while it runs. */
  pausedUntilMs = 0;
  /** True milliseconds that it has stood still, or its timers were late, in all. */
  lostMs = 0;
  timers: TimerFault | undefined;
  /** Told of each timer that will never fire. */
  onTimerLost: () => void = () => undefined;
  readonly #timeline: Timeline;
  readonly #machine: MachineClock;
  readonly #lateness: () => number;
  readonly #onPause: (untilMs: number) => void;
  #held: (() => void)[] = [];

  constructor(
    timeline: Timeline,
    name: string,
    server: number,
    machine: MachineClock,
    lateness: () => number,
    onPause: (untilMs: number) => void = () => undefined,
  ) {
    this.#timeline = timeline;
    this.name = name;
    this.server = server;
    this.#machine = machine;
    this.#lateness = lateness;
    this.#onPause = onPause;
    this.startedAtMs = timeline.nowMs;
  }

  /** What the engine in this process sees as time. */
  get clock(): Clock {
    return {
      nowMs: () => this.nowMs(),
      sleep: (durationMs, signal) => this.#sleep(durationMs, signal),
    };
  }

  nowMs(): number {
    return machineNowMs(this.#machine, this.#timeline.nowMs);
  }

  get paused(): boolean {
    return this.pausedUntilMs > this.#timeline.nowMs;
  }

  /** Whether it can do anything right now. */
  get running(): boolean {
    return this.alive && !this.paused;
  }

  /** Hands something to the process, or lets something leave it: now, after its pause, or never. */
  pass(step: () => void): void {
    if (!this.alive) return;
    if (this.paused) this.#held.push(step);
    else step();
  }

  pause(durationMs: number): void {
    if (!this.alive) return;
    const untilMs = this.#timeline.nowMs + durationMs;
    if (untilMs <= this.pausedUntilMs) return;
    this.lostMs += untilMs - Math.max(this.pausedUntilMs, this.#timeline.nowMs);
    this.pausedUntilMs = untilMs;
    this.#onPause(untilMs);
    if (Number.isFinite(durationMs)) this.#timeline.after(durationMs, () => this.#resume());
  }

  /** Ends a pause before its time. */
  wake(): void {
    if (!this.paused) return;
    this.pausedUntilMs = this.#timeline.nowMs;
    this.#resume();
  }

  crash(): void {
    this.alive = false;
    this.#held = [];
  }

  #resume(): void {
    if (this.paused || !this.alive) return;
    const held = this.#held;
    this.#held = [];
    for (const step of held) this.#timeline.after(0, () => this.pass(step));
  }

  #sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      // As timers of Node do: nothing fires sooner than in a millisecond, and what is too long for one does then (F25).
      let delayMs = durationMs > MAX_TIMER_MS ? 1 : Math.max(1, Math.trunc(durationMs));
      if (this.timers !== undefined) {
        const lateMs = Math.round(this.#lateness() * this.timers.lateByMs);
        this.lostMs += lateMs;
        delayMs = Math.max(1, delayMs + lateMs - this.timers.earlyByMs);
      }
      const wake = (): void => {
        signal?.removeEventListener("abort", abort);
        resolve();
      };
      const never = this.timers !== undefined && this.#lateness() < this.timers.neverShare;
      const happening = never ? undefined : this.#timeline.after(delayMs, () => this.pass(wake));
      if (never) this.onTimerLost();
      const abort = (): void => {
        if (happening !== undefined) this.#timeline.cancel(happening);
        resolve();
      };
      signal?.addEventListener("abort", abort, { once: true });
    });
  }
}
