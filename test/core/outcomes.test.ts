import { describe, expect, it } from "vitest";

import type { RefreshOutcome } from "../../src/core/refresher.ts";
import { ALICE, BOB, HOUR_MS, MINUTE_MS, SECOND_MS, scenario } from "./support/scenario.ts";

type Failure = Exclude<RefreshOutcome, { kind: "committed" }>;

/** Fifteen answers of an authorization server and what each means for the session (F30, F31). */
const answers: readonly { readonly name: string; readonly failure: Failure; readonly ends: boolean }[] = [
  { name: "DNS failure", failure: { kind: "not_sent", code: "ENOTFOUND" }, ends: false },
  { name: "connection refused", failure: { kind: "not_sent", code: "ECONNREFUSED" }, ends: false },
  { name: "timeout", failure: { kind: "unknown", code: "timeout", answered: false }, ends: false },
  { name: "connection reset", failure: { kind: "unknown", code: "reset", answered: false }, ends: false },
  { name: "408", failure: { kind: "unknown", code: "http_408", answered: true }, ends: false },
  { name: "429", failure: { kind: "not_committed", code: "http_429" }, ends: false },
  { name: "500", failure: { kind: "unknown", code: "http_500", answered: true }, ends: false },
  { name: "502", failure: { kind: "unknown", code: "http_502", answered: true }, ends: false },
  { name: "503", failure: { kind: "unknown", code: "http_503", answered: true }, ends: false },
  { name: "an HTML page", failure: { kind: "unknown", code: "not_json", answered: true }, ends: false },
  { name: "a broken 200", failure: { kind: "committed_bad", code: "bad_body" }, ends: false },
  {
    name: "somebody else's tokens",
    failure: { kind: "committed_bad", code: "subject_mismatch" },
    ends: false,
  },
  { name: "invalid_client", failure: { kind: "config", code: "invalid_client" }, ends: false },
  { name: "invalid_scope", failure: { kind: "config", code: "invalid_scope" }, ends: false },
  { name: "invalid_grant", failure: { kind: "rejected", code: "invalid_grant" }, ends: true },
];

describe("after the authorization server's answer", () => {
  it.each(answers)("$name, the session has ended: $ends (I6, F30)", async ({ failure, ends }) => {
    const { clock, as, server, signInBoth, row, eventsOf } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const [one, two] = [server(), server()];
    as.failNext({ answer: failure });
    await clock.advance(55 * MINUTE_MS);

    expect(await one.token(ALICE)).toBe("at.alice.1");
    await clock.settle();
    const after = await row(ALICE);

    expect(after.state).toBe(ends ? "ended" : "live");
    expect(after.endReason).toBe(ends ? "rejected" : null);
    expect(eventsOf("grant_ended")).toHaveLength(ends ? 1 : 0);
    const stands = ends ? "reauthentication_required:rejected" : "at.alice.1";
    expect([await one.token(ALICE), await two.token(ALICE)]).toEqual([stands, stands]);
    expect([await one.token(BOB), (await row(BOB)).state]).toEqual(["at.bob.1", "live"]);
    if (ends) return;
    expect(after.backoff).toMatchObject({ failures: 1, code: failure.code });
    await clock.advance(HOUR_MS);
    const waited = two.token(ALICE);
    await clock.advance(5 * SECOND_MS);
    expect(await waited).toBe("at.alice.2");
    expect((await row(ALICE)).backoff).toBeNull();
  });

  it("invalid_grant, everybody is told within the same request, and only one is reported (F31, F32)", async () => {
    const { clock, as, server, signInBoth, eventsOf } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const servers = [server(), server(), server()];
    as.latencyMs = SECOND_MS;
    as.killFamily("alice");
    await clock.advance(2 * HOUR_MS);

    const calls = servers.flatMap(({ token }) => [token(ALICE), token(ALICE)]);
    await clock.advance(3 * SECOND_MS);

    expect(new Set(await Promise.all(calls))).toEqual(new Set(["reauthentication_required:rejected"]));
    expect(as.sent).toEqual(["rt.alice.1"]);
    expect(eventsOf("grant_ended")).toHaveLength(1);
  });

  it("of somebody else's tokens, nothing is stored and an event says so (I18, SEC-43)", async () => {
    const { clock, as, server, signInBoth, row, eventsOf } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    as.failNext({ answer: { kind: "committed_bad", code: "subject_mismatch" }, commits: true });
    await clock.advance(55 * MINUTE_MS);
    const before = await row(ALICE);
    const { token } = server();
    await token(ALICE);
    await clock.settle();

    const { version, sealedTokenSet } = await row(ALICE);
    expect([version, sealedTokenSet]).toEqual([1, before.sealedTokenSet]);
    expect(eventsOf("subject_mismatch")).toHaveLength(1);
  });

  it("when the refresher throws against its contract, the session stands (I6)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    as.failNext({ throws: true });
    await clock.advance(55 * MINUTE_MS);
    await server().token(ALICE);
    await clock.settle();

    expect(await row(ALICE)).toMatchObject({
      state: "live",
      backoff: { code: "refresher_threw" },
      intent: { outcome: "unknown" },
    });
  });
});

describe("an outage of the authorization server", () => {
  it("of ten minutes over the token's expiry ends signed in, with a bounded number of requests (F30, I20)", async () => {
    const { clock, as, server, signInBoth, eventsOf } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const [one, two] = [server(), server()];
    await clock.advance(55 * MINUTE_MS);
    as.failAlways({ answer: { kind: "unknown", code: "http_503", answered: true } });
    const calls: Promise<string>[] = [];
    for (let second = 0; second < 600; second++) {
      calls.push(one.token(ALICE), two.token(ALICE), two.token(BOB));
      await clock.advance(SECOND_MS);
    }
    await clock.advance(5 * SECOND_MS);
    const seen = new Set(await Promise.all(calls));
    seen.delete("refresh_unavailable:waiting");
    expect(seen).toEqual(new Set(["at.alice.1", "at.bob.1", "refresh_unavailable:http_503"]));
    expect(as.requestsOf("alice")).toBeLessThanOrEqual(40);
    expect(as.requestsOf("alice")).toBeGreaterThanOrEqual(20);

    as.failAlways(undefined);
    await clock.advance(30 * SECOND_MS);

    expect([await one.token(ALICE), await two.token(BOB)]).toEqual(["at.alice.2", "at.bob.2"]);
    expect(eventsOf("grant_ended")).toEqual([]);
    expect((await one.manager.view(ALICE)).status).toBe("fresh");
  });

  it("serves the token that is still good until the end of its life (F30, F16)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token, manager } = server();
    as.failAlways({ answer: { kind: "not_sent", code: "ECONNREFUSED" } });
    await clock.advance(HOUR_MS - 5 * SECOND_MS);

    const call = token(ALICE);
    await clock.advance(4 * SECOND_MS + 999);
    expect(await call).toBe("at.alice.1");
    expect(await manager.view(ALICE, { wait: true })).toMatchObject({ status: "retrying", expiresInMs: 1 });
    await clock.advance(1);
    const late = token(ALICE);
    await clock.advance(5 * SECOND_MS);
    expect(await late).toBe("refresh_unavailable:ECONNREFUSED");
  });
});

describe("an authorization server that says 429", () => {
  it("for five minutes to 100 callers a second on two servers gets a bounded number of requests (I10, F33)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const servers = [server(), server()];
    await clock.advance(2 * HOUR_MS);
    as.failAlways({ answer: { kind: "not_committed", code: "http_429" } });
    let last: readonly Promise<string>[] = [];
    for (let second = 0; second < 300; second++) {
      const calls = Array.from({ length: 100 }, (_, index) =>
        servers[index % 2]!.token(ALICE, { maxWaitMs: 200 }),
      );
      await clock.advance(SECOND_MS);
      last = calls;
    }
    await clock.advance(5 * SECOND_MS);

    expect(new Set(await Promise.all(last))).toEqual(new Set(["refresh_unavailable:http_429"]));
    expect(as.sent.length).toBeGreaterThanOrEqual(10);
    expect(as.sent.length).toBeLessThanOrEqual(25);
    as.failAlways(undefined);
    await clock.advance(31 * SECOND_MS);
    expect(await servers[1]!.token(ALICE)).toBe("at.alice.2");
  }, 60_000);

  it("with Retry-After is left alone for that long, by every server (Retry-After, X35)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const [one, two] = [server(), server()];
    await clock.advance(55 * MINUTE_MS);
    as.failNext({ answer: { kind: "not_committed", code: "http_429", retryAfterMs: 120_000 } });
    await one.token(ALICE);
    await clock.settle();

    for (let second = 0; second < 120; second++) {
      for (const { token } of [one, two]) expect(await token(ALICE)).toBe("at.alice.1");
      await clock.advance(SECOND_MS);
    }
    expect(as.sent).toHaveLength(1);
    await clock.advance(12 * SECOND_MS);
    await two.token(ALICE);
    await clock.settle();
    expect(await one.token(ALICE)).toBe("at.alice.2");
  });
});

describe("a rotated client secret", () => {
  it("signs nobody out in an hour of invalid_client, and heals by itself (I6, X46, M9)", async () => {
    const { clock, as, server, signInBoth, eventsOf } = scenario({ lifetimeMs: 5 * MINUTE_MS });
    await signInBoth();
    const { token } = server();
    as.failAlways({ answer: { kind: "config", code: "invalid_client" } });
    for (let minute = 0; minute < 60; minute++) {
      await clock.advance(MINUTE_MS);
      const calls = Promise.all([token(ALICE), token(BOB)]);
      await clock.advance(0);
      await calls;
    }
    expect(as.requestsOf("alice")).toBeLessThanOrEqual(25);
    as.failAlways(undefined);
    await clock.advance(5 * MINUTE_MS);

    expect([await token(ALICE), await token(BOB)]).toEqual(["at.alice.2", "at.bob.2"]);
    expect(eventsOf("grant_ended")).toEqual([]);
  });
});
