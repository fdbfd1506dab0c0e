/**
 * Where the session route is, by the same rules as next-auth/react.
 *
 * @module
 */

/**
 * The path of the session route, without a host: below `basePath`, else below the path of `NEXTAUTH_URL` where the bundler
 * inlined it, else below `/api/auth`.
 */
export function sessionUrl(basePath: string | undefined): string {
  return `${basePath || inlinedBasePath()}/session`;
}

function inlinedBasePath(): string {
  try {
    const url = process.env.NEXTAUTH_URL ?? "";
    const { pathname } = new URL(url.startsWith("http") ? url : `https://${url}`);
    return pathname.replace(/\/$/, "") || "/api/auth";
  } catch {
    return "/api/auth";
  }
}
