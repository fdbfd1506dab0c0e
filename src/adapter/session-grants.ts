/**
 * The grants of a session, wherever the session says which: in the claim of its JWT, or by being a row of the adapter.
 *
 * @module
 */
import type { EndOptions } from "../core/end-grant.ts";
import type { EndReason } from "../core/grant.ts";
import { isDenied } from "./app-answer.ts";
import type { App } from "./app.ts";
import { claimOf, grantsIn, type GrantClaim, type SessionClaim, type SessionToken } from "./claim.ts";
import type { RequestSource } from "./request-source.ts";
import { sessionCookieValue } from "./session-cookie.ts";

/** One grant of a session. */
export interface NamedGrant {
  readonly provider: string;
  /** The key under which it is found. */
  readonly keyId: string;
  /** `undefined` if that key is not in the ring any more. */
  readonly id: string | undefined;
}

/** All grants of a session. */
export interface SessionGrants {
  /** The session's own: what is meant where no provider is named, and whose end by a sign-out ends the session. */
  readonly own: NamedGrant;
  /**
   * Those of other providers, ended ones included, each provider once; while the store is away, those that this process
   * knows to live. Rejects with `StoreFailedError` if it knows of none.
   */
  readonly others: () => Promise<readonly NamedGrant[]>;
  /** That of a provider, also an ended one; `undefined` if there is none. Rejects with `StoreFailedError`. */
  readonly grantOf: (provider: string) => Promise<NamedGrant | undefined>;
}

/** Somebody is signed in; without grants if no sign-in of the session brought tokens. */
export interface FoundSession {
  readonly grants: SessionGrants | undefined;
}

/**
 * The session of a request; `null` if nobody is signed in, or the application showed nobody at the last read of the session.
 *
 * Rejects with `StoreFailedError`, also where the database of the adapter does not answer, or with `InvalidOptionError`.
 */
export async function sessionOf(app: App, source: RequestSource): Promise<FoundSession | null> {
  const value = await cookieValueOf(app, source);
  if (value === undefined) return null;
  const found = await foundBy(app, source, value);
  return isDenied(found?.grants?.own.id) ? null : found;
}

async function foundBy(app: App, source: RequestSource, value: string): Promise<FoundSession | null> {
  if (app.host.strategy() === "database") return app.databaseSessions.find(value);
  const token = await tokenOf(app, source);
  if (token === null) return null;
  const { grants } = await app.ready();
  const claim = claimOf(token) ?? (await grants.adopt(token))?.claim;
  return { grants: claim && (await grantsOfClaim(app, claim)) };
}

/** The value of a request's session cookie. */
export async function cookieValueOf(app: App, source: RequestSource): Promise<string | undefined> {
  await app.host.prepare();
  return sessionCookieValue(app.host.cookiesOf(source), app.host.sessionCookieName(source));
}

/** The decoded JWT of a request; `null` if it has none. */
export async function tokenOf(app: App, source: RequestSource): Promise<SessionToken | null> {
  const value = await cookieValueOf(app, source);
  return value === undefined ? null : app.host.decodeSession(value, app.host.sessionCookieName(source));
}

/** The grants that a claim names. Rejects with `InvalidOptionError` where the secrets do not do. */
export async function grantsOfClaim(app: App, claim: SessionClaim): Promise<SessionGrants> {
  const { grants } = await app.ready();
  const named = (each: GrantClaim): NamedGrant => {
    const { provider, keyId } = each;
    return { provider, keyId, id: grants.idOf(each) };
  };
  const all = grantsIn(claim).map(named);
  return {
    own: named(claim),
    others: () => Promise.resolve(all.slice(1)),
    grantOf: (provider) => Promise.resolve(all.find((each) => each.provider === provider)),
  };
}

/** Ends what was added to a session. What the store does not take is offered again. Rejects with `InvalidOptionError` only. */
export async function endAdded(
  app: App,
  { others }: SessionGrants,
  reason: EndReason,
  revoke: EndOptions["revoke"] = true,
): Promise<void> {
  const { manager } = await app.ready();
  const added = await others().catch(() => []);
  const ids = added.flatMap(({ id }) => id ?? []);
  await Promise.allSettled(ids.map((id) => manager.endGrant(id, reason, { revoke })));
}

/**
 * Whether a session's own grant was ended from outside, such as by a back-channel logout, which knows of no other: what was
 * added is left to end. Where a sign-in has replaced it, what was added may be the newer cookie's.
 */
export function leavesAdded(reason: string): reason is "signed_out" | "revoked" {
  return reason === "signed_out" || reason === "revoked";
}

/** Whether the end of a session's own grant means that nobody is signed in by its cookie any more. */
export function isSignedOut(reason: string): boolean {
  return reason === "signed_out" || reason === "replaced" || reason === "revoked";
}
