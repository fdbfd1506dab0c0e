import { inspect } from "node:util";

import { describe, expect, it } from "vitest";

import {
  InvalidOptionError,
  NoTokenError,
  NotSignedInError,
  ReauthenticationRequiredError,
  RefreshUnavailableError,
  StoreFailedError,
  isTokenError,
} from "../../src/core/errors.ts";
import { ALICE, BOB, HOUR_MS, MINUTE_MS, SECOND_MS, grantInput, scenario } from "./support/scenario.ts";

describe("the events of a grant's life", () => {
  it("tell what happened, in order, with who asked and how long it took", async () => {
    const { clock, as, server, events } = scenario({ lifetimeMs: HOUR_MS });
    const { manager, token } = server();
    await manager.saveGrant({ ...grantInput(ALICE, "alice", as.signIn("alice")), adopted: true });
    as.latencyMs = 250;
    await clock.advance(55 * MINUTE_MS);
    await token(ALICE, { door: "page" });
    await clock.advance(SECOND_MS);
    await manager.endGrant(ALICE, "signed_out", { revoke: true });
    await clock.settle();

    const base = { atMs: expect.any(Number), grantRef: "alice-grant-", provider: "keycloak" };
    expect(events).toEqual([
      { ...base, type: "grant_created", adopted: true, refreshable: true },
      { ...base, type: "refresh_started", attemptId: "attempt-1", door: "page", version: 1 },
      {
        ...base,
        type: "refresh_ended",
        attemptId: "attempt-1",
        outcome: "committed",
        code: "ok",
        door: "page",
        tookMs: 250,
        version: 2,
        expiresAtMs: Date.UTC(2026, 0, 1) + 55 * MINUTE_MS + HOUR_MS,
      },
      { ...base, type: "tokens_stored", attemptId: "attempt-1", version: 2, tookMs: 0 },
      { ...base, type: "grant_ended", reason: "signed_out" },
      { ...base, type: "revocation_ended", outcome: "revoked" },
    ]);
  });

  it("do not disturb the engine when the listener throws", async () => {
    const { clock, as, server, signInBoth, events } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { token } = server();
    events.push = () => {
      throw new Error("the application's listener is broken");
    };
    await clock.advance(2 * MINUTE_MS);

    expect(await token(ALICE)).toBe("at.alice.2");
    expect(as.sent).toHaveLength(1);
  });
});

describe("no event and no error", () => {
  it("holds a token, a whole grant id or a word of the store's driver in its message, whatever happens (I14, SEC-83)", async () => {
    const { clock, as, server, signInBoth, events } = scenario({ lifetimeMs: MINUTE_MS });
    as.rotation = "strict_error";
    await signInBoth();
    const [one, two] = [server(), server()];
    const errors: unknown[] = [];
    const ask = async (call: Promise<unknown>): Promise<void> => {
      void call.catch((error: unknown) => errors.push(error));
      await clock.advance(6 * SECOND_MS);
    };
    await clock.advance(2 * MINUTE_MS);
    as.failNext({ throws: true });
    await ask(one.manager.getAccessToken(ALICE));
    as.failNext({ answer: { kind: "unknown", code: "http_503", detail: "busy", answered: true } });
    await ask(two.manager.getAccessToken(BOB));
    one.store.breakAll("fail");
    await ask(one.manager.getAccessToken(BOB));
    await ask(one.manager.endGrant(ALICE, "signed_out", { revoke: true }));
    one.store.breakAll("hang");
    await ask(one.manager.getAccessToken("k1.some-other-handle-of-alice"));
    one.store.mend();
    as.killFamily("alice");
    await ask(one.manager.getAccessToken(ALICE));
    await clock.advance(MINUTE_MS);
    await ask(two.manager.getAccessToken(ALICE));
    await ask(two.manager.getAccessToken(ALICE, { minValidityMs: -1 }));
    as.revokeOutcome = "failed";
    await two.manager.endGrant(BOB, "signed_out", { revoke: true });
    await clock.advance(MINUTE_MS);

    expect(new Set(events.map(({ type }) => type)).size).toBeGreaterThanOrEqual(5);
    expect(new Set(errors.map((error) => (error as { code: string }).code)).size).toBeGreaterThanOrEqual(4);
    const told = [
      ...events.map((event) => JSON.stringify(event)),
      ...errors.map(
        (error) =>
          `${String(error)} ${JSON.stringify(error)} ${inspect(error, { depth: 20, showHidden: true })}`,
      ),
    ];
    for (const text of told) {
      expect(text).not.toMatch(/\b[ar]t\.(alice|bob)\.\d/);
      expect(text).not.toContain(ALICE.slice(0, 20));
      expect(text).not.toContain(BOB.slice(0, 18));
      expect(text).not.toContain("k1.some-other-handle");
    }
    for (const error of errors) expect((error as Error).message).not.toContain("ECONNREFUSED 10");
  });
});

describe("every error", () => {
  const all = [
    [new NotSignedInError(), "not_signed_in"],
    [new NoTokenError(), "no_token"],
    [new ReauthenticationRequiredError("0123456789ab", "rejected"), "reauthentication_required"],
    [new RefreshUnavailableError("0123456789ab", "http_503"), "refresh_unavailable"],
    [new StoreFailedError("The store is away"), "store_failed"],
    [new InvalidOptionError("leadTimeMs", "must be a number"), "invalid_option"],
  ] as const;

  it.each(all)("has a stable name and code, and is known across copies of the module: %s", (error, code) => {
    expect([error.code, error.name, isTokenError(error), error instanceof Error]).toEqual([
      code,
      error.constructor.name,
      true,
      true,
    ]);
    expect(error.message.length).toBeGreaterThan(10);
    expect(Object.keys(error)).not.toContain("nolapse.token-error");
  });

  it.each([undefined, null, "x", 5, {}, new Error("x"), { code: "store_failed" }])(
    "is told from %s",
    (other) => {
      expect(isTokenError(other)).toBe(false);
    },
  );
});
