/**
 * The machine that a browser profile runs on: its two clocks, its sleep, its network, its cookie jar and its pages.
 *
 * @module
 */
import { START_MS, type Timeline } from "../timeline.ts";
import { CookieJar } from "./cookie-jar.ts";
import { HttpCache } from "./http-cache.ts";
import type { SimPage } from "./page.ts";

/** Which of both clocks misses a sleep. */
export type StandsStill = "wall" | "monotonic" | "none";

/** One machine with one browser profile. */
export class Machine {
  readonly timeline: Timeline;
  readonly index: number;
  readonly jar = new CookieJar();
  readonly cache = new HttpCache("private");
  readonly pages: SimPage[] = [];
  isOnline = true;
  isAsleep = false;
  /** By how much timers may fire before their time, in milliseconds. */
  earlyMs = 0;
  /** By how much a lock comes late, in milliseconds. */
  lockLateMs = 0;
  #held: (() => void)[] = [];
  #wallOffsetMs = 0;
  #stoodStillMs = 0;

  constructor(timeline: Timeline, index: number) {
    this.timeline = timeline;
    this.index = index;
  }

  get wallMs(): number {
    return this.timeline.nowMs + this.#wallOffsetMs;
  }
  get monotonicMs(): number {
    return this.timeline.nowMs - START_MS - this.#stoodStillMs + 5_000;
  }
  /** How much less time the wall clock and the monotonic clock have counted than went by, since the start. */
  get missedMs(): readonly [wall: number, monotonic: number] {
    return [-this.#wallOffsetMs, this.#stoodStillMs];
  }
  /** Somebody sets the clock. */
  jump(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }
  /** What comes to the machine from outside: now, or once it is awake. */
  pass(step: () => void): void {
    if (this.isAsleep) this.#held.push(step);
    else step();
  }
  /** Nothing runs for that long; `onWake` is called first after it. */
  sleep(forMs: number, stands: StandsStill, onWake: () => void): void {
    if (this.isAsleep) return;
    this.isAsleep = true;
    this.timeline.after(forMs, () => {
      this.isAsleep = false;
      if (stands === "monotonic") this.#stoodStillMs += forMs;
      if (stands === "wall") this.#wallOffsetMs -= forMs;
      onWake();
      for (const step of this.#held.splice(0)) this.timeline.after(0, () => this.pass(step));
      for (const page of this.pages) page.resume();
    });
  }
}
