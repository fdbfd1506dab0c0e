/**
 * Reads what nolapse adds to the session.
 *
 * @module
 */

/** The access token's state, as the browser is told. */
export type TokenState =
  | { readonly status: "fresh" | "retrying"; readonly askInMs?: number }
  | { readonly status: "reauthentication_required"; readonly reason: string };

/** The token's state in a session, `undefined` where there is none. */
export function tokenStateOf(session: unknown): TokenState | undefined {
  return (session as { readonly tokenState?: TokenState } | null | undefined)?.tokenState;
}
