/**
 * Measures for how long a refresh token that was used goes on helping: one grant for each wait, all of them begun at
 * once, so that the whole takes no longer than the longest wait.
 *
 * @module
 */
import type { Clock } from "../core/clock.ts";
import type { ProbeLog, ProbedGrant } from "./probe-log.ts";

/** Between which two ages, in milliseconds, the old refresh token stopped helping. */
export interface MeasuredWindow {
  readonly atLeastMs: number;
  /** `Infinity`: it still helped after the longest wait. */
  readonly lessThanMs: number;
}

interface Used {
  readonly grant: ProbedGrant;
  readonly waitMs: number;
  /** When the first use was sent and answered: the server's window opens in between. */
  readonly sentAtMs: number;
  readonly answeredAtMs: number;
}

/** Uses each grant once, and again after its wait. Stops at the first refusal: what comes later is refused too. */
export async function measureWindow(
  log: ProbeLog,
  clock: Clock,
  waitsMs: readonly number[],
): Promise<MeasuredWindow> {
  const used: Used[] = [];
  for (const waitMs of waitsMs) {
    const grant = await log.begin(`window ${waitMs} ms`);
    const sentAtMs = clock.nowMs();
    await grant.mustRefresh("first use", grant.refreshToken);
    used.push({ grant, waitMs, sentAtMs, answeredAtMs: clock.nowMs() });
  }
  let atLeastMs = 0;
  for (const { grant, waitMs, sentAtMs, answeredAtMs } of used) {
    const leftMs = answeredAtMs + waitMs - clock.nowMs();
    if (leftMs > 0) await clock.sleep(leftMs);
    const askedAtMs = clock.nowMs();
    const answer = await grant.refresh("used again", grant.refreshToken);
    // Each bound with the round trips against it: a window is never said to be longer or shorter than was seen.
    if (answer.kind !== "tokens") return { atLeastMs, lessThanMs: clock.nowMs() - sentAtMs };
    atLeastMs = askedAtMs - answeredAtMs;
  }
  return { atLeastMs, lessThanMs: Number.POSITIVE_INFINITY };
}
