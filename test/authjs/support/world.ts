/**
 * One app in plain Node: the real NextAuth v5 around a strict authorization server, grants in memory, and a clock that a
 * test moves.
 */
import NextAuth, { customFetch, type NextAuthConfig, type NextAuthResult } from "next-auth-v5";
import { decode } from "next-auth-v5/jwt";
import Credentials from "next-auth-v5/providers/credentials";
import type { Provider } from "next-auth-v5/providers";
import { onTestFinished, vi } from "vitest";
import { withFreshTokens, type FreshTokens } from "../../../src/authjs/index.ts";
import type { FreshTokensOptions } from "../../../src/adapter/options.ts";
import { systemClock } from "../../../src/core/clock.ts";
import type { TokenEvent, TokenEventType } from "../../../src/core/events.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import {
  startStrictAuthorizationServer,
  type StrictAuthorizationServer,
} from "../../../src/testing/strict-authorization-server.ts";
import {
  LIFETIME_MS,
  SECRET,
  breakable,
  freezeTime,
  sessionCookieOf,
  type BreakableStore,
} from "../../next-auth/support/app-parts.ts";
import { Browser } from "../../next-auth/support/browser.ts";
import { inNextRequest } from "../../next-auth/support/next-scope.ts";

export { LIFETIME_MS, OTHER_SECRET, SECRET, pass, quiet, until } from "../../next-auth/support/app-parts.ts";

/** The default name of the session cookie, on http. */
export const SESSION_COOKIE = "authjs.session-token";

/** What would change the app if the machine that runs the tests had it. */
const VARIABLES = [
  ...["AUTH_SECRET", "AUTH_SECRET_1", "AUTH_SECRET_2", "AUTH_SECRET_3", "NEXTAUTH_SECRET", "NEXTAUTH_URL"],
  ...["AUTH_TRUST_HOST", "AUTH_REDIRECT_PROXY_URL", "VERCEL", "CF_PAGES"],
];

type Config = NextAuthConfig | ((request: unknown) => NextAuthConfig | Promise<NextAuthConfig>);

/** What a test changes. */
export interface WorldOptions {
  readonly auth?: Partial<NextAuthConfig>;
  readonly options?: Partial<FreshTokensOptions>;
  /** Makes the configuration lazy. */
  readonly lazy?: (request: unknown, config: NextAuthConfig) => NextAuthConfig | Promise<NextAuthConfig>;
}

/** One app. */
export interface World extends FreshTokens<Config> {
  readonly server: StrictAuthorizationServer;
  readonly store: BreakableStore;
  readonly nextAuth: NextAuthResult;
  readonly eventsOf: (type: TokenEventType) => readonly TokenEvent[];
  readonly browser: () => Browser;
  /** A second copy of the app over the same store and server, as another process or bundle is. */
  readonly copy: (changes?: WorldOptions) => World;
  /** How many refresh requests the server has seen. */
  readonly refreshes: () => number;
}

/** Starts the strict server and builds an app around it. Time stands still until `pass`. */
export async function createWorld(given: WorldOptions = {}): Promise<World> {
  freezeTime("AUTH_URL");
  for (const name of VARIABLES) vi.stubEnv(name, undefined);
  const server = await startStrictAuthorizationServer({
    accessTokenLifetimeMs: LIFETIME_MS,
    client: { id: "app", secret: "client-secret-of-app" },
  });
  onTestFinished(() => server.close());
  return build(server, breakable(memoryStore({ clock: systemClock, allowServerless: true })), given);
}

function build(server: StrictAuthorizationServer, store: BreakableStore, given: WorldOptions): World {
  const events: TokenEvent[] = [];
  const config: NextAuthConfig = { providers: [strictProvider(server)], secret: SECRET, ...given.auth };
  const { lazy } = given;
  const fresh = withFreshTokens<Config>(lazy ? (request) => lazy(request, config) : config, {
    store,
    onEvent: (event) => void events.push(event),
    ...given.options,
    providers: {
      ...(given.auth?.providers === undefined && {
        strict: { revocationEndpoint: server.revocationEndpoint },
      }),
      ...given.options?.providers,
    },
  });
  const nextAuth = fresh.wrapAuth(NextAuth(fresh.authConfig));
  const handler = (request: Request, context: object): unknown => {
    const { handlers } = nextAuth;
    const run = request.method === "POST" ? handlers.POST : handlers.GET;
    return (run as (...args: unknown[]) => unknown)(request, context);
  };
  return {
    ...fresh,
    server,
    store,
    nextAuth,
    eventsOf: (type) => events.filter((event) => event.type === type),
    browser: () => new Browser(handler, "app", { "x-auth-return-redirect": "1" }),
    copy: (changes = {}) => build(server, store, { ...given, ...changes }),
    refreshes: () => server.requests.filter(({ endpoint }) => endpoint === "token").length,
  };
}

/** An OAuth provider whose code is the user's name; the code is exchanged within this process. */
export function strictProvider(server: StrictAuthorizationServer, extra: object = {}): Provider {
  return {
    id: "strict",
    name: "Strict",
    type: "oauth",
    issuer: server.issuer,
    authorization: { url: `${server.issuer}/authorize`, params: { scope: "openid offline_access" } },
    token: server.tokenEndpoint,
    userinfo: {
      url: server.userinfoEndpoint,
      request: ({ tokens }: { tokens: { access_token?: string } }) =>
        Promise.resolve({ sub: server.userOf(tokens.access_token ?? "") ?? "nobody" }),
    },
    profile: ({ sub }: { sub: string }) => ({ id: sub, name: sub, email: `${sub}@example.com` }),
    clientId: "app",
    clientSecret: "client-secret-of-app",
    [customFetch]: (_url: unknown, init: { body: URLSearchParams }) =>
      Promise.resolve(Response.json(server.issue({ user: init.body.get("code") ?? "" }))),
    ...extra,
  } as unknown as Provider;
}

/** A Credentials provider whose `authorize` returns what `login` makes of the user's name. */
export function backendProvider(login: (user: string) => object | null): Provider {
  return Credentials({
    id: "backend",
    credentials: { user: {}, password: {} },
    authorize: (credentials) => login(String(credentials["user"])),
  });
}

/** The decoded session JWT of a browser; chunks included. */
export function jwtOf(
  browser: Browser,
  secret: string | string[] = SECRET,
  name = SESSION_COOKIE,
): Promise<Record<string, unknown> | null> {
  return decode({ token: sessionCookieOf(browser, name), secret, salt: name });
}

/** What `auth()` shows to a server component. */
export async function sessionInComponent(world: World, browser: Browser): Promise<unknown> {
  return browser.inServerComponent(() => world.nextAuth.auth(), NEXT_HEADERS);
}

/** Runs a server action for a browser, and keeps the cookies that it sets. */
export async function inServerAction<Result>(browser: Browser, run: () => Promise<Result>): Promise<Result> {
  const { cookies } = await import("next/headers.js");
  return inNextRequest("route handler", browser.pageRequest(NEXT_HEADERS), async () => {
    const result = await run();
    browser.jar.clear();
    for (const { name, value } of (await cookies()).getAll()) if (value !== "") browser.jar.set(name, value);
    return result;
  });
}

/** Next sets it in every request. */
const NEXT_HEADERS = { "x-forwarded-proto": "http", host: "localhost:3000" };
