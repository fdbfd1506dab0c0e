/**
 * The Korean documents are the English ones: the same parts, code, tables and links.
 */
import { describe, expect, it } from "vitest";

import { readDocument, type MarkdownDocument } from "../../scripts/lib/markdown.ts";

const PAIRS = [
  ["README.md", "README.ko.md"],
  ["docs/origin.md", "docs/origin.ko.md"],
] as const;
const TRANSLATED_ANCHOR = /^((?:.*\/)?(?:README|origin)\.md|)#.*/;

/** Where the links lead, with both languages of a page under one name. Anchors of translated headings differ. */
function targets({ links }: MarkdownDocument): string[] {
  return links.map(({ target }) => target.replace(".ko.md", ".md").replace(TRANSLATED_ANCHOR, "$1")).sort();
}

describe.each(PAIRS)("%s and %s", (english, korean) => {
  const [en, ko] = [readDocument(english), readDocument(korean)];

  it("have the same headings in the same order", () => {
    expect(ko.headings.map(({ level }) => level)).toEqual(en.headings.map(({ level }) => level));
  });

  it("have the same code", () => {
    const codeOf = ({ blocks }: MarkdownDocument) =>
      blocks.map(({ language, title, code }) => ({ language, title, code }));

    expect(codeOf(ko)).toEqual(codeOf(en));
  });

  it("have the same tables", () => {
    expect(ko.rows.map((row) => row.length)).toEqual(en.rows.map((row) => row.length));
  });

  it("lead to the same places", () => {
    expect(targets(ko)).toEqual(targets(en));
  });

  it("are written in their own language", () => {
    const words = ({ text }: MarkdownDocument, pattern: RegExp) =>
      (text.replace(/```[\s\S]*?```/g, "").match(pattern) ?? []).length;

    expect(words(ko, /[가-힣]{2,}/g)).toBeGreaterThan(200);
    expect(words(en, /[가-힣]{2,}/g)).toBeLessThan(5);
  });
});
