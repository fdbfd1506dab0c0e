/**
 * Where work goes that nobody waits for. A refresh that is frozen after the response would lose the grant, so the
 * host has to know of it: through a `waitUntil` that the application or the platform gives, through Next's `after()`, or, on
 * a serverless host without a `waitUntil`, by being awaited.
 *
 * @module
 */
import type { Background } from "../core/held-work.ts";

/** Keeps the host awake until the promise settles. */
export type WaitUntil = (task: Promise<unknown>) => void;

/** The ways to keep a host awake. */
export interface HostHolds {
  /** The application's own. */
  readonly waitUntil: WaitUntil | undefined;
  /** The platform's, for the request that is being answered. */
  readonly platformWaitUntil: () => WaitUntil | undefined;
  /** Next's `after()`. It throws outside a request, which counts as none. */
  readonly after: () => WaitUntil | undefined;
  /** Whether the process may be frozen after a response. */
  readonly serverless: () => boolean;
}

/**
 * Builds what `TokenManagerOptions.background` wants.
 *
 * On a serverless host `after()` is no way: `next start` has one wherever it runs, and a host that gave Next no `waitUntil`
 * knows nothing of it, as AWS Lambda and Cloud Run do not.
 */
export function createBackground({ waitUntil, platformWaitUntil, after, serverless }: HostHolds): Background {
  return (task) => {
    const mayFreeze = serverless();
    for (const hold of [waitUntil, platformWaitUntil(), mayFreeze ? undefined : after()]) {
      if (hold === undefined) continue;
      try {
        hold(task);
        return undefined;
      } catch {
        // Next's after() throws where there is no request to be after of: the next way is tried.
      }
    }
    return mayFreeze ? task : undefined;
  };
}
