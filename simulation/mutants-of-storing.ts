/**
 * Seeded bugs of keeping what came: versions, fences, candidates, tombstones, seals, caches.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

/** In the order of their numbers (section 9, item 6 of the reliability requirements). */
export const MUTANTS_OF_STORING: readonly Mutant[] = [
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
    id: "M8",
    what: "a store that refuses the tokens is taken for one that has them",
    patches: [
      {
        file: "src/core/persist.ts",
        find: "remember(shared.pendingRotations, parent.id, waiting.slice(-MAX_PENDING_PER_GRANT));",
        replace: 'return { kind: "stored", grant: parent };',
      },
    ],
    caughtBy: { rules: ["I4", "I5"] },
  },
  {
    id: "M11",
    what: "a fresh refresh token that loses the commit is dropped",
    patches: [
      {
        file: "src/core/settle-commit.ts",
        find: "await keepCandidate(engine, grant, tokenSet, sendNameOf(sent));",
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
    alsoCaughtBy: { world: "browser", rules: ["I13"] },
  },
  {
    id: "M18",
    what: "the old refresh token is kept after a commit",
    patches: [
      {
        file: "src/core/settle-commit.ts",
        find: "...sealTokens(engine.sealer, parent.id, parent.version + 1, tokenSet),",
        replace:
          "...sealTokens(engine.sealer, parent.id, parent.version + 1, { ...tokenSet, refreshToken: openTokens(engine, parent)?.refreshToken } as TokenSet),",
      },
    ],
    caughtBy: { rules: ["I4", "I21"] },
  },
];
