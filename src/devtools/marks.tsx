/**
 * One shape and one colour for each kind of moment, in the timeline and in the log.
 *
 * @module
 */
import type { ReactElement } from "react";
import type { Status } from "./facts.ts";
import type { LogEntry } from "./journal.ts";

/** A kind of moment. */
export type Mark = "asked" | "answered" | "failed" | "dropped" | "news" | "woke" | "panel" | "next";

/** What a log entry is drawn as. */
export function markOf(entry: LogEntry): Mark {
  if (entry.kind === "news") return entry.outcome === "failed" ? "failed" : "news";
  if (entry.kind === "wake") return "woke";
  if (entry.kind === "panel") return "panel";
  if (entry.outcome === undefined) return "asked";
  if (entry.outcome === "session" || entry.outcome === "signed_out") return "answered";
  return entry.outcome === "dropped" ? "dropped" : "failed";
}

/** The colour of a state. */
export function colourOf(status: Status): string {
  if (status === "fresh") return "var(--nlp-good)";
  if (status === "reauthentication required") return "var(--nlp-bad)";
  return status === "retrying" || status === "failing" ? "var(--nlp-wait)" : "var(--nlp-soft)";
}

/** The mark around a point of an SVG. */
export function MarkShape({ mark, x, y }: { mark: Mark; x: number; y: number }): ReactElement {
  switch (mark) {
    case "asked":
      return <path d={diamond(x, y)} fill="var(--nlp-ask)" />;
    case "next":
      return <path d={diamond(x, y)} fill="var(--nlp-surface)" stroke="var(--nlp-ask)" strokeWidth={1.8} />;
    case "answered":
      return <circle cx={x} cy={y} r={4.5} fill="var(--nlp-good)" />;
    case "news":
      return (
        <circle cx={x} cy={y} r={3.8} fill="var(--nlp-surface)" stroke="var(--nlp-good)" strokeWidth={2} />
      );
    case "failed":
      return (
        <path
          d={`M${x - 4} ${y - 4}l8 8m0 -8l-8 8`}
          stroke="var(--nlp-bad)"
          strokeWidth={2.4}
          strokeLinecap="round"
        />
      );
    case "dropped":
      return <path d={`M${x - 4} ${y}h8`} stroke="var(--nlp-soft)" strokeWidth={2.4} strokeLinecap="round" />;
    case "woke":
      return <path d={`M${x} ${y - 4.5}v9`} stroke="var(--nlp-soft)" strokeWidth={2} strokeLinecap="round" />;
    case "panel":
      return <path d={`M${x - 4} ${y + 3.6}h8l-4 -7.4z`} fill="var(--nlp-wait)" />;
  }
}

/** The mark as a small picture. */
export function MarkIcon({ mark }: { mark: Mark }): ReactElement {
  return (
    <svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true">
      <MarkShape mark={mark} x={0} y={0} />
    </svg>
  );
}

function diamond(x: number, y: number): string {
  return `M${x} ${y - 5.2}l5.2 5.2l-5.2 5.2l-5.2 -5.2z`;
}
