/**
 * Says which relative links of a document lead nowhere.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

import { readDocument, type Link, type MarkdownDocument } from "./markdown.ts";
import { ROOT } from "./paths.ts";

/** The broken links of a document, pictures apart, each with its line. */
export function brokenLinks(document: MarkdownDocument): readonly string[] {
  return broken(
    document,
    document.links.filter(({ isImage }) => !isImage),
  );
}

/** The pictures of a document that are not there, each with its line. */
export function missingPictures(document: MarkdownDocument): readonly string[] {
  return broken(
    document,
    document.links.filter(({ isImage }) => isImage),
  );
}

function broken(document: MarkdownDocument, links: readonly Link[]): readonly string[] {
  return links.flatMap(({ target, line }) => {
    const problem = /^(https?:|mailto:)/.test(target) ? undefined : problemOf(document, target);
    return problem === undefined ? [] : [`${document.path}:${line}: ${target} ${problem}`];
  });
}

function problemOf(document: MarkdownDocument, target: string): string | undefined {
  const [file = "", anchor] = target.split("#");
  const path = file === "" ? document.path : join(dirname(document.path), file).replaceAll("\\", "/");
  if (path.startsWith("..")) return "leads out of the repository";
  if (path !== document.path && !existsSync(join(ROOT, path))) return "does not exist";
  if (anchor === undefined || !path.endsWith(".md")) return undefined;
  const found = path === document.path ? document : readDocument(path);
  return found.headings.some((heading) => heading.anchor === anchor) ? undefined : "has no such heading";
}
