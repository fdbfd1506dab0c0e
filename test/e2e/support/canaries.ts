/**
 * Everything secret that a test stage has made so far, read out of its databases, so that a test can look for it where
 * it must not be.
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { createKeyRing } from "../../../src/vault/key-ring.ts";
import { createSealer } from "../../../src/vault/sealer.ts";
import { SECRETS, type Stage } from "./app.ts";
import { EXAMPLE } from "./example.ts";
import type { Canary } from "./secret-scan.ts";
import type { Visitor } from "./visitor.ts";

/** Tokens of all users, past and present, as far as the databases still know them, and the secrets of the stage. */
export function secretsOf(stage: Stage): readonly Canary[] {
  return [
    ...serverTokens(stage),
    ...sealedTokens(stage),
    { name: EXAMPLE.secretVariable, value: SECRETS.nextAuth },
    { name: "NOLAPSE_SECRET", value: SECRETS.nolapse },
    { name: "client secret", value: stage.servers.clientSecret },
  ];
}

/** The handle in the visitor's session cookie, and the cookie itself, which no script may read. */
export async function sessionSecrets(visitor: Visitor): Promise<readonly Canary[]> {
  const cookie = await sessionCookie(visitor);
  if (cookie === undefined) return [];
  const token = await EXAMPLE.openSession(cookie, SECRETS.nextAuth);
  const handle = (token as { readonly nolapse?: { readonly handle?: string } } | null)?.nolapse?.handle;
  if (handle === undefined) throw new Error("The session cookie names no grant");
  return [
    { name: "handle", value: handle },
    { name: "session cookie", value: cookie },
  ];
}

/** What the session cookie says, decrypted, as text. */
export async function sessionCookieText(visitor: Visitor): Promise<string> {
  return JSON.stringify(await EXAMPLE.openSession(await sessionCookie(visitor), SECRETS.nextAuth));
}

async function sessionCookie({ context, stage }: Visitor): Promise<string | undefined> {
  return (await context.cookies(stage.app.url)).find(({ name }) => name === EXAMPLE.sessionCookie)?.value;
}

/** At the authorization server tokens are opaque: they are the ids of its rows. */
function serverTokens({ servers }: Stage): Canary[] {
  return read(join(servers.dataDir, "as.db"), "SELECT model, id FROM entry").flatMap(({ model, id }) =>
    ["AccessToken", "RefreshToken"].includes(String(model))
      ? [{ name: String(model), value: String(id) }]
      : [],
  );
}

/** What nolapse keeps sealed: the current tokens of every sign-in, the ID token and the backend's own included. */
function sealedTokens({ servers }: Stage): Canary[] {
  const sealer = createSealer(createKeyRing({ secrets: [SECRETS.nolapse] }));
  const rows = read(join(servers.dataDir, "grants.db"), "SELECT id, version, sealed_token_set FROM grants");
  return rows.flatMap(({ id, version, sealed_token_set: sealed }) => {
    if (sealed === "") return [];
    const slot = { grantId: String(id), field: "token-set", version: Number(version) } as const;
    const set = JSON.parse(sealer.open(String(sealed), slot)) as Record<string, unknown>;
    return ["accessToken", "refreshToken", "idToken"].flatMap((member) =>
      typeof set[member] === "string" ? [{ name: member, value: set[member] }] : [],
    );
  });
}

function read(path: string, query: string): Record<string, unknown>[] {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 2_000 });
  try {
    return database.prepare(query).all();
  } finally {
    database.close();
  }
}
