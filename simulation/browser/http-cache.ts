/**
 * An HTTP cache: the browser's own, which obeys what request and answer say, or a CDN's, which obeys the answer only (X63).
 *
 * @module
 */

/** What is kept of an answer. */
export interface KeptAnswer {
  readonly request: number;
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

interface Entry {
  readonly answer: KeptAnswer;
  readonly untilMs: number;
}

/** What a CDN does where the answer says nothing, in milliseconds. */
const CDN_DEFAULT_MS = 60_000;

/** One cache. */
export class HttpCache {
  readonly #kind: "private" | "shared";
  readonly #entries = new Map<string, Entry>();

  constructor(kind: "private" | "shared") {
    this.#kind = kind;
  }

  /** The answer that is kept for that address, if it is still fresh. */
  find(url: string, nowMs: number): KeptAnswer | undefined {
    const entry = this.#entries.get(url);
    return entry !== undefined && entry.untilMs > nowMs ? entry.answer : undefined;
  }

  /** Keeps an answer to a GET, if it may. Returns whether it did. */
  keep(url: string, answer: KeptAnswer, nowMs: number): boolean {
    const freshMs = answer.status === 200 ? this.#freshMs(answer.headers.get("cache-control")) : 0;
    if (freshMs > 0) this.#entries.set(url, { answer, untilMs: nowMs + freshMs });
    return freshMs > 0;
  }

  clear(): void {
    this.#entries.clear();
  }

  #freshMs(control: string | null): number {
    const isShared = this.#kind === "shared";
    if (control === null) return isShared ? CDN_DEFAULT_MS : 0;
    if (/no-store|no-cache/.test(control) || (isShared && control.includes("private"))) return 0;
    return Number(/max-age=(\d+)/.exec(control)?.[1] ?? 0) * 1_000;
  }
}
