/**
 * Grants in this process's memory: for tests, and for development. A restart forgets them, and a second process does
 * not see them.
 *
 * @module
 */
import { systemClock, type Clock } from "../core/clock.ts";
import { InvalidOptionError, StoreFailedError } from "../core/errors.ts";
import type { GrantStore } from "../core/grant-store.ts";
import type { GrantRecord } from "../core/grant.ts";
import { memoryMethods } from "./memory-methods.ts";
import { refuseServerless, type LocalStore } from "./refuse-serverless.ts";

/** What {@link memoryStore} can be told. */
export interface MemoryStoreOptions {
  /** Stores of one name share their grants within a process. @defaultValue `default` */
  readonly name?: string;
  /** The store's clock. With one given, the store shares its grants with nobody. @defaultValue the real clock */
  readonly clock?: Clock;
  /** The most grants it keeps, tombstones included. @defaultValue 10,000 */
  readonly maxGrants?: number;
  /**
   * Whether to work in production on a serverless host, where each instance has a memory of its own and users are signed
   * out at random: for a demonstration that has one instance. @defaultValue false
   */
  readonly allowServerless?: boolean;
}

/** The rows of one store. Immutable records, replaced as a whole. */
export type MemoryRows = Map<string, GrantRecord>;

const DEFAULT_MAX_GRANTS = 10_000;
const SHARED: symbol = Symbol.for("nolapse.memory-stores");
const AS_A_LOCAL_STORE: LocalStore = {
  name: "memoryStore()",
  has: "a memory of its own, which ends with it",
  exception: "for a demonstration with one instance",
};

/**
 * Makes a memory store. Construction has no effects.
 *
 * When it is full it drops expired grants, then the oldest tombstones, and refuses new grants after that: a live
 * grant is never dropped.
 *
 * @throws {@link InvalidOptionError} for a `maxGrants` that is no whole number above 0. At first use, for production
 *   on a serverless host (SEC-73).
 */
export function memoryStore(options: MemoryStoreOptions = {}): GrantStore {
  const { name = "default", clock, maxGrants = DEFAULT_MAX_GRANTS } = options;
  if (!Number.isSafeInteger(maxGrants) || maxGrants < 1) {
    throw new InvalidOptionError("maxGrants", `must be a whole number above 0, and is ${String(maxGrants)}`);
  }
  let rows: MemoryRows | undefined;
  const opened = (): MemoryRows => {
    if (options.allowServerless !== true) refuseServerless(AS_A_LOCAL_STORE, process.env);
    return clock === undefined ? sharedRows(name) : new Map<string, GrantRecord>();
  };
  return memoryMethods({
    rows: () => (rows ??= opened()),
    nowMs: () => (clock ?? systemClock).nowMs(),
    makeRoom: (all, nowMs) => makeRoom(all, nowMs, maxGrants),
  });
}

/** Next bundles a module more than once per process, so what the copies share hangs on `globalThis`. */
function sharedRows(name: string): MemoryRows {
  const holder = globalThis as Partial<Record<symbol, Map<string, MemoryRows>>>;
  const stores = (holder[SHARED] ??= new Map<string, MemoryRows>());
  let rows = stores.get(name);
  if (rows === undefined) {
    rows = new Map();
    stores.set(name, rows);
  }
  return rows;
}

/** Makes room for one more row, or says that there is none. */
function makeRoom(rows: MemoryRows, nowMs: number, maxGrants: number): void {
  if (rows.size < maxGrants) return;
  for (const grant of rows.values()) {
    if (grant.slidingEndMs <= nowMs) rows.delete(grant.id);
  }
  if (rows.size < maxGrants) return;
  // A Map lists the oldest first.
  for (const grant of rows.values()) {
    if (grant.state === "ended") rows.delete(grant.id);
    if (rows.size < maxGrants) return;
  }
  throw new StoreFailedError(`The memory store is full: ${maxGrants} live grants`);
}
