/**
 * Which paths of an API a page may call: compared segment by segment, decoded, and sent as they were compared.
 *
 * Whatever two servers could read in two ways is no path here (SEC-29, SEC-53): an encoded slash or percent sign, a
 * backslash, dot segments, empty segments, path parameters, control characters, and letters that become one of those
 * under Unicode compatibility.
 *
 * @see [RFC 3986, section 6.2.2](https://www.rfc-editor.org/rfc/rfc3986.html#section-6.2.2) - what servers may normalise
 * @module
 */

/** One entry of `paths`. */
export interface PathPattern {
  /** Decoded; `*` for any one. */
  readonly segments: readonly string[];
  /** Whether one or more segments of any kind follow. */
  readonly isOpen: boolean;
  /** Whether the API wants a slash at the end. */
  readonly endsWithSlash: boolean;
}

/** A path below the mount: the API's name, and its decoded segments. */
export interface AskedPath {
  readonly name: string;
  readonly segments: readonly string[];
}

const AMBIGUOUS = /[\u0000-\u001f\u007f-\u009f/\\;%?#\ufffd]/;
const ONLY_DOTS = /^[.\s]*$/;
/** What a path may hold as it is, beside letters and digits; `encodeURIComponent` would encode it. */
const PLAIN = /%(?:3A|40|24|26|2B|2C|3D)/g;

/** Reads an entry of `paths`; `undefined` if it is none. */
export function parsePattern(text: string): PathPattern | undefined {
  if (!text.startsWith("/")) return undefined;
  const endsWithSlash = text.length > 1 && text.endsWith("/");
  const parts = text.slice(1, endsWithSlash ? -1 : undefined).split("/");
  const isOpen = parts.at(-1) === "**";
  const segments = text === "/" ? [] : isOpen ? parts.slice(0, -1) : parts;
  const isGood = segments.every((each) => each === "*" || (isPlain(each) && !each.includes("*")));
  return isGood && !(isOpen && endsWithSlash) ? { segments, isOpen, endsWithSlash } : undefined;
}

/**
 * Takes the path of a request apart; `undefined` where it names no API or is not beyond doubt. A slash at its end is
 * passed over.
 *
 * @param pathname As it came, still encoded.
 * @param mount Where the route is. Its first occurrence counts, because Next may or may not have taken `basePath` away, and
 *   only what stands behind it is the page's choice.
 */
export function askedPath(pathname: string, mount: string): AskedPath | undefined {
  const at = pathname.indexOf(`${mount}/`);
  if (at === -1) return undefined;
  const [name = "", ...raw] = pathname.slice(at + mount.length + 1).split("/");
  if (raw.at(-1) === "") raw.pop();
  const segments: string[] = [];
  for (const each of raw) {
    const segment = decoded(each);
    if (segment === undefined || !isPlain(segment)) return undefined;
    segments.push(segment);
  }
  return { name, segments };
}

/** The first pattern that a path fits. */
export function patternFor(
  patterns: readonly PathPattern[],
  asked: readonly string[],
): PathPattern | undefined {
  return patterns.find(({ segments, isOpen }) => {
    const isLong = isOpen ? asked.length > segments.length : asked.length === segments.length;
    return isLong && segments.every((each, index) => each === "*" || each === asked[index]);
  });
}

/** The path to ask the API for: nothing but what was compared, encoded anew. */
export function pathToSend(segments: readonly string[], { endsWithSlash }: PathPattern): string {
  const encoded = segments.map((each) => encodeURIComponent(each).replace(PLAIN, decodeURIComponent));
  return `/${encoded.join("/")}${endsWithSlash ? "/" : ""}`;
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function isPlain(segment: string): boolean {
  return [segment, segment.normalize("NFKC")].every((each) => !AMBIGUOUS.test(each) && !ONLY_DOTS.test(each));
}
