import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  readAsAppRouter,
  readAsAuthJs,
  readAsPagesRouter,
  type CookieReader,
} from "../../src/adapter/cookie-header.ts";
import { NextRequest } from "../next-auth/support/next-scope.ts";

const require = createRequire(import.meta.url);
const { getCookieParser } = require("next/dist/server/api-utils/get-cookie-parser.js") as {
  getCookieParser: (headers: object) => () => Record<string, string>;
};
/** Auth.js has it inside, and exports it to nobody. */
const authJs = dirname(createRequire(require.resolve("next-auth-v5")).resolve("@auth/core"));
const { parse } = (await import(pathToFileURL(join(authJs, "lib/vendored/cookie.js")).href)) as {
  parse: (header: string) => Record<string, string>;
};

const READERS: readonly [string, CookieReader, (header: string) => Record<string, string>][] = [
  [
    "Next's App Router",
    readAsAppRouter,
    (cookie) => {
      const { cookies } = new NextRequest("http://localhost:3000", { headers: { cookie } });
      return Object.fromEntries(cookies.getAll().map(({ name, value }) => [name, value]));
    },
  ],
  ["Next's Pages Router", readAsPagesRouter, (cookie) => getCookieParser({ cookie })()],
  ["Auth.js", readAsAuthJs, (cookie) => ({ ...parse(cookie) })],
];

/** What headers are made of that a parser may take in another way than the next one. */
const PIECES = ["a", "b", "=", "=", ";", "; ", " ", "\t", '"', "%20", "%", "%EA%B0%80", "\u00a0", ",", "."];

describe.each(READERS)("a Cookie header read as %s reads it", (_name, read, theirs) => {
  it("has what the installed version finds in it, of two of one name the same (I8)", () => {
    const header = fc
      .array(fc.constantFrom(...PIECES), { maxLength: 16 })
      .map((pieces) => pieces.join("").trim())
      .filter((text) => text !== "");
    fc.assert(
      fc.property(header, (text) => {
        expect(named(Object.fromEntries(read(text)))).toEqual(named(theirs(text)));
      }),
      { numRuns: 2_000 },
    );
  });

  it("never makes it throw (SEC-80)", () => {
    const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
    fc.assert(
      fc.property(fc.string({ unit: byte }), (text) => {
        read(text);
      }),
    );
  });
});

describe("of two cookies of one name", () => {
  it.each([
    ["the last stands in Next's App Router", readAsAppRouter, "2"],
    ["the first stands in Next's Pages Router", readAsPagesRouter, "1"],
    ["the first stands in Auth.js", readAsAuthJs, "1"],
  ])("%s", (_name, read, value) => {
    expect(read("a=1; b=0; a=2").get("a")).toBe(value);
  });
});

/** A cookie without a name is no session's. */
function named({ "": _nameless, ...rest }: Record<string, string>): Record<string, string> {
  return rest;
}
