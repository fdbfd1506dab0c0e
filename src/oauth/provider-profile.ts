/**
 * What is peculiar about an authorization server when it refreshes and revokes. Every fact in a profile is a default
 * that the operator can override, because providers change their policies under live clients.
 *
 * @module
 */
import type { RefreshOutcomeKind } from "../core/refresher.ts";
import { STRICT_ROTATION, type RotationPolicy } from "../core/rotation.ts";
import type { TokenTarget } from "../core/token-target.ts";
import type { JsonObject } from "./raw-answer.ts";

/** The classes that a refusal can have. */
export type RefusalKind = Exclude<RefreshOutcomeKind, "committed" | "committed_bad" | "not_sent">;

/** A refusal that a provider words in its own way. */
export interface Refusal {
  /** The provider's own code, or the OAuth code that it stands for. */
  readonly code: string;
  /** Left out where the usual meaning of `code` holds. */
  readonly kind?: RefusalKind;
  /** What the provider says about it, unchecked. */
  readonly description?: unknown;
}

/** How one provider behaves. */
export interface ProviderProfile {
  /** The lifetime to assume when a refresh tells none, in milliseconds. @defaultValue 5 minutes (Q10) */
  readonly defaultLifetimeMs?: number;
  /** A refresh kills the access token in hand at once: requests in flight get a 401 (Q7). @defaultValue false */
  readonly accessTokenDiesOnRefresh: boolean;
  /** What a refresh token that was used before is answered with. @defaultValue `strict`: a second use is theft */
  readonly rotation: RotationPolicy;
  /**
   * What revoking one refresh token does (RFC 7009). `token`: ends this chain. `grant-wide`: ends also the tokens of
   * other devices or of a newer sign-in, so it is not done. `none`: there is no such endpoint. @defaultValue `token`
   */
  readonly revocation: "token" | "grant-wide" | "none";
  /** What to change so that a sign-in brings a refresh token (F45). */
  readonly refreshTokenHint: string;
  /** False: there is no refresh grant at all, so a missing refresh token is no mistake (Q21). @defaultValue true */
  readonly hasRefreshGrant: boolean;
  /** How the token request is written. @defaultValue `form` */
  readonly bodyFormat: "form" | "json";
  /** Whether a refresh repeats the granted scope (Q20). @defaultValue `omit` */
  readonly scopeOnRefresh: "omit" | "granted";
  /** Scopes that belong to the repeated ones, although the server does not name them among the granted. */
  readonly addedScopes?: readonly string[];
  /** By what the server lets a refresh choose another API. @defaultValue all three */
  readonly targetParameters: readonly (keyof TokenTarget)[];
  /** Whether the scope that the server tells uses the names that were asked for (SEC-38). @defaultValue true */
  readonly scopeNamesAreExact: boolean;
  /** Whether a refresh repeats the redirect URI (Q20). @defaultValue false */
  readonly sendsRedirectUri: boolean;
  /** The client authentication where none is configured. @defaultValue `client_secret_basic`, as in NextAuth */
  readonly tokenEndpointAuthMethod?: "client_secret_basic" | "client_secret_post";
  /** The audience of a client assertion. @defaultValue `issuer` */
  readonly clientAssertionAudience: "issuer" | "token_endpoint";
  /**
   * How the issuer in the server's metadata relates to the configured one (SEC-36). `trailing-slash`: the server's
   * always ends in a slash, which NextAuth's documentation leaves out. `unchecked`: it is named otherwise, or free text.
   * @defaultValue `exact`
   */
  readonly issuerMatch: "exact" | "trailing-slash" | "unchecked";
  /** Other spellings of the issuer in ID tokens, by the spelling they stand for. */
  readonly issuerAliases?: ReadonlyMap<string, string>;
  /** Token types beside `Bearer` and `DPoP` that are sent as bearer tokens, in lower case. */
  readonly tokenTypes?: readonly string[];
  /** The class of error codes that mean something else here than elsewhere. */
  readonly refusals?: ReadonlyMap<string, RefusalKind>;
  /** Recognises a refusal that is not worded as in OAuth (Q16). Never matches parts of a text. */
  readonly readRefusal?: (members: JsonObject, status: number) => Refusal | undefined;
  /** Finds the token response in a body that wraps or names it differently (Q24). */
  readonly unwrap?: (members: JsonObject) => JsonObject;
}

/** What the operator may say about a provider. It wins over everything known. */
export type ProfileOverrides = Partial<ProviderProfile>;

/** How a provider rotates, as the engine wants it: whether access tokens die is either said of the rotation or of the profile. */
export function rotationPolicyOf({ rotation, accessTokenDiesOnRefresh }: ProviderProfile): RotationPolicy {
  return { ...rotation, accessTokensDie: rotation.accessTokensDie ?? accessTokenDiesOnRefresh };
}

/** A provider of which nothing is known: the RFCs hold. */
export const DEFAULT_PROFILE: ProviderProfile = {
  accessTokenDiesOnRefresh: false,
  rotation: STRICT_ROTATION,
  revocation: "token",
  refreshTokenHint:
    'Ask for the scope "offline_access" (`authorization: { params: { scope: "openid offline_access" } }`), with ' +
    '`prompt: "consent"` where the server wants consent for it, and allow the refresh token grant for this client.',
  hasRefreshGrant: true,
  bodyFormat: "form",
  scopeOnRefresh: "omit",
  targetParameters: ["resource", "audience", "scope"],
  scopeNamesAreExact: true,
  sendsRedirectUri: false,
  clientAssertionAudience: "issuer",
  issuerMatch: "exact",
};
