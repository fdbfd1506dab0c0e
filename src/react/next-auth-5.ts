/**
 * Which version of next-auth/react is installed, and what only version 5 gives away: the object through which its
 * functions reach its provider.
 *
 * @module
 */
import * as nextAuthReact from "next-auth/react";

/** What of next-auth 5's `__NEXTAUTH` nolapse uses. */
export interface NextAuth5 {
  /** Where NextAuth's routes are, for `signIn`, `signOut`, `getSession` and `useSession({ required: true })`. */
  basePath: string;
  /** Called by `signIn` and `signOut`, with the event `storage`, when the session changed; they wait for it. Must not reject. */
  _getSession: (params: { readonly event: "storage" }) => Promise<void> | void;
}

// Not a named import: a bundler would look for it in version 4, which keeps it to itself.
const exported: Readonly<Record<string, unknown>> = nextAuthReact;

/** The one object of the page. `undefined` under next-auth 4. */
export const nextAuth5 = exported["__NEXTAUTH"] as NextAuth5 | undefined;
