/** The engine with the refreshers that it is shipped with, at an authorization server that takes its time (I4, X36). */
import { describe, expect, it } from "vitest";

import type { Refresher, RefreshRequest } from "../../src/core/refresher.ts";
import { LATE_ANSWER_MS } from "../../src/core/send-refresh.ts";
import { createCustomRefresher } from "../../src/oauth/custom-refresher.ts";
import { createOAuthRefresher } from "../../src/oauth/oauth-refresher.ts";
import type { FetchLike } from "../../src/oauth/send.ts";
import { ALICE, BOB, MINUTE_MS, SECOND_MS, isSettled, scenario, type Scenario } from "./support/scenario.ts";

/** Of tokens that live for a minute. */
const DEADLINE_MS = 15 * SECOND_MS;

/** The server by HTTP: it acts on a request at once, answers after a time, and the client's end obeys its signal. */
class SlowServer {
  latencyMs = 0;
  /** The body comes in two parts, the second one this much later. */
  bodyMs = 0;
  readonly abortedAtMs: number[] = [];
  readonly #world: Scenario;

  constructor(world: Scenario) {
    this.#world = world;
  }

  readonly fetch: FetchLike = (_url, { body, signal }) => {
    const { as, clock } = this.#world;
    const refreshToken = new URLSearchParams(body as string).get("refresh_token") ?? "";
    const judged = as.refresh({ tokenSet: { refreshToken } } as RefreshRequest);
    return new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => {
        this.abortedAtMs.push(clock.nowMs());
        reject(new DOMException("This operation was aborted", "AbortError"));
      });
      void clock.sleep(this.latencyMs).then(async () => {
        const outcome = await judged;
        if (outcome.kind !== "committed")
          return resolve(Response.json({ error: "invalid_grant" }, { status: 400 }));
        const { accessToken, refreshToken: next } = outcome.tokenSet;
        const answer = {
          access_token: accessToken,
          refresh_token: next,
          token_type: "Bearer",
          expires_in: 60,
        };
        resolve(new Response(this.#inTwoParts(JSON.stringify(answer))));
      });
    });
  };

  #inTwoParts(text: string): ReadableStream<Uint8Array> {
    const { clock } = this.#world;
    return new ReadableStream({
      start: async (stream) => {
        stream.enqueue(new TextEncoder().encode(text.slice(0, 5)));
        if (this.bodyMs > 0) await clock.sleep(this.bodyMs);
        stream.enqueue(new TextEncoder().encode(text.slice(5)));
        stream.close();
      },
    });
  }
}

type MakeRefresher = (world: Scenario, slow: SlowServer) => Refresher;

const oauth: MakeRefresher = ({ clock }, { fetch }) =>
  createOAuthRefresher({
    clock,
    fetch,
    resolveProvider: (id) => ({
      id,
      clientId: "app",
      clientSecret: "s3cret",
      issuer: "https://as.example",
      tokenEndpoint: "https://as.example/token",
    }),
  });
const customFetch: MakeRefresher = ({ clock }, slow) =>
  createCustomRefresher({
    clock,
    refresh: ({ refreshToken, signal }) =>
      slow.fetch("https://backend.example/refresh", {
        body: new URLSearchParams({ refresh_token: refreshToken }).toString(),
        signal,
      }),
  });
const customTokens: MakeRefresher = ({ clock }, slow) =>
  createCustomRefresher({
    clock,
    refresh: async ({ refreshToken }) => {
      const body = new URLSearchParams({ refresh_token: refreshToken }).toString();
      const answer = await slow.fetch("https://backend.example/refresh", { body });
      return (await answer.json()) as Record<string, unknown>;
    },
  });
const SHIPPED: readonly [string, MakeRefresher][] = [
  ["the OAuth refresher", oauth],
  ["a refresh function that returns a Response", customFetch],
  ["a refresh function that returns tokens", customTokens],
];

async function due(
  make: MakeRefresher,
  latencyMs: number,
): Promise<Scenario & { slow: SlowServer; refresher: Refresher }> {
  const world = scenario({ lifetimeMs: MINUTE_MS });
  await world.signInBoth();
  const slow = new SlowServer(world);
  slow.latencyMs = latencyMs;
  await world.clock.advance(42 * SECOND_MS);
  return { ...world, slow, refresher: make(world, slow) };
}

describe.each(SHIPPED)("an answer after the deadline, with %s,", (_, make) => {
  it("is stored: nobody has to sign in again because a strict server took 16 s (I4, X36)", async () => {
    const { clock, as, server, row, eventsOf, refresher } = await due(make, DEADLINE_MS + SECOND_MS);
    const { token } = server({ refresher });
    expect(await token(ALICE)).toBe("at.alice.1");
    await clock.advance(DEADLINE_MS);
    expect(eventsOf("refresh_ended")).toMatchObject([
      { outcome: "unknown", code: "timeout", tookMs: DEADLINE_MS },
    ]);
    expect((await row(ALICE)).intent).toMatchObject({ outcome: "unknown" });

    await clock.advance(SECOND_MS);

    expect(await row(ALICE)).toMatchObject({ version: 2, intent: null, backoff: null });
    expect([await token(ALICE), as.sent, as.replayed]).toEqual(["at.alice.2", ["rt.alice.1"], []]);
    expect(eventsOf("late_answer")).toMatchObject([{ grantRef: "alice-grant-", attemptId: "attempt-1" }]);
    expect((await row(BOB)).version).toBe(1);
  });

  it("is revoked behind a tombstone, and not stored (I7)", async () => {
    const { clock, as, server, row, refresher } = await due(make, DEADLINE_MS + 3 * SECOND_MS);
    const revoked: string[] = [];
    const { token, manager } = server({
      refresher: {
        ...refresher,
        revoke: async (request) => {
          revoked.push(request.tokenSet.refreshToken ?? "");
          return as.revoke(request);
        },
      },
    });
    await token(ALICE);
    await clock.advance(DEADLINE_MS + SECOND_MS);
    await manager.endGrant(ALICE, "signed_out", { revoke: true });
    await clock.advance(10 * SECOND_MS);

    expect([(await row(ALICE)).version, (await row(ALICE)).state]).toEqual([1, "ended"]);
    expect(revoked).toEqual(["rt.alice.1", "rt.alice.2"]);
    expect(as.liveRefreshTokens("alice")).toEqual([]);
  });

  it("is kept as a candidate where somebody else has refreshed meanwhile (I4, S5)", async () => {
    const { clock, as, server, row, refresher } = await due(make, 2 * DEADLINE_MS);
    as.rotation = "grace_forks";
    as.graceMs = MINUTE_MS;
    const [slow, quick] = [server({ refresher }), server()];
    await slow.token(ALICE);
    await clock.advance(DEADLINE_MS + 3 * SECOND_MS);
    expect(await quick.token(ALICE)).toBe("at.alice.3");
    await clock.advance(2 * DEADLINE_MS);

    expect(await row(ALICE)).toMatchObject({ version: 2 });
    expect((await row(ALICE)).candidates).toHaveLength(1);
  });

  it("is given up a minute after the deadline, so that nothing hangs for ever (I11)", async () => {
    const { clock, as, server, row, slow, refresher } = await due(make, 10 * MINUTE_MS);
    const one = server({ refresher, background: (task: Promise<void>) => task });
    const call = one.token(ALICE);
    await clock.advance(DEADLINE_MS + LATE_ANSWER_MS - 1);
    expect([slow.abortedAtMs, await isSettled(clock, call)]).toEqual([[], false]);
    await clock.advance(1);

    expect(await isSettled(clock, call)).toBe(true);
    expect(LATE_ANSWER_MS).toBe(MINUTE_MS);
    expect([(await row(ALICE)).version, as.sent]).toEqual([1, ["rt.alice.1"]]);
  });
});

describe("an answer with somebody else's tokens that comes after the deadline", () => {
  it("is told, and its tokens are not stored (SEC-43, I18)", async () => {
    const { clock, as, server, signInBoth, row, eventsOf } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { token } = server();
    await clock.advance(2 * MINUTE_MS);
    as.hold();
    as.failNext({ answer: { kind: "committed_bad", code: "subject_mismatch" } });
    void token(ALICE);
    await clock.advance(20 * SECOND_MS);
    expect(eventsOf("subject_mismatch")).toEqual([]);
    as.release();
    await clock.advance(SECOND_MS);

    expect(eventsOf("subject_mismatch")).toHaveLength(1);
    expect((await row(ALICE)).version).toBe(1);
  });
});

describe("an answer with a new refresh token from a server that rotates now and then", () => {
  it("takes the place of a later one that came first with the old token: that one is spent now (I4, X39, X44)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { token } = server();
    await clock.advance(2 * MINUTE_MS);
    // The first request is judged 40 s after it was sent; the one behind it brings no new refresh token.
    as.failNext({ hang: "deaf", afterMs: 40 * SECOND_MS });
    void token(ALICE);
    await clock.advance(20 * SECOND_MS);
    as.rotation = "static";
    const second = token(ALICE);
    await clock.advance(5 * SECOND_MS);
    expect([await second, as.sent]).toEqual(["at.alice.2", ["rt.alice.1", "rt.alice.1"]]);
    as.rotation = "strict_family";
    await clock.advance(20 * SECOND_MS);

    expect(await row(ALICE)).toMatchObject({ version: 3, candidates: [] });
    await clock.advance(2 * MINUTE_MS);
    expect(await token(ALICE)).toBe("at.alice.4");
    expect(as.replayed).toEqual([]);
  });

  it("leaves nothing behind if it brings the old one after the new one was stored: that one is spent (I12)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { token } = server();
    await clock.advance(2 * MINUTE_MS);
    as.failNext({ hang: "deaf", afterMs: 40 * SECOND_MS });
    void token(ALICE);
    await clock.advance(20 * SECOND_MS);
    const second = token(ALICE);
    await clock.advance(5 * SECOND_MS);
    expect(await second).toBe("at.alice.2");
    as.rotation = "static";
    await clock.advance(20 * SECOND_MS);

    expect(await row(ALICE)).toMatchObject({ version: 2, candidates: [] });
  });
});

describe("an answer that has begun at the deadline and ends after it", () => {
  it.each(SHIPPED.slice(0, 2))("is read to its end with %s (I4)", async (_, make) => {
    const { clock, server, row, slow, refresher } = await due(make, SECOND_MS);
    slow.bodyMs = DEADLINE_MS;
    await server({ refresher }).token(ALICE);
    await clock.advance(DEADLINE_MS);
    expect((await row(ALICE)).version).toBe(1);
    await clock.advance(SECOND_MS);

    expect((await row(ALICE)).version).toBe(2);
  });
});

describe("a request that has not left at its deadline", () => {
  it("is never sent: somebody else may have sent the refresh token since (X39, I1)", async () => {
    const world = scenario({ lifetimeMs: MINUTE_MS });
    const { clock, server, signInBoth, row, eventsOf } = world;
    await signInBoth();
    const sent: string[] = [];
    const refresher = createOAuthRefresher({
      clock,
      fetch: (url) => {
        sent.push(url);
        return Promise.resolve(Response.json({}));
      },
      resolveProvider: (id) => ({
        id,
        clientId: "app",
        issuer: "https://as.example",
        tokenEndpoint: "https://as.example/token",
        // A vault that takes its time.
        clientSecret: () => clock.sleep(DEADLINE_MS + 2 * SECOND_MS).then(() => "s3cret"),
      }),
    });
    await clock.advance(42 * SECOND_MS);
    await server({ refresher }).token(ALICE);
    await clock.advance(DEADLINE_MS);

    expect(eventsOf("refresh_ended")).toMatchObject([{ outcome: "not_sent", tookMs: DEADLINE_MS }]);
    expect(await row(ALICE)).toMatchObject({ intent: null, backoff: { code: "timeout" } });
    await clock.advance(MINUTE_MS);
    expect(sent).toEqual([]);
  });
});
