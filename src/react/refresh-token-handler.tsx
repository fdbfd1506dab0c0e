"use client";
/**
 * For apps that keep next-auth's own `SessionProvider`: a component below it that sets its polling interval, as in the
 * notes that nolapse grew from (`docs/origin.md`).
 *
 * @module
 */
import { useSession } from "next-auth/react";
import { useEffect, useRef } from "react";
import { browserEnvironment, browserFetchSession } from "../client/browser.ts";
import { countSoon, MAX_TIMER_MS, waitAfterAnswerMs } from "../client/plan.ts";
import { createScheduler } from "../client/scheduler.ts";
import { askInMsOf, type ClientSession } from "../client/session.ts";
import { makeNextAuthAsk } from "./other-tabs.ts";
import { sessionUrl } from "./session-url.ts";

/** How long next-auth's provider gets to fetch the session after it was told to, in milliseconds. */
const NEXT_AUTH_TAKES_MS = 5_000;
const LONGEST_INTERVAL_S = Math.floor(MAX_TIMER_MS / 1_000);

/** What {@link RefreshTokenHandler} takes. */
export interface RefreshTokenHandlerProps {
  /** Sets the state that the app passes to next-auth's provider as `refetchInterval`, in seconds. Never called with 0. */
  readonly setSessionRefetchInterval: (seconds: number) => void;
  /** The same as the provider's. @defaultValue "/api/auth" */
  readonly basePath?: string;
}

/**
 * Makes next-auth's own provider ask for the session when the server said to. Renders nothing.
 *
 * The interval comes from the server's relative time, so a wrong client clock does not matter (F26). It is never 0, which
 * would stop polling for good, and never so long that the timer overflows (F25); where the token has no known end it is
 * left as it is, and where only a new sign-in helps it is as long as can be. A poll that fails makes next-auth's provider
 * drop the session and stop polling (nextauthjs/next-auth#9139): this component then asks the server itself, 1 s to 60 s
 * apart and at once on `online`, and brings the session back as soon as the server has it. It stops when the server says
 * that nobody is signed in. Meanwhile `useSession` reports `unauthenticated`; only nolapse's `SessionProvider` prevents
 * that. Do not use both.
 */
export function RefreshTokenHandler({ setSessionRefetchInterval, basePath }: RefreshTokenHandlerProps): null {
  const { data, status } = useSession();
  const wasSignedIn = useRef(false);
  const soon = useRef(0);

  useEffect(() => {
    if (!data) return;
    wasSignedIn.current = true;
    soon.current = countSoon(soon.current, data);
    const seconds = refetchIntervalOf(data, soon.current);
    if (seconds !== undefined) setSessionRefetchInterval(seconds);
  }, [data, setSessionRefetchInterval]);

  useEffect(() => {
    if (status !== "unauthenticated" || !wasSignedIn.current) return;
    return bringBack(sessionUrl(basePath));
  }, [status, basePath]);

  return null;
}

function refetchIntervalOf(session: ClientSession, soon: number): number | undefined {
  // Only a new sign-in helps: the interval of the answer before, a second perhaps, would poll for that for ever (F33).
  if (session.tokenState?.status === "reauthentication_required") return LONGEST_INTERVAL_S;
  const waitMs = waitAfterAnswerMs(askInMsOf(session), soon, 0);
  if (waitMs === Infinity) return undefined;
  return Math.min(Math.max(Math.ceil(waitMs / 1_000), 1), LONGEST_INTERVAL_S);
}

/** Asks until the server answers, and has next-auth's provider fetch again as long as there is a session. Returns the end of it. */
function bringBack(url: string): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const scheduler = createScheduler({
    environment: browserEnvironment(),
    fetchSession: browserFetchSession(() => url),
    onAnswer(session) {
      if (!session) return;
      clearTimeout(timer);
      timer = setTimeout(scheduler.confirm, NEXT_AUTH_TAKES_MS);
      makeNextAuthAsk();
    },
  });
  const stop = scheduler.start();
  return () => {
    clearTimeout(timer);
    stop();
  };
}
