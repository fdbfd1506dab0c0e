/**
 * The one true store of a run: the methods of the memory store over rows that faults can reach, with a clock of its own,
 * and every write in the history.
 *
 * @module
 */
import type { GrantStore } from "../src/core/grant-store.ts";
import type { GrantRecord } from "../src/core/grant.ts";
import { memoryMethods } from "../src/stores/memory-methods.ts";
import type { Operation } from "./fault-types.ts";
import type { History, StoreRecord } from "./history.ts";
import type { Timeline } from "./timeline.ts";

/** The operations that a store has. */
export type StoreOperation = Exclude<Operation, "refresh" | "revoke">;

/** Any method of a store, without its types. */
export type AnyMethod = (...args: readonly unknown[]) => Promise<unknown>;

interface Change {
  readonly atMs: number;
  readonly grant: string;
  readonly before: GrantRecord | undefined;
}

/** The store, as the world runs it. */
export class StoreNode {
  readonly rows = new Map<string, GrantRecord>();
  /** How far its clock is from true time, in milliseconds. */
  offsetMs = 0;
  readonly #timeline: Timeline;
  readonly #history: History;
  readonly #onWritten: (record: StoreRecord) => void;
  readonly #methods: GrantStore;
  readonly #changes: Change[] = [];

  /** @param onWritten Told of each write of a process, when it has just been done. */
  constructor(timeline: Timeline, history: History, onWritten: (record: StoreRecord) => void) {
    this.#onWritten = onWritten;
    this.#timeline = timeline;
    this.#history = history;
    this.#methods = memoryMethods({
      rows: () => this.rows,
      nowMs: () => this.nowMs(),
      makeRoom: () => undefined,
    });
  }

  nowMs(): number {
    return this.#timeline.nowMs + this.offsetMs;
  }

  /**
   * Does one operation for a process, at once. What only reads is no part of the history.
   *
   * @param sentAtMs When the process sent it, in true time.
   */
  async apply(
    process: string,
    operation: StoreOperation,
    args: readonly unknown[],
    sentAtMs: number = this.#timeline.nowMs,
  ): Promise<unknown> {
    if (isRead(operation)) return this.#call(operation, args);
    const grant = grantOf(operation, args);
    const before = grant === undefined ? new Map(this.rows) : this.rows.get(grant);
    const storeNowMs = this.nowMs();
    const atMs = this.#timeline.nowMs;
    // The method runs to its end within this call; only its answer comes later.
    const answer = this.#call(operation, args);
    const changed: [string, GrantRecord | undefined, GrantRecord | undefined][] = [];
    if (grant !== undefined) {
      changed.push([grant, before as GrantRecord | undefined, this.rows.get(grant)]);
    } else {
      for (const [id, row] of before as Map<string, GrantRecord>) {
        if (this.rows.get(id) !== row) changed.push([id, row, this.rows.get(id)]);
      }
    }
    for (const [id, was, is] of changed) if (was !== is) this.#remember(id, was);
    const result = await answer;
    for (const [id, was, is] of changed) {
      const record: StoreRecord = {
        kind: "store",
        atMs,
        process,
        operation,
        grant: id,
        storeNowMs,
        answer: answerText(result),
        ...detailsOf(operation, args),
        ...(operation === "endMatching" && { sentAtMs }),
        before: was,
        after: is,
      };
      this.#history.add(record);
      this.#onWritten(record);
    }
    return result;
  }

  /** What a replica that lags behind would answer to a read. */
  async readStale(id: string, lagMs: number): Promise<unknown> {
    const grant = this.#asOf(id, this.#timeline.nowMs - lagMs);
    return await Promise.resolve(grant && { grant, storeNowMs: this.nowMs() });
  }

  /** Takes back every change of the last milliseconds, as a failover to a replica does. Returns the grants it hit. */
  failover(lostMs: number): readonly string[] {
    const sinceMs = this.#timeline.nowMs - lostMs;
    const hit = new Set(this.#changes.filter(({ atMs }) => atMs > sinceMs).map(({ grant }) => grant));
    for (const id of hit) this.admin(id, this.#asOf(id, sinceMs), "failover");
    return [...hit];
  }

  /** Puts or deletes a row behind everybody's back. */
  admin(id: string, row: GrantRecord | undefined, why: string): void {
    const before = this.rows.get(id);
    if (row === undefined) this.rows.delete(id);
    else this.rows.set(id, row);
    this.#remember(id, before);
    this.#history.add({
      kind: "store",
      atMs: this.#timeline.nowMs,
      process: "store",
      operation: "admin",
      grant: id,
      storeNowMs: this.nowMs(),
      answer: why,
      before,
      after: row,
    });
  }

  #call(operation: StoreOperation, args: readonly unknown[]): Promise<unknown> {
    const method = (this.#methods as unknown as Record<string, AnyMethod | undefined>)[operation];
    if (method === undefined) throw new Error(`The store has no ${operation}`);
    return method(...args);
  }

  #remember(grant: string, before: GrantRecord | undefined): void {
    this.#changes.push({ atMs: this.#timeline.nowMs, grant, before });
  }

  #asOf(id: string, atMs: number): GrantRecord | undefined {
    const later = this.#changes.find((change) => change.grant === id && change.atMs > atMs);
    return later === undefined ? this.rows.get(id) : later.before;
  }
}

/** Whether an operation only reads. */
export function isRead(operation: StoreOperation): boolean {
  return operation === "read" || operation === "scan" || operation === "findMatching";
}

/** The row that an operation is about; `undefined` where it may be about many. */
export function grantOf(operation: StoreOperation, args: readonly unknown[]): string | undefined {
  if (operation === "insert") return (args[0] as GrantRecord).id;
  return typeof args[0] === "string" && operation !== "scan" ? args[0] : undefined;
}

function answerText(result: unknown): string {
  if (typeof result === "boolean") return String(result);
  if (typeof result !== "object" || result === null) return result === undefined ? "none" : typeof result;
  if ("status" in result) return String(result.status);
  return "found";
}

function detailsOf(
  operation: StoreOperation,
  args: readonly unknown[],
): Pick<StoreRecord, "fence" | "expectedVersion" | "attemptId"> {
  const second = args[1] as
    { fence?: number; expectedVersion?: number; attemptId?: string; lease?: { fence: number } } | undefined;
  if (typeof second !== "object") return {};
  const fence = operation === "commit" ? second.lease?.fence : second.fence;
  return {
    ...(fence !== undefined && { fence }),
    ...(second.expectedVersion !== undefined && { expectedVersion: second.expectedVersion }),
    ...(second.attemptId !== undefined && { attemptId: second.attemptId }),
  };
}
