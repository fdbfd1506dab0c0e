/**
 * What of the session the panel shows: an allow list of times and words. Whatever else an app or a server put into it, the
 * access token first of all, never gets further than this file (SEC-04, SEC-31). Pure.
 *
 * @module
 */
import { elapsedMs, type Reading } from "../client/environment.ts";
import type { PlanState } from "../client/plan.ts";
import type { ClientSession } from "../client/session.ts";

/** How the session is doing. `failing`: requests of this tab fail, the last good session stands. */
export type Status =
  "loading" | "signed out" | "fresh" | "retrying" | "failing" | "reauthentication required";

/** What is known, without anything secret. Durations are from now, by the page's clocks; negative once they are over. */
export interface Facts {
  readonly status: Status;
  /** The life left of the access token, in milliseconds. */
  readonly tokenLeftMs?: number | undefined;
  /** Its end in epoch milliseconds, by the server's clock. */
  readonly tokenEndsAtMs?: number | undefined;
  /** The end of NextAuth's session cookie in epoch milliseconds, by the server's clock. */
  readonly sessionEndsAtMs?: number | undefined;
  /** How long until the sign-in ends whatever anybody does, in milliseconds. */
  readonly signInLeftMs?: number | undefined;
  /** How many requests in a row failed. */
  readonly failures: number;
}

/** Reads the allow list. */
export function factsOf(
  session: ClientSession | null | undefined,
  state: PlanState | undefined,
  now: Reading,
): Facts {
  const failures = state?.failures ?? 0;
  const status = statusOf(session, failures);
  if (!session || !state) return { status, failures };
  const sinceMs = elapsedMs(state.answeredAt, now);
  const endsInMs = finite(
    (session.tokenState as Readonly<Record<string, unknown>> | undefined)?.["endsInMs"],
  );
  // A text in JSON; a Date where a server component gave it to the page.
  const { expires } = session;
  const sessionEndsAtMs = finite(
    expires instanceof Date
      ? expires.getTime()
      : typeof expires === "string"
        ? Date.parse(expires)
        : undefined,
  );
  const expiresS = finite(session.accessTokenExpires);
  const lifeMs = lifeAtAnswerMs(session, state);
  return {
    status,
    failures,
    tokenLeftMs: lifeMs === undefined ? undefined : lifeMs - sinceMs,
    tokenEndsAtMs: expiresS === undefined ? undefined : expiresS * 1_000,
    sessionEndsAtMs,
    signInLeftMs: endsInMs === undefined ? undefined : endsInMs - sinceMs,
  };
}

/** The life that the token had when the last answer came, in milliseconds, also where another tab heard that answer. */
export function lifeAtAnswerMs(session: ClientSession, state: PlanState): number | undefined {
  const seconds = finite(session.accessTokenExpiresIn);
  return finite(state.askInMs + state.spareMs) ?? (seconds === undefined ? undefined : seconds * 1_000);
}

function statusOf(session: ClientSession | null | undefined, failures: number): Status {
  if (session === undefined) return failures > 0 ? "failing" : "loading";
  if (session === null) return "signed out";
  const status = session.tokenState?.status;
  if (status === "reauthentication_required") return "reauthentication required";
  if (failures > 0) return "failing";
  return status === "retrying" ? "retrying" : "fresh";
}

function finite(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
