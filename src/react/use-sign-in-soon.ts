"use client";
/**
 * The warning before a user has to sign in again, for components.
 *
 * @module
 */
import { useCallback, useSyncExternalStore } from "react";
import type { SignInSoon } from "../client/sign-in-soon.ts";
import { followMounted, mountedSession } from "./mounted.ts";
import { useLiveSession } from "./use-live-session.ts";

/**
 * The warning that the user will have to sign in again soon, or `null`. The component renders again when there is one, when
 * its time has come (`over`) and when it is taken back, and never because of a renewal (F36).
 *
 * With `keepAlive="user-active"` it comes `warnBeforeMs` before the idle limit and goes when any tab of the browser is used; in
 * any case it comes that long before the end of the sign-in that the server names (`tokenState.endsInMs`). `null` on the
 * server.
 *
 * Throws where nolapse's `SessionProvider` is not above it.
 */
export function useSignInSoon(): SignInSoon | null {
  const live = useLiveSession("useSignInSoon");
  const subscribe = useCallback(
    (listener: () => void) =>
      followMounted(live, ({ policy }) => {
        listener();
        return policy.subscribe(listener);
      }),
    [live],
  );
  return useSyncExternalStore(
    subscribe,
    () => mountedSession(live)?.policy.current() ?? null,
    () => null,
  );
}
