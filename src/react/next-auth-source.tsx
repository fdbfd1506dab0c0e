/**
 * next-auth's own provider, kept beside the page instead of around it. It takes part where only it can: it sets
 * `basePath` for `signIn` and `signOut`, and it is told by them, and by other tabs, that the session changed.
 *
 * It is given a placeholder as its session, so that it does not fetch one itself, and whatever it gets later is a change
 * that can be seen. In StrictMode it fetches once nevertheless, because its effects run twice.
 *
 * @module
 */
import type { Session } from "next-auth";
import { SessionContext, SessionProvider, type SessionProviderProps } from "next-auth/react";
import { useContext, useEffect, useState, type ReactElement } from "react";
import type { LiveSession } from "./live-session.ts";

const PLACEHOLDER: Session = { expires: "" };

/** Renders nothing. Reports to `live` what next-auth's provider gets. */
export function NextAuthSource({
  live,
  ...props
}: { live: LiveSession } & Pick<SessionProviderProps, "basePath" | "baseUrl">): ReactElement | null {
  const [mounted, setMounted] = useState(true);

  useEffect(() => {
    live.restartNextAuth = () => setMounted(false);
    return () => {
      live.restartNextAuth = () => undefined;
    };
  }, [live]);

  // Two commits: its clean-up wipes what its next start would find, if both came in one.
  useEffect(() => {
    if (!mounted) setMounted(true);
  }, [mounted]);

  if (!mounted) return null;
  return (
    <SessionProvider {...props} session={PLACEHOLDER} refetchInterval={0} refetchOnWindowFocus={false}>
      <Reporter live={live} />
    </SessionProvider>
  );
}

function Reporter({ live }: { live: LiveSession }): null {
  const data = useContext(SessionContext)?.data;
  useEffect(() => {
    if (data !== undefined && data !== PLACEHOLDER) live.nextAuthGot(data);
  }, [data, live]);
  return null;
}
