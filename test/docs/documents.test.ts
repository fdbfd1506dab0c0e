/**
 * The documents hold what they say: their links lead somewhere and their code compiles.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { brokenLinks, missingPictures } from "../../scripts/lib/doc-links.ts";
import { checkedBlocks, snippetProblems } from "../../scripts/lib/doc-snippets.ts";
import { documentPaths, parseMarkdown, readDocument } from "../../scripts/lib/markdown.ts";
import { ROOT } from "../../scripts/lib/paths.ts";

const documents = documentPaths().map(readDocument);
const PLACEHOLDER =
  /\b(?:TODO|FIXME|TBD|TBA|XXX)\b|\bto be (?:filled|written|added|done|defined|determined|decided|announced)\b|\blorem ipsum\b|\bplaceholder text\b|\bcoming soon\b|\[(?:insert|fill)\b|(?:채울|작성할|작성|추가할|추가) 예정/i;
const english = documents.filter(({ path }) => !path.endsWith(".ko.md"));

describe("the documents", () => {
  it("lead with every relative link and anchor to something that is there", () => {
    expect(documents.length).toBeGreaterThan(20);
    expect(documents.flatMap(brokenLinks)).toEqual([]);
  });

  it("show pictures that are there", () => {
    expect(documents.flatMap(missingPictures)).toEqual([]);
  });

  it("name only tests and sources that are there", () => {
    const named = documents.flatMap(({ path, text }) =>
      [...text.matchAll(/`((?:test|src|scripts|examples)\/[\w./-]+)`/g)].map(
        ([, file = ""]) => `${path}: ${file}`,
      ),
    );

    expect(named.length).toBeGreaterThan(150);
    expect(named.filter((each) => !existsSync(join(ROOT, each.replace(/^.*: /, ""))))).toEqual([]);
  });

  it("have code that compiles against the package as an application imports it", { timeout: 120_000 }, () => {
    expect(english.flatMap(checkedBlocks).length).toBeGreaterThan(25);
    expect(snippetProblems(english)).toEqual([]);
  });

  it(
    "have code for next-auth 5 that compiles without a bundler, too, by Node's own rules",
    { timeout: 120_000 },
    () => {
      const pages = english.filter(({ path }) => path === "docs/authjs.md");

      expect(pages.flatMap(checkedBlocks).length).toBeGreaterThan(3);
      expect(snippetProblems(pages, "nodenext")).toEqual([]);
    },
  );

  it("name no folder of a machine", () => {
    const found = documents.filter(({ text }) => /\/(?:home|root|Users|work)\//.test(text));

    expect(found.map(({ path }) => path)).toEqual([]);
  });

  it("are written: nothing in them stands for text that comes later", () => {
    const found = documents.filter(({ text }) => PLACEHOLDER.test(text.replace(/\s+/g, " ")));

    expect(found.map(({ path }) => path)).toEqual([]);
  });
});

describe("the checks themselves", () => {
  it.each([
    ...["To be filled in", "to be\nwritten.", "TBD", "TODO: numbers", "FIXME", "Lorem ipsum", "XXX"],
    ...["placeholder text", "Coming soon", "[insert a number]", "채울 예정", "작성 예정"],
  ])("know text that stands for a later one: %j", (text) => {
    expect(`# x\n\n${text}\n`.replace(/\s+/g, " ")).toMatch(PLACEHOLDER);
  });

  it.each(["a secret that looks like a placeholder is refused", "`<YOUR-ID>`", "a list to be read", "두고"])(
    "know text that does not: %j",
    (text) => {
      expect(text).not.toMatch(PLACEHOLDER);
    },
  );

  const page = (text: string) => parseMarkdown("docs/page.md", text);

  it("find links that lead nowhere, headings that are not there, and ways out of the repository", () => {
    const text =
      "# Some `code` & more\n[a](#some-code--more) [b](#nothing) [c](none.md) [d](../README.md#use) [e](../../x)";

    expect(brokenLinks(page(text))).toEqual([
      "docs/page.md:2: #nothing has no such heading",
      "docs/page.md:2: none.md does not exist",
      "docs/page.md:2: ../README.md#use has no such heading",
      "docs/page.md:2: ../../x leads out of the repository",
    ]);
  });

  it("find a link whose words go over the end of a line", () => {
    expect(brokenLinks(page("# x\n\nsee [the\nother](none.md)"))).toEqual([
      "docs/page.md:3: none.md does not exist",
    ]);
  });

  it("take no link from code, and see pictures in HTML", () => {
    const text = '`[a](none.md)`\n```md\n[b](none.md)\n```\n<img src="none.png">';

    expect(brokenLinks(page(text))).toEqual([]);
    expect(missingPictures(page(text))).toEqual(["docs/page.md:5: none.png does not exist"]);
  });

  it("find code that does not compile, in the line where it is", { timeout: 120_000 }, () => {
    const text =
      '# x\n\n```ts\nimport { getAccessToken } from "@/auth";\n\nawait getAccessToken({ minValidity: 1 });\n```\n';
    const auth =
      '```ts title="auth.ts"\nexport declare function getAccessToken(o: { minValidityMs: number }): void;\n```\n';

    const problems = snippetProblems([page(text + auth)]);

    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^docs\/page\.md:6: .*minValidity/);
  });

  it.each(["bundler", "nodenext"] as const)(
    "know the types of next-auth 5 in its code, and what nolapse adds to its session (%s)",
    { timeout: 120_000 },
    (rules) => {
      const text = [
        "```ts",
        'import NextAuth from "next-auth";',
        'import { withFreshTokens } from "nolapse/authjs";',
        'import { memoryStore } from "nolapse/stores/memory";',
        "const { authConfig, wrapAuth } = withFreshTokens(",
        '  { providers: [], callbacks: { jwt: ({ token, trigger }) => (trigger === "updated" ? null : token) } },',
        "  { store: memoryStore() },",
        ");",
        "const { auth } = wrapAuth(NextAuth(authConfig));",
        "const expires: number | undefined = (await auth())?.accessTokenExpires;",
        "const wrong: string | undefined = (await auth())?.accessTokenExpires;",
        "export { expires, wrong };",
        "```",
      ].join("\n");

      const problems = snippetProblems([parseMarkdown("docs/page.md", text)], rules);

      expect(problems.map((each) => each.slice(0, "docs/page.md:99".length))).toEqual([
        "docs/page.md:6:",
        "docs/page.md:11",
      ]);
    },
  );
});
