/**
 * Facts that the documents repeat, read from the sources: options, error codes, event types, constants.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

import { ROOT } from "./paths.ts";

const ENTRY = join(ROOT, "src/next-auth/index.ts");
let built: { readonly program: ts.Program; readonly checker: ts.TypeChecker } | undefined;

function sources(): { readonly program: ts.Program; readonly checker: ts.TypeChecker } {
  if (built) return built;
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), (path) => ts.sys.readFile(path)) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const program = ts.createProgram(
    [
      ENTRY,
      ...["src/authjs/config.ts", "src/stores/sqlite.ts", "src/stores/memory.ts"].map((file) =>
        join(ROOT, file),
      ),
    ],
    options,
  );
  return (built = { program, checker: program.getTypeChecker() });
}

function typeNamed(file: string, name: string): ts.Type {
  const { program, checker } = sources();
  const source = program.getSourceFile(join(ROOT, file));
  const symbol = source && checker.getSymbolAtLocation(source);
  const found = symbol && checker.getExportsOfModule(symbol).find((each) => each.name === name);
  if (found === undefined) throw new Error(`${file} exports no ${name}`);
  return checker.getDeclaredTypeOfSymbol(found);
}

/** The members of an exported interface, inherited ones included. */
export function membersOf(file: string, name: string): readonly string[] {
  return typeNamed(file, name)
    .getProperties()
    .map((property) => property.name);
}

/** The strings of an exported union of string literals. */
export function literalsOf(file: string, name: string): readonly string[] {
  return stringsOf(typeNamed(file, name));
}

/** The members of each variant of an exported union, by the value of the member that tells them apart. */
export function discriminantsOf(
  file: string,
  name: string,
  member: string,
): ReadonlyMap<string, readonly string[]> {
  const type = typeNamed(file, name);
  const found = new Map<string, readonly string[]>();
  for (const variant of type.isUnion() ? type.types : [type]) {
    const property = variant.getProperty(member);
    if (property === undefined) throw new Error(`a variant of ${name} has no ${member}`);
    for (const value of stringsOf(sources().checker.getTypeOfSymbol(property))) {
      found.set(
        value,
        variant.getProperties().map((each) => each.name),
      );
    }
  }
  return found;
}

function stringsOf(type: ts.Type): readonly string[] {
  const parts = type.isUnion() ? type.types : [type];
  return parts.map((part) => {
    if (!part.isStringLiteral()) throw new Error("not a union of strings");
    return part.value;
  });
}

/** The value of a numeric constant or default in a source file, such as `MAX_BODY_BYTES` or `maxWaitMs`. */
export function numberIn(file: string, name: string): number {
  const text = readFileSync(join(ROOT, file), "utf8");
  const found = new RegExp(
    `(?:const ${name}(?::[^=\\n]+)? =|\\b${name}(?::| =)) (\\d[\\d_.\\s*]*)[;,}]`,
  ).exec(text);
  const expression = found?.[1];
  if (expression === undefined) throw new Error(`${file} has no number named ${name}`);
  return expression
    .split("*")
    .reduce((product, factor) => product * Number(factor.trim().replaceAll("_", "")), 1);
}
