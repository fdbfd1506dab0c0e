/**
 * NextAuth's adapter, as far as nolapse looks at it: the same in both versions.
 *
 * @module
 */
import { StoreFailedError } from "../core/errors.ts";
import type { AccountLike } from "./sign-in-tokens.ts";

/** A row of the adapter's sessions, and its user. */
export interface SessionAndUser {
  readonly session: { readonly sessionToken: string; readonly expires: Date };
  readonly user: object;
}

/** The methods that are called or wrapped. NextAuth itself checks that they are there. */
export interface AdapterLike {
  readonly getSessionAndUser?: (sessionToken: string) => unknown;
  readonly createSession?: (session: never) => unknown;
  readonly deleteSession?: (sessionToken: string) => unknown;
  readonly linkAccount?: (account: never) => unknown;
  readonly getUserByAccount?: (account: never) => unknown;
}

/**
 * The row of a session; `null` if there is none.
 *
 * @throws {@link StoreFailedError} where the adapter's database does not answer. What the adapter throws may quote the
 *   session token, so it goes no further.
 */
export async function sessionRowOf(
  adapter: AdapterLike,
  sessionToken: string,
): Promise<SessionAndUser | null> {
  try {
    return ((await adapter.getSessionAndUser?.(sessionToken)) ?? null) as SessionAndUser | null;
  } catch {
    throw new StoreFailedError("The session could not be read: the adapter's database failed");
  }
}

/**
 * Whether an account belongs to another user than that of a session. NextAuth then refuses the sign-in, after its `signIn`
 * callback: it takes an account from nobody.
 *
 * @throws {@link StoreFailedError} where the adapter's database does not answer.
 */
export async function isOfAnotherUser(
  adapter: AdapterLike,
  account: AccountLike,
  sessionToken: string,
): Promise<boolean> {
  const row = await sessionRowOf(adapter, sessionToken);
  return row !== null && belongsToAnother(adapter, account, idOf(row.user));
}

/** As {@link isOfAnotherUser}, by the id of the session's user: a JWT has it as a text. */
export async function belongsToAnother(
  adapter: AdapterLike,
  { provider, providerAccountId }: AccountLike,
  userId: unknown,
): Promise<boolean> {
  try {
    const owner: unknown = await adapter.getUserByAccount?.({ provider, providerAccountId } as never);
    return Boolean(owner) && String(idOf(owner)) !== String(userId);
  } catch {
    throw new StoreFailedError("The user of an account could not be read: the adapter's database failed");
  }
}

/**
 * Deletes the row of a session, if there is one: some adapters reject where there is none.
 *
 * @throws What the adapter throws, or {@link StoreFailedError} where its database does not answer.
 */
export async function deleteSessionRow(adapter: AdapterLike, sessionToken: string): Promise<void> {
  if ((await sessionRowOf(adapter, sessionToken)) !== null) await adapter.deleteSession?.(sessionToken);
}

/** Whether a session has ended by its row. A row without a date that can be read has. */
export function hasExpired({ session }: SessionAndUser, nowMs: number): boolean {
  return !(new Date(session.expires).valueOf() >= nowMs);
}

function idOf(user: unknown): unknown {
  return (user as { id?: unknown }).id;
}
