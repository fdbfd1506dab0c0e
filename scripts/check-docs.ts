/**
 * `node scripts/check-docs.ts`: whether every relative link of the documents leads somewhere, their code compiles and
 * the tables of providers and of upstream behaviours are those of today. `--write` makes these anew. The tests in test/docs ask the same.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { brokenLinks, missingPictures } from "./lib/doc-links.ts";
import { snippetProblems } from "./lib/doc-snippets.ts";
import { documentPaths, readDocument } from "./lib/markdown.ts";
import { ROOT } from "./lib/paths.ts";
import { withProviderTable } from "./lib/provider-table.ts";
import { withUpstreamTables } from "./lib/upstream-table.ts";

/** Pages of which a part is made from something else. */
const MADE: readonly (readonly [path: string, from: string, withPart: (page: string) => string])[] = [
  ["docs/providers.md", "src/oauth/profiles.ts", withProviderTable],
  ["docs/upstream.md", "test/upstream", withUpstreamTables],
];

const outdated = MADE.flatMap(([path, from, withPart]) => {
  const page = readFileSync(join(ROOT, path), "utf8");
  const current = withPart(page);
  if (page === current) return [];
  if (!process.argv.includes("--write"))
    return [`${path}: the table is not that of ${from}; run with --write`];
  writeFileSync(join(ROOT, path), current);
  return [];
});

const documents = documentPaths().map(readDocument);
const problems = [
  ...documents.flatMap(brokenLinks),
  ...documents.flatMap(missingPictures),
  ...snippetProblems(documents.filter(({ path }) => !path.endsWith(".ko.md"))),
  ...outdated,
];
for (const problem of problems) console.error(problem);
console.log(`${documents.length} documents, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
