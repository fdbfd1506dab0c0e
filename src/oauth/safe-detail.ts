/**
 * What an authorization server says, made safe to log: short, on one line, and without anything that looks like a
 * token (SEC-83, SEC-86). Servers do echo the refresh token in `error_description`.
 *
 * @module
 */

const MAX_DETAIL_LENGTH = 200;
const MAX_CODE_LENGTH = 60;
const MAX_INPUT_LENGTH = 4_000;
const SHORTEST_SECRET = 4;
const REDACTED = "[redacted]";

/** Runs of 16 and more characters of the alphabets that tokens are written in. */
const TOKEN_LIKE = /[A-Za-z0-9_\-.~+/=%]{16,}/g;
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[.:,]?$/i;
const CODE = /^[A-Za-z0-9_.-]+$/;

/**
 * One line of at most 200 characters: control characters become spaces, the given secrets and everything that looks
 * like a token become `[redacted]`. GUIDs stay, because they are how some providers name a request for their support.
 *
 * @returns `undefined` for what is no string or holds nothing.
 */
export function safeDetail(text: unknown, secrets: readonly string[] = []): string | undefined {
  if (typeof text !== "string") return undefined;
  let safe = text.slice(0, MAX_INPUT_LENGTH);
  for (const secret of secrets) {
    if (secret.length >= SHORTEST_SECRET) safe = safe.replaceAll(secret, REDACTED);
  }
  safe = safe.replace(TOKEN_LIKE, (run) => (looksLikeToken(run) ? REDACTED : run));
  // Not only C0 and C1: line separators and the marks that turn the direction of text confuse a log as well.
  safe = safe.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ").trim();
  if (safe === "") return undefined;
  return safe.length > MAX_DETAIL_LENGTH ? `${safe.slice(0, MAX_DETAIL_LENGTH - 1)}…` : safe;
}

/** An error code as the server wrote it, if it is one: short, of code characters, and none of the secrets. */
export function safeCode(code: string, secrets: readonly string[] = []): string {
  const wellFormed = code.length <= MAX_CODE_LENGTH && CODE.test(code);
  const leaks = secrets.some((secret) => secret.length >= SHORTEST_SECRET && code.includes(secret));
  return wellFormed && !leaks ? code : "unknown_error";
}

function looksLikeToken(run: string): boolean {
  return /\d/.test(run) && /[A-Za-z]/.test(run) && !GUID.test(run);
}
