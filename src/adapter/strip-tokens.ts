/**
 * Takes tokens out of what goes into the cookie: by value, at any depth, wherever an application's callback put them.
 *
 * @module
 */

/** What {@link stripTokens} did. */
export interface Stripped<Value> {
  readonly value: Value;
  /** Where tokens were found, such as `account.access_token`. An object that is there twice is told once. */
  readonly paths: readonly string[];
}

/** Deeper objects are not copied: one that holds a token is left out as a whole. */
const MAX_DEPTH = 50;
/** A shorter value is no token, and would match by accident. */
const MIN_TOKEN_LENGTH = 8;
/** Stands for a value that is left out. */
const LEFT_OUT: unique symbol = Symbol("left out");

/**
 * Returns the value without any text or member name that contains one of the tokens. Plain objects and arrays are
 * copied. Other objects are left as they are unless a token would come out of them as JSON; then a plain copy without
 * it takes their place.
 */
export function stripTokens<Value>(value: Value, tokens: readonly (string | undefined)[]): Stripped<Value> {
  const needles = tokens.filter(
    (token): token is string => token !== undefined && token.length >= MIN_TOKEN_LENGTH,
  );
  const paths: string[] = [];
  if (needles.length === 0) return { value, paths };
  const holdsToken = (text: string): boolean => needles.some((needle) => text.includes(needle));
  const copies = new Map<object, unknown>();

  const leaveOut = (path: string): typeof LEFT_OUT => {
    paths.push(path);
    return LEFT_OUT;
  };

  const walk = (item: unknown, path: string, depth: number): unknown => {
    if (typeof item === "string") return holdsToken(item) ? leaveOut(path) : item;
    if (typeof item !== "object" || item === null) return item;
    if (copies.has(item)) return copies.get(item);
    if (depth > MAX_DEPTH) return holdsToken(jsonOf(item)) ? leaveOut(path) : item;
    if (Array.isArray(item) || isPlain(item)) return copyOf(item, path, depth);
    return instance(item, path, depth);
  };

  const copyOf = (item: object, path: string, depth: number): unknown => {
    const entries: [string, unknown][] = [];
    const copy: unknown[] | Record<string, unknown> = Array.isArray(item) ? [] : {};
    copies.set(item, copy);
    for (const [key, child] of Object.entries(item)) {
      const at = path === "" ? key : `${path}.${key}`;
      const kept = holdsToken(key)
        ? leaveOut(path === "" ? "(a name)" : `${path}.(a name)`)
        : walk(child, at, depth + 1);
      if (kept !== LEFT_OUT) entries.push([key, kept]);
    }
    if (Array.isArray(copy)) copy.push(...entries.map(([, kept]) => kept));
    // Defined, not assigned: a member named __proto__ stays a member.
    else for (const [key, kept] of entries) Object.defineProperty(copy, key, { ...MEMBER, value: kept });
    return copy;
  };

  const instance = (item: object, path: string, depth: number): unknown => {
    const foundBefore = paths.length;
    const { toJSON } = item as { toJSON?: unknown };
    const copy =
      typeof toJSON === "function" ? walk(ownJson(item), path, depth + 1) : copyOf(item, path, depth);
    const result = paths.length > foundBefore ? copy : item;
    copies.set(item, result);
    return result;
  };

  return { value: walk(value, "", 0) as Value, paths };
}

const MEMBER = { enumerable: true, configurable: true, writable: true } as const;

function isPlain(item: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(item);
  return (prototype === null || prototype === Object.prototype) && !("toJSON" in item);
}

/** What an object says of itself by `toJSON`; nothing if it fails at that, because then it gets into no JWT either. */
function ownJson(item: object): unknown {
  try {
    return (item as { toJSON: () => unknown }).toJSON();
  } catch {
    return undefined;
  }
}

function jsonOf(item: object): string {
  try {
    const json = JSON.stringify(item) as string | undefined;
    return json ?? "";
  } catch {
    return "";
  }
}
