/**
 * Turns what `oidc-provider` reports into lines of the audit log, so that tests can count refresh requests, tokens
 * issued, tokens presented twice and grants revoked.
 *
 * @module
 */
import type { KoaContextWithOIDC, Provider } from "oidc-provider";

import { shortHash, type AuditLog } from "../lib/audit-log.ts";

/** What the events about tokens have in common. */
interface Token {
  readonly jti?: string;
  readonly grantId?: string;
  readonly accountId?: string;
  readonly gty?: string;
}

/** Writes a line for everything that happens to a token or a grant of this provider. */
export function recordEvents(provider: Provider, audit: AuditLog): void {
  const onToken = (from: string, event: string): void => {
    provider.on(from as "access_token.saved", (token: unknown) => audit(event, describe(token as Token)));
  };
  onToken("access_token.saved", "access_token.issued");
  onToken("access_token.destroyed", "token.revoked");
  onToken("refresh_token.saved", "refresh_token.issued");
  onToken("refresh_token.consumed", "refresh_token.consumed");
  onToken("refresh_token.destroyed", "token.revoked");
  onToken("authorization_code.consumed", "authorization_code.consumed");

  provider.on("grant.revoked", (_ctx, grantId) => audit("grant.revoked", { grant: shortHash(grantId) }));
  provider.on("grant.success", (ctx) => audit("token_request", { ...describeRequest(ctx), outcome: "ok" }));
  provider.on("grant.error", (ctx, error) => {
    const request = describeRequest(ctx);
    audit("token_request", { ...request, outcome: error.error, detail: error.error_detail });
    if (error.error_detail === "refresh token already used") audit("refresh_token.reused", request);
  });
  provider.on("end_session.success", () => audit("end_session"));
}

/** A token that two requests presented at the same time; the second ended the grant. */
export function recordReuse(audit: AuditLog, reuse: { readonly id: string; readonly grantId: string }): void {
  const grant = shortHash(reuse.grantId);
  audit("refresh_token.reused", {
    grant,
    token: shortHash(reuse.id),
    detail: "presented twice at the same time",
  });
  audit("grant.revoked", { grant });
}

function describe(token: Token): Record<string, unknown> {
  return {
    grant: token.grantId === undefined ? null : shortHash(token.grantId),
    user: token.accountId ?? null,
    grantType: token.gty?.split(" ").at(-1) ?? null,
    token: token.jti === undefined ? null : shortHash(token.jti),
  };
}

function describeRequest(ctx: KoaContextWithOIDC): Record<string, unknown> {
  const presented = ctx.oidc?.params?.["refresh_token"];
  const grantId = ctx.oidc?.entities?.Grant?.jti;
  return {
    grantType: ctx.oidc?.params?.["grant_type"] ?? null,
    grant: grantId === undefined ? null : shortHash(grantId),
    user: ctx.oidc?.entities?.Account?.accountId ?? null,
    ...(typeof presented === "string" ? { token: shortHash(presented) } : {}),
  };
}
