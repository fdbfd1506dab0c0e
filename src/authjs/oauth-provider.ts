/**
 * From a provider entry of Auth.js v5 to what a refresh at it needs.
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
import type {
  ClientPrivateKey,
  OAuthProviderConfig,
  TokenEndpointAuthMethod,
} from "../oauth/provider-config.ts";

/** Whether a provider brings tokens by OAuth 2. */
export function isOAuth({ type }: ProviderEntry): boolean {
  return type === "oauth" || type === "oidc";
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
  const { url: tokenUrl, params: tokenParams } = endpointOf(entry, "token");
  const { scope = "openid profile email" } = endpointOf(entry, "authorization").params;
  const client = { ...recordOf(entry["client"]), ...recordOf(entry.options?.["client"]) };
  const issuer = textOf(read("issuer"));
  const wellKnown = textOf(read("wellKnown"));
  // Unlike v4, where there is a token endpoint it counts, and metadata are not looked at.
  const tokenEndpoint = settings?.tokenEndpoint ?? tokenUrl;
  const clientSecret = textOf(read("clientSecret"));
  const method = textOf(client["token_endpoint_auth_method"]);
  const algorithm = textOf(client["id_token_signed_response_alg"]);
  const privateKey =
    method === "private_key_jwt"
      ? ((recordOf(entry.options?.["token"])["clientPrivateKey"] ??
          recordOf(entry["token"])["clientPrivateKey"]) as ClientPrivateKey | undefined)
      : undefined;
  const params = { ...tokenParams, ...settings?.refreshParams };
  const { revocationEndpoint } = settings ?? {};
  const profile = entryProfileOf(entry, settings);
  return {
    id: providerIdOf(entry),
    clientId: textOf(read("clientId")) ?? "",
    // Loopback only, whatever this says (SEC-37): a local server in development, the example, tests.
    allowInsecureRequests: true,
    scope,
    ...(callbackUrl !== undefined && { redirectUri: callbackUrl }),
    ...(issuer !== undefined && { issuer }),
    // Auth.js finds the metadata by the issuer alone.
    ...(issuer === undefined && wellKnown !== undefined && { wellKnown }),
    ...(tokenEndpoint !== undefined && { tokenEndpoint }),
    ...(revocationEndpoint !== undefined && { revocationEndpoint }),
    ...(clientSecret !== undefined && { clientSecret }),
    ...(privateKey !== undefined && { clientPrivateKey: privateKey }),
    ...(method !== undefined && { tokenEndpointAuthMethod: method as TokenEndpointAuthMethod }),
    ...(algorithm !== undefined && { idTokenSignedResponseAlg: algorithm }),
    ...(Object.keys(params).length > 0 && { tokenParams: params }),
    ...(Object.keys(profile).length > 0 && { profile }),
  };
}
