/**
 * Tells, as an event, that a caller was told that only a new sign-in helps. Three of the reasons have no other event:
 * nothing happens to a grant at the moment in which it expires, or cannot be refreshed, or is not there.
 *
 * @module
 */
import type { Engine } from "./engine.ts";
import { ReauthenticationRequiredError, type ReauthenticationReason } from "./errors.ts";
import { grantRefOf } from "./grant.ts";
import { remember } from "./single-flight.ts";

/** Passes a call on, and tells if it rejects because a new sign-in is needed. */
export async function tellRejection<Result>(
  engine: Engine,
  grantId: string,
  call: Promise<Result>,
): Promise<Result> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ReauthenticationRequiredError) tellReauthentication(engine, grantId, error.reason);
    throw error;
  }
}

/** Tells once per grant and reason in this process: a tab that goes on asking is no news. */
export function tellReauthentication(
  { shared, clock, emit }: Engine,
  grantId: string,
  reason: ReauthenticationReason,
): void {
  const key = `${grantId} ${reason}`;
  const isNews = !shared.toldReasons.has(key);
  remember(shared.toldReasons, key, true);
  if (!isNews) return;
  const provider = shared.lastReadings.get(grantId)?.reading.grant.provider ?? "";
  const grantRef = grantRefOf(grantId);
  emit({ type: "reauthentication_required", atMs: clock.nowMs(), grantRef, provider, reason });
}
