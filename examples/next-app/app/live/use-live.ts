"use client";
/**
 * The browser's end of the event stream: open while the page is visible, closed while it is hidden.
 *
 * @module
 */
import { useSession } from "next-auth/react";
import { useEffect, useRef, useState } from "react";

import { withBasePath } from "@/lib/base-path";
import { merge, type LiveState } from "@/lib/live/lives";
import type { LiveMessage } from "@/lib/live/types";

const FIRST_RETRY_MS = 2_000;
const MAX_RETRY_MS = 30_000;

/** How the stream is doing. `ended`: the sign-in has ended, nothing more will come. */
export type StreamStatus = "connecting" | "open" | "waiting" | "ended";

/** Ties the server's clock to the browser's monotonic one, so that a wrong client clock does not matter. */
export interface ClockAnchor {
  readonly serverMs: number;
  readonly monotonicMs: number;
}

/** What the stream has told so far. */
export interface Live {
  readonly state: LiveState | undefined;
  readonly anchor: ClockAnchor | undefined;
  readonly status: StreamStatus;
}

/** Follows the signed-in user's events. */
export function useLive(): Live {
  const [live, setLive] = useState<Live>({ state: undefined, anchor: undefined, status: "connecting" });
  const { update } = useSession();
  const askSession = useRef(update);
  useEffect(() => {
    askSession.current = update;
  });

  useEffect(() => {
    let source: EventSource | undefined;
    let retry: number | undefined;
    let failures = 0;
    let ended = false;

    const close = (): void => {
      window.clearTimeout(retry);
      source?.close();
      source = undefined;
    };
    const status = (next: StreamStatus): void => setLive((before) => ({ ...before, status: next }));
    const receive = (event: MessageEvent<string>): void => {
      const message = JSON.parse(event.data) as LiveMessage;
      failures = 0;
      ended = message.events.some(({ kind }) => kind === "ended");
      const anchor = { serverMs: message.nowMs, monotonicMs: performance.now() };
      setLive(({ state }) => ({ state: merge(state, message), anchor, status: ended ? "ended" : "open" }));
      if (!ended) return;
      close();
      void askSession.current();
    };
    const fail = (): void => {
      if (source?.readyState !== EventSource.CLOSED) return status("waiting");
      // The browser gives up by itself where the answer was no stream: signed out, or the app is restarting.
      close();
      status("waiting");
      void askSession.current();
      retry = window.setTimeout(open, Math.min(FIRST_RETRY_MS * 2 ** failures++, MAX_RETRY_MS));
    };
    function open(): void {
      if (source !== undefined || ended || document.visibilityState === "hidden") return;
      source = new EventSource(withBasePath("/api/live"));
      source.onmessage = receive;
      source.onerror = fail;
    }
    const follow = (): void => (document.visibilityState === "hidden" ? close() : open());

    open();
    document.addEventListener("visibilitychange", follow);
    return () => {
      document.removeEventListener("visibilitychange", follow);
      close();
    };
  }, []);

  return live;
}

/** The server's time now, in epoch milliseconds, told anew every `everyMs`. `undefined` before the first message. */
export function useServerNow(anchor: ClockAnchor | undefined, everyMs: number): number | undefined {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = window.setInterval(() => tick((count) => count + 1), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return anchor && anchor.serverMs + (performance.now() - anchor.monotonicMs);
}
