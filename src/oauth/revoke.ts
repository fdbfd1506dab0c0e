/**
 * Revocation at sign-out (RFC 7009): the refresh token first, because with it goes the grant.
 *
 * @see [RFC 7009, section 2](https://www.rfc-editor.org/rfc/rfc7009.html#section-2)
 * @module
 */
import * as oauth from "oauth4webapi";
import type { RefreshRequest, RevokeOutcome } from "../core/refresher.ts";
import { prepare, type Prepared, type RefresherContext } from "./prepare.ts";
import { profileOf } from "./profiles.ts";
import { discardBody } from "./read-body.ts";
import { insecureAllowed, send } from "./send.ts";

/**
 * Revokes a token set. Never rejects.
 *
 * `unsupported` also where revoking one refresh token would end other devices or a newer sign-in (profile, `grant-wide`).
 * The outcome is that of the refresh token; the access token is then revoked too, as well as it goes, and alone
 * decides only where there is no refresh token.
 */
export async function revokeTokens(
  context: RefresherContext,
  request: RefreshRequest,
): Promise<RevokeOutcome> {
  const { refreshToken, accessToken } = request.tokenSet;
  try {
    const config = context.resolveProvider(request.provider);
    if (config === undefined) return "unsupported";
    if (profileOf(config.id, config.profile).revocation !== "token") return "unsupported";
    const prepared = await prepare(context, request);
    if ("outcome" in prepared) return prepared.outcome.kind === "config" ? "unsupported" : "failed";
    if (prepared.server.revocationEndpoint === undefined) return "unsupported";
    if (refreshToken === undefined)
      return await revokeOne(context, prepared, request, accessToken, "access_token");
    const outcome = await revokeOne(context, prepared, request, refreshToken, "refresh_token");
    if (outcome === "revoked") await revokeOne(context, prepared, request, accessToken, "access_token");
    return outcome;
  } catch {
    return "failed";
  }
}

async function revokeOne(
  context: RefresherContext,
  { as, client, authentication }: Prepared,
  { signal }: RefreshRequest,
  token: string,
  hint: "refresh_token" | "access_token",
): Promise<RevokeOutcome> {
  try {
    const response = await oauth.revocationRequest(as, client, authentication.authenticate, token, {
      additionalParameters: { token_type_hint: hint },
      signal,
      ...insecureAllowed,
      [oauth.customFetch]: (url, { body, headers }) =>
        send(context.fetch, url, { method: "POST", body, headers }, signal),
    });
    discardBody(response);
    // 200 also for a token that the server does not know (section 2.2): it is gone either way.
    return response.status === 200 || response.status === 204 ? "revoked" : "failed";
  } catch {
    return "failed";
  }
}
