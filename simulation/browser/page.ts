/**
 * A page, as the client sees it: its clocks, timers, chance and events. What comes to it from outside waits while its
 * machine sleeps or the browser has frozen it, and is lost once it is gone.
 *
 * @module
 */
import type { Environment, Reading, WakeReason } from "../../src/client/environment.ts";
import { MAX_TIMER_MS } from "../../src/client/plan.ts";
import type { Chance } from "../chance.ts";
import type { Happening } from "../timeline.ts";
import type { Machine } from "./machine.ts";

interface Timer {
  readonly run: () => void;
  /** By the monotonic clock. */
  dueMs: number;
  readonly askedMs: number;
  happening: Happening | undefined;
}

const MINUTE_MS = 60_000;

/** One life of a page. */
export class SimPage implements Environment {
  readonly name: string;
  readonly machine: Machine;
  isVisible = true;
  isGone = false;
  isFrozen = false;
  /** In the back/forward cache: frozen, and without channels, locks and requests. */
  isCached = false;
  /** Told when timers were held back, or came early. */
  onTimerFault: (id: "X56" | "X23") => void = () => undefined;
  /** Whether timers fire once a minute while it is hidden. */
  readonly #throttles: boolean;
  readonly #chance: Chance;
  readonly #timers = new Set<Timer>();
  readonly #listeners = new Set<(reason: WakeReason) => void>();
  #held: (() => void)[] = [];

  constructor(machine: Machine, name: string, chance: Chance, throttles: boolean) {
    this.machine = machine;
    this.name = name;
    this.#chance = chance;
    this.#throttles = throttles;
  }

  read(): Reading {
    return { wallMs: this.machine.wallMs, monotonicMs: this.machine.monotonicMs };
  }
  random(): number {
    return this.#chance.next();
  }
  online(): boolean {
    return this.machine.isOnline;
  }
  visible(): boolean {
    return this.isVisible;
  }
  onWake(listener: (reason: WakeReason) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  setTimer(run: () => void, delayMs: number): unknown {
    if (!(delayMs <= MAX_TIMER_MS)) throw new RangeError(`setTimeout of ${delayMs} ms fires at once (F25)`);
    const nowMs = this.machine.monotonicMs;
    const earlyMs = this.#earlyMs();
    const timer: Timer = {
      run,
      askedMs: nowMs + Math.ceil(delayMs),
      dueMs: nowMs + Math.max(0, Math.ceil(delayMs) - earlyMs),
      happening: undefined,
    };
    this.#timers.add(timer);
    this.#arm(timer);
    return timer;
  }
  clearTimer(timer: unknown): void {
    const one = timer as Timer | undefined;
    if (one === undefined || !this.#timers.delete(one)) return;
    if (one.happening) this.machine.timeline.cancel(one.happening);
  }

  /** Whether code of it can run right now. */
  get isRunning(): boolean {
    return !this.isGone && !this.isFrozen && !this.machine.isAsleep;
  }
  /** Hands something to it: now, once it runs again, or never. */
  pass(step: () => void): void {
    if (this.isGone) return;
    if (this.isRunning) step();
    else this.#held.push(step);
  }
  /** It runs again: what waited comes now, each in its own turn. */
  resume(): void {
    if (!this.isRunning) return;
    for (const step of this.#held.splice(0)) this.machine.timeline.after(0, () => this.pass(step));
  }
  /** An event that reaches the page, if it runs. */
  wake(reason: WakeReason): void {
    this.pass(() => {
      for (const listener of [...this.#listeners]) listener(reason);
    });
  }
  /** Nothing of it ever runs again. */
  vanish(): void {
    this.isGone = true;
    this.#held = [];
    for (const { happening } of this.#timers) if (happening) this.machine.timeline.cancel(happening);
    this.#timers.clear();
    this.#listeners.clear();
  }
  /** Timers and listeners that are left: 0 after a clean stop. */
  get leftovers(): number {
    return this.#timers.size + this.#listeners.size;
  }

  #earlyMs(): number {
    const { earlyMs } = this.machine;
    return earlyMs > 0 ? this.#chance.int(earlyMs + 1) : 0;
  }
  #arm(timer: Timer): void {
    const delayMs = timer.dueMs - this.machine.monotonicMs;
    timer.happening = this.machine.timeline.after(delayMs, () => this.pass(() => this.#fire(timer)));
  }
  #fire(timer: Timer): void {
    if (!this.#timers.has(timer)) return;
    const nowMs = this.machine.monotonicMs;
    // The monotonic clock stood still meanwhile.
    if (nowMs < timer.dueMs) return this.#arm(timer);
    if (this.#throttles && !this.isVisible && nowMs % MINUTE_MS > 0) {
      timer.dueMs = (Math.floor(nowMs / MINUTE_MS) + 1) * MINUTE_MS;
      this.onTimerFault("X56");
      return this.#arm(timer);
    }
    this.#timers.delete(timer);
    if (nowMs < timer.askedMs) this.onTimerFault("X23");
    timer.run();
  }
}
