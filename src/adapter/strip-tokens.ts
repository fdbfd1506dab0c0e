/**
 * Takes tokens out of what goes into the cookie: by value, at any depth, wherever an application's callback put them.
 *
 * @module
 */

/** What {@link stripTokens} did. */
export interface Stripped<Value> {
  readonly value: Value;
  /** Where tokens were found, such as `account.access_token`. */
  readonly paths: readonly string[];
}

const MAX_DEPTH = 20;
/** A shorter value is no token, and would match by accident. */
const MIN_TOKEN_LENGTH = 8;

/**
 * Returns the value without any string that contains one of the tokens. Plain objects and arrays are copied, other
 * objects are left as they are; a property that held a token is left out.
 */
export function stripTokens<Value>(value: Value, tokens: readonly (string | undefined)[]): Stripped<Value> {
  const needles = tokens.filter(
    (token) => token !== undefined && token.length >= MIN_TOKEN_LENGTH,
  ) as string[];
  const paths: string[] = [];
  if (needles.length === 0) return { value, paths };
  const seen = new Set<object>();

  const walk = (item: unknown, path: string, depth: number): unknown => {
    if (typeof item !== "object" || item === null || depth > MAX_DEPTH || seen.has(item)) return item;
    if (!Array.isArray(item) && !isPlain(item)) return item;
    seen.add(item);
    const entries = Object.entries(item).flatMap(([key, child]): [string, unknown][] => {
      const at = path === "" ? key : `${path}.${key}`;
      if (typeof child === "string" && needles.some((needle) => child.includes(needle))) {
        paths.push(at);
        return [];
      }
      return [[key, walk(child, at, depth + 1)]];
    });
    return Array.isArray(item) ? entries.map(([, child]) => child) : Object.fromEntries(entries);
  };
  return { value: walk(value, "", 0) as Value, paths };
}

function isPlain(item: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(item);
  return prototype === null || prototype === Object.prototype;
}
