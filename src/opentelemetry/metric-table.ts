/**
 * Which metrics each event becomes. Names follow OpenTelemetry's conventions: what is counted and what happened to it,
 * units in braces for things and `s` for time. No attribute names a grant, an attempt or a user.
 *
 * @see [Metrics semantic conventions](https://opentelemetry.io/docs/specs/semconv/general/metrics/)
 * @module
 */
import type { Attributes } from "@opentelemetry/api";
import type { TokenEventType } from "../core/events.ts";
import { ATTRIBUTE_OF, ERROR_TYPE, type EventOf } from "./attributes.ts";

/** A metric as dashboards see it. */
export interface MetricDefinition {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
}

/** A counter: one more with each event. */
export interface CounterDefinition<Event> extends MetricDefinition {
  /** Beside the provider. Absent: none. */
  readonly attributes?: (event: Event) => Attributes;
}

/** A histogram of durations, in seconds. */
export interface HistogramDefinition<Event> extends CounterDefinition<Event> {
  /** In milliseconds, as events tell it. */
  readonly durationMs: (event: Event) => number;
  /** In seconds. */
  readonly bucketBoundaries: readonly number[];
}

/** Who asked, without what a browser said about why: a header of a request must not make time series. */
function doorOf(door: string): string {
  return door.startsWith("tab:") ? "tab" : door;
}

/** The counter of each event; `undefined` where a histogram counts it. */
export const COUNTERS: {
  readonly [Type in TokenEventType]: CounterDefinition<EventOf<Type>> | undefined;
} = {
  grant_created: {
    name: "nolapse.grant.created",
    unit: "{grant}",
    description: "Grants stored at a sign-in, or adopted from a hand-written recipe",
    attributes: ({ adopted, refreshable }) => ({
      [ATTRIBUTE_OF.adopted]: adopted,
      [ATTRIBUTE_OF.refreshable]: refreshable,
    }),
  },
  refresh_started: {
    name: "nolapse.refresh.started",
    unit: "{refresh}",
    description: "Refresh requests sent to authorization servers",
    attributes: ({ door }) => ({ [ATTRIBUTE_OF.door]: doorOf(door) }),
  },
  refresh_ended: {
    name: "nolapse.refresh.ended",
    unit: "{refresh}",
    description: "Refresh requests that ended, by the class of their outcome",
    attributes: ({ door, outcome, code }) => ({
      [ATTRIBUTE_OF.door]: doorOf(door),
      [ATTRIBUTE_OF.outcome]: outcome,
      ...(outcome !== "committed" && { [ERROR_TYPE]: code }),
    }),
  },
  refresh_adopted: {
    name: "nolapse.refresh.adopted",
    unit: "{refresh}",
    description: "Refreshes of other processes whose result was taken over",
    attributes: ({ door }) => ({ [ATTRIBUTE_OF.door]: doorOf(door) }),
  },
  refresh_deferred: {
    name: "nolapse.refresh.deferred",
    unit: "{refresh}",
    description: "Refreshes that were not sent, because of a pause or of an earlier one of unknown outcome",
    attributes: ({ code }) => ({ [ATTRIBUTE_OF.code]: code }),
  },
  tokens_stored: undefined,
  tokens_pending: {
    name: "nolapse.tokens.kept_in_memory",
    unit: "{token_set}",
    description: "New token sets that the store did not take in time, served from memory until it does",
  },
  candidate_kept: {
    name: "nolapse.candidate.kept",
    unit: "{candidate}",
    description: "New token sets that lost the commit and were kept",
  },
  candidate_used: {
    name: "nolapse.candidate.used",
    unit: "{candidate}",
    description: "Grants that live because a kept token set brought new tokens",
  },
  late_answer: {
    name: "nolapse.answer.late",
    unit: "{answer}",
    description: "Answers of authorization servers that came after their deadline and were kept",
  },
  lease_lost: {
    name: "nolapse.lease.lost",
    unit: "{lease}",
    description: "Leases that went to another process while their refresh ran",
  },
  lease_taken_over: {
    name: "nolapse.lease.taken_over",
    unit: "{lease}",
    description: "Leases under which a refresh was found that never told how it ended",
    attributes: ({ found }) => ({ [ATTRIBUTE_OF.found]: found }),
  },
  handed_over: {
    name: "nolapse.refresh.handed_over",
    unit: "{refresh}",
    description: "Refreshes that were still out when their process shut down",
  },
  subject_mismatch: {
    name: "nolapse.answer.subject_mismatch",
    unit: "{answer}",
    description: "Answers of authorization servers with the tokens of somebody else",
  },
  unseal_failed: {
    name: "nolapse.unseal.failed",
    unit: "{value}",
    description: "Sealed values that did not open",
  },
  store_failed: {
    name: "nolapse.store.failed",
    unit: "{operation}",
    description: "Operations of the grant store that failed or took too long",
    attributes: ({ operation }) => ({ [ATTRIBUTE_OF.operation]: operation }),
  },
  served_stale: {
    name: "nolapse.grant.served_stale",
    unit: "{read}",
    description: "Reads that were served with what the store had said last, because it was away",
  },
  grant_ended: {
    name: "nolapse.grant.ended",
    unit: "{grant}",
    description: "Grants that ended, by reason",
    attributes: ({ reason }) => ({ [ATTRIBUTE_OF.reason]: reason }),
  },
  reauthentication_required: {
    name: "nolapse.reauthentication.required",
    unit: "{grant}",
    description: "Grants of which a caller was told that only a new sign-in helps, by reason",
    attributes: ({ reason }) => ({ [ATTRIBUTE_OF.reason]: reason }),
  },
  revocation_ended: {
    name: "nolapse.revocation.ended",
    unit: "{revocation}",
    description: "Revocations at authorization servers, by outcome",
    attributes: ({ outcome }) => ({ [ATTRIBUTE_OF.outcome]: outcome }),
  },
  back_channel_logout: {
    name: "nolapse.logout.received",
    unit: "{request}",
    description: "Back-channel logout requests of authorization servers, by outcome",
    attributes: ({ outcome, code }) => ({
      [ATTRIBUTE_OF.outcome]: outcome,
      ...(outcome !== "accepted" && { [ERROR_TYPE]: code }),
    }),
  },
  rp_initiated_logout: {
    name: "nolapse.logout.sent",
    unit: "{request}",
    description: "Sign-outs that went on at the authorization server, or should have",
    attributes: ({ outcome, code }) => ({
      [ATTRIBUTE_OF.outcome]: outcome,
      ...(outcome !== "redirected" && { [ERROR_TYPE]: code }),
    }),
  },
};

/** The histograms of the events that measure time. */
export const HISTOGRAMS: {
  readonly [Type in "refresh_ended" | "tokens_stored"]: HistogramDefinition<EventOf<Type>>;
} = {
  refresh_ended: {
    name: "nolapse.refresh.duration",
    unit: "s",
    description: "How long refresh requests took",
    attributes: ({ outcome }) => ({ [ATTRIBUTE_OF.outcome]: outcome }),
    durationMs: ({ tookMs }) => tookMs,
    bucketBoundaries: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  },
  tokens_stored: {
    name: "nolapse.tokens.store.duration",
    unit: "s",
    description: "From an authorization server's answer until its tokens were durable: what a crash can lose",
    durationMs: ({ tookMs }) => tookMs,
    bucketBoundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 3, 10, 60, 600, 3_600],
  },
};
