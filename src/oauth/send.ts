/**
 * The one place from which a request leaves: once, never redirected, never cached, on a connection of its own, and
 * bounded by the attempt's signal.
 *
 * @module
 */
import * as oauth from "oauth4webapi";
import { discardBody } from "./read-body.ts";

/** `fetch`, as far as it is used: a string URL and one init, so that no framework mixes up two requests (SEC-76). */
export type FetchLike = (url: string, init: RequestInit) => Promise<Response>;

/** The global `fetch`, looked up at each call, because frameworks and tests replace it. */
export const globalFetch: FetchLike = (url, init) => globalThis.fetch(url, init);

/** The name under which nolapse speaks to servers. Some refuse requests without one. */
export const USER_AGENT = "nolapse";

/**
 * Switches off the protocol check of `oauth4webapi`, which knows only "https" and "anything": every endpoint has gone
 * through `checkedEndpoint` before, which refuses `http:` but for an allowed loopback host (SEC-37).
 */
/* eslint-disable @typescript-eslint/no-deprecated -- its author marked it so to make it stand out, not to remove it */
export const insecureAllowed: { readonly [oauth.allowInsecureRequests]: true } = {
  [oauth.allowInsecureRequests]: true,
};
/* eslint-enable @typescript-eslint/no-deprecated */

/** Thrown by {@link send} when the signal is aborted. */
export class SendAborted extends Error {
  override readonly name = "SendAborted";
}

/**
 * Sends one request and resolves with its response, unread.
 *
 * - `redirect: "manual"`: a 307 would hand the refresh token to somebody else (SEC-52).
 * - `cache: "no-store"`: frameworks cache `fetch`, and a shared answer is a shared token (SEC-76).
 * - `connection: close`: an idle connection may be closed by the server while we write to it, and then nobody knows
 *   whether the refresh token was spent (S3). undici closes it after the answer, so none is ever idle.
 *
 * Rejects with {@link SendAborted} as soon as the signal is aborted, even if `fetch` ignores it, and otherwise with
 * what `fetch` rejects with.
 */
export async function send(
  fetch: FetchLike,
  url: string,
  init: { readonly method: string; readonly headers: Record<string, string>; readonly body?: BodyInit },
  signal: AbortSignal,
): Promise<Response> {
  if (signal.aborted) throw new SendAborted();
  const sent = fetch(url, {
    ...init,
    headers: { ...init.headers, "user-agent": USER_AGENT, connection: "close" },
    redirect: "manual",
    cache: "no-store",
    signal,
  });
  return untilAborted(sent, signal, discardBody);
}

/**
 * A promise that rejects with {@link SendAborted} when the signal is aborted first. What the work brings afterwards is
 * handed to `tooLate`.
 */
export function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
  tooLate: (result: T) => void = () => undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      work.then(tooLate, () => undefined);
      reject(new SendAborted());
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
