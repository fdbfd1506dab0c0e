/**
 * From a provider entry of NextAuth v4 to what a refresh at it needs.
 *
 * @module
 */
import type { ProviderOptions } from "../adapter/options.ts";
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

/** What {@link OAuthProviderConfig} asks for, taken from a provider entry and nolapse's own settings of it. */
export function oauthProviderConfig(
  entry: ProviderEntry,
  settings: ProviderOptions | undefined,
  callbackUrl: string,
): OAuthProviderConfig {
  const read = (name: string): unknown => entry.options?.[name] ?? entry[name];
  const token = endpointOf(read("token"));
  const client = { ...recordOf(entry["client"]), ...recordOf(entry.options?.["client"]) };
  const scope = scopeOf(entry);
  const issuer = textOf(read("issuer"));
  const wellKnown = textOf(read("wellKnown"));
  const tokenEndpoint = settings?.tokenEndpoint ?? token.url;
  const clientSecret = textOf(read("clientSecret"));
  const method = textOf(client["token_endpoint_auth_method"]);
  const algorithm = textOf(client["id_token_signed_response_alg"]);
  const [privateKey] = (recordOf(read("jwks"))["keys"] as JsonWebKey[] | undefined) ?? [];
  const tokenParams = { ...token.params, ...settings?.refreshParams };
  const { revocationEndpoint } = settings ?? {};
  return {
    id: providerIdOf(entry),
    clientId: textOf(read("clientId")) ?? "",
    redirectUri: callbackUrl,
    // Loopback only, whatever this says (SEC-37): a local server in development, the example, tests.
    allowInsecureRequests: true,
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
    ...(settings !== undefined && { profile: profileOverridesOf(settings) }),
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

function scopeOf(entry: ProviderEntry): string | undefined {
  const given = endpointOf(entry.options?.["authorization"]).params["scope"];
  return given ?? textOf(entry.options?.["scope"]) ?? endpointOf(entry["authorization"]).params["scope"];
}

/** NextAuth takes an endpoint as an URL, whose query are its parameters, or as `{ url, params }`. */
function endpointOf(value: unknown): { url?: string; params: Record<string, string> } {
  if (typeof value === "string" && URL.canParse(value)) {
    const url = new URL(value);
    return { url: `${url.origin}${url.pathname}`, params: Object.fromEntries(url.searchParams) };
  }
  const { url, params } = recordOf(value);
  const texts = Object.entries(recordOf(params)).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return { ...(typeof url === "string" && { url }), params: Object.fromEntries(texts) };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
