/**
 * Why a grant could not be kept: every cause that the oracle may name, and which of them may occur at a server that gives
 * a refresh token a second chance (P0-P4).
 *
 * @module
 */
import type { AsClass } from "./fault-types.ts";

/** The causes of a loss that nothing could have kept from happening, and in words. */
export const CAUSES = {
  revoked: "it was revoked there",
  store: "the store lost what it had acknowledged",
  consumed: "an error consumed the refresh token",
  duplicated: "a request was delivered twice",
  not_as_told: "the server is stricter than the engine was told",
  answer_lost: "the answer with the only good refresh token never came",
  holder_hindered: "the process that got the only good refresh token died, stood still or had no store",
  unforeseeable: "a request decided upon before anybody knew of the newer refresh token came after it",
  late_winner: "a delayed request came after the stored tokens, and there the last one wins",
  window_over: "the second chance was over before anybody could take it",
  window_untold: "the engine was not told that the server gives a second chance",
} as const;

/** The name of a cause. */
export type Cause = keyof typeof CAUSES;

const EVERYWHERE: readonly Cause[] = ["revoked", "store", "consumed", "not_as_told"];
const WITH_WINDOW: readonly Cause[] = [...EVERYWHERE, "duplicated", "window_over", "window_untold"];

/** What may cost a grant at a server of that class; `undefined`: at a strict one, anything. */
export function allowedCauses(asClass: AsClass): readonly Cause[] | undefined {
  if (asClass === "P0" || asClass === "P1") return EVERYWHERE;
  if (asClass === "P4") return [...WITH_WINDOW, "late_winner"];
  return asClass === "P2" || asClass === "P3" ? WITH_WINDOW : undefined;
}
