/**
 * Which headers pass, in both directions: those in a list and no others, because a header that nobody thought of is how
 * one server makes another believe something (SEC-75).
 *
 * @module
 */

/** What a page may tell an API without being asked. Its cookies, its address and its `Authorization` are not among them. */
export const REQUEST_HEADERS: readonly string[] = [
  ...["accept", "accept-language", "content-type", "content-language", "content-encoding"],
  ...["range", "last-event-id"],
  ...["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"],
  ...["idempotency-key", "prefer", "traceparent", "tracestate"],
];

/** What an API may tell a page without being asked. */
export const RESPONSE_HEADERS: readonly string[] = [
  ...["content-type", "content-language", "content-disposition", "content-range", "accept-ranges"],
  ...["etag", "last-modified", "retry-after", "preference-applied", "x-request-id"],
  ...["ratelimit", "ratelimit-policy", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"],
];

const HOP_BY_HOP =
  /^(?:connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|proxy-.*|content-length)$/;
/** Who asks, from where and how: said by the app itself, or by nobody. */
const NEVER_ASKED =
  /^(?:authorization|cookie2?|host|forwarded|x-forwarded|x-forwarded-.*|x-real-ip|x-host|x-scheme|x-http-host.*|front-end-https|(?:x-)?remote-.*|x-ms-client-principal.*|x-original-.*|x-rewrite-.*|.*client-ip|cf-.*|via|origin|referer|sec-.*|access-control-.*|accept-encoding|x-http-method.*|x-method-override|x-middleware-.*|x-nextjs-.*|next-.*|x-nolapse-.*|x-invoke-.*)$/;
/** What would act on the app's own origin, or belongs to this answer alone. `WWW-Authenticate` can open a password dialog, and fetch has undone `Content-Encoding`. */
const NEVER_TOLD =
  /^(?:set-cookie2?|set-login|login-status|(?:sec-|secure-)session-.*|content-encoding|access-control-.*|cross-origin-.*|origin-agent-cluster|clear-site-data|service-worker.*|refresh|www-authenticate|authentication-info|strict-transport-security|public-key-pins.*|content-security-policy.*|permissions-policy|document-policy.*|accept-ch|critical-ch|attribution-reporting-.*|activate-storage-access|x-frame-options|x-content-type-options|x-xss-protection|x-accel-.*|x-sendfile|report-to|reporting-endpoints|nel|alt-svc|sourcemap|x-sourcemap|speculation-rules|cache-control|pragma|expires|age|vary|x-middleware-.*|x-nextjs-.*|next-.*|x-nolapse-.*)$/;

/** Whether a header of a page could be passed on if the application asked for it. Underscores count as hyphens. */
export function mayBeAsked(name: string): boolean {
  const plain = name.toLowerCase().replaceAll("_", "-");
  return !HOP_BY_HOP.test(plain) && !NEVER_ASKED.test(plain);
}

/** Whether a header of an API could be passed on if the application asked for it. */
export function mayBeTold(name: string): boolean {
  const plain = name.toLowerCase().replaceAll("_", "-");
  return !HOP_BY_HOP.test(plain) && !NEVER_TOLD.test(plain);
}

/** The length of a body that a request tells, in bytes; `undefined` if it tells none, `NaN` for what is not one number. */
export function lengthToldIn(headers: Headers): number | undefined {
  const told = headers.get("content-length");
  if (told === null) return undefined;
  return /^\d+$/.test(told) ? Number(told) : Number.NaN;
}

/**
 * The headers for the API.
 *
 * @param names In lower case.
 */
export function headersToSend(given: Headers, names: readonly string[], accessToken: string): Headers {
  const headers = picked(given, names);
  // Node's fetch would ask for compressed answers and unpack them, and an event would wait in the packer. For a part of an
  // answer it adds the same by itself.
  if (!headers.has("range")) headers.set("accept-encoding", "identity");
  headers.set("authorization", `Bearer ${accessToken}`);
  return headers;
}

/**
 * The headers for the page.
 *
 * @param names In lower case.
 * @param accessToken A header that holds it stays out (SEC-01).
 */
export function headersToTell(given: Headers, names: readonly string[], accessToken: string): Headers {
  const headers = picked(given, names);
  for (const [name, value] of [...headers]) if (value.includes(accessToken)) headers.delete(name);
  // Unpacked by fetch, it has another length.
  const length = given.has("content-encoding") ? null : given.get("content-length");
  if (length !== null) headers.set("content-length", length);
  return headers;
}

/**
 * What every answer says, the API's and our own: nobody keeps it, guesses its type, embeds it in another site, or runs it as
 * a page of the app, whatever an API sends (SEC-28, SEC-30).
 */
export function protect(headers: Headers): Headers {
  headers.set("cache-control", "private, no-store");
  headers.set("x-content-type-options", "nosniff");
  headers.set("cross-origin-resource-policy", "same-origin");
  headers.set("content-security-policy", "default-src 'none'; sandbox; frame-ancestors 'none'");
  headers.set("referrer-policy", "no-referrer");
  return headers;
}

function picked(given: Headers, names: readonly string[]): Headers {
  const headers = new Headers();
  for (const name of names) {
    const value = given.get(name);
    if (value !== null) headers.set(name, value);
  }
  return headers;
}
