/**
 * The second argument of `withFreshTokens`: where grants live, and everything that has a default.
 *
 * @module
 */
import type { Limits } from "../core/engine.ts";
import type { RotationClass } from "../core/rotation.ts";
import type { TokenEventListener } from "../core/events.ts";
import type { GrantStore } from "../core/grant-store.ts";
import type { TimingOptions } from "../core/lead-time.ts";
import type { TokenEndpointResponse } from "../core/token-set.ts";
import type { CustomRefresh, CustomRevoke } from "../oauth/custom-refresher.ts";
import type { WaitUntil } from "./background.ts";
import type { SessionToken } from "./claim.ts";

/** How a provider rotates refresh tokens. See docs/rotation.md; `probeRotation` of `nolapse/testing` finds it out. */
export interface RotationOptions {
  /** What the server does with a refresh token that was used before. */
  readonly class: RotationClass;
  /**
   * How long after its first use the old refresh token still helps, in milliseconds: 1_000 or more for `idempotent`
   * (`Infinity` where it knows no end), `grace` and `last_wins`; for the others it has no meaning. @defaultValue 0
   */
  readonly graceMs?: number;
  /** A refresh kills the access tokens that were issued before it. @defaultValue by provider, else false */
  readonly accessTokensDie?: boolean;
}

/** How a sign-out of the app goes on at the provider. All have defaults. */
export interface RpInitiatedLogoutOptions {
  /**
   * Whether the last ID token goes along, so that the provider need not ask the user. It stands in the address then: in the
   * browser's history, and in the provider's log. @defaultValue true
   */
  readonly idTokenHint?: boolean;
  /** Where the provider sends the user afterwards, as registered there. @defaultValue where the app sends the user, within its own origin */
  readonly postLogoutRedirectUri?: string;
}

/** Settings of one provider, by its NextAuth id. All have defaults. */
export interface ProviderOptions {
  /** Refreshes against a backend of your own (Credentials logins). Without it the OAuth refresh grant is used. */
  readonly refresh?: CustomRefresh;
  /** Revokes at that backend, at sign-out. */
  readonly revoke?: CustomRevoke;
  /** Where a token of that backend says no lifetime: `jwt-exp` reads `exp` of the access token. */
  readonly expiryFrom?: "jwt-exp";
  /** Statuses of that backend's answers that mean a dead refresh token, such as `[401]`. @defaultValue only OAuth's `invalid_grant` */
  readonly rejectedStatuses?: readonly number[];
  /** Finds the tokens on the user that `authorize` returned. @defaultValue `(user) => user.tokens` */
  readonly userTokens?: (user: never) => TokenEndpointResponse | undefined;
  /** The lifetime to assume where the server tells none, in milliseconds. @defaultValue by provider, else 300_000 */
  readonly defaultLifetimeMs?: number;
  /** Whether tokens are revoked at sign-out. @defaultValue true, except where that would end other devices too (Google, Discord) */
  readonly revokeOnSignOut?: boolean;
  /** What the server does with a refresh token that was used before. @defaultValue by provider, else strict */
  readonly rotation?: RotationOptions;
  /** Members to add to each refresh request, such as `{ scope: "api://orders/.default offline_access" }`. */
  readonly refreshParams?: Readonly<Record<string, string>>;
  /** The token endpoint, where it is neither in the provider nor in its metadata. */
  readonly tokenEndpoint?: string;
  /** The revocation endpoint (RFC 7009), where it is not in the metadata. */
  readonly revocationEndpoint?: string;
  /** Whether a sign-out of the app also signs the user out at the provider. See docs/sign-out.md. @defaultValue false */
  readonly rpInitiatedLogout?: boolean | RpInitiatedLogoutOptions;
  /** Where a user signs out at the provider (`end_session_endpoint`), where it is not in the metadata. */
  readonly endSessionEndpoint?: string;
  /** The key set that verifies logout tokens, where it is not in the metadata. */
  readonly jwksUri?: string;
  /** Whether logout tokens are accepted whose `typ` is `JWT` or not there, as Keycloak before 25 sends them. @defaultValue false */
  readonly acceptUntypedLogoutTokens?: boolean;
}

/** What `withFreshTokens` takes beside NextAuth's own options. Every duration is in milliseconds. */
export interface FreshTokensOptions extends TimingOptions, Partial<Limits> {
  /** Where grants live: `sqliteStore({ path })` from `nolapse/stores/sqlite`, or another store. */
  readonly store: GrantStore;
  /**
   * What seals the store, newest first; each at least 32 characters of chance (`openssl rand -base64 32`).
   * @defaultValue `NOLAPSE_SECRET` (a comma-separated list), else NextAuth's own secret
   */
  readonly secret?: string | readonly string[];
  /**
   * How far a commit or a session read moves the end of a grant, in milliseconds. Less than twice NextAuth's
   * `session.maxAge` lets a grant end before the session's cookie. @defaultValue twice `session.maxAge`: 60 days
   */
  readonly slidingLifetimeMs?: number;
  /** Settings by provider id. */
  readonly providers?: Readonly<Record<string, ProviderOptions>>;
  /** The origins that `fetchWithToken` may send the token to, such as `https://api.example.com`. @defaultValue none */
  readonly allowedOrigins?: readonly string[];
  /**
   * Whether the browser gets the access token: not at all; in `session.accessToken` and by `POST <basePath>/access-token`
   * (true); or only there, where the page asks for it (`on-request`), so that no HTML or flight data holds it and a renewal
   * renders nothing. The refresh token never gets there. @defaultValue false
   */
  readonly exposeAccessToken?: boolean | "on-request";
  /**
   * Whether a cookie that scripts can read, `nolapse.marker`, tells a browser's tabs of a renewal on the server. It holds the
   * token's end in epoch seconds. @defaultValue true
   */
  readonly tokenMarker?: boolean;
  /**
   * Finds the tokens in a session that a hand-written recipe made; `false` adopts none.
   * @defaultValue the names that NextAuth's guides use
   */
  readonly adoptSession?: false | ((token: SessionToken) => RecipeTokens | undefined);
  /**
   * Whether a sign-in in a browser that is signed in is the same user's, so that the session keeps the grants it had. Gets
   * both JWTs as your `jwt` callback returned them. What it throws counts as no.
   * @defaultValue with an adapter, whether `sub` is the same, except for Credentials logins; without one, no
   */
  readonly isSameUser?: (before: SessionToken, now: SessionToken) => boolean | Promise<boolean>;
  /**
   * Whether the tokens of a sign-in also get into the adapter's account, as NextAuth puts them there: in plain, and stale
   * from the first refresh on. @defaultValue false
   */
  readonly keepAccountTokens?: boolean;
  /** Keeps the host awake after a response, where the platform does not tell Next how. @defaultValue the platform's, or Next's `after()` */
  readonly waitUntil?: WaitUntil;
  /** Told of every refresh, end and failure. Holds no secret. What it throws is swallowed. */
  readonly onEvent?: TokenEventListener;
  /** The fetch that talks to authorization servers. @defaultValue the global one */
  readonly fetch?: typeof globalThis.fetch;
}

/** Tokens found in a session of a hand-written recipe. */
export interface RecipeTokens {
  readonly tokens: TokenEndpointResponse;
  /** NextAuth's provider id; may be left out where the application has one OAuth or Credentials provider in all. */
  readonly provider?: string;
}
