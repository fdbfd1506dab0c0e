/**
 * What a process writes down about its tokens, line by line and before it goes on: readable after it was killed, and in
 * the order in which things happened.
 */
import { appendFileSync, readFileSync } from "node:fs";

/** What happened to one answer of the authorization server, by the hash of the refresh token in it. */
export type WorkerEntry =
  /** The answer to this send was read whole: what becomes of it now is the engine's affair. */
  | { readonly type: "arrived"; readonly send: string; readonly issued: string }
  /** Nobody waits for the answer to this send any more. */
  | { readonly type: "gave_up"; readonly send: string }
  /** The store was asked to keep it, said that it has, or failed. */
  | { readonly type: "offered" | "stored" | "refused"; readonly issued: string };

/** A line of the log. */
export type WorkerLine = WorkerEntry & { readonly pid: number; readonly atMs: number };

/** Appends an entry of this process, synchronously. */
export function writeWorkerLine(file: string, entry: WorkerEntry): void {
  const line: WorkerLine = { ...entry, pid: process.pid, atMs: Date.now() };
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}

/** The lines of a log. The last one may be half written yet, and is left out then. */
export function readLines(file: string): readonly unknown[] {
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line): unknown => JSON.parse(line));
}
