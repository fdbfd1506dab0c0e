/**
 * docs/compatibility.md shows a run of every row of the matrix, and package.json allows what the matrix begins with.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { readDocument } from "../../scripts/lib/markdown.ts";
import { ROOT } from "../../scripts/lib/paths.ts";
import { CONFIGURATIONS, type ConfigurationName } from "../matrix/configurations.ts";
import { REFUSALS } from "../matrix/refusals.ts";
import { cellsOf, refusalCells } from "../matrix/report.ts";
import { nameOf, ROWS } from "../matrix/rows.ts";
import { NEXT, NEXT_AUTH, NODE, REACT } from "../matrix/versions.ts";

const VERSIONS = [4, 5] as const;
/** Auth.js v5 alone takes more than one secret. */
const V5_ONLY: readonly ConfigurationName[] = ["secretList", "numberedSecrets"];

const { rows } = readDocument("docs/compatibility.md");
const { peerDependencies, engines } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  peerDependencies: Readonly<Record<string, string>>;
  engines: { readonly node: string };
};

/** The versions that the parts of a range begin with. */
function floorsOf(range = ""): string[] {
  return range.split("||").map((part) => /\d[\w.-]*/.exec(part)?.[0] ?? "none");
}

function majorOf(next: keyof typeof NEXT): number {
  return Number.parseInt(NEXT[next]);
}

describe("the rows of the matrix", () => {
  const tried = (wanted: (row: (typeof ROWS)[number]) => boolean): boolean => ROWS.some(wanted);

  it("are told from each other by their names", () => {
    expect(new Set(ROWS.map(nameOf)).size).toBe(ROWS.length);
  });

  it.each(VERSIONS.flatMap((nextAuth) => [14, 15, 16].map((major) => [nextAuth, major] as const)))(
    "have next-auth %s with Next %s in the App Router and in the Pages Router",
    (nextAuth, major) => {
      for (const router of ["app", "pages"])
        expect(
          tried((row) => row.nextAuth === nextAuth && majorOf(row.next) === major && row.router === router),
          router,
        ).toBe(true);
    },
  );

  it.each(VERSIONS)(
    "have every configuration, React and Node with next-auth %s, and both routers at once",
    (nextAuth) => {
      const own = ROWS.filter((row) => row.nextAuth === nextAuth);
      const names = Object.keys(CONFIGURATIONS) as ConfigurationName[];

      expect(new Set(own.map(({ configuration }) => configuration))).toEqual(
        new Set(names.filter((name) => nextAuth === 5 || !V5_ONLY.includes(name))),
      );
      expect(new Set(own.map(({ react }) => String(react)))).toEqual(new Set(Object.keys(REACT)));
      expect(new Set(own.map(({ node }) => String(node)))).toEqual(new Set(Object.keys(NODE)));
      expect(own.map(({ router }) => router)).toContain("both");
    },
  );

  it("begin with the versions that package.json begins with", () => {
    const tables = { next: NEXT, "next-auth": NEXT_AUTH, react: REACT };

    expect(floorsOf(peerDependencies["next"])).toEqual([NEXT["14 from"], NEXT["15 from"], NEXT["16 from"]]);
    expect(floorsOf(peerDependencies["next-auth"])).toEqual([NEXT_AUTH[4], NEXT_AUTH[5]]);
    expect(floorsOf(peerDependencies["react"])[0]).toBe(REACT[18]);
    expect(NODE[20]).toContain(floorsOf(engines.node)[0]);
    for (const [name, table] of Object.entries(tables))
      for (const version of Object.values(table))
        expect(
          floorsOf(peerDependencies[name]).map((floor) => Number.parseInt(floor)),
          name,
        ).toContain(Number.parseInt(version));
    for (const next of Object.keys(NEXT)) expect(ROWS.map((row) => String(row.next))).toContain(next);
  });
});

describe("docs/compatibility.md", () => {
  it("shows a run of every row, without a failure", () => {
    const shown = rows.filter((cells) => cells.length === 12 && /^\d/.test(cells[0] ?? ""));
    const own = ROWS.map(cellsOf);

    expect(shown.map((cells) => cells.slice(0, 6))).toEqual(own);
    for (const [, , , , , what, lifetimes, , failed, refreshes, tokens, twice] of shown) {
      expect([lifetimes, failed, twice], what).toEqual(["3", "0", "0"]);
      expect(Number(refreshes), what).toBeGreaterThan(5);
      expect(refreshes, what).toBe(tokens);
    }
  });

  it("shows what cannot work, and what is said instead", () => {
    const shown = rows.filter((cells) => /^(build|start|first request|first use)$/.test(cells[3] ?? ""));

    expect(shown.map((cells) => cells.slice(0, 3))).toEqual(REFUSALS.map(refusalCells));
  });
});
