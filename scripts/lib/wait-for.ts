/**
 * Waits until a server answers.
 *
 * @module
 */

/** A server did not answer in time. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

const PAUSE_MS = 100;
const ATTEMPT_LIMIT_MS = 5_000;

/**
 * Resolves once the address answers with a status below 500. Rejects with {@link NoAnswer} after `limitMs`
 * milliseconds, or with the signal's reason.
 */
export async function waitFor(url: string, limitMs: number, signal: AbortSignal): Promise<void> {
  const endMs = Date.now() + limitMs;
  let last = "nothing listens";
  while (Date.now() < endMs) {
    signal.throwIfAborted();
    try {
      const attempt = AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_LIMIT_MS)]);
      const response = await fetch(url, { redirect: "manual", signal: attempt });
      await response.body?.cancel();
      if (response.status < 500) return;
      last = `it answers ${response.status}`;
    } catch (error) {
      signal.throwIfAborted();
      last = error instanceof Error ? error.message : String(error);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new NoAnswer(`${url} did not answer within ${limitMs / 1000} s (${last})`);
}
