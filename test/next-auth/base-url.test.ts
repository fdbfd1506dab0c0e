import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { RequestSource } from "../../src/adapter/request-source.ts";
import { baseUrlOf, defaultSessionCookieName } from "../../src/next-auth/base-url.ts";

const require = createRequire(import.meta.url);
// Not exported, so they are taken from the installed files.
const utils = join(dirname(require.resolve("next-auth")), "utils");
const { detectOrigin } = require(join(utils, "detect-origin.js")) as {
  detectOrigin: (host: unknown, protocol: unknown) => string | undefined;
};
const { default: parseUrl } = require(join(utils, "parse-url.js")) as {
  default: (url?: string) => { origin: string; path: string; base: string };
};
const { defaultCookies } = require(join(dirname(utils), "core/lib/cookie.js")) as {
  defaultCookies: (secure: boolean) => { sessionToken: { name: string } };
};

const VARIABLES = ["NEXTAUTH_URL", "VERCEL", "AUTH_TRUST_HOST"] as const;
type Environment = Partial<Record<(typeof VARIABLES)[number], string>>;
type RequestHeaders = Readonly<Record<string, string>>;

/** What the installed NextAuth makes of it; `undefined` where it throws. */
function asNextAuth(
  env: Environment,
  headers: RequestHeaders,
): { origin: string; path: string; base: string } | undefined {
  for (const name of VARIABLES) vi.stubEnv(name, env[name]);
  try {
    const host = headers["x-forwarded-host"] ?? headers["host"];
    const { origin, path, base } = parseUrl(detectOrigin(host, headers["x-forwarded-proto"]));
    return { origin, path, base };
  } catch {
    return undefined;
  } finally {
    vi.unstubAllEnvs();
  }
}

const DEFAULT = {
  origin: "http://localhost:3000",
  path: "/api/auth",
  base: "http://localhost:3000/api/auth",
};

const URLS = [
  undefined,
  "",
  " ",
  "https://app.example",
  "https://app.example/",
  "https://app.example/api/auth",
  "https://app.example/api/auth/",
  "https://app.example/custom-route/api/auth?x=1#y",
  "http://localhost:4000",
  "HTTPS://app.example",
  "app.example",
  "localhost:3000",
  '"https://app.example"',
  " https://app.example",
  "https://app.example ",
  "httpbin.org",
  "http//app.example",
  "https://app.example:8443/base",
  "https://사과.example/auth",
  "//app.example",
  "ftp://app.example",
  "https://",
];
const FLAGS = [undefined, "", "1", "false", "0"];
const HEADERS: readonly RequestHeaders[] = [
  { host: "app.example" },
  { host: "app.example:3000", "x-forwarded-host": "www.example" },
  { host: "app.example", "x-forwarded-proto": "http" },
  { host: "app.example", "x-forwarded-proto": "https,http" },
  { host: "app.example", "x-forwarded-proto": "HTTP" },
  { "x-forwarded-host": "a b" },
  { "x-forwarded-host": "" },
  { "x-forwarded-host": "first.example, second.example" },
  {},
];

describe("the base URL", () => {
  it("is the installed NextAuth's for every odd value, and the default where NextAuth would throw (D1-D10)", () => {
    let compared = 0;
    let refused = 0;
    for (const url of URLS) {
      for (const vercel of FLAGS) {
        for (const trust of FLAGS) {
          for (const headers of HEADERS) {
            const env = {
              ...(url !== undefined && { NEXTAUTH_URL: url }),
              ...(vercel !== undefined && { VERCEL: vercel }),
              ...(trust !== undefined && { AUTH_TRUST_HOST: trust }),
            };
            const theirs = asNextAuth(env, headers);
            expect(baseUrlOf(sourceOf(headers), env), JSON.stringify({ env, headers })).toEqual(
              theirs ?? DEFAULT,
            );
            if (theirs === undefined) refused++;
            compared++;
          }
        }
      }
    }
    expect(compared).toBe(URLS.length * 25 * HEADERS.length);
    expect(refused).toBeGreaterThan(50);
    expect(refused).toBeLessThan(compared / 2);
  });

  it("is the installed NextAuth's for any text, and never throws (SEC-80)", () => {
    const url = fc.oneof(
      fc.webUrl({ withQueryParameters: true }),
      fc.string({ unit: "grapheme" }),
      fc.constantFrom(...URLS.filter((each) => each !== undefined)),
    );

    fc.assert(
      fc.property(url, fc.boolean(), (text, asHost) => {
        if (text.includes("\0")) return;
        const env: Environment = asHost ? { AUTH_TRUST_HOST: "1" } : { NEXTAUTH_URL: text };
        const headers: RequestHeaders = asHost ? { host: text } : {};
        expect(baseUrlOf(sourceOf(headers), env)).toEqual(asNextAuth(env, headers) ?? DEFAULT);
      }),
      { numRuns: 500 },
    );
  });

  it("is the environment's where there is no request", () => {
    expect(baseUrlOf(undefined, { NEXTAUTH_URL: "https://app.example" }).base).toBe(
      "https://app.example/api/auth",
    );
    expect(baseUrlOf(undefined, { VERCEL: "1" })).toEqual(DEFAULT);
  });
});

describe("the session cookie's name", () => {
  it.each([true, false])("is the installed NextAuth's (secure: %s)", (secure) => {
    expect(defaultSessionCookieName(secure)).toBe(defaultCookies(secure).sessionToken.name);
  });
});

function sourceOf(headers: RequestHeaders): RequestSource {
  return { cookies: new Map(), header: (name) => headers[name] };
}
