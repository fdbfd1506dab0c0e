/**
 * All rules that concern servers: every invariant but I13 and I19, which need browsers.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import { boundedLoad } from "./bounded-load.ts";
import { boundedWaiting } from "./bounded-waiting.ts";
import { completeSignOut } from "./complete-sign-out.ts";
import { confidentiality } from "./confidentiality.ts";
import { crashConsistency } from "./crash-consistency.ts";
import { fencing } from "./fencing.ts";
import { freshTokensKept } from "./fresh-tokens-kept.ts";
import { freshness } from "./freshness.ts";
import { isolation } from "./isolation.ts";
import { liveness } from "./liveness.ts";
import { lossAccounting } from "./loss-accounting.ts";
import { monotoneVersion } from "./monotone-version.ts";
import { noFalseEnd } from "./no-false-end.ts";
import { noResurrection } from "./no-resurrection.ts";
import { persistBeforePublish } from "./persist-before-publish.ts";
import { responseIntegrity } from "./response-integrity.ts";
import { sealedBinding } from "./sealed-binding.ts";
import { singleFlight } from "./single-flight.ts";
import { timeSafety } from "./time-safety.ts";
import { unknownIsNotFailed } from "./unknown-is-not-failed.ts";

/** How each rule is made, by its number. */
export const CHECKERS: Readonly<Record<string, (probe: Probe) => Checker>> = {
  I1: singleFlight,
  I2: monotoneVersion,
  I3: fencing,
  I4: freshTokensKept,
  I5: persistBeforePublish,
  I6: noFalseEnd,
  I7: noResurrection,
  I8: isolation,
  I9: freshness,
  I10: boundedLoad,
  I11: boundedWaiting,
  I12: unknownIsNotFailed,
  I14: confidentiality,
  I15: sealedBinding,
  I16: completeSignOut,
  I17: timeSafety,
  I18: responseIntegrity,
  I20: liveness,
  I21: lossAccounting,
  I22: crashConsistency,
};

/** One of each, or one of each that is named. */
export function checkersFor(
  probe: Probe,
  rules: readonly string[] = Object.keys(CHECKERS),
): readonly Checker[] {
  return rules.map((rule) => {
    const make = CHECKERS[rule];
    if (make === undefined) throw new RangeError(`There is no rule ${rule}`);
    return make(probe);
  });
}
