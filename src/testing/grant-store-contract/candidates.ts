/**
 * Promises of `addCandidate` and `removeCandidate`.
 *
 * @module
 */
import assert from "node:assert/strict";

import { MAX_CANDIDATES, type Candidate } from "../../core/grant.ts";
import { inserted, readingOf, rowOf, type StoreCheck } from "./fixtures.ts";

const candidate = (attemptId: string): Omit<Candidate, "keptAtMs"> => ({
  attemptId,
  sealedTokenSet: `sealed by ${attemptId}`,
  keyId: "key3",
  version: 2,
});

const namesOf = (candidates: readonly Candidate[]): readonly string[] =>
  candidates.map(({ attemptId }) => attemptId);

/** One check per promise. */
export const candidateChecks: readonly StoreCheck[] = [
  {
    name: "keeps a losing token set with the moment by the store's clock, and nothing else changes (I4, M11)",
    check: async (context) => {
      const { id } = await inserted(context);
      const before = await rowOf(context.store, id);

      assert.equal(await context.store.addCandidate(id, candidate("a")), true);

      const { grant, storeNowMs } = await readingOf(context.store, id);
      const [kept] = grant.candidates;
      assert.ok(kept, "it is kept");
      assert.ok(kept.keptAtMs >= before.createdAtMs && kept.keptAtMs <= storeNowMs);
      assert.deepEqual(grant, { ...before, candidates: [{ ...candidate("a"), keptAtMs: kept.keptAtMs }] });
    },
  },
  {
    name: `keeps the newest ${MAX_CANDIDATES} candidates, newest last`,
    check: async (context) => {
      const { id } = await inserted(context);
      for (const name of ["a", "b", "c", "d", "e"]) await context.store.addCandidate(id, candidate(name));

      assert.deepEqual(namesOf((await rowOf(context.store, id)).candidates), ["c", "d", "e"]);
    },
  },
  {
    name: "keeps one candidate per attempt, so that a repeated write drops no other",
    check: async (context) => {
      const { id } = await inserted(context);
      for (const name of ["a", "b", "c", "c", "c"]) await context.store.addCandidate(id, candidate(name));

      assert.deepEqual(namesOf((await rowOf(context.store, id)).candidates), ["a", "b", "c"]);
    },
  },
  {
    name: "drops the candidate of the named attempt only",
    check: async (context) => {
      const { id } = await inserted(context);
      for (const name of ["a", "b", "c"]) await context.store.addCandidate(id, candidate(name));

      await context.store.removeCandidate(id, "b");
      await context.store.removeCandidate(id, "unheard of");

      assert.deepEqual(namesOf((await rowOf(context.store, id)).candidates), ["a", "c"]);
    },
  },
  {
    name: "keeps no candidate of an ended grant (I7)",
    check: async (context) => {
      const { id } = await inserted(context);
      await context.store.end(id, "signed_out");

      assert.equal(await context.store.addCandidate(id, candidate("a")), false);

      assert.deepEqual((await rowOf(context.store, id)).candidates, []);
    },
  },
];
