/**
 * `node scripts/check-docs.ts`: whether every relative link of the documents leads somewhere, their code compiles and
 * the table of providers is that of today. `--write` makes the table anew. The tests in test/docs ask the same.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { brokenLinks, missingPictures } from "./lib/doc-links.ts";
import { snippetProblems } from "./lib/doc-snippets.ts";
import { documentPaths, readDocument } from "./lib/markdown.ts";
import { ROOT } from "./lib/paths.ts";
import { withProviderTable } from "./lib/provider-table.ts";

const PROVIDERS = join(ROOT, "docs/providers.md");

const page = readFileSync(PROVIDERS, "utf8");
const current = withProviderTable(page);
if (process.argv.includes("--write")) writeFileSync(PROVIDERS, current);

const documents = documentPaths().map(readDocument);
const problems = [
  ...documents.flatMap(brokenLinks),
  ...documents.flatMap(missingPictures),
  ...snippetProblems(documents.filter(({ path }) => !path.endsWith(".ko.md"))),
  ...(!process.argv.includes("--write") && page !== current
    ? ["docs/providers.md: the table is not that of src/oauth/profiles.ts; run with --write"]
    : []),
];
for (const problem of problems) console.error(problem);
console.log(`${documents.length} documents, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
