/**
 * From a provider entry of NextAuth v4 to what a refresh at it needs.
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
import type { OAuthProviderConfig } from "../oauth/provider-config.ts";

/** Whether a provider brings tokens by OAuth 2. */
export function isOAuth2({ type, version, options }: ProviderEntry): boolean {
  const given = textOf(options?.["version"]) ?? textOf(version);
  return type === "oauth" && !(given ?? "2").startsWith("1.");
}

/** See {@link configFromEntry}. */
export function oauthProviderConfig(
  entry: ProviderEntry,
  settings: ProviderOptions | undefined,
  callbackUrl: string | undefined,
): OAuthProviderConfig {
  const { url, params, ownRequest } = endpointOf(entry, "token");
  const wellKnown = textOf(memberOf(entry, "wellKnown"));
  const keys = recordOf(memberOf(entry, "jwks"))["keys"] as JsonWebKey[] | undefined;
  return configFromEntry(entry, settings, callbackUrl, {
    // Where there is metadata NextAuth takes the endpoint from it, unless the application makes the request itself.
    tokenUrl: wellKnown === undefined || ownRequest ? url : undefined,
    tokenParams: params,
    wellKnown,
    scope: endpointOf(entry, "authorization").params["scope"],
    privateKey: keys?.[0],
  });
}
