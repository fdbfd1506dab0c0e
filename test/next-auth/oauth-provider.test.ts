import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { authMethodOf } from "../../src/oauth/client-authentication.ts";
import { profileOf } from "../../src/oauth/profiles.ts";
import { providerIdOf, type ProviderEntry } from "../../src/adapter/provider-entry.ts";
import { isOAuth2, oauthProviderConfig } from "../../src/next-auth/oauth-provider.ts";

const require = createRequire(import.meta.url);
const root = dirname(require.resolve("next-auth"));

/** A provider as NextAuth uses it, after its own merging. */
interface TheirProvider {
  readonly id: string;
  readonly wellKnown?: string;
  readonly issuer?: string;
  readonly token?: { readonly url?: string; readonly params?: object };
  readonly authorization?: { readonly params?: { readonly scope?: string } };
  readonly version?: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly callbackUrl: string;
}

const { default: parseProviders } = require(join(root, "core/lib/providers.js")) as {
  default: (given: { providers: unknown[]; url: unknown }) => { providers: [TheirProvider] };
};
const { openidClient } = require(join(root, "core/lib/oauth/client.js")) as {
  openidClient: (options: { provider: TheirProvider }) => Promise<{
    metadata: { token_endpoint_auth_method?: string };
    issuer: { token_endpoint?: string };
  }>;
};

const OPTIONS = {
  clientId: "client-id",
  clientSecret: "client-secret",
  tenantId: "tenant",
  primaryUserFlow: "flow",
  authorizationUrl: "https://authorize.example",
};
/** Those that ask for an issuer. */
const ISSUED = [
  "auth0",
  "authentik",
  "battlenet",
  "boxyhq-saml",
  "cognito",
  "duende-identity-server6",
  "fusionauth",
].concat([
  "identity-server4",
  "keycloak",
  "okta",
  "onelogin",
  "osso",
  "passage",
  "united-effects",
  "workos",
  "zitadel",
]);
/** What is in the folder beside OAuth providers. */
const OTHERS = ["credentials", "email", "index", "oauth", "oauth-types"];
/** NextAuth 4 itself cannot sign in there: the entry is in the form of version 3. */
const BROKEN = ["freshbooks"];

const files = readdirSync(join(root, "providers"))
  .filter((file) => file.endsWith(".js"))
  .map((file) => file.slice(0, -3))
  .filter((name) => !OTHERS.includes(name) && !BROKEN.includes(name));

function entryOf(name: string, extra: object = {}): ProviderEntry {
  const { default: make } = require(join(root, "providers", name)) as {
    default: (options: object) => ProviderEntry;
  };
  return make({ ...OPTIONS, ...(ISSUED.includes(name) && { issuer: "https://issuer.example/" }), ...extra });
}

function theirs(entry: ProviderEntry): TheirProvider {
  return parseProviders({ providers: [entry], url: "https://app.example/api/auth" }).providers[0];
}

function ours(entry: ProviderEntry): ReturnType<typeof oauthProviderConfig> {
  return oauthProviderConfig(
    entry,
    undefined,
    `https://app.example/api/auth/callback/${providerIdOf(entry)}`,
  );
}

describe("the providers that the installed NextAuth ships", () => {
  it("are all looked at", () => {
    expect(files.length).toBeGreaterThan(60);
  });

  it.each(files)("%s is refreshed where and how NextAuth exchanges the code", async (name) => {
    const entry = entryOf(name, name === "twitter" ? { version: "2.0" } : {});
    const [config, provider] = [ours(entry), theirs(entry)];

    expect(isOAuth2(entry)).toBe(true);
    expect(config.id).toBe(provider.id);
    expect([config.clientId, config.clientSecret]).toEqual([provider.clientId, provider.clientSecret]);
    expect(config.wellKnown).toBe(provider.wellKnown);
    expect(config.issuer).toBe(provider.issuer);
    expect(config.redirectUri).toBe(provider.callbackUrl);
    expect(config.scope ?? "").toBe(provider.authorization?.params?.scope ?? "");
    expect(config.tokenParams ?? {}).toEqual(provider.token?.params ?? {});
    expect(config.tokenParams ?? {}).not.toHaveProperty("grant_type");
    if (provider.wellKnown !== undefined) {
      expect(config.tokenEndpoint).toBeUndefined();
      return;
    }
    const client = await openidClient({ provider });
    expect(config.tokenEndpoint).toMatch(/^https:\/\//);
    expect(config.tokenEndpoint).toBe(client.issuer.token_endpoint);
    expect(authMethodOf(config, profileOf(config.id, config.profile))).toBe(
      client.metadata.token_endpoint_auth_method,
    );
  });

  it("are no OAuth 2 where they speak OAuth 1", () => {
    expect(isOAuth2(entryOf("twitter"))).toBe(false);
    expect(isOAuth2({ id: "x", type: "oauth", version: "1.0A" })).toBe(false);
    expect(isOAuth2({ id: "x", type: "oauth", version: "2.0", options: { version: "1.0A" } })).toBe(false);
    expect(isOAuth2({ id: "backend", type: "credentials" })).toBe(false);
  });

  it("and cannot be signed in at are known: nolapse can do no better", async () => {
    for (const name of BROKEN) {
      const entry = entryOf(name);
      expect((await openidClient({ provider: theirs(entry) })).issuer.token_endpoint).toBeUndefined();
      expect(ours(entry).tokenEndpoint).toBeUndefined();
    }
  });
});

describe("what an application changes about a provider", () => {
  it.each([
    ["parameters of the token endpoint", "kakao", { token: { params: { extra: "1" } } }],
    ["the token endpoint", "github", { token: "https://github.example/token?a=b" }],
    [
      "the token endpoint of a provider with metadata, which NextAuth ignores",
      "keycloak",
      { token: "https://other.example/t" },
    ],
    ["the scope", "google", { authorization: { params: { scope: "openid offline_access" } } }],
    [
      "the authorization endpoint with its scope",
      "github",
      { authorization: "https://github.example/a?scope=repo" },
    ],
    [
      "something else of the authorization request",
      "google",
      { authorization: { params: { access_type: "offline" } } },
    ],
    ["the client authentication", "github", { client: { token_endpoint_auth_method: "client_secret_post" } }],
    ["its id", "github", { id: "github-work" }],
  ])("is merged as NextAuth merges it: %s", async (_what, name, extra) => {
    const entry = entryOf(name, extra);
    const [config, provider] = [ours(entry), theirs(entry)];

    expect(config.id).toBe(provider.id);
    expect(config.scope).toBe(provider.authorization?.params?.scope);
    expect(config.tokenParams ?? {}).toEqual(provider.token?.params ?? {});
    if (provider.wellKnown !== undefined) return expect(config.tokenEndpoint).toBeUndefined();
    const client = await openidClient({ provider });
    expect(config.tokenEndpoint).toBe(client.issuer.token_endpoint);
    expect(authMethodOf(config, profileOf(config.id, config.profile))).toBe(
      client.metadata.token_endpoint_auth_method,
    );
  });

  it("keeps the provider's peculiarities under another id", () => {
    const config = ours(entryOf("google", { id: "google-work" }));

    expect(profileOf(config.id, config.profile).revocation).toBe("grant-wide");
    expect(profileOf(config.id, config.profile).refreshTokenHint).toContain("access_type");
  });

  it("keeps a token endpoint that the application asks itself, although there is metadata", () => {
    const request = (): void => undefined;
    const config = ours(entryOf("keycloak", { token: { url: "https://gateway.example/token", request } }));

    expect(config.tokenEndpoint).toBe("https://gateway.example/token");
  });

  it("signs with a private key only where that is the client's method", () => {
    const jwks = { keys: [{ kty: "RSA", alg: "RS256" }] };
    const decrypting = ours(entryOf("keycloak", { jwks }));
    const signing = ours(
      entryOf("keycloak", { jwks, client: { token_endpoint_auth_method: "private_key_jwt" } }),
    );

    expect(authMethodOf(decrypting, profileOf("keycloak"))).toBe("client_secret_basic");
    expect(authMethodOf(signing, profileOf("keycloak"))).toBe("private_key_jwt");
    expect(signing.clientPrivateKey).toEqual(jwks.keys[0]);
  });

  it("is overruled by nolapse's own settings of the provider", () => {
    const config = oauthProviderConfig(
      entryOf("keycloak"),
      {
        tokenEndpoint: "https://a.example/t",
        revocationEndpoint: "https://a.example/r",
        refreshParams: { scope: "x" },
        defaultLifetimeMs: 5_000,
      },
      "",
    );

    expect(config).toMatchObject({
      tokenEndpoint: "https://a.example/t",
      revocationEndpoint: "https://a.example/r",
      tokenParams: { scope: "x" },
      profile: { defaultLifetimeMs: 5_000 },
    });
  });
});
