/** A store that a test can break, one operation at a time, as one server sees it (X24-X27, X32). */
import type { Clock } from "../../../src/core/clock.ts";
import type { GrantStore } from "../../../src/core/grant-store.ts";

/** The operations that can be broken. */
export type StoreOperation = Exclude<keyof GrantStore, "kind">;

/**
 * `fail`: rejects, nothing is written. `hang`: never answers, nothing is written. `ack_lost`: is applied, then
 * rejects (X26). A number: answers that many milliseconds late.
 */
export type StoreFault = "fail" | "hang" | "ack_lost" | number;

/** What a broken store rejects with: an error that carries what drivers like to carry. */
export const STORE_ERROR_TEXT = "connect ECONNREFUSED 10.0.0.7:6379";

export class BreakableStore {
  readonly calls: StoreOperation[] = [];
  readonly store: GrantStore;
  readonly #answers = new Map<StoreOperation, (...args: readonly unknown[]) => Promise<unknown>>();
  readonly #faults = new Map<StoreOperation, { fault: StoreFault; left: number }>();

  constructor(inner: GrantStore, clock: Clock) {
    const call = async (operation: StoreOperation, args: readonly unknown[]): Promise<unknown> => {
      this.calls.push(operation);
      const run = inner[operation] as (...all: readonly unknown[]) => Promise<unknown>;
      const planned = this.#faults.get(operation);
      if (planned !== undefined && --planned.left <= 0) this.#faults.delete(operation);
      if (planned?.fault === "fail") throw new Error(STORE_ERROR_TEXT);
      if (planned?.fault === "hang") return new Promise(() => undefined);
      const result = await (this.#answers.get(operation) ?? run)(...args);
      if (planned?.fault === "ack_lost") throw new Error(STORE_ERROR_TEXT);
      if (typeof planned?.fault === "number") await clock.sleep(planned.fault);
      return result;
    };
    this.store = new Proxy(inner, {
      get: (target, name) =>
        typeof name === "string" && name !== "kind"
          ? (...args: readonly unknown[]) => call(name as StoreOperation, args)
          : Reflect.get(target, name),
    });
  }

  /** Breaks an operation, for the next `times` calls. */
  break(operation: StoreOperation, fault: StoreFault, times = Number.POSITIVE_INFINITY): void {
    this.#faults.set(operation, { fault, left: times });
  }

  /** Answers an operation in the store's place, as a stale replica does (X27). */
  answer(operation: StoreOperation, answer: (...args: readonly unknown[]) => Promise<unknown>): void {
    this.#answers.set(operation, answer);
  }

  /** Breaks everything. */
  breakAll(fault: StoreFault): void {
    for (const operation of ALL) this.break(operation, fault);
  }

  /** Mends one operation, or all. */
  mend(operation?: StoreOperation): void {
    if (operation === undefined) this.#faults.clear();
    else this.#faults.delete(operation);
  }

  /** How often an operation was called. */
  count(operation: StoreOperation): number {
    return this.calls.filter((name) => name === operation).length;
  }
}

const ALL: readonly StoreOperation[] = [
  "insert",
  "read",
  "acquireLease",
  "renewLease",
  "releaseLease",
  "commit",
  "addCandidate",
  "removeCandidate",
  "end",
  "endMatching",
  "findMatching",
  "reseal",
  "scan",
  "wipe",
  "slide",
  "purge",
];
