/**
 * How single providers say "this refresh token is dead" when they do not say it as in RFC 6749 (Q15, Q16). Each reader
 * compares whole members of the parsed body: a text is never searched, because an error page that happens to mention
 * `invalid_grant` must not sign anybody out.
 *
 * @module
 */
import type { Refusal, RefusalKind } from "./provider-profile.ts";
import { isJsonObject, type JsonObject } from "./raw-answer.ts";

/** Error codes that have one meaning wherever they come from; every code that is not here means `config`. */
export const REFUSALS: ReadonlyMap<string, RefusalKind> = new Map([
  ["invalid_grant", "rejected"],
  // On a refresh nobody is there to interact with: only a new sign-in helps (Q17).
  ["interaction_required", "rejected"],
  ["consent_required", "rejected"],
  ["mfa_required", "rejected"],
  ["login_required", "rejected"],
  ["slow_down", "not_committed"],
  ["temporarily_unavailable", "not_committed"],
  ["server_error", "unknown"],
]);

/** Of another API than the sign-in's these say that the user has not agreed to that one: the refresh token is as good as before. */
export const TARGET_REFUSALS: ReadonlySet<string> = new Set([
  "interaction_required",
  "consent_required",
  "mfa_required",
  "login_required",
  // RFC 8707: an API that the server does not know, or not for this user.
  "invalid_target",
]);

/** GitHub answers 200 with one of these. */
export const GITHUB_REFUSALS: ReadonlyMap<string, RefusalKind> = new Map([["bad_refresh_token", "rejected"]]);

/** Slack answers 200 with `ok: false` and one of these. `fatal_error` "may have partly succeeded", says Slack. */
export const SLACK_REFUSALS: ReadonlyMap<string, RefusalKind> = new Map([
  ["invalid_refresh_token", "rejected"],
  ["token_revoked", "rejected"],
  ["token_expired", "rejected"],
  ["ratelimited", "not_committed"],
  ["internal_error", "unknown"],
  ["fatal_error", "unknown"],
  ["service_unavailable", "unknown"],
  ["request_timeout", "unknown"],
]);

/** Kakao puts its own code beside or in place of OAuth's. */
export function readKakaoRefusal(members: JsonObject): Refusal | undefined {
  const code = members["error_code"];
  const description = members["error_description"] ?? members["msg"];
  if (code === "KOE322") return { code, kind: "rejected", description };
  if (code === "KOE003") return { code, kind: "unknown", description };
  return undefined;
}

/** HubSpot: `{ "status": "BAD_REFRESH_TOKEN", "message": … }`. */
export function readHubspotRefusal(members: JsonObject): Refusal | undefined {
  const { status, message } = members;
  if (typeof status !== "string" || typeof members["error"] === "string") return undefined;
  if (status === "BAD_REFRESH_TOKEN") return { code: status, kind: "rejected", description: message };
  return { code: status, kind: "config", description: message };
}

/** Twitch: `{ "status": 400, "message": "Invalid refresh token", "error": "Bad Request" }`. */
export function readTwitchRefusal(members: JsonObject): Refusal | undefined {
  const { message } = members;
  if (typeof message !== "string") return undefined;
  if (message.toLowerCase() === "invalid refresh token")
    return { code: "invalid_refresh_token", kind: "rejected", description: message };
  return { code: "twitch_error", kind: "config", description: message };
}

/** Strava: `{ "errors": [{ "resource": "RefreshToken", "field": "refresh_token", "code": "invalid" }] }`. */
export function readStravaRefusal(members: JsonObject): Refusal | undefined {
  const { errors, message } = members;
  if (!Array.isArray(errors)) return undefined;
  const dead = errors.some(
    (error) => isJsonObject(error) && error["resource"] === "RefreshToken" && error["code"] === "invalid",
  );
  return dead
    ? { code: "invalid_refresh_token", kind: "rejected", description: message }
    : { code: "strava_error", kind: "config", description: message };
}

/** Atlassian answers 403 `unauthorized_client` for a dead refresh token, which elsewhere is a fault of the client. */
export function readAtlassianRefusal(members: JsonObject): Refusal | undefined {
  const { error, error_description: description } = members;
  if (error !== "unauthorized_client" || description !== "refresh_token is invalid") return undefined;
  return { code: "invalid_grant", kind: "rejected", description };
}

/** Zoom numbers some errors: 4700 is its word for "something went wrong here". */
export function readZoomRefusal(members: JsonObject): Refusal | undefined {
  const code = members["code"] ?? members["errorCode"];
  if (Number(code) !== 4700 || typeof members["error"] === "string") return undefined;
  return { code: "zoom_4700", kind: "unknown", description: members["message"] ?? members["reason"] };
}

/** Facebook's Graph: `{ "error": { "code": 190, "type": "OAuthException", "message": … } }`. */
export function readFacebookRefusal(members: JsonObject): Refusal | undefined {
  const error = members["error"];
  if (!isJsonObject(error) || error["code"] !== 190) return undefined;
  return { code: "graph_190", kind: "rejected", description: error["message"] };
}

/** Slack nests the token of a user in `authed_user` (Q24). */
export function unwrapSlack(members: JsonObject): JsonObject {
  const user = members["authed_user"];
  return typeof members["access_token"] !== "string" && isJsonObject(user) ? user : members;
}
