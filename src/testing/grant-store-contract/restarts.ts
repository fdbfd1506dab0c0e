/**
 * Promises of a store that outlives its process: what was answered before a restart holds after it (I22).
 *
 * @module
 */
import assert from "node:assert/strict";

import type { GrantStore } from "../../core/grant-store.ts";
import {
  acquired,
  commitOn,
  inserted,
  newGrant,
  PAST_SHORT_MS,
  readingOf,
  request,
  rowOf,
  SHORT_MS,
  type StoreCheck,
  type StoreCheckContext,
} from "./fixtures.ts";

async function restarted({ reopen }: StoreCheckContext): Promise<GrantStore> {
  assert.ok(reopen, "the context of these checks can restart the store");
  return reopen();
}

/** One check per promise. */
export const restartChecks: readonly StoreCheck[] = [
  {
    name: "keeps every field of every user's grant over a restart (I22)",
    check: async (context) => {
      const { store } = context;
      const alice = await inserted(context);
      const bob = await inserted(context, { subjectRef: null, accessTokenExpiresAtMs: null });
      const { lease } = await acquired(store, alice.id, request("a"));
      const backoff = { failures: 2, waitMs: 30_000, code: "http_503" };
      await store.releaseLease(alice.id, lease, { intent: null, backoff });
      await acquired(store, alice.id, request("b"));
      for (const attemptId of ["x", "y"]) {
        const candidate = { attemptId, sealedTokenSet: `by ${attemptId}`, keyId: "key3", version: 2 };
        await store.addCandidate(alice.id, candidate);
      }
      const before = [await rowOf(store, alice.id), await rowOf(store, bob.id)];

      const after = await restarted(context);

      assert.deepEqual([await rowOf(after, alice.id), await rowOf(after, bob.id)], before);
    },
  },
  {
    name: "lets the fence grow on after a restart, and knows the leases from before it (I3)",
    check: async (context) => {
      const { id } = await inserted(context);
      const first = await acquired(context.store, id, request("a"));
      await context.store.releaseLease(id, first.lease, { intent: null });
      const second = await acquired(context.store, id, request("a"));

      const after = await restarted(context);

      assert.equal((await after.acquireLease(id, request("b"))).status, "held");
      assert.equal(await after.releaseLease(id, first.lease, { intent: null }), false);
      assert.equal(await after.releaseLease(id, second.lease, { intent: null }), true);
      const third = await acquired(after, id, request("b"));
      assert.ok(first.lease.fence < second.lease.fence && second.lease.fence < third.lease.fence);
    },
  },
  {
    name: "shows the intent of an attempt that a restart cut short (S2, I12)",
    check: async (context) => {
      const { id } = await inserted(context);
      const cut = await acquired(context.store, id, request("a", { durationMs: SHORT_MS }));
      await context.advance(PAST_SHORT_MS);

      const next = await acquired(await restarted(context), id, request("b"));

      assert.deepEqual(next.previousIntent, cut.grant.intent);
    },
  },
  {
    name: "keeps the version over a restart, so that a stale commit still loses (I2)",
    check: async (context) => {
      const { id } = await inserted(context);
      await context.store.commit(id, commitOn(1));
      const before = await rowOf(context.store, id);

      const after = await restarted(context);

      assert.equal((await after.commit(id, commitOn(1, { sealedTokenSet: "stale" }))).status, "conflict");
      assert.deepEqual(await rowOf(after, id), before);
      assert.equal((await after.commit(id, commitOn(2))).status, "committed");
    },
  },
  {
    name: "keeps a tombstone over a restart (I7)",
    check: async (context) => {
      const grant = await inserted(context);
      await context.store.end(grant.id, "signed_out");

      const after = await restarted(context);

      assert.equal(await after.insert(newGrant(context, { id: grant.id })), false);
      assert.equal((await after.commit(grant.id, commitOn(1))).status, "ended");
      assert.equal((await rowOf(after, grant.id)).endReason, "signed_out");
    },
  },
  {
    name: "still finds the grants of a session, and shows them in a scan, after a restart",
    check: async (context) => {
      const { id, sessionRef } = await inserted(context);
      const other = await inserted(context);

      const after = await restarted(context);

      const shown = new Set<string>();
      for (let cursor: string | null = null, pages = 0; pages < 10_000; pages++) {
        const page = await after.scan(cursor, 100);
        for (const grant of page.grants) shown.add(grant.id);
        cursor = page.next;
        if (cursor === null) break;
      }
      assert.ok(shown.has(id) && shown.has(other.id));
      const ended = await after.endMatching({ sessionRef }, "revoked");
      assert.deepEqual(
        ended.map((grant) => grant.id),
        [id],
      );
      assert.equal((await rowOf(after, other.id)).state, "live");
    },
  },
  {
    name: "lets a grant go at its end also when that passes around a restart (SEC-18)",
    check: async (context) => {
      const staying = await inserted(context);
      const { storeNowMs } = await readingOf(context.store, staying.id);
      const leaving = await inserted(context, { slidingEndMs: storeNowMs + SHORT_MS });
      await context.advance(PAST_SHORT_MS);

      const after = await restarted(context);
      for (let call = 0; call < 1_000; call++) if ((await after.purge(100)) === 0) break;

      assert.equal(await after.read(leaving.id), undefined);
      assert.equal((await rowOf(after, staying.id)).state, "live");
    },
  },
];
