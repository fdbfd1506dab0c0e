/** See `installed.ts`. */
import nextAuth, { getServerSession, type AuthOptions } from "next-auth";
import { onTestFinished } from "vitest";
import { startStrictAuthorizationServer } from "../../../src/testing/strict-authorization-server.ts";
import { SECRET, LIFETIME_MS, freezeTime } from "../../next-auth/support/app-parts.ts";
import { Browser, type Handler } from "../../next-auth/support/browser.ts";
import { backendProvider, strictProvider } from "../../next-auth/support/world.ts";
import type { AppParts, InstalledApp } from "./installed.ts";

// It is CommonJS: its types say that the default export lies one level deeper than it does here.
const NextAuth = nextAuth as unknown as (options: AuthOptions) => Handler;

/** Starts an app on version 4. */
export async function startApp({ options, tokenExtra = {} }: AppParts): Promise<InstalledApp> {
  freezeTime("NEXTAUTH_URL");
  const server = await startStrictAuthorizationServer({ accessTokenLifetimeMs: LIFETIME_MS });
  onTestFinished(() => server.close());
  const token = {
    request: ({ params }: { params: { code: string } }) =>
      Promise.resolve({ tokens: { ...server.issue({ user: params.code }), ...tokenExtra } }),
  };
  const authOptions = {
    providers: [strictProvider(server, { token }), backendProvider((user) => ({ id: user, name: user }))],
    secret: SECRET,
    ...options,
  } as AuthOptions;
  const handler = NextAuth(authOptions);
  return {
    server,
    handler,
    browser: (form = "pages") => new Browser(handler, form),
    sessionInComponent: (browser) => browser.inServerComponent(() => getServerSession(authOptions)),
  };
}
