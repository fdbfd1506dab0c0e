"use client";
/**
 * How the session's token is doing, for components.
 *
 * @module
 */
import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import type { ClientSession } from "../client/session.ts";
import type { LiveSession } from "./live-session.ts";
import { followMounted, mountedSession } from "./mounted.ts";
import { useLiveSession } from "./use-live-session.ts";

/** How the session's token is doing, as far as this tab knows. */
export type LiveTokenState =
  /** `loading`: no answer yet. `fresh`: all is well, also where the session has no token. */
  | { readonly status: "loading" | "signed_out" | "fresh" }
  /** The server cannot renew the token for now, or this tab cannot reach the server. The session stands, and both try again. */
  | { readonly status: "retrying" }
  /** Only a new sign-in helps. */
  | { readonly status: "reauthentication_required"; readonly reason: string };

/**
 * How the session's token is doing. A component renders again when this changes, and not with a renewal (F36).
 *
 * @returns The same object until a reader can see a difference.
 */
export function useTokenState(): LiveTokenState {
  const live = useLiveSession("useTokenState");
  const store = useMemo(() => storeOf(live), [live]);
  const isHydrating = useSyncExternalStore(
    () => () => undefined,
    // The same after hydration where nothing has come: a change makes React render at once what is not yet hydrated.
    () => store.read() === store.begin(),
    () => true,
  );
  const [state, setState] = useState(isHydrating ? store.begin : store.read);
  // With an update of the kind that the provider uses: React 18 renders those of external stores before it.
  useEffect(() => {
    let shown: LiveTokenState;
    const show = (): void => {
      const now = store.read();
      if (now !== shown) setState((shown = now));
    };
    show();
    return store.subscribe(show);
  }, [store]);
  return state;
}

/** One object for each, whichever component asks. */
const PLAIN = {
  loading: { status: "loading" },
  signed_out: { status: "signed_out" },
  fresh: { status: "fresh" },
  retrying: { status: "retrying" },
} as const satisfies Readonly<Record<string, LiveTokenState>>;

interface Store {
  readonly subscribe: (listener: () => void) => () => void;
  readonly read: () => LiveTokenState;
  /** As the server rendered it: what is hydrated late, below a `<Suspense>`, has to match that, whatever came meanwhile. */
  readonly begin: () => LiveTokenState;
}

function storeOf(live: LiveSession): Store {
  let seen: LiveTokenState = PLAIN.loading;
  const begun = stateOf(live.initial, 0);
  return {
    begin: () => begun,
    subscribe(listener) {
      const stops = [
        live.subscribe(listener),
        followMounted(live, ({ onNews }) => {
          listener();
          return onNews(listener);
        }),
      ];
      return () => {
        for (const stop of stops) stop();
      };
    },
    read() {
      const failures = mountedSession(live)?.peer.state()?.failures ?? 0;
      const now = stateOf(live.snapshot().session, failures);
      if (now.status !== seen.status || reasonOf(now) !== reasonOf(seen)) seen = now;
      return seen;
    },
  };
}

function reasonOf(state: LiveTokenState): string | undefined {
  return state.status === "reauthentication_required" ? state.reason : undefined;
}

function stateOf(session: ClientSession | null | undefined, failures: number): LiveTokenState {
  if (!session) return session === null ? PLAIN.signed_out : PLAIN.loading;
  const { tokenState } = session;
  if (tokenState?.status === "reauthentication_required")
    return { status: tokenState.status, reason: tokenState.reason };
  return tokenState?.status === "retrying" || failures > 0 ? PLAIN.retrying : PLAIN.fresh;
}
