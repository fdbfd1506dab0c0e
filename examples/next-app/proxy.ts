/**
 * Runs before the page `/via-proxy`: lets nobody in without a token, and tells the page how long the token lives on.
 * The matcher names that one path, so neither `/api/auth` nor static files come through here.
 *
 * @module
 */
import { NextResponse, type NextRequest } from "next/server";

import { getAccessToken } from "@/lib/auth";
import { withBasePath } from "@/lib/base-path";
import { signInPath } from "@/lib/callback-url";
import { needsSignIn, problemFrom } from "@/lib/problems";
import { TOKEN_LEFT_HEADER } from "@/lib/proxy-header";

export async function proxy(request: NextRequest): Promise<NextResponse> {
  // Set or removed in every case: the page must not believe what a browser sends.
  const headers = new Headers(request.headers);
  headers.delete(TOKEN_LEFT_HEADER);
  try {
    const { expiresAtMs } = await getAccessToken(request);
    if (expiresAtMs !== undefined)
      headers.set(TOKEN_LEFT_HEADER, String(Math.max(0, expiresAtMs - Date.now())));
  } catch (error) {
    const problem = problemFrom(error);
    if (needsSignIn(problem)) {
      const path = signInPath(request.nextUrl.pathname + request.nextUrl.search, problem.reason);
      return NextResponse.redirect(new URL(withBasePath(path), request.nextUrl));
    }
  }
  return NextResponse.next({ request: { headers } });
}

export const config = { matcher: "/via-proxy" };
