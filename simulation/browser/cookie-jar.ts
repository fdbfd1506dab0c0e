/**
 * A cookie jar: what `Set-Cookie` lines leave in it is decided by the order in which they arrive (X54).
 *
 * @module
 */

/** The session cookie's name in the simulated application. */
export const SESSION_COOKIE = "__Secure-next-auth.session-token";

/** The cookies of one browser profile for one application. */
export class CookieJar {
  readonly #cookies = new Map<string, string>();

  /** Takes over the lines of one answer. An empty value or `Max-Age=0` deletes. */
  take(lines: readonly string[]): void {
    for (const line of lines) {
      const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
      const name = pair.slice(0, pair.indexOf("="));
      const value = pair.slice(pair.indexOf("=") + 1);
      const isGone = value === "" || attributes.some((one) => one.toLowerCase() === "max-age=0");
      if (isGone) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
  }

  /** The `Cookie` header of the next request. */
  get header(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /** The grant that the session cookie names; empty without one. */
  get handle(): string {
    return handleOf(this.#cookies.get(SESSION_COOKIE));
  }
}

/** A session cookie is sealed anew in each answer; what it names stays the same. */
export function handleOf(cookie: string | undefined): string {
  return cookie?.split("~")[0] ?? "";
}
