/**
 * Records events as spans: one for each refresh request, from its start to its end. What happens to an attempt
 * meanwhile is an event on that span. Everything else is a span of its own without duration, because grants are looked
 * up by span attributes and not by events.
 *
 * All that carries one attempt's id is one trace: its first span is the parent of the later ones. The first belongs to
 * the request that is being served, where there is one.
 *
 * @module
 */
import {
  SpanStatusCode,
  context,
  trace,
  type Attributes,
  type Context,
  type Span,
  type SpanContext,
  type Tracer,
  type TracerProvider,
} from "@opentelemetry/api";
import type { TokenEvent, TokenEventType } from "../core/events.ts";
import { ATTRIBUTE_OF, ERROR_TYPE, MAX_VALUE_LENGTH, type EventMember, type EventOf } from "./attributes.ts";
import { SCOPE } from "./scope.ts";

/** How many refreshes may be open at once, and how many attempts are remembered; the oldest goes first. */
export const MAX_ATTEMPTS = 1_000;

/** The name of the span of a refresh. Other spans are called `nolapse.` and the type of their event. */
export const REFRESH_SPAN = "nolapse.refresh";

const FAILURES: ReadonlySet<TokenEventType> = new Set([
  "lease_lost",
  "store_failed",
  "subject_mismatch",
  "tokens_pending",
  "unseal_failed",
]);

/** Builds a recorder. @param providerNow Asked at each event. */
export function createSpanRecorder(providerNow: () => TracerProvider): (event: TokenEvent) => void {
  const open = new Map<string, Span>();
  const traces = new Map<string, SpanContext>();

  function startSpan(event: TokenEvent, name: string, startMs: number): Span {
    const attemptId = attemptIdOf(event);
    const first = attemptId === undefined ? undefined : traces.get(attemptId);
    const span = tracerOf(providerNow()).startSpan(
      name,
      { startTime: new Date(startMs), attributes: spanAttributesOf(event) },
      parentOf(first),
    );
    if (attemptId !== undefined && first === undefined) keep(traces, attemptId, span.spanContext());
    return span;
  }

  function start(event: EventOf<"refresh_started">): void {
    finish(event.attemptId, event.atMs);
    const span = startSpan(event, REFRESH_SPAN, event.atMs);
    const dropped = keep(open, event.attemptId, span);
    dropped?.end(new Date(event.atMs));
  }

  function finish(attemptId: string, atMs: number): void {
    open.get(attemptId)?.end(new Date(atMs));
    open.delete(attemptId);
  }

  function end(event: EventOf<"refresh_ended">): void {
    // The listener may be younger than the refresh.
    const span =
      open.get(event.attemptId) ?? startSpan(event, REFRESH_SPAN, event.atMs - Math.max(0, event.tookMs));
    open.delete(event.attemptId);
    span.setAttributes(spanAttributesOf(event));
    if (event.outcome !== "committed") {
      span.setAttribute(ERROR_TYPE, event.code);
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end(new Date(event.atMs));
  }

  function note(event: TokenEvent): void {
    const attemptId = attemptIdOf(event);
    const refresh = attemptId === undefined ? undefined : open.get(attemptId);
    if (refresh !== undefined) {
      refresh.addEvent(spanNameOf(event), spanAttributesOf(event), new Date(event.atMs));
      return;
    }
    const startMs = event.type === "tokens_stored" ? event.atMs - Math.max(0, event.tookMs) : event.atMs;
    const span = startSpan(event, spanNameOf(event), startMs);
    if (FAILURES.has(event.type)) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(new Date(event.atMs));
  }

  return (event) => {
    if (event.type === "refresh_started") start(event);
    else if (event.type === "refresh_ended") end(event);
    else note(event);
  };
}

/** All that an event tells, except what is empty. */
export function spanAttributesOf(event: TokenEvent): Attributes {
  const attributes: Attributes = {};
  for (const [member, value] of Object.entries(event) as [string, unknown][]) {
    const name = Object.hasOwn(ATTRIBUTE_OF, member) ? ATTRIBUTE_OF[member as EventMember] : undefined;
    if (name === undefined || value === "") continue;
    if (typeof value === "string") attributes[name] = value.slice(0, MAX_VALUE_LENGTH);
    if (typeof value === "number" || typeof value === "boolean") attributes[name] = value;
  }
  return attributes;
}

function spanNameOf({ type }: TokenEvent): string {
  return `nolapse.${type}`;
}

function attemptIdOf(event: TokenEvent): string | undefined {
  return "attemptId" in event ? event.attemptId : undefined;
}

function tracerOf(provider: TracerProvider): Tracer {
  return provider.getTracer(SCOPE);
}

function parentOf(first: SpanContext | undefined): Context {
  return first === undefined ? context.active() : trace.setSpanContext(context.active(), first);
}

/** Sets an entry. Returns the oldest one if it had to go for it. */
function keep<Value>(map: Map<string, Value>, key: string, value: Value): Value | undefined {
  map.set(key, value);
  if (map.size <= MAX_ATTEMPTS) return undefined;
  const oldest = map.entries().next();
  if (oldest.done) return undefined;
  const [oldestKey, dropped] = oldest.value;
  map.delete(oldestKey);
  return dropped;
}
