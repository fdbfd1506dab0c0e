"use client";
/**
 * The drop-in for next-auth/react's `SessionProvider`. It provides next-auth's own context, so `useSession` below it is the
 * stock one, and `signIn`, `signOut` and `getSession` stay as they are.
 *
 * @module
 */
import {
  SessionContext,
  type SessionContextValue,
  type SessionProviderProps as NextAuthProps,
} from "next-auth/react";
import { useEffect, useMemo, useState, type ReactElement } from "react";
import { lastShown, LiveContext } from "./live-context.ts";
import { createLiveSession } from "./live-session.ts";
import { NextAuthSource } from "./next-auth-source.tsx";
import { checkPolicy, type PolicyProps } from "./policy.ts";

/** Props of {@link SessionProvider}: next-auth's, and those of {@link PolicyProps}. */
export type SessionProviderProps = NextAuthProps & PolicyProps;

/**
 * Keeps the signed-in user's token fresh while the page is open, without disturbing the page.
 *
 * It takes next-auth's props and {@link PolicyProps}, and differs from next-auth's provider in what it does with them:
 *
 * - an idle tab asks for the session when the server said to (`tokenState.askInMs`), also while hidden, and again
 *   after sleep, focus, `online` and `pageshow` where the clocks say that it is time;
 * - a failed request never signs anybody out: the last good session stays, and it asks again, 1 s to 60 s apart and
 *   at once when the network is back. Only the server's `200` with `{}` is a sign-out. On a page that never had an answer,
 *   `status` stays `loading` (401 and 403: `unauthenticated`) until there is one;
 * - a renewal renders nothing again: `useSession().data` stays the same object while only `accessTokenExpires`,
 *   `accessTokenExpiresIn`, `expires`, `tokenState.askInMs` and `endsInMs` changed, so these are as old as the object.
 *   An app that puts the access token into its session sees a new object with each new token;
 * - the tabs of a browser ask one for all: the others hear when to ask again, in a message without a token, and send a
 *   request of their own only where the session changed. A tab that is closed, frozen or asleep holds up nobody.
 *
 * @param props.session Initial session, as from `getServerSession`; `null` for signed out; without it, one request is sent. A
 *   new one, as after `router.refresh()`, is shown if it is newer, and makes the page ask (F35).
 * @param props.basePath Where NextAuth's routes are. @defaultValue "/api/auth"
 * @param props.refetchInterval Ask at least this often while signed in, in seconds. @defaultValue 0, which is only when the token needs it
 * @param props.refetchOnWindowFocus Ask whenever the page becomes visible. `false`: only if it is time. @defaultValue true
 * @param props.refetchWhenOffline `false`: send nothing while the browser says it is offline; once it is back, ask at once if it is time.
 * @param props.keepAlive `"user-active"`: ask only while somebody uses the browser. @defaultValue "tab-open"
 * @param props.idleLimitMs How long nobody has to use it until nothing is asked, in milliseconds. @defaultValue 900_000, which is 15 minutes
 * @param props.warnBeforeMs How long before a forced sign-in to warn, in milliseconds. @defaultValue 60_000
 * @param props.onSignInSoon Called with that warning, and with `null` when it is taken back.
 *
 * Where one of these four is wrong, it throws a `TypeError` at the first render; in production it writes that to the console
 * and goes on as if that prop were not given.
 */
export function SessionProvider(props: SessionProviderProps): ReactElement {
  const { basePath, children, refetchInterval = 0, refetchOnWindowFocus = true } = props;
  // In production it is told once the page is up (afterLoad), and costs no page its bytes.
  if (process.env.NODE_ENV !== "production") checkPolicy(props);
  const askWhenOffline = props.refetchWhenOffline !== false;

  const [live] = useState(() => createLiveSession(props.session, basePath));
  const [snapshot, setSnapshot] = useState(live.snapshot);
  // As next-auth's provider: React 18 takes what useSyncExternalStore says at once, and renders anew what is not yet hydrated.
  useEffect(() => {
    const show = (): void => setSnapshot(live.snapshot());
    show();
    return live.subscribe(show);
  }, [live]);

  useEffect(() => {
    live.basePath = basePath;
    live.scheduler.configure({
      refetchIntervalMs: refetchInterval * 1_000,
      askWhenVisible: refetchOnWindowFocus,
      askWhenOffline,
    });
  }, [live, basePath, refetchInterval, refetchOnWindowFocus, askWhenOffline]);

  useEffect(() => {
    lastShown.live = live;
    live.policy = props;
    live.policyChanged?.();
    live.given[1] = props.session;
    live.onGiven?.();
  });

  useEffect(() => live.start(), [live]);

  const value = useMemo(() => {
    const { session: data, updating } = snapshot;
    const status = updating || data === undefined ? "loading" : data ? "authenticated" : "unauthenticated";
    return { data, status, update: live.update } as SessionContextValue;
  }, [live, snapshot]);

  return (
    <LiveContext.Provider value={live}>
      <NextAuthSource live={live} basePath={basePath} />
      <SessionContext.Provider value={value}>{children}</SessionContext.Provider>
    </LiveContext.Provider>
  );
}
