/**
 * What a refresh request says beside the refresh token (Q20).
 *
 * @module
 */
import type { TokenSet } from "../core/token-set.ts";
import type { OAuthProviderConfig } from "./provider-config.ts";
import type { ProviderProfile } from "./provider-profile.ts";

/** Scopes that steer the protocol. Servers often leave them out of the granted ones, so asking for them widens nothing. */
const PROTOCOL_SCOPES: ReadonlySet<string> = new Set([
  "openid",
  "offline_access",
  "offline",
  "offline.access",
]);

/**
 * The further parameters of a refresh request: what the profile wants, then what is configured, which wins.
 *
 * @returns `wider_scope` if the configured scope asks for more than was granted: RFC 6749 forbids it, and a server
 *   that allows it would hand out rights that the user never gave (SEC-38).
 * @see [RFC 6749, section 6](https://www.rfc-editor.org/rfc/rfc6749.html#section-6)
 */
export function refreshParameters(
  config: OAuthProviderConfig,
  profile: ProviderProfile,
  tokenSet: TokenSet,
): URLSearchParams | "wider_scope" {
  const parameters = new URLSearchParams();
  if (profile.scopeOnRefresh === "granted") {
    const scope = repeatedScope(tokenSet.scope ?? config.scope, profile);
    if (scope !== undefined) parameters.set("scope", scope);
  }
  if (profile.sendsRedirectUri && config.redirectUri !== undefined) {
    parameters.set("redirect_uri", config.redirectUri);
  }
  for (const [name, value] of Object.entries(config.tokenParams ?? {})) parameters.set(name, value);
  const asked = config.tokenParams?.["scope"];
  if (asked !== undefined && profile.scopeNamesAreExact && isWider(asked, tokenSet.scope))
    return "wider_scope";
  return parameters;
}

function repeatedScope(scope: string | undefined, { addedScopes = [] }: ProviderProfile): string | undefined {
  if (scope === undefined) return undefined;
  return [...new Set([...scopesOf(scope), ...addedScopes])].join(" ");
}

function isWider(asked: string, granted: string | undefined): boolean {
  if (granted === undefined) return false;
  const allowed = new Set(scopesOf(granted));
  return scopesOf(asked).some((scope) => !allowed.has(scope) && !PROTOCOL_SCOPES.has(scope));
}

function scopesOf(scope: string): string[] {
  // GitHub and Slack separate with commas.
  return scope.split(/[\s,]+/).filter((each) => each !== "");
}
