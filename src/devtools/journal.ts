/**
 * What the panel remembers: a log of bounded length.
 *
 * @module
 */
import type { AskReason } from "../client/plan.ts";
import type { WakeReason } from "../client/environment.ts";

/** What the panel itself did. */
export type PanelAct =
  | "ask now"
  | "renew"
  | "expire"
  | "offline"
  | "online again"
  | "503"
  | "no answer"
  | "route answers again"
  | "sleep"
  | "woke up"
  | "all faults off"
  | "action failed";

/**
 * How a request ended. `refused`: 401 or 403. `timed out`: no answer within the scheduler's bound. `dropped`: something
 * newer came first, such as another tab's news.
 */
export type Outcome = "session" | "signed_out" | "refused" | "failed" | "timed out" | "dropped";

/** One line of the log. Holds words of this list and numbers only, nothing that a server sent. */
export type LogEntry = {
  /** Grows by one with each entry. */
  readonly id: number;
  /** When it began, in milliseconds by the monotonic clock, and in epoch milliseconds. */
  readonly atMs: number;
  readonly wallMs: number;
} & Happening;

/** What a {@link LogEntry} is about. */
export type Happening =
  | {
      readonly kind: "ask";
      readonly reason: AskReason;
      /** Absent while the request is under way. */
      readonly outcome?: Outcome;
      /** How long it took, in milliseconds. */
      readonly tookMs?: number;
      /** Whether readers of the session saw a change. */
      readonly changed?: boolean;
    }
  /** Another tab told how its request ended. */
  | { readonly kind: "news"; readonly outcome: "session" | "failed" }
  | { readonly kind: "wake"; readonly reason: WakeReason }
  | { readonly kind: "panel"; readonly act: PanelAct };

/** The most entries that are kept: older ones make room. */
export const MAX_ENTRIES = 100;

/** Adds an entry at the end. */
export function append(entries: readonly LogEntry[], entry: LogEntry): readonly LogEntry[] {
  return [...entries, entry].slice(-MAX_ENTRIES);
}

/** Replaces what the entry with that id says, if it is still there. */
export function amend(entries: readonly LogEntry[], id: number, happening: Happening): readonly LogEntry[] {
  return entries.map((entry) =>
    entry.id === id ? { id, atMs: entry.atMs, wallMs: entry.wallMs, ...happening } : entry,
  );
}
