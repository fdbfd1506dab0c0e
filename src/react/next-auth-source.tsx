/**
 * What next-auth's own functions tell: that `signIn` or `signOut`, here or in another tab, changed the session. And the
 * other way round: `basePath`, which those functions work with.
 *
 * Version 5 gives away the object through which that goes. Version 4 does not, so its own provider is kept beside the page
 * instead of around it. It is given a placeholder as its session, so that it does not fetch one itself, and whatever it
 * gets later is a change that can be seen. In StrictMode it fetches once nevertheless, because its effects run twice.
 *
 * @module
 */
import type { Session } from "next-auth";
import { SessionContext, SessionProvider } from "next-auth/react";
import { useContext, useEffect, useState, type ReactElement } from "react";
import { readSession } from "../client/fetch-session.ts";
import type { LiveSession } from "./live-session.ts";
import { nextAuth5, type NextAuth5 } from "./next-auth-5.ts";
import { onAnnouncement } from "./other-tabs.ts";

/** Who waits for `signIn()` or `signOut()` waits for it. */
const TIMEOUT_MS = 15_000;
const PLACEHOLDER: Session = { expires: "" };

interface SourceProps {
  readonly live: LiveSession;
  readonly basePath: string | undefined;
}

/** Renders nothing. Reports to `live` what next-auth gets when it was told that the session changed. */
export const NextAuthSource: (props: SourceProps) => ReactElement | null = nextAuth5 ? Source5 : Source4;

function Source5({ live, basePath }: SourceProps): null {
  const nextAuth = nextAuth5 as NextAuth5;
  // While rendering, as next-auth's provider does: the page's first effect may sign in.
  if (basePath) nextAuth.basePath = basePath;

  useEffect(() => {
    let asked = 0;
    let heard = 0;
    const ask = async (): Promise<void> => {
      const number = ++asked;
      // As getSession() does, which asks at the path of the page's last provider: that may be another app's.
      const answer = await fetch(live.url(), { signal: AbortSignal.timeout(TIMEOUT_MS) })
        .then(readSession)
        .catch(() => undefined);
      if (number < heard) return;
      heard = number;
      live.nextAuthGot(answer?.session as Session | undefined);
    };
    const before = nextAuth._getSession;
    nextAuth._getSession = ask;
    live.onAnnouncement = () => void ask();
    const stop = onAnnouncement(() => live.onAnnouncement?.());
    return () => {
      stop();
      // Of two providers the first may be taken away first.
      if (nextAuth._getSession === ask) nextAuth._getSession = before;
    };
  }, [live, nextAuth]);

  return null;
}

function Source4({ live, basePath }: SourceProps): ReactElement | null {
  const [mounted, setMounted] = useState(true);

  // Two commits: its clean-up wipes what its next start would find, if both came in one.
  useEffect(() => {
    if (!mounted) setMounted(true);
  }, [mounted]);

  if (!mounted) return null;
  return (
    <SessionProvider basePath={basePath as string} session={PLACEHOLDER} refetchOnWindowFocus={false}>
      <Reporter live={live} setMounted={setMounted} />
    </SessionProvider>
  );
}

interface ReporterProps {
  readonly live: LiveSession;
  readonly setMounted: (mounted: boolean) => void;
}

function Reporter({ live, setMounted }: ReporterProps): null {
  const data = useContext(SessionContext)?.data;
  useEffect(() => {
    // Once somebody is signed in it would not notice a later sign-out: for it, nothing would change.
    const restart = (): void => {
      if (data === null && live.scheduler.current()) setMounted(false);
    };
    live.restart = restart;
    const isOwn = process.env.NODE_ENV !== "production" && asksItself(live, data);
    if (data !== PLACEHOLDER && (data || !isOwn)) {
      live.nextAuthGot(data);
      // At once: what is asked between now and then would get lost.
      restart();
    }
    return () => {
      delete live.restart;
    };
  }, [data, live, setMounted]);
  return null;
}

/** How often the provider was started since it had an answer. */
const starts: WeakMap<LiveSession, number> = /* @__PURE__ */ new WeakMap();

/**
 * Whether StrictMode made the provider ask, by starting it twice. If that fails nobody is told: it would ask again at its next
 * start, and so on.
 */
function asksItself(live: LiveSession, data: Session | null | undefined): boolean {
  const before = starts.get(live) ?? 0;
  starts.set(live, data === PLACEHOLDER ? before + 1 : 0);
  return before > 1;
}
