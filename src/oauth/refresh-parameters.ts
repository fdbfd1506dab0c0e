/**
 * What a refresh request says beside the refresh token (Q20).
 *
 * @module
 */
import type { TokenSet } from "../core/token-set.ts";
import type { TokenTarget } from "../core/token-target.ts";
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
 * The further parameters of a refresh request: what the profile wants, then what is configured, which wins, then what
 * the caller's target says, which wins over both, member by member.
 *
 * @returns `wider_scope` if the scope asks for more than was granted: RFC 6749 forbids it, and a server that allows it
 *   would hand out rights that the user never gave (SEC-38). What the server told at sign-in is the scope of one access
 *   token; where a target is of another API, everything that the user was asked for counts as granted.
 * @see [RFC 6749, section 6](https://www.rfc-editor.org/rfc/rfc6749.html#section-6)
 */
export function refreshParameters(
  config: OAuthProviderConfig,
  profile: ProviderProfile,
  tokenSet: TokenSet,
  target: TokenTarget = {},
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
  const { resource, audience, scope } = target;
  if (resource !== undefined) parameters.set("resource", resource);
  if (audience !== undefined) parameters.set("audience", audience);
  if (scope !== undefined) parameters.set("scope", repeatedScope(scope, profile) ?? scope);
  const asked = scope ?? config.tokenParams?.["scope"];
  if (
    asked !== undefined &&
    profile.scopeNamesAreExact &&
    isWider(asked, grantedFor(target, config, tokenSet))
  )
    return "wider_scope";
  return parameters;
}

/** What the user granted, as far as it is known, to judge the scope of a target by. */
function grantedFor(
  target: TokenTarget,
  config: OAuthProviderConfig,
  tokenSet: TokenSet,
): string | undefined {
  if (target.resource !== undefined || target.audience !== undefined)
    return config.scope === undefined ? tokenSet.scope : `${config.scope} ${tokenSet.scope ?? ""}`;
  // A server that tells no scope granted what it was asked for (RFC 6749 section 5.1).
  return tokenSet.scope ?? (target.scope === undefined ? undefined : config.scope);
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
