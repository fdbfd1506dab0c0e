/**
 * A browser with several pages of one app, which share a clock, a channel and, in most browsers, locks.
 *
 * @module
 */
import type { OtherTabs } from "../../src/client/environment.ts";
import { FakePage } from "./fake-page.ts";

interface Waiting {
  readonly page: FakePage;
  readonly hold: () => Promise<void>;
  readonly done: () => void;
}

const MESSAGE_MS = 20;

export class FakeProfile {
  /** All that was posted, as it went through the channel. */
  readonly posted: unknown[] = [];
  readonly pages: FakePage[] = [];
  /** Messages get lost while it is set. */
  isDeaf = false;
  readonly #hasLocks: boolean;
  readonly #listeners = new Map<FakePage, (value: unknown) => void>();
  #missed: { readonly page: FakePage; readonly value: unknown }[] = [];
  #holder: FakePage | undefined;
  #queue: Waiting[] = [];

  constructor(hasLocks: boolean) {
    this.#hasLocks = hasLocks;
  }

  open(): FakePage {
    const page = new FakePage();
    const [first] = this.pages;
    if (first) [page.wallMs, page.monotonicMs] = [first.wallMs, first.monotonicMs];
    page.tabs = this.#tabsOf(page);
    this.pages.push(page);
    return page;
  }
  /** The browser takes its locks, its channel and its timers from it. */
  close(page: FakePage): void {
    page.isFrozen = true;
    this.#listeners.delete(page);
    this.#queue = this.#queue.filter((waiting) => waiting.page !== page);
    if (this.#holder === page) this.#grant();
  }
  /** What was said to it meanwhile comes now. */
  thaw(page: FakePage): void {
    page.isFrozen = false;
    const missed = this.#missed.filter((one) => one.page === page);
    this.#missed = this.#missed.filter((one) => one.page !== page);
    for (const { value } of missed) this.#listeners.get(page)?.(value);
  }
  pass(durationMs: number): Promise<void> {
    return FakePage.passForAll(this.pages, durationMs);
  }
  /** As if another tab had posted it. */
  post(value: unknown, from?: FakePage): void {
    this.posted.push(value);
    if (this.isDeaf) return;
    for (const page of this.#listeners.keys()) {
      if (page === from) continue;
      if (page.isFrozen) this.#missed.push({ page, value });
      // A message comes by another way than a lock, and later.
      else page.setTimer(() => this.#listeners.get(page)?.(value), MESSAGE_MS);
    }
  }

  #tabsOf(page: FakePage): OtherTabs {
    return {
      post: (value) => this.post(structuredClone(value), page),
      onPost: (listener) => {
        this.#listeners.set(page, listener);
        return () => this.#listeners.delete(page);
      },
      lock: this.#hasLocks ? (hold, signal) => this.#lock(page, hold, signal) : undefined,
    };
  }
  #lock(page: FakePage, hold: () => Promise<void>, signal: AbortSignal): Promise<void> {
    return new Promise((done, reject) => {
      const waiting = { page, hold, done };
      this.#queue.push(waiting);
      signal.addEventListener("abort", () => {
        if (!this.#queue.includes(waiting)) return;
        this.#queue = this.#queue.filter((one) => one !== waiting);
        reject(new DOMException("Aborted", "AbortError"));
      });
      if (this.#holder === undefined) this.#grant();
    });
  }
  #grant(): void {
    const next = this.#queue.shift();
    this.#holder = next?.page;
    if (next === undefined) return;
    void next.hold().then(() => {
      next.done();
      if (this.#holder === next.page) this.#grant();
    });
  }
}
