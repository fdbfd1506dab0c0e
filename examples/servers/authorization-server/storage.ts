/**
 * Where the authorization server keeps its state, so that a restart loses nothing: one SQLite table behind the
 * adapter interface of `oidc-provider`.
 *
 * @module
 */
import { errors, type Adapter, type AdapterFactory, type AdapterPayload } from "oidc-provider";
import type { SQLInputValue } from "node:sqlite";

import { inTransaction, openDatabase } from "../lib/database.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS entry (
    model TEXT NOT NULL,
    id TEXT NOT NULL,
    payload TEXT NOT NULL,
    grant_id TEXT,
    uid TEXT,
    consumed_at INTEGER,
    expires_at INTEGER,
    PRIMARY KEY (model, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS entry_grant ON entry (grant_id) WHERE grant_id IS NOT NULL;
  CREATE INDEX IF NOT EXISTS entry_uid ON entry (model, uid) WHERE uid IS NOT NULL;
  CREATE INDEX IF NOT EXISTS entry_expiry ON entry (expires_at) WHERE expires_at IS NOT NULL;
`;

/** How many outdated rows one sweep deletes at most. */
const SWEEP_LIMIT = 500;

/** The server's store. */
export interface Storage {
  readonly adapter: AdapterFactory;
  /** Deletes rows that expired over a minute ago. */
  sweep(): void;
  close(): void;
}

/** What the store reports: a token that was presented again while its first use was still under way. */
export interface StorageEvents {
  reused(reuse: { readonly id: string; readonly grantId: string }): void;
}

interface Row {
  readonly payload: string;
  readonly consumed_at: number | null;
  readonly expires_at: number | null;
  readonly grant_id: string | null;
}

/** Opens the store in the file. */
export function openStorage(path: string, events: StorageEvents): Storage {
  const database = openDatabase(path, SCHEMA);
  const put = database.prepare(`
    INSERT INTO entry (model, id, payload, grant_id, uid, expires_at) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (model, id) DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id,
      uid = excluded.uid, expires_at = excluded.expires_at`);
  const byId = database.prepare("SELECT * FROM entry WHERE model = ? AND id = ?");
  const byUid = database.prepare("SELECT * FROM entry WHERE model = ? AND uid = ?");
  const remove = database.prepare("DELETE FROM entry WHERE model = ? AND id = ?");
  const removeGrant = database.prepare("DELETE FROM entry WHERE model = ? AND grant_id = ?");
  const removeFamily = database.prepare(
    "DELETE FROM entry WHERE grant_id = ? OR (model = 'Grant' AND id = ?)",
  );
  const consume = database.prepare(
    "UPDATE entry SET consumed_at = ? WHERE model = ? AND id = ? AND consumed_at IS NULL",
  );
  const sweep = database.prepare(`
    DELETE FROM entry WHERE (model, id) IN (SELECT model, id FROM entry WHERE expires_at < ? LIMIT ${SWEEP_LIMIT})`);

  const toPayload = (row: unknown): AdapterPayload | undefined => {
    if (row === undefined) return undefined;
    const { payload, consumed_at } = row as Row;
    const parsed = JSON.parse(payload) as AdapterPayload;
    return consumed_at === null ? parsed : { ...parsed, consumed: consumed_at };
  };

  /**
   * Marks a code or refresh token as used, in one statement: of two requests that both found it unused, only one
   * gets here first. The other is a second use, and ends the whole grant.
   */
  const consumeOnce = (model: string, id: string): void => {
    const use = inTransaction(database, () => {
      if (consume.run(nowSeconds(), model, id).changes === 1) return { first: true };
      const grantId = (byId.get(model, id) as Row | undefined)?.grant_id;
      if (grantId != null) removeFamily.run(grantId, grantId);
      return { first: false, grantId };
    });
    if (use.first) return;
    if (use.grantId != null) events.reused({ id, grantId: use.grantId });
    throw new errors.InvalidGrant("presented twice at the same time");
  };

  const adapter = (model: string): Adapter => ({
    upsert: async (id, payload, expiresInSeconds) => {
      const expiresAt = expiresInSeconds ? nowSeconds() + expiresInSeconds : null;
      put.run(model, id, JSON.stringify(payload), orNull(payload.grantId), orNull(payload.uid), expiresAt);
    },
    find: async (id) => toPayload(byId.get(model, id)),
    findByUid: async (uid) => toPayload(byUid.get(model, uid)),
    // The device flow, the only one with user codes, is off.
    findByUserCode: async () => undefined,
    consume: async (id) => consumeOnce(model, id),
    destroy: async (id) => void remove.run(model, id),
    revokeByGrantId: async (grantId) => void removeGrant.run(model, grantId),
  });

  return {
    adapter,
    sweep: () => void sweep.run(nowSeconds() - 60),
    close: () => database.close(),
  };
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

function orNull(value: string | undefined): SQLInputValue {
  return value ?? null;
}
