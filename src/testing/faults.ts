/**
 * What a `StrictAuthorizationServer` can be made to do wrong.
 *
 * @module
 */

/** What goes wrong with one request. Without `cut` and `status` a fault only delays. */
export interface Fault {
  /** Ends the connection: before the refresh token is spent, or after it, so that the answer is lost. */
  readonly cut?: "before_commit" | "after_commit";
  /** Answers with this status. The refresh token is not spent unless `committed` says so. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Spends the refresh token before the answer that `status` gives. @defaultValue false */
  readonly committed?: boolean;
  /** Waits this long before anything else, in milliseconds. @defaultValue 0 */
  readonly delayMs?: number;
}

/** The faults that tests want most. */
export const faults = {
  /** 429, with `Retry-After` in seconds. */
  tooManyRequests: (retryAfterSeconds: number): Fault => ({
    status: 429,
    headers: { "retry-after": String(retryAfterSeconds) },
  }),
  /** The page that a proxy shows while the server is away. */
  htmlPage: (status: number = 502): Fault => ({
    status,
    headers: { "content-type": "text/html" },
    body: "<!doctype html><title>Bad Gateway</title>",
  }),
  /** An OAuth error that the server may not mean. */
  error: (error: string, status: number = 400): Fault => ({
    status,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ error }),
  }),
  /** The refresh token is spent and its answer is lost. */
  lostAnswer: (): Fault => ({ cut: "after_commit" }),
  /** The connection ends before anything is done. */
  refusedConnection: (): Fault => ({ cut: "before_commit" }),
  slow: (delayMs: number): Fault => ({ delayMs }),
} as const;
