/**
 * The tables of docs/upstream.md, made from the names of the tests in test/upstream: each test asks the installed next-auth,
 * or Next, for one behaviour, and names the files that rely on it.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

import { withMarkedPart } from "./marked-part.ts";
import { ROOT } from "./paths.ts";

/** One behaviour. */
export interface Reliance {
  /** The subject and the predicate, as one sentence. */
  readonly behaviour: string;
  /** The files that rely on it; none where its test names none. */
  readonly files: readonly string[];
}

/** Where the tables stand in the page. */
const MARKS = {
  start: "<!-- Made from test/upstream by `node scripts/check-docs.ts --write`. -->",
  end: "<!-- End of the tables. -->",
};

const FOLDER = "test/upstream";
const VERSIONS: readonly [string, string][] = [
  ["", "next-auth 4 and 5"],
  ["next-auth-4/", "next-auth 4"],
  ["authjs-5/", "next-auth 5"],
  ["client/", "next-auth/react of 4 and 5"],
  ["next/", "Next"],
];

/** The test files, by their paths from the root. */
export function upstreamTests(): readonly string[] {
  return readdirSync(join(ROOT, FOLDER), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.test\.tsx?$/.test(name))
    .map((name) => `${FOLDER}/${name.replaceAll("\\", "/")}`)
    .sort();
}

/** What the tests of a file ask for. */
export function reliancesOf(
  path: string,
  code = readFileSync(join(ROOT, path), "utf8"),
): readonly Reliance[] {
  const found: Reliance[] = [];
  const visit = (node: ts.Node, subject: string): void => {
    const [kind, title] = titledCall(node) ?? [];
    if (kind === "it" && title !== undefined) found.push(relianceFrom(`${subject} ${title}`));
    else ts.forEachChild(node, (child) => visit(child, kind === "describe" ? (title ?? subject) : subject));
  };
  visit(ts.createSourceFile(path, code, ts.ScriptTarget.Latest, true), "");
  return found;
}

/** The page with the tables of today. */
export function withUpstreamTables(page: string): string {
  const paths = upstreamTests();
  const parts = VERSIONS.map(([folder, name]) => {
    const rows = paths
      .filter((path) => path.slice(`${FOLDER}/`.length).replace(/[^/]*$/, "") === folder)
      .flatMap((path) => reliancesOf(path).map((each) => rowOf(path, each)));
    return [`### ${name}`, "", "| behaviour | relied on by | test |", "| --- | --- | --- |", ...rows].join(
      "\n",
    );
  });
  return withMarkedPart(page, MARKS, parts.join("\n\n"));
}

/** `describe("…")`, `it("…")`, or their `.each(…)("…")`. */
function titledCall(node: ts.Node): readonly ["describe" | "it", string] | undefined {
  if (!ts.isCallExpression(node)) return undefined;
  const [first] = node.arguments;
  if (first === undefined || !ts.isStringLiteralLike(first)) return undefined;
  const kind = /^(describe|it)\b/.exec(node.expression.getText())?.[1];
  return kind === "describe" || kind === "it" ? [kind, first.text] : undefined;
}

function relianceFrom(sentence: string): Reliance {
  const [, behaviour = sentence, files = ""] = /^(.*?) \(((?:src|docs)\/[^)]*)\)$/.exec(sentence) ?? [];
  return {
    // What a test is repeated for stands in its place.
    behaviour: behaviour.replace(/%[sjio]/g, "…").trim(),
    files: files === "" ? [] : files.split(", "),
  };
}

function rowOf(path: string, { behaviour, files }: Reliance): string {
  const name = path.slice(FOLDER.length + 1).replace(/^.*\/|\.test\.tsx?$/g, "");
  const links = files.map((file) => `[${file.replace(/^src\//, "")}](../${file})`);
  return `| ${behaviour.replaceAll("|", "\\|").replaceAll("<", "&lt;")} | ${links.join(", ")} | [${name}](../${path}) |`;
}
