/**
 * The providers whose refresh is peculiar. A provider that is not here gets {@link DEFAULT_PROFILE}.
 *
 * The facts come from the vendors' documentation and public threads, not from their live services; what no source
 * states is left at the default.
 *
 * @module
 */
import { STRICT_ROTATION, type RotationPolicy } from "../core/rotation.ts";
import { DEFAULT_PROFILE, type ProfileOverrides, type ProviderProfile } from "./provider-profile.ts";
import {
  GITHUB_REFUSALS,
  readAtlassianRefusal,
  readFacebookRefusal,
  readHubspotRefusal,
  readKakaoRefusal,
  readStravaRefusal,
  readTwitchRefusal,
  readZoomRefusal,
  SLACK_REFUSALS,
  unwrapSlack,
} from "./refusals.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The vendor says of every account that a refresh token stays the same, or that the old one goes on working. */
const NOT_ROTATED: RotationPolicy = { class: "none", graceMs: 0 };
const OVERLAPPING: RotationPolicy = { class: "overlapping", graceMs: 0 };

const ALWAYS_ISSUED =
  "Its authorization code grant always brings a refresh token; look for a custom token request that drops it.";
const OFFLINE_ACCESS =
  'Add the scope "offline_access": `authorization: { params: { scope: "openid profile email offline_access" } }`';

const ENTRA: ProfileOverrides = {
  revocation: "none",
  rotation: OVERLAPPING,
  // One token is for one API, and its scopes say which.
  targetParameters: ["scope"],
  scopeOnRefresh: "granted",
  // Entra leaves it out of the granted scopes, and without it answers without a refresh token.
  addedScopes: ["offline_access"],
  scopeNamesAreExact: false,
  clientAssertionAudience: "token_endpoint",
  refreshTokenHint: `${OFFLINE_ACCESS}.`,
};

const IDENTITY_SERVER: ProfileOverrides = {
  refreshTokenHint: `${OFFLINE_ACCESS}, and set AllowOfflineAccess of the client to true.`,
};

const HYDRA: ProfileOverrides = {
  accessTokenDiesOnRefresh: true,
  refreshTokenHint: `${OFFLINE_ACCESS}, and allow the refresh_token grant for the client.`,
};

const KNOWN: ReadonlyMap<string, ProfileOverrides> = new Map<string, ProfileOverrides>([
  [
    "google",
    {
      // Revoking one token withdraws the user's consent for the whole app, on every device.
      revocation: "grant-wide",
      rotation: NOT_ROTATED,
      issuerAliases: new Map([["accounts.google.com", "https://accounts.google.com"]]),
      refreshTokenHint:
        'Google sends one only if asked, and only with consent: `authorization: { params: { access_type: "offline", ' +
        'prompt: "consent" } }`.',
    },
  ],
  [
    "kakao",
    {
      revocation: "none",
      tokenEndpointAuthMethod: "client_secret_post",
      readRefusal: readKakaoRefusal,
      refreshTokenHint: ALWAYS_ISSUED,
    },
  ],
  ["naver", { revocation: "none", refreshTokenHint: ALWAYS_ISSUED }],
  ["line", { revocation: "none", rotation: NOT_ROTATED, refreshTokenHint: ALWAYS_ISSUED }],
  // Its documentation: the user's authorization of the app is invalidated.
  [
    "apple",
    {
      revocation: "grant-wide",
      rotation: NOT_ROTATED,
      tokenEndpointAuthMethod: "client_secret_post",
      refreshTokenHint: ALWAYS_ISSUED,
    },
  ],
  [
    "github",
    {
      accessTokenDiesOnRefresh: true,
      revocation: "none",
      refusals: GITHUB_REFUSALS,
      refreshTokenHint:
        'Only a GitHub App issues one, with "User-to-server token expiration" on in its settings. The token of an ' +
        "OAuth App does not expire and cannot be refreshed.",
    },
  ],
  ["gitlab", { accessTokenDiesOnRefresh: true, sendsRedirectUri: true, refreshTokenHint: ALWAYS_ISSUED }],
  ["azure-ad", ENTRA],
  ["microsoft-entra-id", ENTRA],
  // Its metadata names the tenant by number and leaves out the policy, unlike the URL under which NextAuth finds it.
  // No source says what it does with an old refresh token.
  [
    "azure-ad-b2c",
    {
      ...ENTRA,
      rotation: STRICT_ROTATION,
      addedScopes: ["openid", "offline_access"],
      issuerMatch: "unchecked",
    },
  ],
  [
    "okta",
    {
      scopeOnRefresh: "granted",
      refreshTokenHint: `${OFFLINE_ACCESS}, and turn on the grant type "Refresh Token" of the app.`,
    },
  ],
  [
    "auth0",
    {
      issuerMatch: "trailing-slash",
      // So it is where "Refresh Token Revocation Deletes Grant" is on, the default of tenants from before 2021.
      revocation: "grant-wide",
      refreshTokenHint: `${OFFLINE_ACCESS}, and turn on "Allow Offline Access" of the API whose audience is asked for.`,
    },
  ],
  ["cognito", { refreshTokenHint: ALWAYS_ISSUED }],
  ["keycloak", { refreshTokenHint: ALWAYS_ISSUED }],
  ["authentik", { issuerMatch: "trailing-slash", refreshTokenHint: `${OFFLINE_ACCESS}.` }],
  [
    "zitadel",
    {
      accessTokenDiesOnRefresh: true,
      refreshTokenHint: `${OFFLINE_ACCESS}, and turn on the grant type "Refresh Token" of the app.`,
    },
  ],
  ["hydra", HYDRA],
  ["ory-hydra", HYDRA],
  // Its issuer is a free text of the tenant, such as "acme.com".
  ["fusionauth", { issuerMatch: "unchecked", refreshTokenHint: `${OFFLINE_ACCESS}.` }],
  [
    "logto",
    {
      refreshTokenHint:
        'Logto drops "offline_access" without consent: `authorization: { params: { scope: "openid offline_access", ' +
        'prompt: "consent" } }`, or set alwaysIssueRefreshToken of the app.',
    },
  ],
  ["duende-identity-server6", IDENTITY_SERVER],
  // NextAuth v4 spells it so.
  ["duende-identityserver6", IDENTITY_SERVER],
  ["identity-server4", IDENTITY_SERVER],
  ["discord", { revocation: "grant-wide", refreshTokenHint: ALWAYS_ISSUED }],
  [
    "slack",
    {
      defaultLifetimeMs: 12 * HOUR_MS,
      revocation: "none",
      tokenTypes: ["bot", "user"],
      refusals: SLACK_REFUSALS,
      unwrap: unwrapSlack,
      refreshTokenHint: 'Turn on "token rotation" of the Slack app. Without it its tokens do not expire.',
    },
  ],
  ["spotify", { revocation: "none", refreshTokenHint: ALWAYS_ISSUED }],
  [
    "twitch",
    {
      defaultLifetimeMs: HOUR_MS,
      revocation: "none",
      tokenEndpointAuthMethod: "client_secret_post",
      readRefusal: readTwitchRefusal,
      refreshTokenHint: ALWAYS_ISSUED,
    },
  ],
  ["twitter", { refreshTokenHint: 'Add the scope "offline.access" (with a dot).' }],
  [
    "facebook",
    {
      hasRefreshGrant: false,
      revocation: "none",
      readRefusal: readFacebookRefusal,
      refreshTokenHint:
        "Facebook has no refresh tokens. Exchange the token for a long-lived one (grant_type=fb_exchange_token) at " +
        "sign-in; after about 60 days the user has to sign in again.",
    },
  ],
  [
    "linkedin",
    {
      revocation: "none",
      tokenEndpointAuthMethod: "client_secret_post",
      refreshTokenHint:
        "LinkedIn gives refresh tokens to approved partners only (programmatic refresh tokens).",
    },
  ],
  ["zoom", { readRefusal: readZoomRefusal, refreshTokenHint: ALWAYS_ISSUED }],
  [
    "salesforce",
    {
      // Never told; 15 minutes is the shortest session timeout that an org can set.
      defaultLifetimeMs: 15 * MINUTE_MS,
      refreshTokenHint: 'Add the scope "refresh_token" (or "offline_access").',
    },
  ],
  [
    "hubspot",
    {
      revocation: "none",
      rotation: NOT_ROTATED,
      tokenEndpointAuthMethod: "client_secret_post",
      readRefusal: readHubspotRefusal,
      refreshTokenHint: ALWAYS_ISSUED,
    },
  ],
  [
    "atlassian",
    {
      revocation: "none",
      // Its documentation: a "reuse interval" of 10 minutes, then breach detection.
      rotation: { class: "grace", graceMs: 10 * MINUTE_MS },
      readRefusal: readAtlassianRefusal,
      refreshTokenHint: `Add the scope "offline_access".`,
    },
  ],
  [
    "dropbox",
    {
      revocation: "none",
      rotation: NOT_ROTATED,
      refreshTokenHint: 'Ask for it: `authorization: { params: { token_access_type: "offline" } }`.',
    },
  ],
  ["reddit", { refreshTokenHint: 'Ask for it: `authorization: { params: { duration: "permanent" } }`.' }],
  [
    "strava",
    {
      revocation: "none",
      tokenEndpointAuthMethod: "client_secret_post",
      readRefusal: readStravaRefusal,
      refreshTokenHint: ALWAYS_ISSUED,
    },
  ],
  [
    "notion",
    { bodyFormat: "json", defaultLifetimeMs: HOUR_MS, revocation: "none", refreshTokenHint: ALWAYS_ISSUED },
  ],
  [
    "workos",
    {
      hasRefreshGrant: false,
      revocation: "none",
      tokenEndpointAuthMethod: "client_secret_post",
      refreshTokenHint:
        "WorkOS SSO has no refresh tokens: its access token serves only to fetch the profile.",
    },
  ],
]);

/** The ids of the providers that have a profile of their own. */
export const PROFILED_PROVIDERS: readonly string[] = [...KNOWN.keys()];

/** The profile of a NextAuth provider id: what the operator says, then what is known, then the default. */
export function profileOf(providerId: string, overrides: ProfileOverrides = {}): ProviderProfile {
  return { ...DEFAULT_PROFILE, ...KNOWN.get(providerId), ...overrides };
}
