/**
 * What happened, newest first, in words.
 *
 * @module
 */
import { memo, type NamedExoticComponent, type ReactElement } from "react";
import { timeOfDay, WHY } from "./format.ts";
import type { LogEntry } from "./journal.ts";
import { markOf, MarkIcon } from "./marks.tsx";

interface LogProps {
  readonly entries: readonly LogEntry[];
}

/** The last entries, at most 100. Rendered when there is another, and not every second. */
export const Log: NamedExoticComponent<LogProps> = memo(function Log({ entries }: LogProps): ReactElement {
  if (entries.length === 0) {
    return (
      <div className="nlp-log">
        <p className="nlp-empty">Nothing has happened since the panel was opened.</p>
      </div>
    );
  }
  return (
    <ol className="nlp-log" tabIndex={0} aria-label="Last outcomes">
      {[...entries].reverse().map((entry) => (
        <li key={entry.id} data-kind={entry.kind}>
          <time>{timeOfDay(entry.wallMs)}</time>
          <MarkIcon mark={markOf(entry)} />
          <span title={entry.kind === "ask" ? WHY[entry.reason] : undefined}>{wordsOf(entry)}</span>
          <small>{detailOf(entry)}</small>
        </li>
      ))}
    </ol>
  );
});

function wordsOf(entry: LogEntry): string {
  switch (entry.kind) {
    case "ask":
      return `${entry.reason}: ${(entry.outcome ?? "under way").replace("_", " ")}`;
    case "news":
      return entry.outcome === "failed" ? "another tab failed" : "another tab has an answer";
    case "wake":
      return `wake-up: ${entry.reason}`;
    case "panel":
      return `panel: ${entry.act}`;
  }
}

function detailOf(entry: LogEntry): string {
  if (entry.kind !== "ask" || entry.tookMs === undefined) return "";
  return `${Math.round(entry.tookMs)} ms${entry.changed ? ", changed" : ""}`;
}
