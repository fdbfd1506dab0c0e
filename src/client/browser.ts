/**
 * The real {@link Environment} and {@link FetchSession}: with `browser-tabs.ts` and `browser-token.ts` all of `src/client` that touches globals. Nothing happens
 * until they are used, so they can be made during server rendering.
 *
 * @module
 */
import type { Environment, WakeReason } from "./environment.ts";
import { readSession, type FetchSession } from "./fetch-session.ts";

/** The page that this code runs in. */
export function browserEnvironment(): Environment {
  return {
    visible: () => document.visibilityState === "visible",
    read: () => ({ wallMs: Date.now(), monotonicMs: performance.now() }),
    setTimer: (run, delayMs) => setTimeout(run, delayMs),
    clearTimer: (timer) => clearTimeout(timer as number),
    random: () => Math.random(),
    online: () => navigator.onLine,
    onWake(listener) {
      // With its signal it is the listeners' options as well.
      const stop = new AbortController();
      const onVisibility = (): void => {
        if (document.visibilityState === "visible") listener("visible");
      };
      const onEvent = (event: Event): void =>
        listener((event as PageTransitionEvent).persisted ? "restored" : (event.type as WakeReason));
      document.addEventListener("visibilitychange", onVisibility, stop);
      for (const name of ["focus", "online", "pageshow"]) addEventListener(name, onEvent, stop);
      return () => stop.abort();
    },
  };
}

/** A channel to the other tabs; `undefined` where the browser has none, or forbids it to a page without storage. */
export function openChannel(name: string): BroadcastChannel | undefined {
  try {
    return new BroadcastChannel(name);
  } catch {
    return undefined;
  }
}

/**
 * The real {@link FetchSession}: a GET to `url()`, never from a cache, with the header `x-nolapse-ask: <reason>`.
 *
 * @param url Read at each request.
 */
export function browserFetchSession(url: () => string): FetchSession {
  return async (reason, signal) =>
    readSession(
      await fetch(url(), {
        cache: "no-store",
        headers: { accept: "application/json", "x-nolapse-ask": reason },
        signal,
      }),
    );
}
