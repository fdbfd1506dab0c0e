/**
 * From a provider entry of NextAuth v4 to what a refresh at it needs.
 *
 * @module
 */
import type { ProviderOptions } from "../adapter/options.ts";
import {
  endpointOf,
  entryProfileOf,
  memberOf,
  providerIdOf,
  recordOf,
  textOf,
  type ProviderEntry,
} from "../adapter/provider-entry.ts";
import type { OAuthProviderConfig, TokenEndpointAuthMethod } from "../oauth/provider-config.ts";

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
  const read = (name: string): unknown => memberOf(entry, name);
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
  const profile = entryProfileOf(entry, settings);
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
