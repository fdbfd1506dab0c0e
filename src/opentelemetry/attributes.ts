/**
 * How the members of events are named as attributes, and the bound on what a metric's attributes may say.
 *
 * @module
 */
import type { TokenEvent, TokenEventType } from "../core/events.ts";

/** One event of the union by its type. */
export type EventOf<Type extends TokenEventType> = Extract<TokenEvent, { readonly type: Type }>;

type MemberOf<Event> = Event extends unknown ? keyof Event : never;

/** Everything that events tell beside what and when. */
export type EventMember = Exclude<MemberOf<TokenEvent>, "type" | "atMs">;

/**
 * The attribute of each member of an event. A list of what is known rather than a rule for names: what a later event
 * tells is exported only after somebody has decided that it may be.
 */
export const ATTRIBUTE_OF: Readonly<Record<EventMember, string>> = {
  grantRef: "nolapse.grant_ref",
  provider: "nolapse.provider",
  attemptId: "nolapse.attempt_id",
  door: "nolapse.door",
  version: "nolapse.version",
  outcome: "nolapse.outcome",
  code: "nolapse.code",
  reason: "nolapse.reason",
  found: "nolapse.found",
  operation: "nolapse.operation",
  adopted: "nolapse.adopted",
  refreshable: "nolapse.refreshable",
  tookMs: "nolapse.took_ms",
  retryInMs: "nolapse.retry_in_ms",
  expiresAtMs: "nolapse.expires_at_ms",
};

/**
 * The class of a failure, as OpenTelemetry names it: the code of a refresh that brought no tokens.
 *
 * @see [Semantic conventions](https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/#error-type)
 */
export const ERROR_TYPE = "error.type";

/** What stands for values beyond {@link MAX_VALUES}, as in OpenTelemetry's conventions. */
export const OTHER = "_OTHER";

/** How many values one attribute of metrics takes at most: codes come from authorization servers. */
export const MAX_VALUES = 50;

/** The longest value of an attribute, in characters. */
export const MAX_VALUE_LENGTH = 64;

/** Bounds the values of attributes, each attribute by itself: the first {@link MAX_VALUES} stay, later ones are {@link OTHER}. */
export function createValueLimit(): (attribute: string, value: string) => string {
  const known = new Map<string, Set<string>>();
  return (attribute, value) => {
    if (value.length > MAX_VALUE_LENGTH) return OTHER;
    let values = known.get(attribute);
    if (values === undefined) known.set(attribute, (values = new Set()));
    if (!values.has(value) && values.size >= MAX_VALUES) return OTHER;
    values.add(value);
    return value;
  };
}
