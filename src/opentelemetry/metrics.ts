/**
 * Records events as metrics.
 *
 * @module
 */
import type { Attributes, Counter, Histogram, Meter, MeterProvider } from "@opentelemetry/api";
import type { TokenEvent } from "../core/events.ts";
import { ATTRIBUTE_OF, createValueLimit } from "./attributes.ts";
import {
  COUNTERS,
  HISTOGRAMS,
  type CounterDefinition,
  type HistogramDefinition,
  type MetricDefinition,
} from "./metric-table.ts";
import { SCOPE } from "./scope.ts";

interface Instruments {
  readonly provider: MeterProvider;
  readonly counters: ReadonlyMap<string, Counter>;
  readonly histograms: ReadonlyMap<string, Histogram>;
}

/**
 * Builds a recorder.
 *
 * @param providerNow Asked at each event: the global provider is usually registered after `auth.ts` was evaluated, and
 *   instruments of the one before would record nothing for ever.
 */
export function createMetricRecorder(providerNow: () => MeterProvider): (event: TokenEvent) => void {
  const limit = createValueLimit();
  let instruments: Instruments | undefined;
  return (event) => {
    const provider = providerNow();
    if (instruments?.provider !== provider) instruments = createInstruments(provider);
    const counter = counterOf(event);
    if (counter !== undefined)
      instruments.counters.get(counter.name)?.add(1, attributesOf(event, counter, limit));
    const histogram = histogramOf(event);
    if (histogram !== undefined) {
      // A wall clock that was set back makes a duration negative, and a histogram would refuse it.
      const seconds = Math.max(0, histogram.durationMs(event)) / 1_000;
      instruments.histograms.get(histogram.name)?.record(seconds, attributesOf(event, histogram, limit));
    }
  };
}

// The tables are typed event by event; here the type is known at run time only.

function counterOf({ type }: TokenEvent): CounterDefinition<TokenEvent> | undefined {
  return Object.hasOwn(COUNTERS, type)
    ? (COUNTERS[type] as CounterDefinition<TokenEvent> | undefined)
    : undefined;
}

function histogramOf({ type }: TokenEvent): HistogramDefinition<TokenEvent> | undefined {
  return Object.hasOwn(HISTOGRAMS, type)
    ? (HISTOGRAMS[type as keyof typeof HISTOGRAMS] as HistogramDefinition<TokenEvent>)
    : undefined;
}

function createInstruments(provider: MeterProvider): Instruments {
  const meter = provider.getMeter(SCOPE);
  const counters = Object.values(COUNTERS).filter((counter) => counter !== undefined);
  return {
    provider,
    counters: new Map(counters.map((each) => [each.name, createCounter(meter, each)])),
    histograms: new Map(
      Object.values(HISTOGRAMS).map((each) => [
        each.name,
        meter.createHistogram(each.name, {
          unit: each.unit,
          description: each.description,
          advice: { explicitBucketBoundaries: [...each.bucketBoundaries] },
        }),
      ]),
    ),
  };
}

function createCounter(meter: Meter, { name, unit, description }: MetricDefinition): Counter {
  return meter.createCounter(name, { unit, description });
}

function attributesOf(
  event: TokenEvent,
  { attributes }: CounterDefinition<TokenEvent>,
  limit: (attribute: string, value: string) => string,
): Attributes {
  const all: Attributes = {
    ...(event.provider !== "" && { [ATTRIBUTE_OF.provider]: event.provider }),
    ...attributes?.(event),
  };
  return Object.fromEntries(
    Object.entries(all).map(([name, value]) => [
      name,
      typeof value === "string" ? limit(name, value) : value,
    ]),
  );
}
