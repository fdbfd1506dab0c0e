/**
 * The marks of the timeline: one shape and one colour for each moment in a token's life.
 *
 * @module
 */
import type { ReactNode } from "react";

/** A moment in a token's life that is drawn. */
export type Mark = "issued" | "due" | "asked" | "idleAsk" | "expires" | "failed";

/** The mark alone, around a point of an SVG. */
export function MarkShape({
  mark,
  cx = 0,
  cy = 0,
}: {
  readonly mark: Mark;
  readonly cx?: number;
  readonly cy?: number;
}): ReactNode {
  switch (mark) {
    case "issued":
      return <circle cx={cx} cy={cy} r={5} fill="var(--fresh)" stroke="var(--surface)" strokeWidth={2} />;
    case "due":
      return (
        <circle cx={cx} cy={cy} r={4} fill="var(--surface)" stroke="var(--due-mark)" strokeWidth={2.5} />
      );
    case "asked":
      return <path d={diamond(cx, cy, 6.5)} fill="var(--asked)" stroke="var(--surface)" strokeWidth={2} />;
    case "idleAsk":
      return <path d={diamond(cx, cy, 5.5)} fill="var(--surface)" stroke="var(--asked)" strokeWidth={2} />;
    case "failed":
      return (
        <path
          d={`M${cx - 5} ${cy - 5}l10 10m0 -10l-10 10`}
          stroke="var(--refused)"
          strokeWidth={3}
          strokeLinecap="round"
        />
      );
    case "expires":
      return (
        <path d={`M${cx} ${cy - 7}v14`} stroke="var(--ink-soft)" strokeWidth={2.5} strokeLinecap="round" />
      );
  }
}

/** The mark as a small picture, for legends and lists. */
export function MarkIcon({ mark }: { readonly mark: Mark }): ReactNode {
  return (
    <svg width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true" style={{ flex: "none" }}>
      <MarkShape mark={mark} />
    </svg>
  );
}

function diamond(cx: number, cy: number, r: number): string {
  return `M${cx} ${cy - r}l${r} ${r}l${-r} ${r}l${-r} ${-r}z`;
}
