/**
 * Simulated time: a queue of things that happen, in the order of their moment. Nothing in the simulation waits for real.
 *
 * After each of them all promise chains run to their end before the next one happens. The engine has no other
 * asynchrony, so the whole run is a function of its seed.
 *
 * @module
 */

/** The moment at which each run begins, in epoch milliseconds. */
export const START_MS: number = Date.UTC(2026, 0, 1);

/** Something that will happen. */
export interface Happening {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** More than this in a run of an hour, or of less, is a loop; each hour more allows as much again. */
const MOST_IN_AN_HOUR = 400_000;
const HOUR_MS = 3_600_000;

/** The world's time, in milliseconds since {@link START_MS} was reached, and what is to come. */
export class Timeline {
  /** True time, in epoch milliseconds. No server sees it. */
  nowMs: number = START_MS;
  /** How much has happened. */
  happened = 0;
  readonly #heap: Happening[] = [];
  #order = 0;

  /** Lets `run` happen `delayMs` from now. */
  after(delayMs: number, run: () => void): Happening {
    const happening: Happening = {
      atMs: this.nowMs + Math.max(0, Math.round(delayMs)),
      order: this.#order++,
      run,
    };
    push(this.#heap, happening);
    return happening;
  }

  /** Takes back what has not happened yet. */
  cancel(happening: Happening): void {
    happening.run = undefined;
  }

  /** Lets everything up to that moment happen. */
  async runUntil(untilMs: number): Promise<void> {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > untilMs) break;
      pop(this.#heap);
      if (next.run === undefined) continue;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      const hours = Math.max(1, (this.nowMs - START_MS) / HOUR_MS);
      if (++this.happened > MOST_IN_AN_HOUR * hours) throw new RangeError("The run does not end: a loop");
      next.run();
      await drained();
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
  }
}

/**
 * Resolves when all promise chains have run to their end. A tick that a microtask asks for comes after all microtasks;
 * that is a hundred times cheaper than a turn of the event loop.
 */
export function drained(): Promise<void> {
  return new Promise((resolve) => {
    queueMicrotask(() => process.nextTick(resolve));
  });
}

function earlier(a: Happening, b: Happening): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(heap: Happening[], added: Happening): void {
  let index = heap.length;
  heap.push(added);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent] as Happening;
    if (!earlier(added, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = added;
}

function pop(heap: Happening[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && earlier(heap[child + 1] as Happening, heap[child] as Happening)) child++;
    if (!earlier(heap[child] as Happening, last)) break;
    heap[index] = heap[child] as Happening;
    index = child;
  }
  heap[index] = last;
}
