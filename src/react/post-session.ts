/**
 * `update()` as NextAuth's session route takes it.
 *
 * @module
 */
import { readSession, type SessionAnswer } from "../client/fetch-session.ts";

/** Both requests of next-auth's `update()`, which sends them without a bound. Rejects where the first fails. */
export async function postSession(url: string, data: unknown, signal: AbortSignal): Promise<SessionAnswer> {
  const csrf = await fetch(url.replace(/session$/, "csrf"), { signal });
  const { csrfToken } = (await csrf.json()) as { csrfToken?: unknown };
  return readSession(
    await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "x-nolapse-ask": "update" },
      body: JSON.stringify({ csrfToken, data }),
      signal,
    }),
  );
}
