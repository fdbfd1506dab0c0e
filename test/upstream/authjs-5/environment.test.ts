/**
 * What the installed next-auth 5 makes of configuration and environment, held against what nolapse makes of them. The secret
 * and the cookie's name are taken from where next-auth hands them to `jwt.decode`.
 */
import NextAuth, { customFetch, type NextAuthConfig, type NextAuthResult } from "next-auth-v5";
import GitHub from "next-auth-v5/providers/github";
import Keycloak from "next-auth-v5/providers/keycloak";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { requestSourceOf } from "../../../src/adapter/request-source.ts";
import { basePathOf, sessionCookieNameOf } from "../../../src/authjs/base-url.ts";
import { providerEntriesOf, secretsOf, type ConfigLike } from "../../../src/authjs/config.ts";
import { oauthProviderConfig } from "../../../src/authjs/oauth-provider.ts";
import { Browser } from "../../next-auth/support/browser.ts";
import { captureConsole } from "../../next-auth/support/console.ts";
import { NextRequest, inNextRequest } from "../../next-auth/support/next-scope.ts";

type Environment = Readonly<Record<string, string>>;

const VARIABLES = [
  "AUTH_URL",
  "NEXTAUTH_URL",
  "AUTH_SECRET",
  "NEXTAUTH_SECRET",
  "AUTH_SECRET_1",
  "AUTH_SECRET_2",
  "AUTH_SECRET_3",
];
const NAMES = ["authjs.session-token", "__Secure-authjs.session-token", "sid"];
const [S1, S2, S3] = ["1", "2", "3"].map((each) => each.repeat(32)) as [string, string, string];

const PLACES: readonly [string, Environment, Partial<NextAuthConfig>, Readonly<Record<string, string>>][] = [
  ["nothing", {}, {}, {}],
  ["a request by http", {}, {}, { "x-forwarded-proto": "http" }],
  ["a request by https", {}, {}, { "x-forwarded-proto": "https", "x-forwarded-host": "app.example" }],
  ["AUTH_URL at https", { AUTH_URL: "https://app.example" }, {}, { "x-forwarded-proto": "http" }],
  ["AUTH_URL at http", { AUTH_URL: "http://app.example/" }, {}, { "x-forwarded-proto": "https" }],
  ["AUTH_URL with a path", { AUTH_URL: "https://app.example/base/auth" }, {}, {}],
  ["NEXTAUTH_URL", { NEXTAUTH_URL: "https://app.example/custom" }, {}, {}],
  ["both URLs", { AUTH_URL: "http://a.example", NEXTAUTH_URL: "https://b.example/custom" }, {}, {}],
  ["basePath", {}, { basePath: "/other" }, { "x-forwarded-proto": "http" }],
  ["basePath beside AUTH_URL", { AUTH_URL: "https://app.example" }, { basePath: "/other" }, {}],
  ["useSecureCookies", {}, { useSecureCookies: true }, { "x-forwarded-proto": "http" }],
  ["useSecureCookies: false", { AUTH_URL: "https://a.example" }, { useSecureCookies: false }, {}],
  ["a name", { AUTH_URL: "https://a.example" }, { cookies: { sessionToken: { name: "sid" } } }, {}],
];

const SECRETS: readonly [string, Environment, Partial<NextAuthConfig>][] = [
  ["AUTH_SECRET", { AUTH_SECRET: S1 }, {}],
  ["NEXTAUTH_SECRET", { NEXTAUTH_SECRET: S1 }, {}],
  ["AUTH_SECRET before NEXTAUTH_SECRET", { AUTH_SECRET: S1, NEXTAUTH_SECRET: S2 }, {}],
  ["numbered ones, the highest first", { AUTH_SECRET_1: S1, AUTH_SECRET_2: S2, AUTH_SECRET_3: S3 }, {}],
  ["AUTH_SECRET alone beside numbered ones", { AUTH_SECRET: S1, AUTH_SECRET_1: S2 }, {}],
  ["the configuration's", { AUTH_SECRET: S1 }, { secret: S2 }],
  ["the configuration's list", { AUTH_SECRET: S1 }, { secret: [S2, S3] }],
];

/** A provider with endpoints of its own. */
const ENDPOINTS = {
  id: "own",
  type: "oauth",
  name: "Own",
  clientId: "app",
  clientSecret: "secret",
  issuer: "https://as.example",
  authorization: "https://as.example/authorize?scope=api",
  token: "https://as.example/token",
  userinfo: "https://as.example/userinfo",
  profile: () => ({ id: "alice" }),
};

describe("the installed next-auth, given", () => {
  it.each(PLACES)(
    "%s, has the base path and the cookie name that nolapse expects, by the route and in components (src/authjs/base-url.ts)",
    async (_what, env, given, headers) => {
      const { config, decoded, nextAuth } = appWith(env, { secret: S1, trustHost: true, ...given });
      const ours = config as ConfigLike;
      const cookie = NAMES.map((name) => `${name}=x`).join("; ");

      const url = `http://localhost:3000${basePathOf(ours, env)}/session`;
      const request = new NextRequest(url, { headers: { cookie, ...headers } });
      await (nextAuth.handlers.GET as (request: Request) => Promise<Response>)(request);
      expect(decoded.map(({ salt }) => salt)).toEqual([
        sessionCookieNameOf(ours, { ...requestSourceOf(request), url }, env),
      ]);

      decoded.length = 0;
      const page = new NextRequest("http://localhost:3000/page", {
        headers: { cookie, host: "localhost:3000", ...headers },
      });
      await inNextRequest("server component", page, () => nextAuth.auth());
      expect(decoded.map(({ salt }) => salt)).toEqual([
        sessionCookieNameOf(ours, requestSourceOf(page), env),
      ]);
    },
  );

  it.each(SECRETS)(
    "%s, has the secrets that nolapse expects (src/authjs/config.ts)",
    async (_what, env, given) => {
      const { config, decoded, nextAuth } = appWith({ AUTH_URL: "http://localhost:3000", ...env }, given);
      const ours = { ...config } as ConfigLike;
      const expected = secretsOf(ours, { AUTH_URL: "http://localhost:3000", ...env });
      const browser = new Browser(nextAuth.handlers.GET as never, "app");
      browser.jar.set("authjs.session-token", "x");
      await browser.get("session");

      expect(decoded.flatMap(({ secret }) => secret)).toEqual(expected);
    },
  );

  it("a provider without a client, takes it from AUTH_<ID>_ID and its like (src/authjs/config.ts)", async () => {
    const env = { AUTH_GITHUB_ID: "app-of-env", AUTH_GITHUB_SECRET: "secret-of-env" };
    const { config, nextAuth } = appWith(env, { secret: S1, providers: [GitHub] });
    const [entry] = providerEntriesOf({ ...config }, env);
    const url = await authorizationUrl(nextAuth, "github");

    expect(new URL(url).searchParams.get("client_id")).toBe("app-of-env");
    expect(oauthProviderConfig(entry!, undefined, undefined)).toMatchObject({
      clientId: "app-of-env",
      clientSecret: "secret-of-env",
    });
  });

  it("a provider without an endpoint, looks for the metadata of its issuer (src/authjs/oauth-provider.ts)", async () => {
    const asked: string[] = [];
    const env = { AUTH_KEYCLOAK_ID: "app", AUTH_KEYCLOAK_ISSUER: "https://as.example/realms/a" };
    const fetch = (url: string | URL): Promise<Response> => {
      asked.push(String(url));
      return Promise.resolve(new Response("", { status: 404 }));
    };
    const { config, nextAuth } = appWith(env, {
      secret: S1,
      providers: [Keycloak({ [customFetch]: fetch } as never)],
    });
    const [entry] = providerEntriesOf({ ...config }, env);
    captureConsole();
    await authorizationUrl(nextAuth, "keycloak").catch(() => undefined);

    expect(asked).toEqual(["https://as.example/realms/a/.well-known/openid-configuration"]);
    expect(oauthProviderConfig(entry!, undefined, undefined)).toMatchObject({
      issuer: "https://as.example/realms/a",
    });
  });
});

describe("a sign-in of the installed next-auth", () => {
  it("asks for openid profile email where the provider names no scope (src/authjs/oauth-provider.ts)", async () => {
    const provider = { ...ENDPOINTS, authorization: "https://as.example/authorize" };
    const { nextAuth } = appWith({}, { secret: S1, providers: [provider as never] });
    const url = new URL(await authorizationUrl(nextAuth, "own"));

    expect(url.searchParams.get("scope")).toBe("openid profile email");
    expect(oauthProviderConfig(provider, undefined, undefined).scope).toBe("openid profile email");
  });

  it("takes the token endpoint of the entry, and looks for no metadata then (src/authjs/oauth-provider.ts)", async () => {
    const asked: string[] = [];
    const fetch = (url: string | URL): Promise<Response> => {
      asked.push(String(url));
      return Promise.resolve(Response.json({ access_token: "a", token_type: "bearer" }));
    };
    const provider = { ...ENDPOINTS, [customFetch]: fetch };
    const { nextAuth } = appWith(
      { AUTH_URL: "http://localhost:3000" },
      { secret: S1, providers: [provider as never] },
    );
    const { GET, POST } = nextAuth.handlers;
    const handler = (request: Request): unknown => (request.method === "POST" ? POST : GET)(request);
    await new Browser(handler, "app", { "x-auth-return-redirect": "1" }).signIn("code", "own");

    expect(asked[0]).toBe("https://as.example/token");
    expect(oauthProviderConfig(provider, undefined, undefined).tokenEndpoint).toBe(
      "https://as.example/token",
    );
  });

  it("comes back to AUTH_REDIRECT_PROXY_URL where that is another host's (src/authjs/v5-host.ts)", async () => {
    const env = { AUTH_REDIRECT_PROXY_URL: "https://stable.example/api/auth", AUTH_GITHUB_ID: "app" };
    const { nextAuth } = appWith(env, { secret: S1, providers: [GitHub] });
    const url = new URL(await authorizationUrl(nextAuth, "github"));

    expect(url.searchParams.get("redirect_uri")).toBe("https://stable.example/api/auth/callback/github");
  });
});

interface Decoded {
  readonly secret: string | string[];
  readonly salt: string;
}

function appWith(
  env: Environment,
  given: Partial<NextAuthConfig>,
): { config: NextAuthConfig; decoded: Decoded[]; nextAuth: NextAuthResult } {
  captureConsole();
  for (const name of VARIABLES) vi.stubEnv(name, undefined);
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  const decoded: Decoded[] = [];
  const config: NextAuthConfig = {
    providers: [],
    ...given,
    jwt: {
      decode(params) {
        decoded.push(params);
        return null;
      },
    },
  };
  // It completes the object that it is given.
  return { config, decoded, nextAuth: NextAuth({ ...config }) };
}

async function authorizationUrl(nextAuth: NextAuthResult, provider: string): Promise<string> {
  const page = new NextRequest("http://localhost:3000/", {
    headers: { host: "localhost:3000", "x-forwarded-proto": "http" },
  });
  return inNextRequest("route handler", page, () =>
    nextAuth.signIn(provider, { redirect: false }),
  ) as Promise<string>;
}
