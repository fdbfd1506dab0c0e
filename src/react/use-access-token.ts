"use client";
/**
 * The access token for components.
 *
 * @module
 */
import { useCallback, useEffect, useState } from "react";
import type { BrowserTokenError } from "../client/browser-token-error.ts";
import type { BrowserToken } from "../client/held-token.ts";
import type { TokenSnapshot } from "../client/token-memory.ts";
import type { BrowserTokenOptions } from "../client/token-source.ts";
import { followSource, tokenSource } from "./get-access-token.ts";
import { useLiveSession } from "./use-live-session.ts";

/** What {@link useAccessToken} returns. */
export interface UseAccessToken {
  /** `error` also while there is no token for now: it comes by itself when there is one again. */
  readonly status: "loading" | "ready" | "error";
  /** The newest token; it may have expired while the server could not be reached. */
  readonly accessToken?: string;
  /** Its end in epoch milliseconds by this browser's clock, where that is known. */
  readonly expiresAtMs?: number;
  readonly error?: BrowserTokenError;
  /** As `getAccessToken` of nolapse/react, for the provider above. Always the same function. */
  readonly getAccessToken: (options?: BrowserTokenOptions) => Promise<BrowserToken>;
}

/**
 * The signed-in user's access token in the browser, where the app opted in (`exposeAccessToken`). A component renders again
 * when the token is another one, or there is none any more, and not otherwise. While such a component is shown, the next
 * token is fetched as soon as the session or the server names it.
 *
 * For a call use `getAccessToken`, at the moment of the call: it has a token that lives.
 *
 * @param options.minValidityMs How long the first token has to live, in milliseconds. @defaultValue 0
 */
export function useAccessToken(options: Pick<BrowserTokenOptions, "minValidityMs"> = {}): UseAccessToken {
  const { minValidityMs = 0 } = options;
  const live = useLiveSession("useAccessToken");
  const [seen, setSeen] = useState<TokenSnapshot>({});

  useEffect(() => {
    let isOver = false;
    const fail = (error: unknown): void => {
      if (!isOver) setSeen((before) => changed(before, { error: error as BrowserTokenError }));
    };
    const stop = followSource(
      live,
      (source) => {
        const show = (): void => setSeen((before) => changed(before, source.snapshot()));
        const end = source.subscribe(show);
        void source.get({ minValidityMs }).then(() => !isOver && show(), fail);
        return end;
      },
      fail,
    );
    return () => {
      isOver = true;
      stop();
    };
  }, [live, minValidityMs]);

  const getAccessToken = useCallback(
    async (wanted?: BrowserTokenOptions) => (await tokenSource(live, wanted?.signal)).get(wanted),
    [live],
  );
  const { token, error } = seen;
  const status = token ? "ready" : error ? "error" : "loading";
  return { status, ...token, ...(error && { error }), getAccessToken };
}

function changed(before: TokenSnapshot, now: TokenSnapshot): TokenSnapshot {
  return before.token === now.token && before.error?.code === now.error?.code ? before : now;
}
