/**
 * The real {@link Environment} and {@link FetchSession}: the only file of `src/client` that touches globals. Nothing happens
 * until they are used, so they can be made during server rendering.
 *
 * @module
 */
import type { Environment, OtherTabs, WakeReason } from "./environment.ts";
import { readSession, type FetchSession } from "./fetch-session.ts";

/**
 * The page that this code runs in.
 *
 * @param channel What the tabs that shall ask for each other have in common, such as the path of their session route; none to
 *   ask for this tab alone.
 */
export function browserEnvironment(channel?: string): Environment {
  return {
    tabs: channel === undefined ? undefined : browserTabs(`nolapse ${channel}`),
    visible: () => document.visibilityState === "visible",
    read: () => ({ wallMs: Date.now(), monotonicMs: performance.now() }),
    setTimer: (run, delayMs) => setTimeout(run, delayMs),
    clearTimer: (timer) => clearTimeout(timer as number),
    random: () => Math.random(),
    online: () => navigator.onLine,
    onWake(listener) {
      const onVisibility = (): void => {
        if (document.visibilityState === "visible") listener("visible");
      };
      const onEvent = (event: Event): void => listener(event.type as WakeReason);
      const names = ["focus", "online", "pageshow"];
      document.addEventListener("visibilitychange", onVisibility);
      for (const name of names) addEventListener(name, onEvent);
      return () => {
        document.removeEventListener("visibilitychange", onVisibility);
        for (const name of names) removeEventListener(name, onEvent);
      };
    },
  };
}

function browserTabs(name: string): OtherTabs | undefined {
  if (typeof BroadcastChannel === "undefined") return undefined;
  let channel: BroadcastChannel | undefined;
  return {
    post: (news) => channel?.postMessage(news),
    onPost(listener) {
      const onMessage = ({ data }: MessageEvent): void => listener(data);
      // An open channel may keep a page out of the back/forward cache, and what it missed there is old news.
      const close = (): void => {
        channel?.removeEventListener("message", onMessage);
        channel?.close();
        channel = undefined;
      };
      const open = (): void => {
        if (channel) return;
        channel = new BroadcastChannel(name);
        channel.addEventListener("message", onMessage);
      };
      open();
      addEventListener("pagehide", close);
      addEventListener("pageshow", open);
      return () => {
        close();
        removeEventListener("pagehide", close);
        removeEventListener("pageshow", open);
      };
    },
    get lock() {
      const { locks } = navigator as { readonly locks?: LockManager };
      return (
        locks && ((hold: () => Promise<void>, signal: AbortSignal) => locks.request(name, { signal }, hold))
      );
    },
  };
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
