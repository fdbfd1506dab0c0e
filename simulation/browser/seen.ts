/**
 * What a session says to whoever looks at it.
 *
 * @module
 */
import type { ClientSession } from "../../src/client/session.ts";
import type { Seen } from "./history.ts";

/** Whose session it is, and whether only a new sign-in helps. `undefined`: nothing is known. */
export function seenOf(session: ClientSession | null): Seen;
export function seenOf(session: ClientSession | null | undefined): Seen | undefined;
export function seenOf(session: ClientSession | null | undefined): Seen | undefined {
  if (session === undefined) return undefined;
  const { name } = (session?.user ?? {}) as { name?: string };
  return {
    user: name ?? null,
    needsSignIn: session?.tokenState?.status === "reauthentication_required",
  };
}
