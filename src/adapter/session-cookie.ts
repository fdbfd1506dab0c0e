/**
 * NextAuth's session cookie: joined from its chunks to be read, and kept out of a response that must not set it.
 *
 * @module
 */

/**
 * The value of the session cookie, joined from its chunks. Unlike NextAuth, a cookie whose name only begins with the
 * same letters does not take part.
 */
export function sessionCookieValue(cookies: ReadonlyMap<string, string>, name: string): string | undefined {
  const whole = cookies.get(name);
  if (whole !== undefined && whole !== "") return whole;
  let joined = "";
  for (let index = 0; ; index++) {
    const chunk = cookies.get(`${name}.${index}`);
    if (chunk === undefined) break;
    joined += chunk;
  }
  return joined === "" ? undefined : joined;
}

/** Where browsers send a cookie. */
export interface CookieReach {
  /** To https only. */
  readonly secure: boolean;
  readonly sameSite: "lax" | "strict" | "none";
  /** Of a frame in another site's page, that has a jar for each such site. */
  readonly partitioned: boolean;
}

/** The options of NextAuth for the session cookie, as far as they say where it is sent. */
export interface SessionCookieOptions {
  readonly secure?: boolean | undefined;
  /** `true` is `"strict"`; letters of either case. */
  readonly sameSite?: boolean | string | undefined;
  readonly partitioned?: boolean | undefined;
}

/** Where browsers send a session cookie that is set with these options. Without `sameSite` it is `lax` to them. */
export function reachOf({ secure, sameSite, partitioned }: SessionCookieOptions): CookieReach {
  const given = sameSite === true ? "strict" : String(sameSite).toLowerCase();
  return {
    secure: secure === true,
    sameSite: given === "strict" || given === "none" ? given : "lax",
    partitioned: partitioned === true,
  };
}

/** Whether a cookie is the session cookie or one of its chunks. */
export function isSessionCookie(cookieName: string, name: string): boolean {
  return (
    cookieName === name ||
    (cookieName.startsWith(`${name}.`) && /^\d+$/.test(cookieName.slice(name.length + 1)))
  );
}

/**
 * The Set-Cookie lines of a response without those of the session cookie, set or deleted. For a session that has ended:
 * its cookie must not come back (F18), and a newer sign-in may have put one under the same name meanwhile (F43).
 */
export function withoutSessionCookies(lines: readonly string[], name: string): string[] {
  return lines.filter((line) => !isSessionCookie(line.slice(0, Math.max(0, line.indexOf("="))).trim(), name));
}
