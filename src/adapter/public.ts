/**
 * What both entries for servers export beside `withFreshTokens`.
 *
 * @module
 */
export { isTokenError } from "../core/errors.ts";
export type {
  InvalidOptionError,
  NoTokenError,
  NotSignedInError,
  ReauthenticationReason,
  ReauthenticationRequiredError,
  RefreshUnavailableError,
  StoreFailedError,
  TokenError,
  TokenErrorCode,
} from "../core/errors.ts";
export type { TokenEvent, TokenEventListener, TokenEventType } from "../core/events.ts";
export type { EndReason } from "../core/grant.ts";
export type { GrantStore } from "../core/grant-store.ts";
export type { BackChannelLogout } from "./back-channel-logout.ts";
export type { Check } from "./check.ts";
export type { RotationClass } from "../core/rotation.ts";
export type { ResealedGrants } from "./app.ts";
export type { FetchWithToken, FetchWithTokenOptions } from "./fetch-with-token.ts";
export type {
  FreshTokensOptions,
  ProviderOptions,
  RecipeTokens,
  RotationOptions,
  RpInitiatedLogoutOptions,
} from "./options.ts";
export type { ListedSession, LiveSessions, SessionUser } from "./live-sessions.ts";
export type { RequestLike } from "./request-source.ts";
export type { SessionFields, TokenState } from "./session-fields.ts";
export type { AccessToken, GetAccessToken, RenewAccessToken, RequestCall } from "./token-access.ts";
export type { AccessTokenOptions } from "./token-ask.ts";
export type { CurrentTokenMarker } from "./token-marker.ts";
export type { CreateTokenHandler, TokenHandler, TokenHandlerRoute } from "./token-handler/index.ts";
export type { TokenHandlerApi, TokenHandlerMethod, TokenHandlerOptions } from "./token-handler/options.ts";
export type { TokenHandlerErrorCode } from "./token-handler/answers.ts";
export { RefreshRejected } from "../oauth/refresh-rejected.ts";
