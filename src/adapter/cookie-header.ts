/**
 * A Cookie header, read exactly as somebody else reads it. The readers differ in which of two cookies of one name stands, and
 * browsers send two: one for the host, one that a neighbour has set for the whole domain. A token must belong to the user
 * whom the session shows (I8), so nolapse goes by the reader that NextAuth goes by.
 *
 * None throws, whatever is in the header (SEC-80).
 *
 * @module
 */

/** The cookies of a header by their names, decoded. */
export type CookieReader = (header: string) => ReadonlyMap<string, string>;

/**
 * As Next's `cookies()` and `NextRequest`, by which NextAuth v4 goes in the App Router: the last of one name stands, and a
 * value that cannot be decoded is passed over.
 *
 * @see https://github.com/vercel/edge-runtime/blob/main/packages/cookies/src/serialize.ts
 */
export const readAsAppRouter: CookieReader = (header) => {
  const cookies = new Map<string, string>();
  for (const pair of header.split(/; */)) {
    if (pair === "") continue;
    const at = pair.indexOf("=");
    const [name, value] = at === -1 ? [pair, "true"] : [pair.slice(0, at), decoded(pair.slice(at + 1))];
    if (value !== undefined) cookies.set(name, value);
  }
  return cookies;
};

/**
 * As Next's Pages Router, by which NextAuth v4 goes there: the first of one name stands, without quotes around it.
 *
 * @see https://github.com/jshttp/cookie/blob/v0.4.1/index.js
 */
export const readAsPagesRouter: CookieReader = (header) =>
  firstOfEach(
    header.split(/; */),
    (text) => text.trim(),
    (value) => (value.startsWith('"') ? value.slice(1, -1) : value),
  );

/**
 * As Auth.js v5, everywhere: the first of one name stands, quotes and all.
 *
 * @see https://github.com/nextauthjs/next-auth/blob/next-auth%405.0.0-beta.32/packages/core/src/lib/vendored/cookie.ts
 */
export const readAsAuthJs: CookieReader = (header) =>
  firstOfEach(header.split(";"), (text) => text.replace(/^[ \t]+|[ \t]+$/g, ""));

function firstOfEach(
  pairs: readonly string[],
  trimmed: (text: string) => string,
  unquoted: (value: string) => string = (value) => value,
): ReadonlyMap<string, string> {
  const cookies = new Map<string, string>();
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at === -1) continue;
    const name = trimmed(pair.slice(0, at));
    const value = unquoted(trimmed(pair.slice(at + 1)));
    if (!cookies.has(name)) cookies.set(name, decoded(value) ?? value);
  }
  return cookies;
}

/** `undefined` where it cannot be decoded. */
function decoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
