/**
 * Where work goes that nobody waits for. A refresh that is frozen after the response would lose the grant, so the
 * host has to know of it: through Next's `after()`, through a `waitUntil` that the application gives, or, on a
 * serverless host without either, by being awaited.
 *
 * @module
 */
import type { Background } from "../core/held-work.ts";

/** Keeps the host awake until the promise settles. */
export type WaitUntil = (task: Promise<unknown>) => void;

/**
 * Builds what `TokenManagerOptions.background` wants.
 *
 * @param after Next's `after()`, or `undefined` where there is none. It throws outside a request, which counts as none.
 */
export function createBackground(
  waitUntil: WaitUntil | undefined,
  after: () => WaitUntil | undefined,
  serverless: () => boolean,
): Background {
  return (task) => {
    for (const hold of [waitUntil, after()]) {
      if (hold === undefined) continue;
      try {
        hold(task);
        return undefined;
      } catch {
        // Next's after() throws where there is no request to be after of: the next way is tried.
      }
    }
    return serverless() ? task : undefined;
  };
}
