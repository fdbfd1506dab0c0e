/**
 * Refreshing at authorization servers and at an application's own backend.
 *
 * @module
 */
export {
  createCustomRefresher,
  type CustomRefresh,
  type CustomRevoke,
  type CustomRefresherOptions,
  type CustomRefreshInput,
  type CustomRefreshResult,
} from "./custom-refresher.ts";
export { createOAuthRefresher, type OAuthRefresherOptions } from "./oauth-refresher.ts";
export { profileOf, PROFILED_PROVIDERS } from "./profiles.ts";
export {
  grantIssuerOf,
  type ClientPrivateKey,
  type OAuthProviderConfig,
  type TokenEndpointAuthMethod,
} from "./provider-config.ts";
export type { ProfileOverrides, ProviderProfile } from "./provider-profile.ts";
export { isRefreshRejected, RefreshRejected } from "./refresh-rejected.ts";
