/**
 * Promises of `reseal`.
 *
 * @module
 */
import assert from "node:assert/strict";

import type { Reseal } from "../../core/grant-store.ts";
import {
  acquired,
  commitOn,
  inserted,
  request,
  rowOf,
  type StoreCheck,
  type StoreCheckContext,
} from "./fixtures.ts";

const resealOf = (expectedSealedTokenSet: string, given: Partial<Reseal> = {}): Reseal => ({
  expectedVersion: 1,
  expectedSealedTokenSet,
  sealedTokenSet: `${expectedSealedTokenSet}, sealed anew`,
  keyId: "new key",
  candidates: [],
  ...given,
});

/** A grant with everything that a reseal has to leave alone. */
async function busyGrant(context: StoreCheckContext): Promise<{ id: string; sealedTokenSet: string }> {
  const { store } = context;
  const { id, sealedTokenSet } = await inserted(context);
  const { lease } = await acquired(store, id, request("a"));
  const backoff = { failures: 2, waitMs: 30_000, code: "http_503" };
  await store.releaseLease(id, lease, { intent: null, backoff });
  await acquired(store, id, request("b"));
  for (const attemptId of ["x", "y", "z"]) {
    await store.addCandidate(id, { attemptId, sealedTokenSet: `by ${attemptId}`, keyId: "key3", version: 2 });
  }
  return { id, sealedTokenSet };
}

/** One check per promise. */
export const resealChecks: readonly StoreCheck[] = [
  {
    name: "reseals tokens and candidates in their places, and touches nothing else, not even a lease that stands",
    check: async (context) => {
      const { id, sealedTokenSet } = await busyGrant(context);
      const before = await rowOf(context.store, id);
      const candidates = ["z", "x"].map((attemptId) => ({
        attemptId,
        sealedTokenSet: `${attemptId} anew`,
        keyId: "new key",
      }));

      assert.equal(await context.store.reseal(id, resealOf(sealedTokenSet, { candidates })), true);

      const [x, y, z] = before.candidates;
      assert.deepEqual(await rowOf(context.store, id), {
        ...before,
        sealedTokenSet: `${sealedTokenSet}, sealed anew`,
        keyId: "new key",
        candidates: [
          { ...x, sealedTokenSet: "x anew", keyId: "new key" },
          y,
          { ...z, sealedTokenSet: "z anew", keyId: "new key" },
        ],
      });
    },
  },
  {
    name: "reseals nothing upon another version or another sealed token set (I2)",
    check: async (context) => {
      const { id, sealedTokenSet } = await busyGrant(context);
      const before = await rowOf(context.store, id);
      const candidates = [{ attemptId: "x", sealedTokenSet: "stale", keyId: "stale" }];

      for (const wrong of [
        resealOf(sealedTokenSet, { candidates, expectedVersion: 0 }),
        resealOf(sealedTokenSet, { candidates, expectedVersion: 2 }),
        resealOf(`${sealedTokenSet} `, { candidates }),
      ]) {
        assert.equal(await context.store.reseal(id, wrong), false);
      }
      assert.equal(await context.store.reseal(context.newId(), resealOf(sealedTokenSet)), false);

      assert.deepEqual(await rowOf(context.store, id), before);
    },
  },
  {
    name: "brings back no candidate that has gone meanwhile",
    check: async (context) => {
      const { id, sealedTokenSet } = await busyGrant(context);
      await context.store.removeCandidate(id, "y");
      const candidates = [{ attemptId: "y", sealedTokenSet: "y anew", keyId: "new key" }];

      assert.equal(await context.store.reseal(id, resealOf(sealedTokenSet, { candidates })), true);

      const kept = (await rowOf(context.store, id)).candidates;
      assert.deepEqual(
        kept.map(({ attemptId }) => attemptId),
        ["x", "z"],
      );
    },
  },
  {
    name: "reseals an ended grant, which stays ended (I7)",
    check: async (context) => {
      const { id, sealedTokenSet } = await busyGrant(context);
      await context.store.end(id, "signed_out");
      const before = await rowOf(context.store, id);

      assert.equal(await context.store.reseal(id, resealOf(sealedTokenSet)), true);

      assert.deepEqual(await rowOf(context.store, id), {
        ...before,
        sealedTokenSet: `${sealedTokenSet}, sealed anew`,
        keyId: "new key",
      });
    },
  },
  {
    name: "brings nothing back into a grant that was wiped (SEC-18)",
    check: async (context) => {
      const { id, sealedTokenSet } = await busyGrant(context);
      await context.store.end(id, "signed_out");
      await context.store.wipe(id);
      const before = await rowOf(context.store, id);

      assert.equal(await context.store.reseal(id, resealOf(sealedTokenSet)), false);

      assert.deepEqual(await rowOf(context.store, id), before);
    },
  },
  {
    name: "hinders no refresh by a reseal: its holder renews, commits upon the same version and gives the lease back",
    check: async (context) => {
      const { id, sealedTokenSet } = await inserted(context);
      const { lease } = await acquired(context.store, id, request("a"));

      await context.store.reseal(id, resealOf(sealedTokenSet));

      assert.equal(await context.store.renewLease(id, lease, 1_000), true);
      const answer = await context.store.commit(id, commitOn(1, { lease }));
      assert.equal(answer.status, "committed");
      const row = await rowOf(context.store, id);
      assert.deepEqual([row.version, row.lease, row.intent], [2, null, null]);
    },
  },
];
