/**
 * The life of one forwarded call: whoever leaves ends it for both sides, and nothing waits for ever.
 *
 * @module
 */

/** Why a call was ended before it was over. */
export type CallEnd =
  | "client_gone"
  | "request_timeout"
  | "request_too_large"
  | "request_length_mismatch"
  | "api_timeout"
  | "answer_too_large"
  | "duration";

/** One call under way. */
export interface Call {
  /** Aborted when the call ends early. For the request to the API. */
  readonly signal: AbortSignal;
  /** Why it ended early; `undefined` while it did not. */
  readonly ended: () => CallEnd | undefined;
  /** Ends it early. The first reason stands. */
  readonly end: (why: CallEnd) => void;
  /** Ends it unless something else is expected, or nothing, within the time. */
  readonly expect: (timeoutMs: number, why: CallEnd) => void;
  /** Nothing is expected for now: the other side takes its time. */
  readonly expectNothing: () => void;
  /** It is over, and nothing can end it any more. */
  readonly over: () => void;
  /** Runs something when it ends or is over; once. */
  readonly afterwards: (run: () => void) => void;
}

/** Begins a call. It ends when `client` is aborted, or after `maxDurationMs`. */
export function beginCall(client: AbortSignal, maxDurationMs: number): Call {
  const abort = new AbortController();
  let why: CallEnd | undefined;
  let isOver = false;
  const afterwards: (() => void)[] = [];
  let silence: ReturnType<typeof setTimeout> | undefined;
  const stop = (): void => {
    clearTimeout(silence);
    clearTimeout(duration);
    client.removeEventListener("abort", onGone);
    for (const run of afterwards.splice(0)) run();
  };
  const end = (reason: CallEnd): void => {
    if (isOver || why !== undefined) return;
    why = reason;
    stop();
    abort.abort();
  };
  const onGone = (): void => end("client_gone");
  const duration = setTimeout(() => end("duration"), maxDurationMs);
  client.addEventListener("abort", onGone, { once: true });
  if (client.aborted) onGone();
  return {
    signal: abort.signal,
    ended: () => why,
    end,
    expect(timeoutMs, reason) {
      clearTimeout(silence);
      if (!isOver && why === undefined) silence = setTimeout(() => end(reason), timeoutMs);
    },
    expectNothing: () => clearTimeout(silence),
    afterwards: (run) => void afterwards.push(run),
    over() {
      isOver = true;
      stop();
    },
  };
}
