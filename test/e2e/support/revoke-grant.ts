/** Ends a visitor's sign-in at the authorization server, as an administrator or a password change does. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { shortHash } from "../../../examples/servers/lib/audit-log.ts";
import type { Visitor } from "./visitor.ts";

/** Revokes the refresh token that the visitor's grant has now, and with it the grant. */
export async function revokeGrant({ stage: { servers }, grant }: Visitor): Promise<void> {
  const database = new DatabaseSync(join(servers.dataDir, "as.db"), { readOnly: true, timeout: 2_000 });
  const rows = database
    .prepare("SELECT id, grant_id FROM entry WHERE model = 'RefreshToken' AND consumed_at IS NULL")
    .all();
  database.close();
  const token = rows.find(({ grant_id }) => shortHash(String(grant_id)) === grant)?.["id"];
  if (typeof token !== "string") throw new Error("The visitor's grant has no refresh token");
  const response = await fetch(`${servers.issuer}/token/revocation`, {
    method: "POST",
    headers: {
      authorization: `Basic ${Buffer.from(`${servers.clientId}:${servers.clientSecret}`).toString("base64")}`,
    },
    body: new URLSearchParams({ token, token_type_hint: "refresh_token" }),
  });
  if (!response.ok) throw new Error(`The revocation was answered with ${response.status}`);
}
