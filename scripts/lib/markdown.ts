/**
 * Reads the repository's Markdown: headings with GitHub's anchors, code blocks, links and tables.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

import { ROOT } from "./paths.ts";

/** A heading, with the anchor that GitHub gives it. */
export interface Heading {
  readonly level: number;
  readonly text: string;
  readonly anchor: string;
  readonly line: number;
}

/** A fenced code block. */
export interface CodeBlock {
  /** The first word of the info string, such as `ts`. */
  readonly language: string;
  /** `title="auth.ts"` of the info string. */
  readonly title: string | undefined;
  /** Whether the info string says `nocheck`. */
  readonly nocheck: boolean;
  readonly code: string;
  /** Of the fence, from 1. */
  readonly line: number;
}

/** A link or picture. */
export interface Link {
  readonly target: string;
  readonly isImage: boolean;
  readonly line: number;
}

/** One document. */
export interface MarkdownDocument {
  /** From the repository's root, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly headings: readonly Heading[];
  readonly blocks: readonly CodeBlock[];
  readonly links: readonly Link[];
  /** Table rows as cells, header rows included and separator rows left out. */
  readonly rows: readonly (readonly string[])[];
}

const SKIPPED_FOLDERS: ReadonlySet<string> = new Set([
  "node_modules",
  "dist",
  ".git",
  ".next",
  ".next-tests",
  ".cache",
  ".data",
]);

/** Paths of all Markdown files of the repository, sorted. */
export function documentPaths(folder: string = ROOT): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : documentPaths(path);
      return entry.name.endsWith(".md") ? [relative(ROOT, path).replaceAll("\\", "/")] : [];
    })
    .sort();
}

/** Reads one document by its path from the root. */
export function readDocument(path: string): MarkdownDocument {
  return parseMarkdown(path, readFileSync(join(ROOT, path), "utf8"));
}

/** Parses a document's text. */
export function parseMarkdown(path: string, text: string): MarkdownDocument {
  const headings: Heading[] = [];
  const blocks: CodeBlock[] = [];
  const rows: string[][] = [];
  const anchors = new Map<string, number>();
  const lines = text.split("\n");
  /** The lines outside code blocks; those inside are empty. */
  const prose = [...lines];
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? "";
    const fence = /^(\s*)(`{3,})(.*)$/.exec(line);
    if (fence) {
      const [, indent = "", ticks = "```", info = ""] = fence;
      const start = index;
      const code: string[] = [];
      for (index++; index < lines.length && !(lines[index] ?? "").trim().startsWith(ticks); index++) {
        code.push((lines[index] ?? "").replace(indent, ""));
      }
      prose.fill("", start, index + 1);
      blocks.push(blockFrom(info, code, start + 1));
      continue;
    }
    const heading = /^(#{1,6}) (.*)$/.exec(line);
    if (heading) {
      const [, hashes = "", words = ""] = heading;
      headings.push({ level: hashes.length, text: words, anchor: anchorOf(words, anchors), line: index + 1 });
    }
    if (line.startsWith("|") && !/^\|[\s|:-]+\|$/.test(line)) rows.push(cellsOf(line));
  }
  return { path, text, headings, blocks, links: linksOf(prose.join("\n")), rows };
}

/** Links and pictures, in Markdown (whose words may go over a line's end) and in HTML. */
function linksOf(prose: string): readonly Link[] {
  const lineAt = (index: number): number => prose.slice(0, index).split("\n").length;
  const inMarkdown = [...withoutCode(prose).matchAll(/(!?)\[[^\]]*\]\(([^)\s]+)[^)]*\)/g)].map((found) => ({
    target: found[2] ?? "",
    isImage: found[1] === "!",
    line: lineAt(found.index),
  }));
  const inHtml = [...prose.matchAll(/(src|srcset|href)="([^"]+)"/g)].map((found) => ({
    target: found[2] ?? "",
    isImage: found[1] !== "href",
    line: lineAt(found.index),
  }));
  return [...inMarkdown, ...inHtml];
}

function blockFrom(info: string, code: readonly string[], line: number): CodeBlock {
  const [language = ""] = info.trim().split(/\s+/);
  const title = /title="([^"]+)"/.exec(info)?.[1];
  return { language, title, nocheck: /\bnocheck\b/.test(info), code: code.join("\n"), line };
}

/** GitHub's rule: lower case, no punctuation, hyphens for blanks, a number from the second of one name on. */
function anchorOf(heading: string, taken: Map<string, number>): string {
  const plain = heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, "")
    .trim()
    .replaceAll(" ", "-");
  const count = taken.get(plain) ?? 0;
  taken.set(plain, count + 1);
  return count === 0 ? plain : `${plain}-${count}`;
}

function withoutCode(prose: string): string {
  return prose.replace(/`[^`\n]*`/g, (code) => "x".repeat(code.length));
}

/** The cells of a table row. A pipe inside backticks is written `\|`. */
function cellsOf(line: string): string[] {
  return line
    .replace(/^\||\|\s*$/g, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll("\\|", "|"));
}
