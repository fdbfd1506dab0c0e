/**
 * The backend's own sign-ins: each has one refresh token at a time. A refresh replaces it, and a replaced one that
 * comes back ends the sign-in, because one of the two who hold it is a thief.
 *
 * @module
 */
import { createHash } from "node:crypto";

import { inTransaction, openDatabase } from "../lib/database.ts";
import { newSecret } from "../lib/kept-json.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS session (
    id TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS refresh_token (
    hash TEXT PRIMARY KEY,
    session TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    used INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS refresh_token_session ON refresh_token (session);
`;

/** How long a sign-in lasts after its last refresh. */
const SESSION_TTL_MS = 14 * 24 * 60 * 60 * 1000;

/** One sign-in. */
export interface Session {
  readonly id: string;
  readonly user: string;
}

/** The answer to {@link Sessions.rotate}. */
export type Rotation =
  | { readonly status: "rotated"; readonly session: Session; readonly refreshToken: string }
  /** The token had been used before. The sign-in is over. */
  | { readonly status: "reused"; readonly session: Session }
  | { readonly status: "unknown" };

/** Where sign-ins live. */
export interface Sessions {
  start(user: string): { readonly session: Session; readonly refreshToken: string };
  rotate(refreshToken: string): Rotation;
  /** Ends the sign-in that the token belongs to. */
  end(refreshToken: string): Session | undefined;
  isLive(id: string): boolean;
  /** Deletes sign-ins that have expired. */
  sweep(): void;
  close(): void;
}

/** Opens the sign-ins kept in the file. */
export function openSessions(path: string): Sessions {
  const database = openDatabase(path, `PRAGMA foreign_keys = ON; ${SCHEMA}`);
  const addSession = database.prepare("INSERT INTO session (id, user, expires_at_ms) VALUES (?, ?, ?)");
  const addToken = database.prepare("INSERT INTO refresh_token (hash, session) VALUES (?, ?)");
  const byToken = database.prepare(`
    SELECT session.id, session.user, refresh_token.used FROM refresh_token JOIN session ON session.id = session
    WHERE hash = ? AND expires_at_ms > ?`);
  const use = database.prepare("UPDATE refresh_token SET used = 1 WHERE hash = ?");
  const prolong = database.prepare("UPDATE session SET expires_at_ms = ? WHERE id = ?");
  const remove = database.prepare("DELETE FROM session WHERE id = ?");
  const live = database.prepare("SELECT 1 FROM session WHERE id = ? AND expires_at_ms > ?");
  const sweep = database.prepare("DELETE FROM session WHERE expires_at_ms <= ?");

  const find = (refreshToken: string): (Session & { readonly used: boolean }) | undefined => {
    const row = byToken.get(hash(refreshToken), Date.now()) as
      { id: string; user: string; used: number } | undefined;
    return row && { id: row.id, user: row.user, used: row.used === 1 };
  };
  const issue = (sessionId: string): string => {
    const refreshToken = newSecret();
    addToken.run(hash(refreshToken), sessionId);
    return refreshToken;
  };

  return {
    start: (user) =>
      inTransaction(database, () => {
        const session = { id: newSecret(), user };
        addSession.run(session.id, user, Date.now() + SESSION_TTL_MS);
        return { session, refreshToken: issue(session.id) };
      }),
    rotate: (refreshToken) =>
      inTransaction(database, (): Rotation => {
        const found = find(refreshToken);
        if (found === undefined) return { status: "unknown" };
        const session = { id: found.id, user: found.user };
        if (found.used) {
          remove.run(session.id);
          return { status: "reused", session };
        }
        use.run(hash(refreshToken));
        prolong.run(Date.now() + SESSION_TTL_MS, session.id);
        return { status: "rotated", session, refreshToken: issue(session.id) };
      }),
    end: (refreshToken) => {
      const found = find(refreshToken);
      if (found !== undefined) remove.run(found.id);
      return found && { id: found.id, user: found.user };
    },
    isLive: (id) => live.get(id, Date.now()) !== undefined,
    sweep: () => void sweep.run(Date.now()),
    close: () => database.close(),
  };
}

function hash(refreshToken: string): string {
  return createHash("sha256").update(refreshToken).digest("base64url");
}
