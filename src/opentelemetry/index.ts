/**
 * nolapse for OpenTelemetry: what happens to grants as metrics and spans, over `@opentelemetry/api`.
 *
 * Importing this has no effect, and without a registered SDK recording has none either.
 *
 * @module
 */
import { metrics, trace, type MeterProvider, type TracerProvider } from "@opentelemetry/api";
import type { TokenEvent, TokenEventListener } from "../core/events.ts";
import { createMetricRecorder } from "./metrics.ts";
import { createSpanRecorder } from "./spans.ts";

/** Where metrics and spans go. */
export interface OpenTelemetryOptions {
  /** @defaultValue the global one, whichever is registered when something happens */
  readonly meterProvider?: MeterProvider;
  /** @defaultValue the global one, whichever is registered when something happens */
  readonly tracerProvider?: TracerProvider;
}

/**
 * A listener for `onEvent` that records every event as metrics and as spans. Names are in docs/opentelemetry.md.
 *
 * Metrics name no grant, and each of their attributes takes at most 50 values. Spans name a grant by `nolapse.grant_ref`,
 * 12 characters of a keyed hash. Neither holds a token, a handle or a secret, because events do not.
 *
 * The listener never throws, whatever the SDK does, and nobody waits for it.
 *
 * @see [Metrics semantic conventions](https://opentelemetry.io/docs/specs/semconv/general/metrics/)
 */
export function openTelemetryListener(options: OpenTelemetryOptions = {}): TokenEventListener {
  const { meterProvider, tracerProvider } = options;
  const recorders = [
    createMetricRecorder(() => meterProvider ?? metrics.getMeterProvider()),
    createSpanRecorder(() => tracerProvider ?? trace.getTracerProvider()),
  ];
  return (event) => {
    for (const record of recorders) quietly(record, event);
  };
}

function quietly(record: (event: TokenEvent) => void, event: TokenEvent): void {
  try {
    record(event);
  } catch {
    // Observing must not disturb what is observed: a refresh is worth more than its span.
  }
}
