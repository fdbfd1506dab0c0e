/**
 * From a provider entry of NextAuth v4 to what a refresh at it needs.
 *
 * @module
 */
import type { ProviderOptions } from "../adapter/options.ts";
import { profileOf } from "../oauth/profiles.ts";
import type { OAuthProviderConfig, TokenEndpointAuthMethod } from "../oauth/provider-config.ts";
import type { ProfileOverrides } from "../oauth/provider-profile.ts";

/** A provider entry as NextAuth v4 keeps it: what the user gave lies in `options` and wins. */
export type ProviderEntry = Readonly<Record<string, unknown>> & {
  readonly id: string;
  readonly type: string;
  readonly options?: Readonly<Record<string, unknown>> | undefined;
};

/** The id under which NextAuth knows a provider. */
export function providerIdOf({ id, options }: ProviderEntry): string {
  return textOf(options?.["id"]) ?? id;
}

/** Whether a provider brings tokens by OAuth 2. */
export function isOAuth2({ type, version, options }: ProviderEntry): boolean {
  const given = textOf(options?.["version"]) ?? textOf(version);
  return type === "oauth" && !(given ?? "2").startsWith("1.");
}

/**
 * What {@link OAuthProviderConfig} asks for, taken from a provider entry and nolapse's own settings of it.
 *
 * @param callbackUrl `undefined` where only a request could tell: none is better than a wrong one, which would be refused.
 */
export function oauthProviderConfig(
  entry: ProviderEntry,
  settings: ProviderOptions | undefined,
  callbackUrl: string | undefined,
): OAuthProviderConfig {
  const read = (name: string): unknown => entry.options?.[name] ?? entry[name];
  const token = endpointOf(entry, "token");
  const client = { ...recordOf(entry["client"]), ...recordOf(entry.options?.["client"]) };
  const { scope } = endpointOf(entry, "authorization").params;
  const issuer = textOf(read("issuer"));
  const wellKnown = textOf(read("wellKnown"));
  // Where there is metadata NextAuth takes the endpoint from it, unless the application makes the request itself.
  const tokenUrl = wellKnown === undefined || token.ownRequest ? token.url : undefined;
  const tokenEndpoint = settings?.tokenEndpoint ?? tokenUrl;
  const clientSecret = textOf(read("clientSecret"));
  const method = textOf(client["token_endpoint_auth_method"]);
  const algorithm = textOf(client["id_token_signed_response_alg"]);
  // Without this method the keys serve to decrypt ID tokens.
  const keys =
    method === "private_key_jwt" ? (recordOf(read("jwks"))["keys"] as JsonWebKey[] | undefined) : [];
  const [privateKey] = keys ?? [];
  const tokenParams = { ...token.params, ...settings?.refreshParams };
  const { revocationEndpoint } = settings ?? {};
  const profile = {
    // A provider that the application has given another id is still the same provider.
    ...(providerIdOf(entry) !== entry.id && profileOf(entry.id)),
    ...profileOverridesOf(settings ?? {}),
  };
  return {
    id: providerIdOf(entry),
    clientId: textOf(read("clientId")) ?? "",
    // Loopback only, whatever this says (SEC-37): a local server in development, the example, tests.
    allowInsecureRequests: true,
    ...(callbackUrl !== undefined && { redirectUri: callbackUrl }),
    ...(issuer !== undefined && { issuer }),
    ...(wellKnown !== undefined && { wellKnown }),
    ...(tokenEndpoint !== undefined && { tokenEndpoint }),
    ...(revocationEndpoint !== undefined && { revocationEndpoint }),
    ...(clientSecret !== undefined && { clientSecret }),
    ...(privateKey !== undefined && { clientPrivateKey: privateKey }),
    ...(method !== undefined && { tokenEndpointAuthMethod: method as TokenEndpointAuthMethod }),
    ...(algorithm !== undefined && { idTokenSignedResponseAlg: algorithm }),
    ...(scope !== undefined && { scope }),
    ...(Object.keys(tokenParams).length > 0 && { tokenParams }),
    ...(Object.keys(profile).length > 0 && { profile }),
  };
}

/** What an application knows better than the profile of its provider. */
export function profileOverridesOf({
  defaultLifetimeMs,
  revokeOnSignOut,
}: ProviderOptions): ProfileOverrides {
  return {
    ...(defaultLifetimeMs !== undefined && { defaultLifetimeMs }),
    ...(revokeOnSignOut !== undefined && { revocation: revokeOnSignOut ? "token" : "none" }),
  };
}

interface Endpoint {
  readonly url?: string;
  readonly params: Readonly<Record<string, string>>;
  /** The application makes the request itself. */
  readonly ownRequest: boolean;
}

/** An endpoint of a provider, with what the user gave merged in, as NextAuth does it. */
function endpointOf(entry: ProviderEntry, name: string): Endpoint {
  const [own, given] = [entry[name], entry.options?.[name]].map(readEndpoint) as [Endpoint, Endpoint];
  return {
    ...own,
    ...given,
    params: { ...own.params, ...given.params },
    ownRequest: own.ownRequest || given.ownRequest,
  };
}

/** NextAuth takes an endpoint as an URL, whose query are its parameters, or as `{ url, params, request }`. */
function readEndpoint(value: unknown): Endpoint {
  if (typeof value === "string" && URL.canParse(value)) {
    const url = new URL(value);
    return {
      url: `${url.origin}${url.pathname}`,
      params: Object.fromEntries(url.searchParams),
      ownRequest: false,
    };
  }
  const { url, params, request } = recordOf(value);
  const texts = Object.entries(recordOf(params)).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return {
    ...(typeof url === "string" && { url }),
    params: Object.fromEntries(texts),
    ownRequest: typeof request === "function",
  };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
