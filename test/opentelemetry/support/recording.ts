/** The listener on the real SDK, with everything that it exports in memory. */
import { AsyncLocalStorage } from "node:async_hooks";

import { ROOT_CONTEXT, type Context, type ContextManager, type HrTime } from "@opentelemetry/api";
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from "@opentelemetry/sdk-trace-base";

import type { TokenEvent } from "../../../src/core/events.ts";
import { openTelemetryListener } from "../../../src/opentelemetry/index.ts";

/** One time series: a metric with one set of attributes. */
export interface Series {
  readonly name: string;
  readonly unit: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** What a counter counted, or how many values a histogram holds. */
  readonly count: number;
  /** The sum of a histogram's values. */
  readonly sum?: number;
}

export interface Recording {
  readonly meterProvider: MeterProvider;
  readonly tracerProvider: BasicTracerProvider;
  series(): Promise<readonly Series[]>;
  /** All spans that have ended. */
  spans(): Promise<readonly ReadableSpan[]>;
}

export function recording(): Recording {
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 3_600_000,
  });
  const meterProvider = new MeterProvider({ readers: [reader] });
  const spanExporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(spanExporter)],
    spanLimits: { eventCountLimit: 1_000 },
  });
  return {
    meterProvider,
    tracerProvider,
    async series() {
      metricExporter.reset();
      await meterProvider.forceFlush();
      return metricExporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(seriesOf));
    },
    async spans() {
      await tracerProvider.forceFlush();
      return spanExporter.getFinishedSpans();
    },
  };
}

/** Records events with a listener of its own. */
export function record(events: readonly TokenEvent[]): Recording {
  const made = recording();
  const { meterProvider, tracerProvider } = made;
  const listen = openTelemetryListener({ meterProvider, tracerProvider });
  for (const event of events) listen(event);
  return made;
}

/** A moment of the SDK, in epoch milliseconds. */
export function ms([seconds, nanoseconds]: HrTime): number {
  return seconds * 1_000 + nanoseconds / 1e6;
}

/** Makes the SDK know which span is active, as its Node package does. */
export function asyncContexts(): ContextManager {
  const storage = new AsyncLocalStorage<Context>();
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (context, run, self, ...args) => storage.run(context, () => run.apply(self as never, args)),
    bind: (_context, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  return manager;
}

type ScopeMetrics = ReturnType<InMemoryMetricExporter["getMetrics"]>[number]["scopeMetrics"][number];

function seriesOf({ metrics }: ScopeMetrics): readonly Series[] {
  return metrics.flatMap((metric): Series[] => {
    const { name, unit } = metric.descriptor;
    if (metric.dataPointType === DataPointType.SUM)
      return metric.dataPoints.map(({ attributes, value }) => ({ name, unit, attributes, count: value }));
    if (metric.dataPointType === DataPointType.HISTOGRAM)
      return metric.dataPoints.map(({ attributes, value }) => ({
        ...{ name, unit, attributes, count: value.count },
        ...(value.sum !== undefined && { sum: value.sum }),
      }));
    throw new Error(`${name} is of a kind that nothing here makes`);
  });
}
