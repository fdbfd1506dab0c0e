/**
 * Web Locks of one browser profile for one name: one holder at a time, in the order of asking. What a page holds or waits
 * for is gone with it.
 *
 * @module
 */
import type { OtherTabs } from "../../src/client/environment.ts";
import type { Machine } from "./machine.ts";
import type { SimPage } from "./page.ts";

interface Waiting {
  readonly page: SimPage;
  readonly hold: () => Promise<void>;
  readonly done: () => void;
}

/** What happened, for coverage. */
export type LockEvent = "queued" | "late" | "freed";

/** The lock. */
export class TabLock {
  readonly #machine: Machine;
  readonly #onEvent: (event: LockEvent) => void;
  #holder: Waiting | undefined;
  #queue: Waiting[] = [];

  constructor(machine: Machine, onEvent: (event: LockEvent) => void) {
    this.#machine = machine;
    this.#onEvent = onEvent;
  }

  /** As `navigator.locks.request`, for that page. */
  of(page: SimPage): NonNullable<OtherTabs["lock"]> {
    return (hold, signal) =>
      new Promise((done, reject) => {
        const waiting: Waiting = { page, hold, done };
        this.#queue.push(waiting);
        signal.addEventListener("abort", () => {
          if (!this.#queue.includes(waiting)) return;
          this.#queue = this.#queue.filter((one) => one !== waiting);
          reject(new DOMException("Aborted", "AbortError"));
        });
        if (this.#holder === undefined) this.#grant();
        else this.#onEvent("queued");
      });
  }

  isHeldBy(page: SimPage): boolean {
    return this.#holder?.page === page;
  }

  /** The page is gone, or in the back/forward cache. */
  drop(page: SimPage): void {
    this.#queue = this.#queue.filter((waiting) => waiting.page !== page);
    if (this.#holder?.page !== page) return;
    this.#onEvent("freed");
    this.#grant();
  }

  #grant(): void {
    const next = this.#queue.shift();
    this.#holder = next;
    if (next === undefined) return;
    const { lockLateMs, timeline } = this.#machine;
    if (lockLateMs > 0) this.#onEvent("late");
    timeline.after(lockLateMs, () => next.page.pass(() => this.#hold(next)));
  }

  #hold(mine: Waiting): void {
    // It was taken from the page before it knew of it.
    if (this.#holder !== mine) return;
    void mine.hold().then(() => {
      mine.done();
      if (this.#holder === mine) this.#grant();
    });
  }
}
