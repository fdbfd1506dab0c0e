/**
 * From a provider entry of Auth.js v5 to what a refresh at it needs.
 *
 * @module
 */
import type { ProviderOptions } from "../adapter/options.ts";
import {
  configFromEntry,
  endpointOf,
  memberOf,
  recordOf,
  textOf,
  type ProviderEntry,
} from "../adapter/provider-entry.ts";
import type { ClientPrivateKey, OAuthProviderConfig } from "../oauth/provider-config.ts";

/** Whether a provider brings tokens by OAuth 2. */
export function isOAuth({ type }: ProviderEntry): boolean {
  return type === "oauth" || type === "oidc";
}

/** See {@link configFromEntry}. */
export function oauthProviderConfig(
  entry: ProviderEntry,
  settings: ProviderOptions | undefined,
  callbackUrl: string | undefined,
): OAuthProviderConfig {
  const [given, own] = [entry.options?.["token"], entry["token"]].map(recordOf);
  return configFromEntry(entry, settings, callbackUrl, {
    // Unlike v4, where there is a token endpoint it counts, and metadata are not looked at.
    tokenUrl: endpointOf(entry, "token").url,
    // Auth.js finds the metadata by the issuer alone.
    wellKnown:
      textOf(memberOf(entry, "issuer")) === undefined ? textOf(memberOf(entry, "wellKnown")) : undefined,
    scope: endpointOf(entry, "authorization").params["scope"] ?? "openid profile email",
    privateKey: (given?.["clientPrivateKey"] ?? own?.["clientPrivateKey"]) as ClientPrivateKey | undefined,
  });
}
