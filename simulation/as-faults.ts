/**
 * What a process sees of each thing that an authorization server does wrong, and whether the server has acted before.
 *
 * @module
 */
import type { RefreshOutcome } from "../src/core/refresher.ts";
import type { Chance } from "./chance.ts";
import type { AsFault } from "./fault-types.ts";

/** How one faulty answer comes about. */
export interface AnswerLoss {
  /** True: the server did not even look at the refresh token. */
  readonly before: boolean;
  /** What is seen; `undefined`: nothing ever comes. */
  readonly outcome: RefreshOutcome | undefined;
}

/** What a fault does to a request; `undefined` where its answer is as true as any. */
export function lossOf(fault: AsFault, chance: Chance): AnswerLoss | undefined {
  const unknown = (code: string, answered: boolean): RefreshOutcome => ({ kind: "unknown", code, answered });
  switch (fault) {
    case "5xx_before":
      return { before: true, outcome: unknown("http_503", true) };
    case "html_before":
      return { before: true, outcome: unknown("not_json", true) };
    case "5xx_after":
    case "error_consumes":
      return { before: false, outcome: unknown("http_500", true) };
    case "html_after":
    case "truncated":
      return { before: false, outcome: unknown("body_broken_off", true) };
    case "reset_after":
      return { before: false, outcome: unknown("reset", false) };
    case "hang_before":
      return { before: true, outcome: undefined };
    case "hang_after":
      return { before: false, outcome: undefined };
    case "huge_body":
      return { before: false, outcome: { kind: "committed_bad", code: "body_too_large" } };
    case "wrong_subject":
      return { before: false, outcome: { kind: "committed_bad", code: "subject_mismatch" } };
    case "redirect":
      return { before: true, outcome: { kind: "config", code: "redirect" } };
    case "429":
      return { before: true, outcome: { kind: "not_committed", code: "http_429" } };
    case "429_retry_after": {
      const retryAfterMs = chance.pick([1_000, 30_000, 900_000]);
      return { before: true, outcome: { kind: "not_committed", code: "http_429", retryAfterMs } };
    }
    case "429_skewed_date": {
      const retryAfterMs = chance.pick([0, 3_600_000, 86_400_000]);
      return { before: true, outcome: { kind: "not_committed", code: "http_429", retryAfterMs } };
    }
    case "dpop_nonce":
      return { before: true, outcome: { kind: "config", code: "use_dpop_nonce" } };
    case "invalid_client":
      return { before: true, outcome: { kind: "config", code: "invalid_client" } };
    case "metadata":
      return { before: true, outcome: { kind: "not_sent", code: "metadata_unavailable" } };
    case "revoked_first":
      return undefined;
  }
}
