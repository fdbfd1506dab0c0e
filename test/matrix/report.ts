/**
 * The matrix as the tables of docs/compatibility.md.
 *
 * @module
 */
import { CONFIGURATIONS } from "./configurations.ts";
import type { Life } from "./live.ts";
import type { Refusal, Said } from "./refusals.ts";
import type { Row } from "./rows.ts";
import { NEXT, NEXT_AUTH, NODE, REACT } from "./versions.ts";

/** A row, and what came of it. */
export interface RowResult {
  readonly row: Row;
  readonly life: Life;
}

/** An attempt at what cannot work, and what was said. */
export interface RefusalResult {
  readonly refusal: Refusal;
  readonly said: Said;
}

/** Where the tables stand in the page. */
export const MARKS = {
  start: "<!-- Made by `npm run test:matrix`. -->",
  end: "<!-- End of what it made. -->",
};

const ROUTERS = { app: "App", pages: "Pages", both: "both" } as const;

/** The cells that say which row it is: those that its run does not change. */
export function cellsOf({ nextAuth, next, react, node, router, configuration }: Row): readonly string[] {
  const { what } = CONFIGURATIONS[configuration];
  return [NEXT_AUTH[nextAuth], NEXT[next], REACT[react], NODE[node], ROUTERS[router], what];
}

/** The cells that say what is tried, and what to do instead. */
export function refusalCells({ versions, what, instead }: Refusal): readonly string[] {
  return [versions, what, instead];
}

/** Both tables as Markdown. */
export function matrixTables(rows: readonly RowResult[], refusals: readonly RefusalResult[]): string {
  return [
    ...table(
      [
        ...["next-auth", "Next", "React", "Node", "router", "configuration", "lifetimes"],
        ...["requests", "failed", "refresh requests", "access tokens", "presented twice"],
      ],
      rows.map(({ row, life }) => [...cellsOf(row), ...countsOf(life)]),
    ),
    "",
    "## What cannot work, and what is said instead",
    "",
    ...table(
      ["versions", "what is tried", "what to do instead", "said at"],
      refusals.map(({ refusal, said }) => [...refusalCells(refusal), said.when]),
    ),
  ].join("\n");
}

function countsOf(life: Life): readonly string[] {
  const { lifetimes, requests, failed, refreshRequests, issued, presentedTwice } = life;
  return [lifetimes, requests, failed.length, refreshRequests, issued, presentedTwice].map(String);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}
