/**
 * `update()` as NextAuth's session route takes it.
 *
 * @module
 */
import type { Session } from "next-auth";
import { readSession, type SessionAnswer } from "../client/fetch-session.ts";
import type { SendThrough } from "../client/fetch-token.ts";
import { overtakenSince } from "../client/overtaken.ts";
import type { LiveSession } from "./live-session.ts";
import { nextAuth5 } from "./next-auth-5.ts";
import { announceSession } from "./other-tabs.ts";

/** How long both requests may take together, in milliseconds: next-auth sends them without a bound. */
const UPDATE_TIMEOUT_MS = 15_000;

/**
 * Sends it, shows what it brought, and makes other tabs ask. Resolves to the new session; to `null` where there is none,
 * and where somebody signed out or in meanwhile. Where the answer is overtaken, an own request decides what is shown. Rejects
 * where it fails.
 *
 * @param done Called with what it brought, in the same moment, so that a page renders both at once.
 */
export async function sendUpdate(
  live: LiveSession,
  data: unknown,
  done: () => void,
): Promise<Session | null> {
  const { scheduler, surroundings } = live;
  const signal = AbortSignal.timeout(UPDATE_TIMEOUT_MS);
  const overtakenBy = overtakenSince(scheduler.peer);
  const answer = await (nextAuth5 && data === undefined
    ? surroundings.fetchSession("update", signal)
    : postSession(live, data, signal));
  const session = answer.kind === "session" ? answer.session : null;
  const by = session && overtakenBy(session);
  const isTheirs = session !== null && by !== "user";
  if (isTheirs) announceSession();
  if (isTheirs && by !== "view") scheduler.tell(session, !by);
  else if (session || (answer.kind === "signed_out" && scheduler.current())) scheduler.confirm();
  done();
  return isTheirs ? (session as Session) : null;
}

async function postSession(live: LiveSession, data: unknown, signal: AbortSignal): Promise<SessionAnswer> {
  const url = live.url();
  const through: SendThrough = live.surroundings.through ?? ((send) => send());
  const csrf = await through(() => fetch(url.replace(/session$/, "csrf"), { signal }), signal);
  const { csrfToken } = (await csrf.json()) as { csrfToken?: unknown };
  const send = (): Promise<Response> =>
    fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "x-nolapse-ask": "update" },
      body: JSON.stringify({ csrfToken, data }),
      signal,
    });
  return readSession(await through(send, signal));
}
