/**
 * Seeded bugs of asking and being asked: flights, leases, requests, pauses, ends.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

/** In the order of their numbers (section 9, item 6 of the reliability requirements). */
export const MUTANTS_OF_REFRESHING: readonly Mutant[] = [
  {
    id: "M1",
    what: "single flight without the grant in its key",
    patches: [
      {
        file: "src/core/obtain-token.ts",
        find: "joinFlight(engine.shared.flights, grant.id, () =>",
        replace: 'joinFlight(engine.shared.flights, "one for all", () =>',
      },
    ],
    caughtBy: { rules: ["I8", "I9", "I11"] },
  },
  {
    id: "M3",
    what: "no re-read under the lease",
    patches: [
      {
        file: "src/core/refresh-attempt.ts",
        find: "return underLease(engine, ask, attemptId, taken);",
        replace: "return underLease(engine, ask, attemptId, { ...taken, grant: ask.seen });",
      },
    ],
    caughtBy: { rules: ["I1", "I4", "I12", "I20", "I21"] },
  },
  {
    id: "M5",
    what: "the lease is not renewed while the request runs",
    patches: [
      {
        file: "src/core/keep-lease.ts",
        find: "void renew(engine, holding, maxMs, finished.signal);",
        replace: "",
      },
    ],
    caughtBy: { rules: ["I1"] },
  },
  {
    id: "M6",
    what: "the request ends when its caller stops waiting",
    patches: [
      {
        file: "src/core/send-refresh.ts",
        find: "clock.sleep(refreshDeadlineMsOf(engine, grant), finished.signal)",
        replace:
          "clock.sleep(Math.min(engine.limits.maxWaitMs, refreshDeadlineMsOf(engine, grant)), finished.signal)",
      },
      {
        file: "src/core/send-refresh.ts",
        find: "void engine.clock.sleep(LATE_ANSWER_MS, answered.signal).then(() => givenUp.abort());",
        replace: "givenUp.abort();",
      },
    ],
    caughtBy: { rules: ["I4"] },
  },
  {
    id: "M7",
    what: "tokens are handed out before they are stored",
    patches: [
      {
        file: "src/core/settle-outcome.ts",
        find: "const persisted = await persist(engine, grant, tokenSet, holding, lease);",
        replace: `void settled(persist(engine, grant, tokenSet, holding, lease));
  const persisted = { kind: "stored" as const, grant: { ...grant, version: grant.version + 1, accessTokenIssuedAtMs: tokenSet.issuedAtMs, accessTokenExpiresAtMs: tokenSet.expiresAtMs ?? null } } as Awaited<ReturnType<typeof persist>>;`,
      },
    ],
    caughtBy: { rules: ["I5"] },
  },
  {
    id: "M9",
    what: "invalid_client ends the grant",
    patches: [
      {
        file: "src/core/settle-outcome.ts",
        find: 'if (outcome.kind === "rejected") {',
        replace: 'if (outcome.kind === "rejected" || outcome.kind === "config") {',
      },
    ],
    caughtBy: { rules: ["I6"] },
  },
  {
    id: "M10",
    what: "a 5xx counts as failed, and the request is sent again at once",
    patches: [
      {
        file: "src/core/settle-outcome.ts",
        find: "const waitMs = pauseAfterMs(kind, failures, engine.random(), outcome.retryAfterMs, mostMs);",
        replace:
          'const waitMs = kind === "unknown" ? 1 : pauseAfterMs(kind, failures, engine.random(), outcome.retryAfterMs, mostMs);',
      },
    ],
    caughtBy: { rules: ["I10", "I12"] },
  },
  {
    id: "M13",
    what: "the lifetime counts from the answer, not from the request",
    patches: [
      {
        file: "src/oauth/oauth-refresher.ts",
        find: "requestedAtMs,\n      nowMs: clock.nowMs(),",
        replace: "requestedAtMs: clock.nowMs(),\n      nowMs: clock.nowMs(),",
      },
    ],
    caughtBy: { rules: ["I17"] },
  },
  {
    id: "M14",
    what: "pauses without jitter",
    patches: [
      {
        file: "src/core/backoff.ts",
        find: "const jitteredMs = fullMs * (0.5 + random / 2);",
        replace: "const jitteredMs = fullMs;",
      },
    ],
    caughtBy: { rules: ["I10"] },
  },
  {
    id: "M17",
    what: "a session read that meets a lost grant clears the cookie",
    patches: [
      {
        file: "src/adapter/session-grants.ts",
        find: 'return reason === "signed_out" || reason === "replaced" || reason === "revoked";',
        replace: "return true;",
      },
    ],
    caughtBy: { tests: ["test/next-auth/session.test.ts", "test/next-auth/sign-out.test.ts"] },
    alsoCaughtBy: { world: "browser", rules: ["I13"] },
  },
  {
    id: "M19",
    what: "two audiences of one chain are refreshed side by side",
    patches: [
      {
        file: "src/core/obtain-token.ts",
        find: "joinFlight(engine.shared.flights, grant.id, () =>",
        replace: "joinFlight(engine.shared.flights, `${grant.id} ${targetKeyOf(target)}`, () =>",
      },
    ],
    caughtBy: { rules: ["I1", "I3"] },
  },
  {
    id: "M20",
    what: "kept candidates are never tried",
    patches: [
      {
        file: "src/core/try-candidates.ts",
        find: "for (const candidate of inOrder(grant.candidates)) {",
        replace: "for (const candidate of inOrder([])) {",
      },
    ],
    caughtBy: { rules: ["I6"] },
  },
  {
    id: "M21",
    what: "the intent is cleared although the outcome is unknown",
    patches: [
      {
        file: "src/core/settle-outcome.ts",
        find: 'return sinceFirst(grant.intent, unresolved, answered ? "answered" : "unknown");',
        replace: "return null;",
      },
    ],
    caughtBy: { rules: ["I12"] },
  },
  {
    id: "M22",
    what: "the old refresh token is sent as soon as a store is back, although another process has newer ones in memory",
    patches: [
      {
        file: "src/core/refresh-attempt.ts",
        find: "const waitMs = mayBeReplay(intent, grant, storeNowMs, policy) ? recoveryLeftMs(engine) : 0;",
        replace:
          "const waitMs = mayBeReplay(intent, grant, storeNowMs, policy) ? 0 * recoveryLeftMs(engine) : 0;",
      },
    ],
    caughtBy: { tests: ["test/core/store-recovery.test.ts"] },
  },
  {
    id: "M23",
    what: "where the last one wins, the pair that was stored is never doubted",
    patches: [
      {
        file: "src/core/spent-parent.ts",
        find: 'if (policy.class !== "last_wins") return undefined;',
        replace: 'if (policy.class !== "none") return undefined;',
      },
    ],
    caughtBy: { tests: ["test/core/second-chance.test.ts"] },
  },
];
