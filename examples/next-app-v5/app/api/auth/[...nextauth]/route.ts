import { NextRequest } from "next/server";

import { handlers } from "@/lib/auth";
import { withBasePath } from "@/lib/base-path";

export function GET(request: NextRequest): Promise<Response> {
  return handlers.GET(withWholePath(request));
}

export function POST(request: NextRequest): Promise<Response> {
  return handlers.POST(withWholePath(request));
}

/**
 * Next takes its base path off a route's address, and Auth.js looks for the whole path that `AUTH_URL` has. An app
 * without a base path exports `GET` and `POST` of `handlers` as they are.
 */
function withWholePath(request: NextRequest): NextRequest {
  const url = new URL(request.url);
  url.pathname = withBasePath(url.pathname);
  return new NextRequest(url, request);
}
