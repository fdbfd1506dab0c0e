/**
 * Where to go back to after a sign-in.
 *
 * @module
 */

import { withoutBasePath } from "@/lib/base-path";

/**
 * The path, query and fragment of a callback URL that stays in this app; `/` for anything else, so that nobody can
 * be sent to another site by a prepared link. As the app knows it: without the base path.
 *
 * @param given As it came in the query: a path, or an absolute URL as NextAuth writes it.
 * @param origins The app's own origins; an absolute URL has to have one of them.
 */
export function ownPath(given: string | undefined, origins: readonly string[]): string {
  if (given === undefined || given.length > 2000) return "/";
  const base = "http://own.invalid";
  const url = URL.canParse(given, base) ? new URL(given, base) : undefined;
  if (url === undefined || !(url.origin === base || origins.includes(url.origin))) return "/";
  const pathname = withoutBasePath(url.pathname);
  const path = pathname + url.search + url.hash;
  const loops = pathname === "/signin" || pathname.startsWith("/api/");
  return loops || path.startsWith("//") ? "/" : path;
}

/** The sign-in page's address that leads back to `path`, with the reason for being sent there, where there is one. */
export function signInPath(path: string, reason?: string): string {
  const query = new URLSearchParams({ callbackUrl: path, ...(reason !== undefined && { reason }) });
  return `/signin?${query.toString()}`;
}
