/** See `installed.ts`. */
import NextAuth, { customFetch, type NextAuthConfig, type NextAuthResult } from "next-auth-v5";
import { onTestFinished, vi } from "vitest";
import { startStrictAuthorizationServer } from "../../../src/testing/strict-authorization-server.ts";
import { backendProvider, strictProvider } from "../../authjs/support/world.ts";
import { SECRET, LIFETIME_MS, freezeTime } from "../../next-auth/support/app-parts.ts";
import { Browser } from "../../next-auth/support/browser.ts";
import type { AppParts, InstalledApp } from "./installed.ts";

/** Next sets them in every request. */
export const NEXT_HEADERS = { "x-forwarded-proto": "http", host: "localhost:3000" };

/** An app on version 5, with everything that `NextAuth()` returned. */
export interface AppOf5 extends InstalledApp {
  readonly nextAuth: NextAuthResult;
}

/** Starts an app on version 5. `lazy` makes its configuration one that is asked for. */
export async function startApp(
  { options, tokenExtra = {} }: AppParts,
  lazy?: (request: unknown, config: NextAuthConfig) => NextAuthConfig,
): Promise<AppOf5> {
  freezeTime("AUTH_URL");
  // A machine that runs the tests may have these.
  for (const name of ["AUTH_SECRET", "NEXTAUTH_SECRET", "NEXTAUTH_URL"]) vi.stubEnv(name, undefined);
  const server = await startStrictAuthorizationServer({ accessTokenLifetimeMs: LIFETIME_MS });
  onTestFinished(() => server.close());
  const exchange = (_url: unknown, { body }: { body: URLSearchParams }): Promise<Response> =>
    Promise.resolve(Response.json({ ...server.issue({ user: body.get("code") ?? "" }), ...tokenExtra }));
  const config = {
    providers: [
      strictProvider(server, { [customFetch]: exchange }),
      backendProvider((user) => ({ id: user, name: user })),
    ],
    secret: SECRET,
    ...options,
  } as NextAuthConfig;
  const nextAuth = NextAuth(lazy ? (request) => lazy(request, config) : config);
  const handler = (request: Request, context: object): unknown => {
    const { GET, POST } = nextAuth.handlers;
    return ((request.method === "POST" ? POST : GET) as (...args: unknown[]) => unknown)(request, context);
  };
  return {
    server,
    handler,
    nextAuth,
    browser: () => new Browser(handler, "app", { "x-auth-return-redirect": "1" }),
    sessionInComponent: (browser) => browser.inServerComponent(() => nextAuth.auth(), NEXT_HEADERS),
  };
}
