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

/** Whether a cookie is the session cookie or one of its chunks. */
export function isSessionCookie(cookieName: string, name: string): boolean {
  return (
    cookieName === name ||
    (cookieName.startsWith(`${name}.`) && /^\d+$/.test(cookieName.slice(name.length + 1)))
  );
}

/**
 * Turns the Set-Cookie lines of a response that would keep a signed-out session alive into ones that delete it (F18).
 * Other cookies are left as they are; attributes are kept, so that the browser finds the cookie to delete.
 */
export function deletingSession(lines: readonly string[], name: string): string[] {
  return lines.map((line) => {
    const cookieName = line.slice(0, Math.max(0, line.indexOf("="))).trim();
    if (!isSessionCookie(cookieName, name)) return line;
    const attributes = line
      .split(";")
      .slice(1)
      .filter((attribute) => !/^\s*(expires|max-age)\s*=/i.test(attribute));
    return [`${cookieName}=`, ...attributes, " Max-Age=0"].join(";");
  });
}
