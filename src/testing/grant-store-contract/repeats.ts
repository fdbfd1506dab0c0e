/**
 * Promises for a caller whose acknowledgement got lost (X7, X26): a call that is made again does no harm, and its answer
 * or the row tells that the first one went through.
 *
 * @module
 */
import assert from "node:assert/strict";

import {
  acquired,
  commitOn,
  inserted,
  LONG_MS,
  newGrant,
  readingOf,
  request,
  rowOf,
  type StoreCheck,
} from "./fixtures.ts";

/** One check per promise. */
export const repeatChecks: readonly StoreCheck[] = [
  {
    name: "answers a repeated insert with false, and the row is the first one's (X26)",
    check: async (context) => {
      const grant = newGrant(context);
      await context.store.insert(grant);
      const before = await rowOf(context.store, grant.id);

      assert.equal(await context.store.insert(grant), false);

      assert.deepEqual(await rowOf(context.store, grant.id), before);
      assert.equal(before.sealedTokenSet, grant.sealedTokenSet);
    },
  },
  {
    name: "answers a repeated commit with a conflict that shows the committed token set (X26, I4)",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease } = await acquired(context.store, id, request("a"));
      const commit = commitOn(1, { lease, sealedTokenSet: `sealed once for ${id}` });
      await context.store.commit(id, commit);
      const before = await rowOf(context.store, id);

      const answer = await context.store.commit(id, commit);

      assert.equal(answer.status, "conflict");
      assert.ok("grant" in answer);
      assert.deepEqual(
        [answer.grant.version, answer.grant.sealedTokenSet],
        [commit.expectedVersion + 1, commit.sealedTokenSet],
      );
      assert.deepEqual(await rowOf(context.store, id), before);
    },
  },
  {
    name: "answers a repeated lease request with the lease, and shows the first one's attempt (X26, S2)",
    check: async (context) => {
      const { id } = await inserted(context);
      const first = await acquired(context.store, id, request("a"));

      const again = await acquired(context.store, id, request("a"));

      assert.ok(again.lease.fence > first.lease.fence, "the fence grows");
      assert.deepEqual(again.previousIntent, first.grant.intent);
      assert.equal(again.previousIntent?.attemptId, again.grant.intent?.attemptId);
      assert.equal((await context.store.acquireLease(id, request("b"))).status, "held");
    },
  },
  {
    name: "answers a repeated renewal with true",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease } = await acquired(context.store, id, request("a"));

      assert.equal(await context.store.renewLease(id, lease, LONG_MS), true);
      assert.equal(await context.store.renewLease(id, lease, LONG_MS), true);

      const { grant, storeNowMs } = await readingOf(context.store, id);
      assert.ok((grant.lease?.untilMs ?? 0) <= storeNowMs + LONG_MS, "it lasts from now, not twice as long");
    },
  },
  {
    name: "takes nothing from the next holder by a repeated release (X15)",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease } = await acquired(context.store, id, request("a"));
      const backoff = { failures: 3, waitMs: 30_000, code: "late" };
      await context.store.releaseLease(id, lease, { intent: null });
      assert.equal(await context.store.releaseLease(id, lease, { intent: null, backoff }), false);
      assert.equal((await rowOf(context.store, id)).backoff, null);
      await acquired(context.store, id, request("b"));
      const before = await rowOf(context.store, id);

      assert.equal(await context.store.releaseLease(id, lease, { intent: null, backoff }), false);

      assert.deepEqual(await rowOf(context.store, id), before);
    },
  },
  {
    name: "leaves a tombstone with its tokens by a repeated end, so that they can still be revoked (I16)",
    check: async (context) => {
      const { id, sessionRef, sealedTokenSet } = await inserted(context);
      await context.store.end(id, "rejected", 1);
      const before = await rowOf(context.store, id);

      assert.equal(await context.store.end(id, "rejected", 1), undefined);
      assert.deepEqual(await context.store.endMatching({ sessionRef }, "revoked"), []);

      assert.deepEqual(await rowOf(context.store, id), before);
      assert.deepEqual(
        [before.state, before.endReason, before.sealedTokenSet],
        ["ended", "rejected", sealedTokenSet],
      );
    },
  },
  {
    name: "changes nothing by a repeated wipe, slide, candidate, its removal or a reseal",
    check: async (context) => {
      const { store } = context;
      const { id, slidingEndMs, sealedTokenSet } = await inserted(context);
      const ended = await inserted(context);
      await store.end(ended.id, "signed_out");
      const candidate = { attemptId: "a", sealedTokenSet: "by a", keyId: "k", version: 2 };
      const reseal = {
        expectedVersion: 1,
        expectedSealedTokenSet: sealedTokenSet,
        sealedTokenSet: "anew",
        keyId: "new key",
        candidates: [],
      };
      const calls = async (): Promise<unknown> => {
        await store.wipe(ended.id);
        await store.slide(id, slidingEndMs + 1_000);
        await store.addCandidate(id, { ...candidate, attemptId: "gone" });
        await store.removeCandidate(id, "gone");
        await store.addCandidate(id, candidate);
        await store.reseal(id, reseal);
        const { candidates, ...row } = await rowOf(store, id);
        const kept = candidates.map(({ keptAtMs: _, ...rest }) => rest);
        return [await rowOf(store, ended.id), row, kept];
      };

      const once = await calls();

      assert.deepEqual(await calls(), once);
    },
  },
];
