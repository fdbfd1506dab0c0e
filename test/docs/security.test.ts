/**
 * docs/security.md answers every requirement once, with a test that is there or with why there is none.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { readDocument } from "../../scripts/lib/markdown.ts";
import { ROOT } from "../../scripts/lib/paths.ts";

const REQUIREMENTS = 89;
const page = readDocument("docs/security.md");
const answers = page.rows.filter(([id = ""]) => /^SEC-\d+$/.test(id));

function testsIn(cell: string): string[] {
  return [...cell.matchAll(/`(test\/[^`]+)`/g)].map(([, path = ""]) => path);
}

/** What an answer waits for, without the tests that it names beside that. */
function waitsFor(cell: string): string {
  return /waits for: (.*)/.exec(cell)?.[1]?.replace(/`[^`]*`/g, "") ?? "";
}

/** The last words of the package's entry points: `next-auth`, `redis`, ... */
const entries = Object.keys(
  (JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { exports: object }).exports,
)
  .filter((entry) => !entry.endsWith(".json"))
  .map((entry) => entry.slice(entry.lastIndexOf("/") + 1));

describe("docs/security.md", () => {
  it("answers SEC-01 to SEC-89, each once and in order (SEC-88)", () => {
    const all = Array.from(
      { length: REQUIREMENTS },
      (_, index) => `SEC-${String(index + 1).padStart(2, "0")}`,
    );

    expect(answers.map(([id]) => id)).toEqual(all);
  });

  it("names for each a test, what it waits for, or why it is out of scope", () => {
    const open = answers.filter(
      ([, , shown = ""]) =>
        testsIn(shown).length === 0 && !/^(?:waits for: .+|out of scope.*: .+)/.test(shown),
    );

    expect(open.map(([id]) => id)).toEqual([]);
  });

  it("waits for nothing that has come: no entry point of the package", () => {
    const waiting = answers.map(([id, , shown = ""]) => [id, waitsFor(shown)] as const);

    expect(waiting.filter(([, what]) => what !== "").length).toBeGreaterThan(0);
    expect(entries).toContain("postgres");
    expect(
      waiting.filter(([, what]) => entries.some((entry) => new RegExp(`\\b${entry}`, "i").test(what))),
    ).toEqual([]);
  });

  it("names only tests that are there", () => {
    const tests = answers.flatMap(([id = "", , shown = ""]) =>
      testsIn(shown).map((path) => [id, path] as const),
    );

    expect(tests.length).toBeGreaterThan(60);
    expect(tests.filter(([, path]) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it("writes down lifetimes, keys, services, timeouts, rotation, data classes and logs (SEC-88)", () => {
    const headings = page.headings.map(({ text }) => text);

    expect(headings).toEqual(
      expect.arrayContaining([
        "Lifetimes",
        "Keys",
        "Outbound services",
        "Timeouts and retries",
        "Secret rotation",
        "Data classes",
        "Log inventory",
      ]),
    );
  });
});
