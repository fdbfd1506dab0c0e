/**
 * The rules of the house that a reader cannot see in one file: which room may import what, where time, chance and the
 * network come from, how long a file may be, and that every export says what it promises.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import type ts from "typescript";
import { describe, expect, it } from "vitest";

import {
  codeLines,
  globalsOf,
  importsOf,
  parse,
  runtimeImportsOf,
  undocumentedExports,
} from "./support/source-facts.ts";

const ROOT = join(import.meta.dirname, "..");

/** What each room of `src` may import: other rooms, `node:` modules (`node`), and packages by name. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  oauth: ["core", "oauth4webapi", "jose"],
  stores: ["core", "node"],
  vault: ["core", "node"],
  adapter: ["core", "oauth", "vault", "node", "next", "next-auth"],
  "next-auth": ["core", "oauth", "vault", "adapter", "node", "next", "next-auth"],
  authjs: ["core", "oauth", "vault", "adapter", "node", "next", "next-auth", "@auth/core"],
  client: [],
  react: ["client", "react", "next-auth"],
  devtools: ["client", "react"],
  opentelemetry: ["core", "@opentelemetry/api"],
  testing: ["core", "node"],
  cli: ["core", "oauth", "stores", "vault", "adapter", "next-auth", "authjs", "client", "testing", "node"],
};

/** Where the outside world may be touched by name. Everything else gets it handed in. */
const EDGES: Readonly<Record<string, readonly string[]>> = {
  "src/core/clock.ts": ["Date.now", "setTimeout"],
  "src/oauth/send.ts": ["globalThis.fetch"],
  "src/client/browser.ts": ["Date.now", "performance.now", "setTimeout", "Math.random", "fetch"],
  "src/client/browser-token.ts": ["fetch"],
};

const sources = filesBelow("src").filter((path) => /\.tsx?$/.test(path));

describe("the rooms of src", () => {
  it("are all in the table", () => {
    const found = readdirSync(join(ROOT, "src"), { withFileTypes: true });

    expect(found.map(({ name }) => name).filter((name) => !(name in ROOMS))).toEqual([]);
  });

  it.each(Object.entries(ROOMS))("%s imports only itself and %j", (room, allowed) => {
    const wrong = sources
      .filter((path) => path.startsWith(`src/${room}/`))
      .flatMap((path) =>
        importsOf(parsed(path))
          .filter((specifier) => !mayImport(path, room, allowed, specifier))
          .map((specifier) => `${path} imports ${specifier}`),
      );

    expect(wrong).toEqual([]);
  });

  it.each([
    ["src/core/decide.ts", "core", "./grant.ts", true],
    ["src/core/decide.ts", "core", "../stores/memory.ts", false],
    ["src/core/decide.ts", "core", "node:crypto", false],
    ["src/testing/contract/x.ts", "testing", "../../core/grant.ts", true],
    ["src/react/index.ts", "react", "../core/errors.ts", false],
    ["src/react/index.ts", "react", "next-auth/react", true],
    ["src/oauth/send.ts", "oauth", "oauth4webapi", true],
    ["src/vault/sealer.ts", "vault", "jose", false],
  ])("are kept apart: may %s of %s import %s? %s", (path, room, specifier, may) => {
    expect(mayImport(path, room, ROOMS[room] ?? [], specifier)).toBe(may);
  });

  it("of react take nothing of NextAuth but its React part, and the types of its sessions", () => {
    const wrong = sources
      .filter((path) => path.startsWith("src/react/"))
      .flatMap((path) => runtimeImportsOf(parsed(path)).map((specifier) => [path, specifier] as const))
      .filter(([, specifier]) => specifier.startsWith("next-auth") && specifier !== "next-auth/react");

    expect(wrong).toEqual([]);
  });
});

describe("time, chance, timers and the network", () => {
  it("reach the engine, the OAuth room, the client and the devtools only through what they are given", () => {
    const wrong = sources
      .filter((path) => /^src\/(core|oauth|client|devtools)\//.test(path))
      .flatMap((path) =>
        globalsOf(parsed(path))
          .filter((name) => EDGES[path]?.includes(name) !== true)
          .map((name) => `${path} uses ${name}`),
      );

    expect(wrong).toEqual([]);
  });

  it("are taken from the outside where the table says so, and nowhere else", () => {
    for (const [path, names] of Object.entries(EDGES)) {
      expect(existsSync(join(ROOT, path)), `${path} is there`).toBe(true);
      expect([path, [...new Set(globalsOf(parsed(path)))].sort()]).toEqual([path, [...names].sort()]);
    }
  });

  it.each([
    ["const now = Date.now();", ["Date.now"]],
    ["const now = new Date();", ["new Date()"]],
    ["const then = new Date(5);", []],
    ["export const f = (fetch: () => void) => fetch();", []],
    ["export const f = ({ random = Math.random }) => random();", []],
    ["const send = given ?? fetch;", []],
    ["const a = { fetch: 1 }.fetch; type T = typeof fetch;", []],
    ["function f() { const setTimeout = 1; return setTimeout; }", []],
    ["setInterval(run, 5); void fetch('/');", ["setInterval", "fetch"]],
  ])("are found where they are used, and defaults are none: %s", (code, found) => {
    expect(globalsOf(parse("sample.ts", code))).toEqual(found);
  });
});

describe("every file of src", () => {
  it("opens by saying what it is for", () => {
    const silent = sources.filter(
      (path) => !/^(#!.*\n)?("use client";\s*)?\/\*\*[\s\S]*?@module/.test(read(path)),
    );

    expect(silent).toEqual([]);
  });

  it("has a doc comment on every export", () => {
    const silent = sources.flatMap((path) =>
      undocumentedExports(parsed(path)).map((name) => `${path} exports ${name}`),
    );

    expect(silent).toEqual([]);
  });

  it.each([
    ["export const a = 1;", ["a"]],
    ["/** Said. */\nexport const a = 1;", []],
    ["// not said\nexport function f(): void {}", ["f"]],
    ["export { a } from './a.ts';\nexport * from './b.ts';", []],
    ["const a = 1;\nexport { a };", ["a"]],
    ["/** Said. */\nconst a = 1;\nexport { a };", []],
    ["export interface I { a: 1 }\nexport type T = I;\nexport class C {}", ["I", "T", "C"]],
  ])("is read rightly by that check: %s", (code, silent) => {
    expect(undocumentedExports(parse("sample.ts", code))).toEqual(silent);
  });
});

describe("every file", () => {
  it.each([
    ["src", 250],
    ["scripts", 250],
    ["test", 500],
  ])("of %s has at most %i lines of code, comments and empty lines not counted", (folder, most) => {
    const long = filesBelow(folder)
      .filter((path) => /\.(ts|tsx|mjs)$/.test(path) && !path.includes("/fixtures/"))
      .map((path) => [path, codeLines(parsed(path))] as const)
      .filter(([, lines]) => lines > most);

    expect(long).toEqual([]);
  });

  it("is measured by its tokens", () => {
    expect(
      codeLines(
        parse("sample.ts", "/** One\n * two */\n\nconst a = 1; // three\n// four\nconst b = `5\n6`;\n"),
      ),
    ).toBe(3);
  });
});

describe("every test", () => {
  // toMatchObject() compares the members of both, and a regular expression has none: it would match any text.
  const bareRegExp = /\b(?:message|name|code|reason|url|text|body|location): (?:new RegExp\(|\/[^/*])/;

  it("asks for a text by expect.stringMatching(), never by a bare regular expression in an object", () => {
    const tests = filesBelow("test").filter((path) => /\.test\.tsx?$/.test(path));

    expect(tests.length).toBeGreaterThan(50);
    expect(tests.filter((path) => bareRegExp.test(read(path)))).toEqual([]);
  });

  it("would be found if it did not", () => {
    expect(["message", "/closed/ }"].join(": ")).toMatch(bareRegExp);
    expect(["message", 'new RegExp("x")'].join(": ")).toMatch(bareRegExp);
    expect("message: expect.stringMatching(/closed/)").not.toMatch(bareRegExp);
  });
});

describe("every tracked file", () => {
  // Written in pieces, so that this file does not find itself.
  const machinePath = new RegExp(`(^|[^\\w.:/-])/(${["work", "farm", "root", "Users"].join("|")})/\\w`, "m");
  const registryHost = new RegExp(
    `\\b(${["registry", "npm-proxy", "artifactory", "verdaccio", "nexus"].join("|")})\\.[a-z0-9-]+\\.[a-z]{2,}|"resolved": "https?:`,
  );
  const tracked = trackedFiles();

  it("names no path of one machine", () => {
    expect(tracked.length).toBeGreaterThan(50);
    expect(tracked.filter((path) => machinePath.test(read(path)))).toEqual([]);
  });

  it("names no host of a package registry: where packages come from is the installer's choice", () => {
    expect(tracked.filter((path) => registryHost.test(read(path)))).toEqual([]);
  });

  it("would be found if it did", () => {
    expect(["a /", "x"].join("work/") + " b").toMatch(machinePath);
    expect(["https://registry", "example.org/x"].join(".")).toMatch(registryHost);
    expect("https://as.example/root/x and ./work/x").not.toMatch(machinePath);
  });
});

describe("every entry of the package", () => {
  const { exports } = JSON.parse(read("package.json")) as {
    exports: Record<string, string | Record<string, string>>;
  };
  const entries = Object.entries(exports).filter(
    (entry): entry is [string, Record<string, string>] => typeof entry[1] === "object",
  );

  it.each(entries)("%s has its source, and types that come first", (_, conditions) => {
    for (const target of Object.values(conditions)) {
      const source = target.replace(/^\.\/dist\//, "src/").replace(/\.(d\.ts|js)$/, "");
      expect([".ts", ".tsx"].filter((extension) => existsSync(join(ROOT, source + extension)))).toHaveLength(
        1,
      );
    }
    expect(Object.keys(conditions)[0]).toBe("types");
    expect(Object.keys(conditions).at(-1)).toBe("default");
  });

  it("for servers is kept out of browsers (SEC-78)", () => {
    const open = entries
      .filter(([, conditions]) => conditions["browser"] === undefined)
      .map(([name]) => name);

    expect(open.sort()).toEqual(["./client", "./devtools", "./devtools/production", "./react"]);
  });
});

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

function filesBelow(folder: string): readonly string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}

/** What git tracks and is text. A copy without git is checked as far as its folders go. */
function trackedFiles(): readonly string[] {
  let all: readonly string[];
  try {
    all = execFileSync("git", ["ls-files", "-z"], { cwd: ROOT, encoding: "utf8" }).split("\0");
  } catch {
    all = ["src", "scripts", "test", "docs"].flatMap(filesBelow);
  }
  return all.filter(
    (path) => path !== "" && existsSync(join(ROOT, path)) && !/\.(png|ico|woff2?|jpe?g|gif|webp)$/.test(path),
  );
}

function parsed(path: string): ts.SourceFile {
  return parse(path, read(path));
}

function mayImport(path: string, room: string, allowed: readonly string[], specifier: string): boolean {
  if (specifier.startsWith(".")) {
    const target = normalize(join(dirname(path), specifier)).split("/")[1] ?? "";
    return target === room || allowed.includes(target);
  }
  if (specifier.startsWith("node:")) return allowed.includes("node");
  // The name of another room is no permission for the package of the same name, unless the table means the package.
  return allowed.includes(
    specifier
      .split("/")
      .slice(0, specifier.startsWith("@") ? 2 : 1)
      .join("/"),
  );
}
