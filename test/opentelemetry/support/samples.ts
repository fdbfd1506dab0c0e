/** One event of each kind. A new kind does not compile before it has a sample here. */
import type { TokenEvent, TokenEventType } from "../../../src/core/events.ts";
import type { EventOf } from "../../../src/opentelemetry/attributes.ts";

export const START_MS = Date.UTC(2026, 0, 1);
export const ALICE_REF = "a11ce0a11ce0";
export const BOB_REF = "b0bb0bb0bb0b";

const base = { atMs: START_MS, grantRef: ALICE_REF, provider: "keycloak" };
const attemptId = "attempt-1";

export const SAMPLES: { readonly [Type in TokenEventType]: EventOf<Type> } = {
  grant_created: { ...base, type: "grant_created", adopted: false, refreshable: true },
  refresh_started: { ...base, type: "refresh_started", attemptId, door: "app-router", version: 1 },
  refresh_ended: {
    ...base,
    ...{ type: "refresh_ended", attemptId, door: "tab:idle", version: 1 },
    ...{ outcome: "unknown", code: "http_503", tookMs: 250 },
  },
  refresh_adopted: { ...base, type: "refresh_adopted", version: 2, door: "request" },
  candidate_kept: { ...base, type: "candidate_kept", attemptId },
  candidate_used: { ...base, type: "candidate_used", attemptId },
  late_answer: { ...base, type: "late_answer", attemptId },
  lease_lost: { ...base, type: "lease_lost", attemptId },
  lease_taken_over: { ...base, type: "lease_taken_over", attemptId, found: "pending" },
  refresh_deferred: {
    ...base,
    ...{ type: "refresh_deferred", attemptId, code: "unresolved_refresh", retryInMs: 61_000 },
  },
  tokens_stored: { ...base, type: "tokens_stored", attemptId, version: 2, tookMs: 4 },
  tokens_pending: { ...base, type: "tokens_pending", attemptId, version: 2 },
  handed_over: { ...base, type: "handed_over", attemptId },
  subject_mismatch: { ...base, type: "subject_mismatch", attemptId },
  unseal_failed: { ...base, type: "unseal_failed" },
  store_failed: { ...base, type: "store_failed", grantRef: "", provider: "", operation: "commit" },
  served_stale: { ...base, type: "served_stale" },
  grant_ended: { ...base, type: "grant_ended", reason: "rejected" },
  reauthentication_required: { ...base, type: "reauthentication_required", reason: "expired" },
  revocation_ended: { ...base, type: "revocation_ended", outcome: "revoked" },
  back_channel_logout: {
    ...{ ...base, grantRef: "", provider: "" },
    ...{ type: "back_channel_logout", outcome: "refused", code: "signature" },
  },
  rp_initiated_logout: {
    ...base,
    ...{ type: "rp_initiated_logout", outcome: "skipped", code: "no_end_session_endpoint" },
  },
};

export const ALL_SAMPLES: readonly TokenEvent[] = Object.values(SAMPLES);
