/**
 * Next compiles `instrumentation.ts` for the Edge as well, where nolapse's entries throw as soon as they are imported. So no
 * file of that name, in a document or an app, may import one before it knows where it runs.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { documentPaths, readDocument } from "../../scripts/lib/markdown.ts";
import { ROOT } from "../../scripts/lib/paths.ts";

const NAME = /(?:^|\/)instrumentation\.ts$/;

describe("an instrumentation.ts", () => {
  it("in the documents imports neither nolapse nor the app's own auth.ts statically", () => {
    const blocks = documentPaths()
      .map(readDocument)
      .flatMap(({ path, blocks }) => blocks.map((block) => ({ path, ...block })))
      .filter(({ title }) => NAME.test(title ?? ""));

    expect(blocks.length).toBeGreaterThan(0);
    for (const { path, line, code } of blocks) expect(staticImports(code), `${path}:${line}`).toEqual([]);
  });

  it("of the examples and the matrix does not either", () => {
    const files = ["examples", "test/matrix/fixtures"].flatMap((folder) =>
      globSync("*/instrumentation.ts", { cwd: join(ROOT, folder) }).map((file) => join(folder, file)),
    );

    expect(files.length).toBeGreaterThan(1);
    for (const file of files) expect(staticImports(readFileSync(join(ROOT, file), "utf8")), file).toEqual([]);
  });
});

describe("the check itself", () => {
  it.each([
    ['import { isTokenError } from "nolapse/next-auth";', ["nolapse/next-auth"]],
    ['import "nolapse/authjs";', ["nolapse/authjs"]],
    ['import {\n  check,\n} from "@/auth";', ["@/auth"]],
    ['export { check } from "../lib/auth.ts";', ["../lib/auth.ts"]],
    ['import type { Check } from "nolapse/next-auth";', []],
    ['if (x) { const { check } = await import("@/auth"); }', []],
    ['import { isTokenProblem } from "@/lib/problems";', []],
  ])("finds in %j %j", (code, found) => {
    expect(staticImports(code)).toEqual(found);
  });
});

function staticImports(code: string): string[] {
  const imports = /^\s*(?:import|export)\s+(?!type\b)(?:[^"';]*?\sfrom\s+)?["']([^"']+)["']/gm;
  return [...code.matchAll(imports)]
    .map(([, from = ""]) => from)
    .filter((from) => /^nolapse(?:\/|$)/.test(from) || /(?:^|\/)auth(?:\.ts)?$/.test(from));
}
