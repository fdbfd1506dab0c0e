/**
 * The seeded bugs M1-M21 (section 9, item 6 of the reliability requirements): each a change of the engine's text, and who
 * has to notice it. They are applied to a copy of the tree, never to the published code.
 *
 * @module
 */

/** One replacement in one file. The text has to be there exactly once, or the list is out of date. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A bug, and its proof. */
export interface Mutant {
  readonly id: string;
  readonly what: string;
  readonly patches: readonly Patch[];
  /** The rules of which one has to break, or the test files of which one has to fail. */
  readonly caughtBy: { readonly rules: readonly string[] } | { readonly tests: readonly string[] };
}

/** All of them. */
export const MUTANTS: readonly Mutant[] = [
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
    id: "M2",
    what: "no compare-and-set on the version",
    patches: [
      {
        file: "src/stores/memory-methods.ts",
        find: 'if (grant.version !== commit.expectedVersion) return { status: "conflict", ...reading };',
        replace: "",
      },
    ],
    caughtBy: { rules: ["I2"] },
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
    id: "M4",
    what: "a lease is released by whoever wants to",
    patches: [
      {
        file: "src/stores/memory-methods.ts",
        find: `releaseLease: step((id, lease, { intent, backoff }) => {
      const grant = rows().get(id);
      if (grant === undefined || !isNewest(grant, lease)) return false;`,
        replace: `releaseLease: step((id, lease, { intent, backoff }) => {
      const grant = rows().get(id);
      if (grant === undefined) return false;`,
      },
    ],
    caughtBy: { rules: ["I3"] },
  },
  {
    id: "M5",
    what: "the lease is not renewed while the request runs",
    patches: [
      {
        file: "src/core/keep-lease.ts",
        find: "engine.background(renew(engine, holding, maxMs, finished.signal));",
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
    ],
    caughtBy: { rules: ["I4"] },
  },
  {
    id: "M7",
    what: "tokens are handed out before they are stored",
    patches: [
      {
        file: "src/core/settle-outcome.ts",
        find: "const persisted = await persist(engine, grant, tokenSet, attemptId, lease);",
        replace: `void settled(persist(engine, grant, tokenSet, attemptId, lease));
  const persisted = { kind: "stored" as const, grant: { ...grant, version: grant.version + 1, accessTokenIssuedAtMs: tokenSet.issuedAtMs, accessTokenExpiresAtMs: tokenSet.expiresAtMs ?? null } } as Awaited<ReturnType<typeof persist>>;`,
      },
    ],
    caughtBy: { rules: ["I5"] },
  },
  {
    id: "M8",
    what: "a store that refuses the tokens is taken for one that has them",
    patches: [
      {
        file: "src/core/persist.ts",
        find: "if (clock.nowMs() >= giveUpAtMs) break;",
        replace: 'return { kind: "stored", grant: parent };',
      },
    ],
    caughtBy: { rules: ["I4", "I5"] },
  },
  {
    id: "M9",
    what: "invalid_client ends the grant",
    patches: [
      {
        file: "src/core/settle-outcome.ts",
        find: 'if (outcome.kind === "rejected") return settleRejected',
        replace: 'if (outcome.kind === "rejected" || outcome.kind === "config") return settleRejected',
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
        find: "const waitMs = pauseAfterMs(kind, failures, engine.random(), outcome.retryAfterMs);",
        replace:
          'const waitMs = kind === "unknown" ? 1 : pauseAfterMs(kind, failures, engine.random(), outcome.retryAfterMs);',
      },
    ],
    caughtBy: { rules: ["I10", "I12"] },
  },
  {
    id: "M11",
    what: "a fresh refresh token that loses the commit is dropped",
    patches: [
      {
        file: "src/core/persist.ts",
        find: "await keepCandidate(engine, grant, tokenSet, attemptId);",
        replace: "",
      },
    ],
    caughtBy: { rules: ["I4"] },
  },
  {
    id: "M12",
    what: "a commit does not look at the tombstone",
    patches: [
      {
        file: "src/stores/memory-methods.ts",
        find: `const reading = { grant, storeNowMs: state.nowMs() };
      if (grant.state === "ended") return { status: "ended", ...reading };`,
        replace: "const reading = { grant, storeNowMs: state.nowMs() };",
      },
    ],
    caughtBy: { rules: ["I7"] },
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
    caughtBy: { tests: ["test/oauth/oauth-refresher.test.ts"] },
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
    id: "M15",
    what: "sealed values are not bound to their slot",
    patches: [
      { file: "src/vault/sealer.ts", find: "cipher.setAAD(associatedData(id, slot));", replace: "" },
      { file: "src/vault/sealer.ts", find: "decipher.setAAD(aad);", replace: "" },
    ],
    caughtBy: { rules: ["I15"] },
  },
  {
    id: "M16",
    what: "a session's answer may be stored by caches",
    patches: [
      {
        file: "src/adapter/wrap-handler.ts",
        find: 'headers.set("cache-control", "private, no-cache, no-store");',
        replace: "",
      },
    ],
    caughtBy: { tests: ["test/next-auth/session.test.ts"] },
  },
  {
    id: "M17",
    what: "a session read that meets a lost grant clears the cookie",
    patches: [
      {
        file: "src/adapter/callbacks.ts",
        find: 'return reason === "signed_out" || reason === "replaced" || reason === "revoked";',
        replace: "return true;",
      },
    ],
    caughtBy: { tests: ["test/next-auth/session.test.ts", "test/next-auth/sign-out.test.ts"] },
  },
  {
    id: "M18",
    what: "the old refresh token is kept after a commit",
    patches: [
      {
        file: "src/core/persist.ts",
        find: "...sealTokens(engine.sealer, parent.id, parent.version + 1, tokenSet),",
        replace:
          "...sealTokens(engine.sealer, parent.id, parent.version + 1, { ...tokenSet, refreshToken: openTokens(engine, parent)?.refreshToken } as TokenSet),",
      },
    ],
    caughtBy: { rules: ["I4", "I21"] },
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
        file: "src/core/settle-outcome.ts",
        find: "for (const candidate of [...grant.candidates].reverse()) {",
        replace: "for (const candidate of [] as typeof grant.candidates) {",
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
        find: 'return { ...grant.intent, startedAtMs, outcome: answered ? "answered" : "unknown" };',
        replace: "return null;",
      },
    ],
    caughtBy: { rules: ["I12"] },
  },
];
