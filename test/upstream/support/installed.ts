/**
 * The installed next-auth, without nolapse: version 4 in the project `unit`, 5 in `authjs`. The tests of this folder ask it
 * whether it still does what nolapse relies on; each names the files that do. `docs/upstream.md` is the list of them.
 */
import * as nextAuth from "next-auth";
import type { StrictAuthorizationServer } from "../../../src/testing/strict-authorization-server.ts";
import type { Browser, Handler, RouterForm } from "../../next-auth/support/browser.ts";
import { observed, type Observed, type Own } from "./auth-part.ts";

/** The version that is installed, or aliased. */
export const VERSION: 4 | 5 = "AuthError" in nextAuth ? 5 : 4;

/** The name of the session cookie, on http. */
export const SESSION_COOKIE = VERSION === 4 ? "next-auth.session-token" : "authjs.session-token";

/** The session route's answer where nobody is signed in. */
export const NOBODY = VERSION === 4 ? "{}" : "null";

/** One app. Its providers are `strict` (OAuth) and `backend` (Credentials, whose user is who the name says). */
export interface InstalledApp {
  readonly server: StrictAuthorizationServer;
  readonly handler: Handler;
  readonly browser: (form?: RouterForm) => Browser;
  /** What `getServerSession(authOptions)`, or `auth()`, gives a server component. */
  readonly sessionInComponent: (browser: Browser) => Promise<unknown>;
}

/** The ways to mount the route: v5 has one. */
export const FORMS: readonly RouterForm[] = VERSION === 4 ? ["pages", "app"] : ["app"];

/** What an {@link InstalledApp} is made of. */
export interface AppParts {
  readonly options: object;
  /** Further members of the authorization server's token response. */
  readonly tokenExtra?: object;
}

/** An app that writes down what next-auth calls. Time stands still until `pass`. It ends with the test. */
export async function scene(
  own: Own = {},
  tokenExtra: object = {},
): Promise<{ seen: Observed; app: InstalledApp }> {
  const { startApp } = await (VERSION === 4 ? import("./app-of-4.ts") : import("./app-of-5.ts"));
  const seen = observed(own);
  return { seen, app: await startApp({ options: seen.options, tokenExtra }) };
}

/** As {@link scene}, with `alice` signed in by OAuth and nothing written down yet. */
export async function signedIn(
  own: Own = {},
): Promise<{ seen: Observed; app: InstalledApp; alice: Browser }> {
  const { seen, app } = await scene(own);
  const alice = app.browser();
  await alice.signIn("alice");
  seen.calls.length = 0;
  return { seen, app, alice };
}
