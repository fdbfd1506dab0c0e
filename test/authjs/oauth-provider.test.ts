/** What a refresh at a provider of v5 needs, held against what the installed next-auth 5 makes of its entry at a sign-in. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../scripts/lib/paths.ts";
import { providerIdOf, type ProviderEntry } from "../../src/adapter/provider-entry.ts";
import { isOAuth, oauthProviderConfig } from "../../src/authjs/oauth-provider.ts";
import { authMethodOf } from "../../src/oauth/client-authentication.ts";
import { profileOf } from "../../src/oauth/profiles.ts";

const CORE = [
  join(ROOT, "node_modules/next-auth-v5/node_modules/@auth/core"),
  join(ROOT, "node_modules/@auth/core"),
].find((folder) => existsSync(folder)) as string;
/** An endpoint that Auth.js takes for "ask the metadata". */
const NO_ENDPOINT = "authjs.dev";

/** A provider as Auth.js uses it, after its own merging. */
interface TheirProvider {
  readonly id: string;
  readonly type: string;
  readonly issuer?: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly client?: { readonly token_endpoint_auth_method?: string };
  readonly token?: { readonly url: URL; readonly clientPrivateKey?: unknown };
  readonly userinfo?: { readonly url: URL };
  readonly authorization?: { readonly url: URL };
  readonly callbackUrl: string;
  readonly redirectProxyUrl?: string;
}

const { default: parseProviders } = (await import(
  pathToFileURL(join(CORE, "lib/utils/providers.js")).href
)) as {
  default: (given: { url: URL; providerId: string; config: object }) => { provider: TheirProvider };
};

const OPTIONS = {
  clientId: "client-id",
  clientSecret: "client-secret",
  tenantId: "tenant",
  primaryUserFlow: "flow",
  platformType: "WebsiteApp",
  accountId: "account",
};
/** Those that ask for an issuer, or for the address of one's own server in its place. */
const ISSUED = [
  ...[
    "asgardeo",
    "auth0",
    "authentik",
    "azure-ad-b2c",
    "bankid-no",
    "battlenet",
    "beyondidentity",
    "boxyhq-saml",
  ],
  ...[
    "cognito",
    "descope",
    "duende-identity-server6",
    "frontegg",
    "fusionauth",
    "identity-server4",
    "keycloak",
  ],
  ...[
    "kinde",
    "logto",
    "mastodon",
    "mattermost",
    "nextcloud",
    "okta",
    "onelogin",
    "ory-hydra",
    "osso",
    "passage",
  ],
  ...["ping-id", "united-effects", "workos", "zitadel"],
];
/** What is in the folder beside OAuth providers. */
const OTHERS = [
  "credentials",
  "email",
  "forwardemail",
  "index",
  "loops",
  "mailgun",
  "nodemailer",
  "oauth",
  "passkey",
].concat([...["postmark", "provider-types", "resend", "sendgrid", "webauthn"]]);

const files = readdirSync(join(CORE, "providers"))
  .filter((file) => file.endsWith(".js"))
  .map((file) => file.slice(0, -3))
  .filter((name) => !OTHERS.includes(name));

async function entryOf(name: string, extra: object = {}): Promise<ProviderEntry> {
  const { default: make } = (await import(pathToFileURL(join(CORE, "providers", `${name}.js`)).href)) as {
    default: (options: object) => ProviderEntry;
  };
  return make({ ...OPTIONS, ...(ISSUED.includes(name) && { issuer: "https://issuer.example" }), ...extra });
}

function theirs(entry: ProviderEntry, config: object = {}): TheirProvider {
  // Auth.js merges into the entry that it is given.
  const copy = { ...entry, ...(structuredCloneOf(entry) as object) } as ProviderEntry;
  return parseProviders({
    url: new URL("https://app.example/api/auth"),
    providerId: providerIdOf(entry),
    config: { basePath: "/api/auth", providers: [copy], ...config },
  }).provider;
}

/** A deep copy in which functions stay what they are. */
function structuredCloneOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof URL || value instanceof CryptoKey)
    return value;
  if (Array.isArray(value)) return value.map(structuredCloneOf);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, structuredCloneOf(member)]));
}

function ours(entry: ProviderEntry): ReturnType<typeof oauthProviderConfig> {
  return oauthProviderConfig(
    entry,
    undefined,
    `https://app.example/api/auth/callback/${providerIdOf(entry)}`,
  );
}

/** Where Auth.js exchanges the code; `undefined` where it asks the metadata of the issuer. */
function tokenUrlOf({ token, userinfo }: TheirProvider): string | undefined {
  const isSaid = (url: URL | undefined): boolean => url !== undefined && url.host !== NO_ENDPOINT;
  return isSaid(token?.url) || isSaid(userinfo?.url) ? token?.url.href : undefined;
}

/** dribbble asks for a scope called "undefined", unless the application gives one. */
function scopeOf({ authorization }: TheirProvider): string {
  const scope = authorization?.url.searchParams.get("scope");
  return scope === null || scope === undefined || scope === "undefined" ? "openid profile email" : scope;
}

function expectTheSame(entry: ProviderEntry): void {
  const [config, provider] = [ours(entry), theirs(entry)];
  expect(config.id).toBe(provider.id);
  expect([config.clientId, config.clientSecret]).toEqual([provider.clientId, provider.clientSecret]);
  expect(config.issuer).toBe(provider.issuer);
  expect(config.redirectUri).toBe(provider.callbackUrl);
  expect(config.scope).toBe(scopeOf(provider));
  expect(config.tokenEndpoint).toBe(tokenUrlOf(provider));
  expect(config.tokenParams ?? {}).toEqual({});
  if (config.tokenEndpoint === undefined) expect(config.issuer).toMatch(/^https:\/\//);
  expect(authMethodOf(config, profileOf(config.id, config.profile))).toBe(
    provider.client?.token_endpoint_auth_method ?? "client_secret_basic",
  );
}

describe("the providers that the installed next-auth 5 ships", () => {
  it("are all looked at", async () => {
    expect(files.length).toBeGreaterThan(80);
    for (const name of files) expect(isOAuth(await entryOf(name)), name).toBe(true);
  });

  it.each(files)("%s is refreshed where and how Auth.js exchanges the code", async (name) => {
    expectTheSame(await entryOf(name));
  });
});

describe("what an application changes about a provider of v5", () => {
  it.each<[string, string, object]>([
    ["the token endpoint", "github", { token: "https://github.example/token?a=b" }],
    [
      "the token endpoint of one with metadata, which then is not asked",
      "keycloak",
      { token: "https://other.example/t" },
    ],
    [
      "the token endpoint with parameters",
      "github",
      { token: { url: "https://github.example/t", params: { a: "b" } } },
    ],
    ["the scope", "google", { authorization: { params: { scope: "openid offline_access" } } }],
    [
      "the authorization endpoint with its scope",
      "github",
      { authorization: "https://github.example/a?scope=repo" },
    ],
    ["the authorization endpoint without a scope", "github", { authorization: "https://github.example/a" }],
    [
      "something else of the authorization request",
      "github",
      { authorization: { params: { allow_signup: "false" } } },
    ],
    ["the client authentication", "github", { client: { token_endpoint_auth_method: "client_secret_post" } }],
    ["its id", "github", { id: "github-work" }],
    ["its issuer", "google", { issuer: "https://accounts.example" }],
  ])("is merged as Auth.js merges it: %s", async (_what, name, extra) => {
    expectTheSame(await entryOf(name, extra));
  });

  it("keeps the provider's peculiarities under another id", async () => {
    const config = ours(await entryOf("google", { id: "google-work" }));

    expect(profileOf(config.id, config.profile).revocation).toBe("grant-wide");
    expect(profileOf(config.id, config.profile).refreshTokenHint).toContain("access_type");
  });

  it("is read from an entry of its own as well", () => {
    const own = {
      id: "own",
      type: "oidc",
      issuer: "https://issuer.example",
      clientId: "client-id",
      clientSecret: "client-secret",
      authorization: { params: { scope: "openid offline_access" } },
    };

    expectTheSame(own);
    expectTheSame({
      ...own,
      type: "oauth",
      token: "https://a.example/t?v=1",
      userinfo: "https://a.example/me",
    });
  });

  it("signs with a private key only where that is the client's method, and finds the key where Auth.js does", async () => {
    const { privateKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, [
      "sign",
      "verify",
    ]);
    const token = { clientPrivateKey: privateKey };
    const unused = ours(await entryOf("keycloak", { token }));
    const signing = await entryOf("keycloak", {
      token,
      client: { token_endpoint_auth_method: "private_key_jwt" },
    });

    expect(authMethodOf(unused, profileOf("keycloak"))).toBe("client_secret_basic");
    expect(authMethodOf(ours(signing), profileOf("keycloak"))).toBe("private_key_jwt");
    expect(ours(signing).clientPrivateKey).toBe(privateKey);
    expect(ours(signing).tokenEndpoint).toBe(tokenUrlOf(theirs(signing)));
  });

  it("keeps a CryptoKey only on the entry itself: Auth.js makes a plain object of one in its options (docs/authjs.md)", async () => {
    const { privateKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, [
      "sign",
      "verify",
    ]);
    const client = { token_endpoint_auth_method: "private_key_jwt" };
    const token = { clientPrivateKey: { key: privateKey, kid: "2026" } };

    const keyIn = ({ token: given }: TheirProvider): unknown =>
      (given?.clientPrivateKey as { key?: unknown } | undefined)?.key;
    const lost = keyIn(theirs(await entryOf("keycloak", { token, client })));
    const spread = { ...(await entryOf("keycloak", { client })), token };

    expect([lost === undefined, lost instanceof CryptoKey]).toEqual([false, false]);
    expect(keyIn(theirs(spread))).toBe(privateKey);
    expect(ours(spread).clientPrivateKey).toBe(token.clientPrivateKey);
    expect(authMethodOf(ours(spread), profileOf("keycloak"))).toBe("private_key_jwt");
  });

  it("is overruled by nolapse's own settings of the provider", async () => {
    const settings = {
      tokenEndpoint: "https://a.example/t",
      revocationEndpoint: "https://a.example/r",
      refreshParams: { scope: "x" },
      defaultLifetimeMs: 5_000,
    };

    expect(oauthProviderConfig(await entryOf("github"), settings, "")).toMatchObject({
      tokenEndpoint: "https://a.example/t",
      revocationEndpoint: "https://a.example/r",
      tokenParams: { scope: "x" },
      profile: { defaultLifetimeMs: 5_000 },
    });
  });
});
