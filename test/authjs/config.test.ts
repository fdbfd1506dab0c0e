/** What nolapse reads of a v5 configuration and the environment, held against the installed next-auth 5. */
import NextAuth, { type NextAuthConfig } from "next-auth-v5";
import Keycloak from "next-auth-v5/providers/keycloak";
import { describe, expect, it, vi, onTestFinished } from "vitest";
import { providerIdOf } from "../../src/adapter/provider-entry.ts";
import type { RequestSource } from "../../src/adapter/request-source.ts";
import { basePathOf, sessionCookieNameOf } from "../../src/authjs/base-url.ts";
import { checkedConfig, providerEntriesOf, secretsOf } from "../../src/authjs/config.ts";
import { oauthProviderConfig } from "../../src/authjs/oauth-provider.ts";

const VARIABLES = [
  "AUTH_URL",
  "NEXTAUTH_URL",
  "AUTH_SECRET",
  "NEXTAUTH_SECRET",
  "AUTH_SECRET_1",
  "AUTH_SECRET_2",
  "AUTH_SECRET_3",
];

function environment(variables: Readonly<Record<string, string>>): Record<string, string> {
  for (const name of VARIABLES) vi.stubEnv(name, undefined);
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  return { ...variables };
}

describe("the secrets of a configuration", () => {
  it.each<[Readonly<Record<string, string>>, Partial<NextAuthConfig>]>([
    [{}, { secret: "given" }],
    [{}, { secret: ["new", "old"] }],
    [{ AUTH_SECRET: "env" }, { secret: ["new", "old"] }],
    [{ AUTH_SECRET: "env", NEXTAUTH_SECRET: "other" }, {}],
    [{ NEXTAUTH_SECRET: "other" }, {}],
    [{ AUTH_SECRET: "env", AUTH_SECRET_1: "one" }, {}],
    [{ AUTH_SECRET_1: "one", AUTH_SECRET_2: "two", AUTH_SECRET_3: "three" }, {}],
    [{ AUTH_SECRET: "", NEXTAUTH_SECRET: "other", AUTH_SECRET_2: "two" }, {}],
    [{ AUTH_SECRET: "env" }, { secret: [] }],
    [{}, {}],
  ])("are those that next-auth 5 takes: %j with %j", (variables, given) => {
    const env = environment(variables);
    const theirs: NextAuthConfig = { providers: [], ...given };

    const ours = secretsOf({ providers: [], ...given }, env);
    NextAuth(theirs);

    expect(ours).toEqual([theirs.secret].flat());
  });
});

describe("the base path", () => {
  it.each<[Readonly<Record<string, string>>, string | undefined]>([
    [{}, undefined],
    [{}, "/custom/auth"],
    [{ AUTH_URL: "https://app.example" }, undefined],
    [{ AUTH_URL: "https://app.example/base/api/auth" }, undefined],
    [{ NEXTAUTH_URL: "https://app.example/legacy/auth" }, undefined],
    [{ AUTH_URL: "https://app.example/base/auth" }, "/custom"],
    [{ AUTH_URL: "no url" }, undefined],
  ])("is that of next-auth 5: %j with basePath %s", (variables, basePath) => {
    const env = environment(variables);
    const theirs: NextAuthConfig = { providers: [], ...(basePath !== undefined && { basePath }) };

    const ours = basePathOf({ providers: [], basePath }, env);
    NextAuth(theirs);

    expect(ours).toBe(theirs.basePath);
  });
});

describe("the session cookie", () => {
  const source = (headers: Record<string, string>, url?: string): RequestSource => ({
    cookies: new Map(),
    header: (name) => headers[name],
    ...(url !== undefined && { url }),
  });

  it.each<[string, Readonly<Record<string, string>>, object, RequestSource, string]>([
    ["at http", { AUTH_URL: "http://localhost:3000" }, {}, source({}), "authjs.session-token"],
    ["at https", { AUTH_URL: "https://app.example" }, {}, source({}), "__Secure-authjs.session-token"],
    [
      "at https by the old name",
      { NEXTAUTH_URL: "https://a.example" },
      {},
      source({}),
      "__Secure-authjs.session-token",
    ],
    [
      "behind TLS termination",
      {},
      {},
      source({ "x-forwarded-proto": "https" }),
      "__Secure-authjs.session-token",
    ],
    ["at a plain proxy", {}, {}, source({ "x-forwarded-proto": "http", host: "x" }), "authjs.session-token"],
    ["without a word of the protocol", {}, {}, source({ host: "x" }), "__Secure-authjs.session-token"],
    ["in the route", {}, {}, source({}, "http://localhost:3000/api/auth/session"), "authjs.session-token"],
    [
      "said to be secure",
      { AUTH_URL: "http://a" },
      { useSecureCookies: true },
      source({}),
      "__Secure-authjs.session-token",
    ],
    ["named", { AUTH_URL: "https://a" }, { cookies: { sessionToken: { name: "sid" } } }, source({}), "sid"],
    [
      "with other options only",
      { AUTH_URL: "http://a" },
      { cookies: { sessionToken: { options: {} } } },
      source({}),
      "authjs.session-token",
    ],
  ])("%s has the right name", (_what, env, config, request, name) => {
    expect(sessionCookieNameOf({ providers: [], ...config }, request, env)).toBe(name);
  });
});

describe("a provider entry", () => {
  it("may be a function, whose client comes from AUTH_<ID>_ID and its like", () => {
    const env = {
      AUTH_KEYCLOAK_ID: "app",
      AUTH_KEYCLOAK_SECRET: "secret",
      AUTH_KEYCLOAK_ISSUER: "https://as.example/realms/a",
    };

    const [entry] = providerEntriesOf({ providers: [Keycloak] }, env);

    expect(oauthProviderConfig(entry!, undefined, undefined)).toMatchObject({
      id: "keycloak",
      clientId: "app",
      clientSecret: "secret",
      issuer: "https://as.example/realms/a",
    });
  });

  it("takes what the application gave before what the environment says, under the application's own id", () => {
    const provider = Keycloak({
      id: "staff",
      clientId: "given",
      issuer: "https://as.example/realms/b",
    });

    const [entry] = providerEntriesOf(
      { providers: [provider] },
      { AUTH_KEYCLOAK_ID: "env", AUTH_KEYCLOAK_SECRET: "s" },
    );

    expect(providerIdOf(entry!)).toBe("staff");
    expect(oauthProviderConfig(entry!, undefined, undefined)).toMatchObject({
      id: "staff",
      clientId: "given",
      clientSecret: "s",
      issuer: "https://as.example/realms/b",
    });
  });

  it("with a token endpoint is refreshed there, metadata or not, as v5 does the sign-in", () => {
    const entry = {
      id: "x",
      type: "oauth",
      issuer: "https://as.example",
      token: "https://as.example/token",
      client: { token_endpoint_auth_method: "client_secret_post" },
      authorization: "https://as.example/authorize?scope=api",
    };

    expect(oauthProviderConfig(entry, undefined, "https://app.example/cb")).toMatchObject({
      tokenEndpoint: "https://as.example/token",
      tokenEndpointAuthMethod: "client_secret_post",
      scope: "api",
      redirectUri: "https://app.example/cb",
    });
  });
});

describe("a configuration that cannot work", () => {
  it.each([
    [{ providers: [], session: { strategy: "database" } }, "session.strategy"],
    [{ providers: [], session: { strategy: "cookie" } }, "session.strategy"],
    [{}, "providers"],
    [undefined, "providers"],
  ])("is refused by name: %j", (config, option) => {
    expect(() => checkedConfig(config)).toThrow(expect.objectContaining({ code: "invalid_option", option }));
  });
});
