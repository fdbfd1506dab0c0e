import { NextRequest } from "next/server";

import { handlers } from "@/lib/auth";
import { withBasePath } from "@/lib/base-path";

export function GET(request: NextRequest): Promise<Response> {
  return handlers.GET(withWholeAddress(request));
}

export function POST(request: NextRequest): Promise<Response> {
  return handlers.POST(withWholeAddress(request));
}

/**
 * Next takes its base path off a route's address and says its own host, and Auth.js looks at the whole address: for the
 * path that `AUTH_URL` has, and without `AUTH_URL` for where users come back to. Only behind a proxy that sets both headers
 * itself. An app with neither exports `GET` and `POST` of `handlers` as they are.
 */
function withWholeAddress(request: NextRequest): NextRequest {
  const { pathname, search, origin } = new URL(request.url);
  const [host, proto] = ["host", "proto"].map((name) => request.headers.get(`x-forwarded-${name}`));
  const from = process.env.AUTH_URL === undefined && host && proto ? `${proto}://${host}` : origin;
  return new NextRequest(new Request(new URL(withBasePath(pathname) + search, from), request));
}
