/** What the package exports: a name that comes, goes or changes its kind is a decision, so it shows up here. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";

import { ROOT } from "../scripts/lib/paths.ts";

const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
};

function sourceOf(entry: string): string {
  const target = exports[entry];
  if (typeof target !== "object") throw new Error(`${entry} is no code`);
  return join(ROOT, target.types.replace("./dist/", "src/").replace(".d.ts", ".ts"));
}

const entries = Object.keys(exports).filter((entry) => typeof exports[entry] === "object");
const program = ts.createProgram(entries.map(sourceOf), {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  jsx: ts.JsxEmit.ReactJSX,
  lib: ["lib.es2023.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  types: ["node"],
  strict: true,
  skipLibCheck: true,
  noEmit: true,
  allowImportingTsExtensions: true,
});
const checker = program.getTypeChecker();

function exportedNames(entry: string): string[] {
  const source = program.getSourceFile(sourceOf(entry));
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${entry} exports nothing`);
  return checker
    .getExportsOfModule(module)
    .map((symbol) => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      const isValue = (target.flags & ts.SymbolFlags.Value) !== 0 && !isTypeOnly(symbol);
      return `${isValue ? "" : "type "}${symbol.name}`;
    })
    .sort();
}

function isTypeOnly(symbol: ts.Symbol): boolean {
  return (symbol.declarations ?? []).some(
    (declaration) =>
      ts.isExportSpecifier(declaration) && (declaration.isTypeOnly || declaration.parent.parent.isTypeOnly),
  );
}

describe("the public API", () => {
  it("has exactly these entries", () => {
    expect(Object.keys(exports)).toMatchSnapshot();
  });

  for (const entry of entries) {
    it(`of nolapse${entry.slice(1)} exports exactly these names`, () => {
      expect(exportedNames(entry)).toMatchSnapshot();
    });
  }
});
