/**
 * What the parts of a record are in SQLite's columns.
 *
 * @module
 */
import type { Intent, SealedTokens } from "../core/grant.ts";
import type { Bindings } from "./sqlite-connection.ts";

/** The columns of a sealed token set. */
export function tokenBindings(tokens: SealedTokens): Bindings {
  return {
    sealedTokenSet: tokens.sealedTokenSet,
    keyId: tokens.keyId,
    accessTokenIssuedAtMs: whole(tokens.accessTokenIssuedAtMs),
    accessTokenExpiresAtMs: wholeOrNull(tokens.accessTokenExpiresAtMs),
    refreshTokenExpiresAtMs: wholeOrNull(tokens.refreshTokenExpiresAtMs),
    refreshable: tokens.refreshable ? 1 : 0,
  };
}

/** The columns of an intent; all `NULL` where there is none. */
export function intentBindings(intent: Intent | null): Bindings {
  return {
    attemptId: intent?.attemptId ?? null,
    intentHolder: intent?.holder ?? null,
    parentVersion: intent?.parentVersion ?? null,
    intentFence: intent?.fence ?? null,
    startedAtMs: wholeOrNull(intent?.startedAtMs ?? null),
    deadlineAtMs: wholeOrNull(intent?.deadlineAtMs ?? null),
    outcome: intent?.outcome ?? null,
  };
}

/** The columns hold whole milliseconds; SQLite refuses a fraction there. */
export function whole(value: number): number {
  return Math.round(value);
}

function wholeOrNull(value: number | null): number | null {
  return value === null ? null : whole(value);
}
