import { execFileSync } from "node:child_process";
import { join } from "node:path";

import type { MeterProvider, TracerProvider } from "@opentelemetry/api";
import { describe, expect, it } from "vitest";

import type { TokenEvent } from "../../src/core/events.ts";
import { openTelemetryListener } from "../../src/opentelemetry/index.ts";
import { ALICE, BOB, HOUR_MS, MINUTE_MS, scenario } from "../core/support/scenario.ts";
import { record, recording } from "./support/recording.ts";
import { ALL_SAMPLES, SAMPLES } from "./support/samples.ts";

const ROOT = join(import.meta.dirname, "../..");
const broken = (): never => {
  throw new Error("the SDK is broken");
};

describe("the listener", () => {
  it("never throws, and a broken half leaves the other one whole (SEC-87)", async () => {
    const { meterProvider, tracerProvider, series, spans } = recording();
    const noSpans = openTelemetryListener({ meterProvider, tracerProvider: { getTracer: broken } });
    const noMetrics = openTelemetryListener({
      meterProvider: { getMeter: broken } as unknown as MeterProvider,
      tracerProvider,
    });

    for (const event of ALL_SAMPLES) {
      expect(() => noSpans(event)).not.toThrow();
      expect(() => noMetrics(event)).not.toThrow();
    }

    expect((await series()).length).toBeGreaterThan(15);
    expect((await spans()).length).toBeGreaterThan(15);
  });

  it.each([
    ["no number for a time", { ...SAMPLES.refresh_ended, atMs: Number.NaN, tookMs: Number.NaN }],
    [
      "a type of a later release",
      { type: "grant_moved", atMs: 0, grantRef: "x", provider: "y", secret: "s3" },
    ],
    ["a type that every object has", { type: "constructor", atMs: 0, grantRef: "x", provider: "y" }],
    ["nothing", undefined],
  ])("takes an event with %s as it is", async (_, event) => {
    const { meterProvider, tracerProvider, series, spans } = recording();
    const listen = openTelemetryListener({ meterProvider, tracerProvider });

    expect(() => listen(event as unknown as TokenEvent)).not.toThrow();
    listen(SAMPLES.grant_ended);

    expect((await series()).map(({ name }) => name)).toContain("nolapse.grant.ended");
    expect((await spans()).map(({ name }) => name)).toContain("nolapse.grant_ended");
    expect(JSON.stringify((await spans()).map(({ attributes }) => attributes))).not.toContain("s3");
  });

  it("asks for nothing before the first event", () => {
    const asked: string[] = [];
    const telling = (name: string) =>
      new Proxy({}, { get: () => void asked.push(name) }) as MeterProvider & TracerProvider;

    const listen = openTelemetryListener({
      meterProvider: telling("meter"),
      tracerProvider: telling("tracer"),
    });

    expect(asked).toEqual([]);
    listen(SAMPLES.grant_ended);
    expect(asked).toEqual(["meter", "tracer"]);
  });

  it("leaves no timer and no handle behind: a process that imports and uses it ends by itself", () => {
    const script = `
      const { openTelemetryListener } = await import("./src/opentelemetry/index.ts");
      const before = Object.getOwnPropertySymbols(globalThis).length;
      openTelemetryListener()(${JSON.stringify(SAMPLES.refresh_started)});
      console.log(JSON.stringify([before === Object.getOwnPropertySymbols(globalThis).length, process.getActiveResourcesInfo().filter((name) => name === "Timeout")]));
    `;

    const told = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: ROOT,
      encoding: "utf8",
      timeout: 30_000,
    });

    expect(JSON.parse(told)).toEqual([true, []]);
  });
});

describe("no metric and no span", () => {
  it("holds a token, a grant's whole id or a driver's words, whatever happens; metrics not even its prefix (I14, SEC-83)", async () => {
    const events = await turbulentHour();
    const { series, spans } = record(events);

    const [metrics, traces] = await Promise.all([series(), spans()]);
    const told = JSON.stringify([
      metrics,
      traces.map(({ name, attributes, events: notes, status }) => ({ name, attributes, notes, status })),
    ]);
    expect(new Set(events.map(({ type }) => type)).size).toBeGreaterThanOrEqual(10);
    expect(traces.length).toBeGreaterThan(20);
    expect(told).not.toMatch(/\b[ar]t\.(alice|bob)\.\d/);
    expect(told).not.toMatch(/ECONNREFUSED|session-of|subject-/);
    for (const id of [ALICE, BOB]) expect(told).not.toContain(id.slice(3, 16));
    expect(told).toContain("alice-grant-");
    expect(JSON.stringify(metrics)).not.toMatch(/alice|bob|attempt-\d/);
  });
});

/** The engine through outages, lost answers, a store that fails, a thief and sign-outs, for two users. */
async function turbulentHour(): Promise<readonly TokenEvent[]> {
  const { clock, as, server, signInBoth, events } = scenario({ lifetimeMs: HOUR_MS });
  as.rotation = "strict_family";
  await signInBoth();
  const [one, two] = [server(), server()];
  const both = async (): Promise<void> => {
    const calls = [one.token(ALICE), two.token(BOB), two.token(ALICE), one.token(BOB)];
    await clock.advance(10 * MINUTE_MS);
    await Promise.all(calls);
  };
  await clock.advance(55 * MINUTE_MS);
  await both();
  as.failNext({ throws: true }, { answer: { kind: "unknown", code: "http_503", answered: true } });
  await clock.advance(55 * MINUTE_MS);
  await both();
  as.failNext({ answer: { kind: "committed_bad", code: "subject_mismatch" } });
  await clock.advance(55 * MINUTE_MS);
  await both();
  as.failNext({ hang: "deaf", afterMs: 90_000 });
  await clock.advance(55 * MINUTE_MS);
  await both();
  one.store.breakAll("fail");
  await both();
  one.store.mend();
  one.store.break("commit", "fail", 20);
  await clock.advance(45 * MINUTE_MS);
  await both();
  as.killFamily("alice");
  await clock.advance(2 * HOUR_MS);
  await both();
  as.revokeOutcome = "failed";
  await two.manager.endGrant(BOB, "signed_out", { revoke: true });
  await clock.advance(5 * MINUTE_MS);
  return events;
}
