/**
 * A page whose time, chance and events are in the hands of a test.
 *
 * @module
 */
import { MAX_TIMER_MS } from "../../src/client/plan.ts";
import type { Environment, OtherTabs, Reading, WakeReason } from "../../src/client/environment.ts";

interface Timer {
  readonly run: () => void;
  readonly atMs: number;
}

export class FakePage implements Environment {
  wallMs = 1_700_000_000_000;
  monotonicMs = 5_000;
  isOnline = true;
  isVisible = true;
  /** Set while the browser runs nothing of it. */
  isFrozen = false;
  tabs: OtherTabs | undefined;
  /** Set while a request of it is under way, by whoever tests that. */
  isAsking = false;
  onAsk: () => void = () => undefined;
  chance = 0;
  /** By how much a timer may fire before its time, in milliseconds, as browsers' do: told anew for each. */
  earlyMs = (): number => 0;
  readonly #timers = new Set<Timer>();
  readonly #listeners = new Set<(reason: WakeReason) => void>();

  read(): Reading {
    return { wallMs: this.wallMs, monotonicMs: this.monotonicMs };
  }
  setTimer(run: () => void, delayMs: number): unknown {
    if (delayMs > MAX_TIMER_MS) throw new Error("F25: setTimeout would fire at once");
    const timer = { run, atMs: this.monotonicMs + Math.max(0, delayMs - this.earlyMs()) };
    this.#timers.add(timer);
    return timer;
  }
  clearTimer(timer: unknown): void {
    this.#timers.delete(timer as Timer);
  }
  random(): number {
    return this.chance;
  }
  online(): boolean {
    return this.isOnline;
  }
  visible(): boolean {
    return this.isVisible;
  }
  onWake(listener: (reason: WakeReason) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** How much is left behind: 0 after a clean stop. */
  get leftovers(): number {
    return this.#timers.size + this.#listeners.size;
  }
  /** Lets time pass as it does for a page that is awake. */
  async pass(durationMs: number): Promise<void> {
    await FakePage.passForAll([this], durationMs);
  }
  /** The same for several pages with one clock. */
  static async passForAll(pages: readonly FakePage[], durationMs: number): Promise<void> {
    let leftMs = durationMs;
    await settle();
    for (;;) {
      const awake = pages.filter(({ isFrozen }) => !isFrozen);
      const timers = awake.flatMap((page) => [...page.#timers].map((timer) => ({ page, timer })));
      const dueInMs = ({ page, timer }: (typeof timers)[number]): number =>
        Math.max(0, timer.atMs - page.monotonicMs);
      const [next] = timers.sort((a, b) => dueInMs(a) - dueInMs(b));
      if (!next || dueInMs(next) > leftMs) break;
      const forMs = dueInMs(next);
      leftMs -= forMs;
      for (const page of pages) page.#move(forMs);
      next.page.#timers.delete(next.timer);
      next.timer.run();
      await settle();
    }
    for (const page of pages) page.#move(leftMs);
    await settle();
  }
  /** The machine sleeps: no timer fires, and the monotonic clock stands still unless told otherwise. */
  sleep(durationMs: number, monotonicToo = false): void {
    this.wallMs += durationMs;
    if (monotonicToo) this.monotonicMs += durationMs;
  }
  async wake(...reasons: WakeReason[]): Promise<void> {
    for (const reason of reasons) for (const listener of [...this.#listeners]) listener(reason);
    await settle();
  }

  #move(durationMs: number): void {
    this.wallMs += durationMs;
    this.monotonicMs += durationMs;
  }
}

/** Lets every promise that can settle do so. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 12; i++) await Promise.resolve();
}
