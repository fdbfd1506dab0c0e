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
  type Endpoint,
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
    tokenUrl: urlOf(mergedEndpointOf(entry, "token")),
    tokenParams: {},
    // Auth.js finds the metadata by the issuer alone.
    wellKnown:
      textOf(memberOf(entry, "issuer")) === undefined ? textOf(memberOf(entry, "wellKnown")) : undefined,
    scope: mergedEndpointOf(entry, "authorization").params["scope"] ?? "openid profile email",
    privateKey: (given?.["clientPrivateKey"] ?? own?.["clientPrivateKey"]) as ClientPrivateKey | undefined,
  });
}

/** An endpoint as Auth.js merges it: an URL that the application gave leaves nothing of the provider's own. */
function mergedEndpointOf(entry: ProviderEntry, name: string): Endpoint {
  return endpointOf(
    typeof entry.options?.[name] === "string" ? { ...entry, [name]: undefined } : entry,
    name,
  );
}

/** Auth.js leaves the parameters of an endpoint in its query, also those of a POST. */
function urlOf({ url, params }: Endpoint): string | undefined {
  if (url === undefined || !URL.canParse(url)) return url;
  const whole = new URL(url);
  for (const [name, value] of Object.entries(params)) whole.searchParams.set(name, value);
  return whole.href;
}
