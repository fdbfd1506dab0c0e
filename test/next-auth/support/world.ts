/**
 * One app in plain Node: the real NextAuth v4 around a strict authorization server, grants in memory, and a clock
 * that a test moves.
 */
import nextAuth, { type AuthOptions } from "next-auth";
import { decode, type JWT } from "next-auth/jwt";
import credentialsProvider, { type CredentialsConfig } from "next-auth/providers/credentials";
import type { Provider } from "next-auth/providers/index";
import { onTestFinished } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import type { TokenEvent, TokenEventType } from "../../../src/core/events.ts";
import { withFreshTokens, type FreshTokens, type FreshTokensOptions } from "../../../src/next-auth/index.ts";
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
} from "./app-parts.ts";
import { Browser, SESSION_COOKIE, type Handler, type RouterForm } from "./browser.ts";

export {
  LIFETIME_MS,
  OTHER_SECRET,
  SECRET,
  pass,
  quiet,
  sessionCookieOf,
  until,
  type BreakableStore,
} from "./app-parts.ts";

// Both are CommonJS: their types say that the default export lies one level deeper than it does here.
const NextAuth = nextAuth as unknown as (options: AuthOptions) => Handler;
const CredentialsProvider = credentialsProvider as unknown as (
  config: Partial<Omit<CredentialsConfig, "options">>,
) => Provider;

/** What a test changes. */
export interface WorldOptions {
  readonly auth?: Partial<AuthOptions>;
  readonly options?: Partial<FreshTokensOptions>;
  readonly lifetimeMs?: number;
  /** Whether the handler is wrapped. @defaultValue true */
  readonly wrapped?: boolean;
}

/** One app. */
export interface World extends FreshTokens {
  readonly server: StrictAuthorizationServer;
  readonly store: BreakableStore;
  readonly events: readonly TokenEvent[];
  readonly eventsOf: (type: TokenEventType) => readonly TokenEvent[];
  readonly browser: (form?: RouterForm) => Browser;
  /** A second copy of the app over the same store and server, as another process or bundle is. */
  readonly copy: (changes?: WorldOptions) => World;
  /** How many refresh requests the server has seen. */
  readonly refreshes: () => number;
}

/** Starts the strict server and builds an app around it. Time stands still until {@link pass}. */
export async function createWorld(given: WorldOptions = {}): Promise<World> {
  freezeTime("NEXTAUTH_URL");
  const server = await startStrictAuthorizationServer({
    accessTokenLifetimeMs: given.lifetimeMs ?? LIFETIME_MS,
    client: { id: "app", secret: "client-secret-of-app" },
  });
  onTestFinished(() => server.close());
  return build(server, breakable(memoryStore({ clock: systemClock })), given);
}

function build(server: StrictAuthorizationServer, store: BreakableStore, given: WorldOptions): World {
  const events: TokenEvent[] = [];
  const fresh = withFreshTokens(
    { providers: [strictProvider(server)], secret: SECRET, ...given.auth },
    {
      store,
      onEvent: (event) => void events.push(event),
      ...given.options,
      providers: {
        ...((given.auth?.providers ?? [{ id: "strict" }]).some(({ id }) => id === "strict") && {
          strict: { revocationEndpoint: server.revocationEndpoint },
        }),
        ...given.options?.providers,
      },
    },
  );
  const bare = NextAuth(fresh.authOptions);
  const handler = given.wrapped === false ? bare : fresh.wrapHandler(bare);
  return {
    ...fresh,
    server,
    store,
    events,
    eventsOf: (type) => events.filter((event) => event.type === type),
    browser: (form = "pages") => new Browser(handler, form),
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
    token: {
      url: server.tokenEndpoint,
      request: ({ params }: { params: { code?: string } }) =>
        Promise.resolve({ tokens: server.issue({ user: params.code ?? "" }) }),
    },
    userinfo: {
      request: ({ tokens }: { tokens: { access_token?: string } }) =>
        Promise.resolve({ sub: server.userOf(tokens.access_token ?? "") ?? "nobody" }),
    },
    profile: ({ sub }: { sub: string }) => ({ id: sub, name: sub, email: `${sub}@example.com` }),
    clientId: "app",
    clientSecret: "client-secret-of-app",
    ...extra,
  } as unknown as Provider;
}

/** A Credentials provider whose `authorize` returns what `login` makes of the user's name. */
export function backendProvider(login: (user: string) => object | null, id = "backend"): Provider {
  return CredentialsProvider({
    id,
    credentials: { user: {}, password: {} },
    authorize: (credentials) => Promise.resolve(login(credentials?.["user"] ?? "") as never),
  });
}

/** The decoded session JWT of a browser; chunks included. */
export async function jwtOf(browser: Browser, secret = SECRET, name = SESSION_COOKIE): Promise<JWT | null> {
  return decode({ token: sessionCookieOf(browser, name), secret });
}
