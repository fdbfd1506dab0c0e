import { SpanStatusCode, context, trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { afterEach, describe, expect, it } from "vitest";

import type { TokenEvent } from "../../src/core/events.ts";
import { openTelemetryListener } from "../../src/opentelemetry/index.ts";
import { MAX_ATTEMPTS } from "../../src/opentelemetry/spans.ts";
import { asyncContexts, ms, record, recording } from "./support/recording.ts";
import { ALICE_REF, ALL_SAMPLES, BOB_REF, SAMPLES, START_MS } from "./support/samples.ts";

afterEach(() => {
  trace.disable();
  context.disable();
});

const { refresh_started: started, refresh_ended: ended, tokens_stored: stored } = SAMPLES;
const committed: TokenEvent = {
  ...ended,
  ...{
    outcome: "committed",
    code: "ok",
    version: 2,
    atMs: START_MS + 250,
    expiresAtMs: START_MS + 3_600_000,
  },
};

describe("the span of a refresh", () => {
  it("lasts from its start to its end, by the times of the events", async () => {
    const [span, ...others] = await record([started, committed]).spans();

    expect(others).toEqual([]);
    expect(span?.name).toBe("nolapse.refresh");
    expect([ms(span!.startTime), ms(span!.endTime)]).toEqual([START_MS, START_MS + 250]);
    expect(span?.attributes).toEqual({
      "nolapse.grant_ref": ALICE_REF,
      "nolapse.provider": "keycloak",
      "nolapse.attempt_id": "attempt-1",
      "nolapse.door": "tab:idle",
      "nolapse.outcome": "committed",
      "nolapse.code": "ok",
      "nolapse.took_ms": 250,
      "nolapse.version": 2,
      "nolapse.expires_at_ms": START_MS + 3_600_000,
    });
    expect(span?.status.code).toBe(SpanStatusCode.UNSET);
  });

  it("is an error with its code where no tokens came", async () => {
    const [span] = await record([started, ended]).spans();

    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
    expect(span?.attributes["error.type"]).toBe("http_503");
  });

  it("carries what happens meanwhile, and nothing of another user's refresh", async () => {
    const ofBob = { grantRef: BOB_REF, attemptId: "attempt-2" };
    const spans = await record([
      started,
      { ...started, ...ofBob },
      { ...SAMPLES.lease_lost, atMs: START_MS + 100 },
      { ...ended, ...ofBob },
      committed,
    ]).spans();

    const [bobs, alices] = spans;
    expect([bobs, alices].map((span) => span?.attributes["nolapse.grant_ref"])).toEqual([BOB_REF, ALICE_REF]);
    expect(bobs?.events).toEqual([]);
    expect(alices?.events.map(({ name, time }) => [name, ms(time)])).toEqual([
      ["nolapse.lease_lost", START_MS + 100],
    ]);
    expect(bobs?.spanContext().traceId).not.toBe(alices?.spanContext().traceId);
  });

  it("is followed, in its trace, by the durable write and how long that took", async () => {
    const spans = await record([started, committed, { ...stored, atMs: START_MS + 254 }]).spans();

    const [refresh, write] = spans;
    expect(write?.name).toBe("nolapse.tokens_stored");
    expect(parentId(write)).toBe(refresh?.spanContext().spanId);
    expect([ms(write!.startTime), ms(write!.endTime)]).toEqual([START_MS + 250, START_MS + 254]);
  });

  it("is one of several where an attempt sends again, all in one trace (TL1)", async () => {
    const spans = await record([started, ended, started, committed]).spans();

    const [first, second] = spans;
    expect(spans.map(({ name }) => name)).toEqual(["nolapse.refresh", "nolapse.refresh"]);
    expect(parentId(second)).toBe(first?.spanContext().spanId);
  });

  it("belongs to what was found under its lease before it was sent (TL2)", async () => {
    const [found, refresh] = await record([SAMPLES.lease_taken_over, started, committed]).spans();

    expect(found?.name).toBe("nolapse.lease_taken_over");
    expect(found?.attributes["nolapse.found"]).toBe("pending");
    expect(parentId(refresh)).toBe(found?.spanContext().spanId);
  });

  it("is there with its real length if the listener is younger than the refresh", async () => {
    const [span] = await record([committed]).spans();

    expect([ms(span!.startTime), ms(span!.endTime)]).toEqual([START_MS, START_MS + 250]);
  });

  it("belongs to the request that is being served, where there is one", async () => {
    context.setGlobalContextManager(asyncContexts());
    const { tracerProvider, meterProvider, spans } = recording();
    const listen = openTelemetryListener({ tracerProvider, meterProvider });
    const tracer = tracerProvider.getTracer("app");

    for (const [index, user] of ["alice", "bob"].entries()) {
      tracer.startActiveSpan(`GET /${user}`, (request) => {
        listen({ ...started, attemptId: `attempt-${index}` });
        listen({ ...ended, attemptId: `attempt-${index}` });
        request.end();
      });
    }

    const all = await spans();
    const parents = all
      .filter(({ name }) => name === "nolapse.refresh")
      .map((span) => all.find((other) => other.spanContext().spanId === parentId(span))?.name);
    expect(parents).toEqual(["GET /alice", "GET /bob"]);
  });
});

describe("every event", () => {
  it.each(ALL_SAMPLES.filter(({ type }) => !type.startsWith("refresh_started")))(
    "shows up in the traces, once, with all that it tells: $type",
    async (event) => {
      const spans = await record([event]).spans();

      expect(spans.map(({ name }) => name)).toEqual([
        event.type === "refresh_ended" ? "nolapse.refresh" : `nolapse.${event.type}`,
      ]);
      const told = Object.entries(event).filter(
        ([name, value]) => !["type", "atMs"].includes(name) && value !== "",
      );
      expect(told.length).toBeGreaterThan(0);
      expect(Object.values(spans[0]!.attributes)).toEqual(
        expect.arrayContaining(told.map(([, value]) => value as unknown)),
      );
      expect(ms(spans[0]!.endTime)).toBe(START_MS);
    },
  );

  it.each(["grant_ended", "store_failed", "unseal_failed", "subject_mismatch", "tokens_pending"] as const)(
    "is an error where something is wrong, and only there: %s",
    async (type) => {
      const [span] = await record([SAMPLES[type]]).spans();

      expect(span?.status.code).toBe(type === "grant_ended" ? SpanStatusCode.UNSET : SpanStatusCode.ERROR);
    },
  );
});

describe("refreshes that never end", () => {
  it("are let go of, the oldest first, with the time at which that happened", async () => {
    const { spans } = record(
      Array.from({ length: MAX_ATTEMPTS + 2 }, (_, index) => ({
        ...started,
        attemptId: `attempt-${index}`,
        atMs: START_MS + index,
      })),
    );

    expect((await spans()).map((span) => [span.attributes["nolapse.attempt_id"], ms(span.endTime)])).toEqual([
      ["attempt-0", START_MS + MAX_ATTEMPTS],
      ["attempt-1", START_MS + MAX_ATTEMPTS + 1],
    ]);
  });
});

describe("a listener without a provider of its own", () => {
  it("makes spans with the global one, also if that was registered after the listener was made", async () => {
    const listen = openTelemetryListener();
    const { tracerProvider, spans } = recording();
    listen(SAMPLES.grant_ended);
    trace.setGlobalTracerProvider(tracerProvider);
    listen(SAMPLES.served_stale);

    expect((await spans()).map(({ name }) => name)).toEqual(["nolapse.served_stale"]);
  });
});

function parentId(span: ReadableSpan | undefined): string | undefined {
  return span?.parentSpanContext?.spanId;
}
