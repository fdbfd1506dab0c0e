import { metrics } from "@opentelemetry/api";
import { afterEach, describe, expect, it } from "vitest";

import type { TokenEvent, TokenEventType } from "../../src/core/events.ts";
import { MAX_VALUES, MAX_VALUE_LENGTH, OTHER } from "../../src/opentelemetry/attributes.ts";
import { openTelemetryListener } from "../../src/opentelemetry/index.ts";
import { COUNTERS, HISTOGRAMS } from "../../src/opentelemetry/metric-table.ts";
import { record, recording, type Series } from "./support/recording.ts";
import { ALL_SAMPLES, SAMPLES } from "./support/samples.ts";

type Expected = readonly [name: string, unit: string, attributes: Record<string, unknown>, sum?: number];

const provider = { "nolapse.provider": "keycloak" };
const EXPECTED: Readonly<Record<TokenEventType, readonly Expected[]>> = {
  grant_created: [
    [
      ...(["nolapse.grant.created", "{grant}"] as const),
      { ...provider, "nolapse.adopted": false, "nolapse.refreshable": true },
    ],
  ],
  refresh_started: [["nolapse.refresh.started", "{refresh}", { ...provider, "nolapse.door": "app-router" }]],
  refresh_ended: [
    [
      ...(["nolapse.refresh.ended", "{refresh}"] as const),
      { ...provider, "nolapse.door": "tab", "nolapse.outcome": "unknown", "error.type": "http_503" },
    ],
    ["nolapse.refresh.duration", "s", { ...provider, "nolapse.outcome": "unknown" }, 0.25],
  ],
  refresh_adopted: [["nolapse.refresh.adopted", "{refresh}", { ...provider, "nolapse.door": "request" }]],
  refresh_deferred: [
    ["nolapse.refresh.deferred", "{refresh}", { ...provider, "nolapse.code": "unresolved_refresh" }],
  ],
  tokens_stored: [["nolapse.tokens.store.duration", "s", provider, 0.004]],
  tokens_pending: [["nolapse.tokens.kept_in_memory", "{token_set}", provider]],
  candidate_kept: [["nolapse.candidate.kept", "{candidate}", provider]],
  candidate_used: [["nolapse.candidate.used", "{candidate}", provider]],
  late_answer: [["nolapse.answer.late", "{answer}", provider]],
  lease_lost: [["nolapse.lease.lost", "{lease}", provider]],
  lease_taken_over: [["nolapse.lease.taken_over", "{lease}", { ...provider, "nolapse.found": "pending" }]],
  handed_over: [["nolapse.refresh.handed_over", "{refresh}", provider]],
  subject_mismatch: [["nolapse.answer.subject_mismatch", "{answer}", provider]],
  unseal_failed: [["nolapse.unseal.failed", "{value}", provider]],
  store_failed: [["nolapse.store.failed", "{operation}", { "nolapse.operation": "commit" }]],
  served_stale: [["nolapse.grant.served_stale", "{read}", provider]],
  grant_ended: [["nolapse.grant.ended", "{grant}", { ...provider, "nolapse.reason": "rejected" }]],
  reauthentication_required: [
    ["nolapse.reauthentication.required", "{grant}", { ...provider, "nolapse.reason": "expired" }],
  ],
  revocation_ended: [
    ["nolapse.revocation.ended", "{revocation}", { ...provider, "nolapse.outcome": "revoked" }],
  ],
  back_channel_logout: [
    [
      ...(["nolapse.logout.received", "{request}"] as const),
      { "nolapse.outcome": "refused", "error.type": "signature" },
    ],
  ],
  rp_initiated_logout: [
    [
      ...(["nolapse.logout.sent", "{request}"] as const),
      { ...provider, "nolapse.outcome": "skipped", "error.type": "no_end_session_endpoint" },
    ],
  ],
};

afterEach(() => metrics.disable());

describe("the metrics of an event", () => {
  it.each(ALL_SAMPLES)("count it with what may be told of it: $type", async (event) => {
    const series = await record([event, event, event]).series();

    expect(series).toEqual(
      EXPECTED[event.type].map(([name, unit, attributes, sum]) => ({
        ...{ name, unit, attributes, count: 3 },
        ...(sum !== undefined && { sum: expect.closeTo(3 * sum, 9) as number }),
      })),
    );
  });

  it("say nothing of an error where a refresh brought tokens", async () => {
    const ended: TokenEvent = { ...SAMPLES.refresh_ended, outcome: "committed", code: "ok" };

    const series = await record([ended]).series();

    expect(named(series, "nolapse.refresh.ended").map(({ attributes }) => attributes)).toEqual([
      { ...provider, "nolapse.door": "tab", "nolapse.outcome": "committed" },
    ]);
  });

  it("take a duration that a clock made negative for none (X19)", async () => {
    const series = await record([{ ...SAMPLES.tokens_stored, tookMs: -3_600_000 }]).series();

    expect(series).toMatchObject([{ name: "nolapse.tokens.store.duration", count: 1, sum: 0 }]);
  });

  it("keep providers apart", async () => {
    const series = await record([
      SAMPLES.grant_ended,
      { ...SAMPLES.grant_ended, provider: "okta" },
      { ...SAMPLES.grant_ended, provider: "okta" },
    ]).series();

    expect(series.map(({ attributes, count }) => [attributes["nolapse.provider"], count])).toEqual([
      ["keycloak", 1],
      ["okta", 2],
    ]);
  });
});

describe("the names of metrics", () => {
  const definitions = [...Object.values(COUNTERS), ...Object.values(HISTOGRAMS)].filter(
    (definition) => definition !== undefined,
  );

  it("are one for each thing, below one namespace, and none is another's namespace", () => {
    const names = definitions.map(({ name }) => name);

    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^nolapse(\.[a-z]+(_[a-z]+)*){2,3}$/);
    expect(names.filter((name) => names.some((other) => other.startsWith(`${name}.`)))).toEqual([]);
  });

  it("come with a unit and a sentence", () => {
    for (const { unit, description } of definitions) {
      expect(unit).toMatch(/^(s|\{[a-z_]+\})$/);
      expect(description.length).toBeGreaterThan(15);
    }
  });
});

describe("the number of time series", () => {
  it("does not grow with grants, attempts, versions or times", async () => {
    const many = Array.from({ length: 200 }, (_, index) =>
      ALL_SAMPLES.map((event) => ({
        ...event,
        atMs: event.atMs + index,
        grantRef: `grant-${index}`,
        ...("attemptId" in event && { attemptId: `attempt-${index}` }),
        ...("version" in event && { version: index }),
        ...("tookMs" in event && { tookMs: index }),
        ...("retryInMs" in event && { retryInMs: index }),
      })),
    ).flat() as TokenEvent[];

    const [once, often] = await Promise.all([record(ALL_SAMPLES).series(), record(many).series()]);

    expect(often.length).toBe(once.length);
    expect(often.every(({ count }) => count === 200)).toBe(true);
    expect(JSON.stringify(often)).not.toMatch(/grant-\d|attempt-\d/);
  });

  it("is bounded where an authorization server invents codes, and the first ones stay readable", async () => {
    const codes = Array.from({ length: 1_000 }, (_, index) => `invented_${index}`);

    const series = await record(codes.map((code) => ({ ...SAMPLES.refresh_ended, code }))).series();

    const ended = named(series, "nolapse.refresh.ended");
    expect(ended).toHaveLength(MAX_VALUES + 1);
    expect(ended[0]?.attributes["error.type"]).toBe("invented_0");
    expect(ended.at(-1)).toMatchObject({ count: 1_000 - MAX_VALUES, attributes: { "error.type": OTHER } });
  });

  it("is the same whatever reason a browser gives for asking", async () => {
    const doors = Array.from({ length: 500 }, (_, index) => `tab:${"x".repeat((index % 20) + 1)}${index}`);

    const series = await record(doors.map((door) => ({ ...SAMPLES.refresh_started, door }))).series();

    expect(series).toMatchObject([{ count: 500, attributes: { "nolapse.door": "tab" } }]);
  });

  it("leaves out values that are too long to be a name", async () => {
    const long = "x".repeat(MAX_VALUE_LENGTH + 1);

    const series = await record([{ ...SAMPLES.refresh_deferred, code: long }]).series();

    expect(series).toMatchObject([{ attributes: { "nolapse.code": OTHER } }]);
  });
});

describe("a listener without a provider of its own", () => {
  it("records with the global one, also if that was registered after the listener was made", async () => {
    const listen = openTelemetryListener();
    const { meterProvider, series } = recording();
    listen(SAMPLES.grant_ended);
    metrics.setGlobalMeterProvider(meterProvider);
    listen(SAMPLES.grant_ended);
    listen(SAMPLES.served_stale);

    expect((await series()).map(({ name, count }) => [name, count]).sort()).toEqual([
      ["nolapse.grant.ended", 1],
      ["nolapse.grant.served_stale", 1],
    ]);
  });
});

function named(series: readonly Series[], name: string): readonly Series[] {
  return series.filter((each) => each.name === name);
}
