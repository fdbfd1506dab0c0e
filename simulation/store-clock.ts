/**
 * The store's clock as the history shows it, with its jumps (X21): by it every process judges how long ago something was.
 *
 * @module
 */
import type { SimRecord } from "./history.ts";

/** How far the store's clock is from true time, and since when. */
export class StoreClock {
  readonly #offsets: { readonly sinceMs: number; readonly offsetMs: number }[] = [];
  #jumpedAtMs: number | undefined;

  see(record: SimRecord): void {
    if (record.kind === "fault" && record.id === "X21") this.#jumpedAtMs ??= record.atMs;
    if (record.kind !== "store") return;
    const offsetMs = record.storeNowMs - record.atMs;
    if (offsetMs !== this.#offsets.at(-1)?.offsetMs)
      this.#offsets.push({ sinceMs: this.#jumpedAtMs ?? record.atMs, offsetMs });
    this.#jumpedAtMs = undefined;
  }

  /** The time of the store's clock at a moment of true time, both in epoch milliseconds. */
  nowMs(atMs: number): number {
    const { offsetMs } = this.#offsets.findLast(({ sinceMs }) => sinceMs <= atMs) ?? { offsetMs: 0 };
    return atMs + offsetMs;
  }
}
