"use client";
/**
 * The access token for code outside React, such as an interceptor of axios or the `connectionParams` of graphql-ws.
 *
 * @module
 */
import { BrowserTokenError } from "../client/browser-token-error.ts";
import type { BrowserToken } from "../client/held-token.ts";
import type { BrowserTokenOptions, TokenSource } from "../client/token-source.ts";
import { lastShown } from "./live-context.ts";
import type { LiveSession } from "./live-session.ts";
import { followMounted, mountedSession, onMounted, type MountedSession } from "./mounted.ts";

/** How long a call waits for a provider that is up, in milliseconds. */
const PROVIDER_WITHIN_MS = 10_000;
/** The network may be away, or a deployment may just have taken the file: who listens tries again. */
const LOAD_AGAIN_MS = 30_000;

/**
 * The signed-in user's access token in the browser, where the app opted in (`exposeAccessToken`): from memory while it is
 * fresh, else by one request for all who wait. Ask each time, and keep the answer nowhere.
 *
 * It acts on the `SessionProvider` of nolapse that was mounted last, and waits for one, and for what that loads, for 10 s.
 *
 * @param options.minValidityMs How long the token has to live, in milliseconds.
 * @param options.renew Have it renewed, after a role or scope changed.
 * @param options.rejected The token that an API refused with 401: it is renewed, unless it is another one meanwhile.
 * @param options.signal Stops waiting.
 * @returns The token, and its end in epoch milliseconds by this browser's clock, where that is known. Rejects with a
 *   {@link BrowserTokenError}; on a server always, with the code `not_in_browser`.
 */
export async function getAccessToken(options?: BrowserTokenOptions): Promise<BrowserToken> {
  const source = await tokenSource(undefined, options?.signal);
  return source.get(options);
}

/**
 * Calls back with each new access token, once: for a WebSocket or a stream that has to hear of it (F38). While anybody
 * listens, a first token is fetched at once where none is in hand, the next as soon as the session or the server names it, and
 * where neither does, before the one in hand ends. Sign-outs are no token: see `useSession`.
 *
 * It acts on the `SessionProvider` of nolapse that was mounted last, whenever that comes. Throws on a server.
 *
 * @returns The end of it.
 */
export function onTokenChange(listener: (token: BrowserToken) => void): () => void {
  assertBrowser();
  return followSource(undefined, (source) => source.onTokenChange(listener));
}

/**
 * Does something with the source of `live`, or of the session that was mounted last, whenever there is one. Where it cannot
 * be loaded, or nothing is mounted in time, `onError` hears why, and it is tried again. What `run` returns undoes it. The
 * returned function ends it.
 */
export function followSource(
  live: LiveSession | undefined,
  run: (source: TokenSource) => () => void,
  onError?: (error: unknown) => void,
): () => void {
  const late = onError && setTimeout(() => onError(missing(live)), PROVIDER_WITHIN_MS);
  const stop = followMounted(live, (session) => {
    let undo: (() => void) | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    clearTimeout(late);
    const load = (): void => {
      void loadSource(session).then(
        (source) => {
          if (!isOver) undo = run(source);
        },
        (error: unknown) => {
          if (isOver) return;
          onError?.(error);
          timer = setTimeout(load, LOAD_AGAIN_MS);
        },
      );
    };
    load();
    return () => {
      isOver = true;
      clearTimeout(timer);
      undo?.();
    };
  });
  return () => {
    clearTimeout(late);
    stop();
  };
}

/** The source of `live`, or of the session that was mounted last, once it is there. */
export async function tokenSource(
  live: LiveSession | undefined,
  signal: AbortSignal | undefined,
): Promise<TokenSource> {
  assertBrowser();
  return loadSource(mountedSession(live) ?? (await untilMounted(live, signal)));
}

async function loadSource(session: MountedSession): Promise<TokenSource> {
  const tokenSourceOf = await import("./live-token.ts")
    .then((loaded) => loaded.tokenSourceOf)
    .catch(() => {
      throw missing(session.live);
    });
  return tokenSourceOf(session);
}

function untilMounted(
  live: LiveSession | undefined,
  signal: AbortSignal | undefined,
): Promise<MountedSession> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      stop();
      signal?.removeEventListener("abort", onAbort);
    };
    const onAbort = (): void => {
      end();
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      end();
      reject(missing(live));
    }, PROVIDER_WITHIN_MS);
    const stop = onMounted(() => {
      const session = mountedSession(live);
      if (!session) return;
      end();
      resolve(session);
    });
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort);
  });
}

/** Why there is no source. A provider that was shown has not got a file of its own for now, or was hidden or taken away. */
function missing(live: LiveSession | undefined): BrowserTokenError {
  return (live ?? lastShown.live)
    ? new BrowserTokenError("refresh_unavailable", "not_ready")
    : new BrowserTokenError("no_provider");
}

function assertBrowser(): void {
  if (typeof window === "undefined") throw new BrowserTokenError("not_in_browser");
}
