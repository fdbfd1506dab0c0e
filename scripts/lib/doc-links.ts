/**
 * Says which relative links of a document lead nowhere.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

import { readDocument, type MarkdownDocument } from "./markdown.ts";
import { ROOT } from "./paths.ts";

/** The broken links of a document, each with its line. */
export function brokenLinks(document: MarkdownDocument): readonly string[] {
  return document.links.flatMap(({ target, line }) => {
    const problem = /^(https?:|mailto:)/.test(target) ? undefined : problemOf(document, target);
    return problem === undefined ? [] : [`${document.path}:${line}: ${target} ${problem}`];
  });
}

function problemOf(document: MarkdownDocument, target: string): string | undefined {
  const [file = "", anchor] = target.split("#");
  const path = file === "" ? document.path : join(dirname(document.path), file).replaceAll("\\", "/");
  if (path.startsWith("..")) return "leads out of the repository";
  if (!existsSync(join(ROOT, path))) return "does not exist";
  if (anchor === undefined || !path.endsWith(".md")) return undefined;
  const found = path === document.path ? document : readDocument(path);
  return found.headings.some((heading) => heading.anchor === anchor) ? undefined : "has no such heading";
}
