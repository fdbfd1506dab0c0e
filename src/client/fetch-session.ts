/**
 * One session request, and what its answer means. Only a `200` with `{}` or `null` says that nobody is signed in; NextAuth's
 * own client takes every failure for that (nextauthjs/next-auth#9139).
 *
 * @module
 */
import type { AskReason } from "./plan.ts";
import type { ClientSession } from "./session.ts";

/** What a session request learned. `refused`: 401 or 403, which counts as a failure once a session is known. */
export type SessionAnswer =
  | { readonly kind: "session"; readonly session: ClientSession }
  | { readonly kind: "signed_out" | "refused" | "failed"; readonly session?: undefined };

/** Asks for the session once. May reject, which means `failed`. */
export type FetchSession = (reason: AskReason, signal: AbortSignal) => Promise<SessionAnswer>;

/** Reads the answer of the session route. A login page, an error page or half an answer is `failed`, and never a sign-out. */
export async function readSession(response: Response): Promise<SessionAnswer> {
  if (response.status === 401 || response.status === 403) return { kind: "refused" };
  if (response.status !== 200) return { kind: "failed" };
  const body: unknown = await response.json().catch(() => undefined);
  if (typeof body !== "object" || Array.isArray(body)) return { kind: "failed" };
  return body && Object.keys(body).length > 0 ? { kind: "session", session: body } : { kind: "signed_out" };
}
