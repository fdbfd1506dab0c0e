/**
 * Promises of `acquireLease` and `renewLease`.
 *
 * @module
 */
import assert from "node:assert/strict";

import {
  acquired,
  commitOn,
  inserted,
  LONG_MS,
  PAST_SHORT_MS,
  request,
  rowOf,
  SHORT_MS,
  type StoreCheck,
} from "./fixtures.ts";

/** One check per promise. */
export const leaseChecks: readonly StoreCheck[] = [
  {
    name: "gives the lease to one holder at a time, and shows the others the row (I1)",
    check: async (context) => {
      const { id } = await inserted(context);
      await acquired(context.store, id, request("a"));
      const before = await rowOf(context.store, id);

      const answer = await context.store.acquireLease(id, request("b"));

      assert.equal(answer.status, "held");
      assert.deepEqual("grant" in answer && answer.grant, before);
      assert.deepEqual(await rowOf(context.store, id), before);
    },
  },
  {
    name: "answers with the row as it is under the lease, by the store's clock",
    check: async (context) => {
      const { id } = await inserted(context);

      const { lease, grant, storeNowMs } = await acquired(context.store, id, request("a"));

      assert.equal(lease.holder, "a");
      assert.ok(
        Math.abs(lease.untilMs - storeNowMs - LONG_MS) < SHORT_MS,
        "it lasts as long as asked from now",
      );
      assert.deepEqual(grant.lease, lease);
      assert.equal(grant.fence, lease.fence);
      assert.deepEqual(await rowOf(context.store, id), grant);
    },
  },
  {
    name: "writes the intent in the same write as the lease (S2, I22)",
    check: async (context) => {
      const { id } = await inserted(context);

      const { lease, grant, previousIntent } = await acquired(
        context.store,
        id,
        request("a", { deadlineMs: 7_000 }),
      );

      assert.equal(previousIntent, null);
      assert.ok(grant.intent, "there is an intent");
      const { startedAtMs, deadlineAtMs, ...intent } = grant.intent;
      assert.deepEqual(intent, {
        attemptId: "attempt of a",
        holder: "a",
        parentVersion: 1,
        fence: lease.fence,
        outcome: "pending",
      });
      assert.equal(deadlineAtMs - startedAtMs, 7_000);
      assert.deepEqual((await rowOf(context.store, id)).intent, grant.intent);
    },
  },
  {
    name: "keeps the start of an intent of the same version that a new one replaces: the server's window opened then (I12, S1)",
    check: async (context) => {
      const { id } = await inserted(context);
      const first = await acquired(context.store, id, request("a", { durationMs: SHORT_MS }));
      await context.advance(PAST_SHORT_MS);

      const second = await acquired(context.store, id, request("b", { deadlineMs: 9_000 }));

      assert.equal(second.grant.intent?.startedAtMs, first.grant.intent?.startedAtMs);
      assert.ok(
        (second.grant.intent?.deadlineAtMs ?? 0) >= second.storeNowMs + 9_000 - 1,
        "the deadline is new",
      );
      await context.store.commit(id, commitOn(1));
      const third = await acquired(context.store, id, request("b"));
      assert.ok(
        (third.grant.intent?.startedAtMs ?? 0) > (first.grant.intent?.startedAtMs ?? 0),
        "an intent of a new version starts anew",
      );
    },
  },
  {
    name: "gives an expired lease to the next, with a higher fence and the intent that it found (I12)",
    check: async (context) => {
      const { id } = await inserted(context);
      const first = await acquired(context.store, id, request("a", { durationMs: SHORT_MS }));
      await context.advance(PAST_SHORT_MS);

      const second = await acquired(context.store, id, request("b"));

      assert.ok(second.lease.fence > first.lease.fence, "the fence grows");
      assert.deepEqual(second.previousIntent, first.grant.intent);
      assert.equal(second.grant.intent?.holder, "b");
    },
  },
  {
    name: "lets the same holder take its lease again, with a higher fence (I3)",
    check: async (context) => {
      const { id } = await inserted(context);
      const first = await acquired(context.store, id, request("a", { durationMs: SHORT_MS }));

      const again = await acquired(context.store, id, request("a", { attemptId: "second" }));

      assert.ok(again.lease.fence > first.lease.fence, "the fence grows");
      assert.deepEqual(again.previousIntent, first.grant.intent);
      assert.equal(again.grant.intent?.attemptId, "second");
    },
  },
  {
    name: "never lets the fence shrink, also after the lease was given back",
    check: async (context) => {
      const { id } = await inserted(context);
      let fence = 0;
      for (const holder of ["a", "b", "a", "c"]) {
        const { lease } = await acquired(context.store, id, request(holder));
        assert.ok(lease.fence > fence, "the fence grows");
        fence = lease.fence;
        await context.store.releaseLease(id, lease, { intent: null });
        assert.equal((await rowOf(context.store, id)).fence, fence);
      }
    },
  },
  {
    name: "gives no lease of an ended grant, and changes nothing (I7)",
    check: async (context) => {
      const { id } = await inserted(context);
      await context.store.end(id, "signed_out");
      const before = await rowOf(context.store, id);

      const answer = await context.store.acquireLease(id, request("a"));

      assert.equal(answer.status, "ended");
      assert.deepEqual("grant" in answer && answer.grant, before);
      assert.deepEqual(await rowOf(context.store, id), before);
    },
  },
  {
    name: "renews a lease to last from now on",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease, grant } = await acquired(context.store, id, request("a", { durationMs: SHORT_MS }));

      assert.equal(await context.store.renewLease(id, lease, LONG_MS), true);
      await context.advance(PAST_SHORT_MS);

      assert.equal((await context.store.acquireLease(id, request("b"))).status, "held");
      const row = await rowOf(context.store, id);
      assert.equal(row.lease?.fence, lease.fence);
      assert.ok(row.lease.untilMs > lease.untilMs, "the stored end moved");
      assert.deepEqual(row.intent, grant.intent);
    },
  },
  {
    name: "renews nothing for another holder, another fence, or a lease that was taken over",
    check: async (context) => {
      const { store } = context;
      const { id } = await inserted(context);
      const { lease: lost } = await acquired(store, id, request("a", { durationMs: SHORT_MS }));
      await context.advance(PAST_SHORT_MS);
      const { lease } = await acquired(store, id, request("b"));
      const before = await rowOf(store, id);

      assert.equal(await store.renewLease(id, lost, LONG_MS), false);
      assert.equal(await store.renewLease(id, { ...lease, holder: "a" }, LONG_MS), false);
      assert.equal(await store.renewLease(id, { ...lease, fence: lease.fence - 1 }, LONG_MS), false);
      assert.equal(await store.renewLease(id, { ...lease, fence: lease.fence + 1 }, LONG_MS), false);

      assert.deepEqual(await rowOf(store, id), before);
    },
  },
  {
    name: "counts a renewal from now, also where that is sooner than the lease would have ended",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease } = await acquired(context.store, id, request("a"));

      assert.equal(await context.store.renewLease(id, lease, SHORT_MS), true);
      await context.advance(PAST_SHORT_MS);

      assert.equal((await context.store.acquireLease(id, request("b"))).status, "acquired");
    },
  },
  {
    name: "renews an expired lease that nobody took since",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease } = await acquired(context.store, id, request("a", { durationMs: SHORT_MS }));
      await context.advance(PAST_SHORT_MS);

      assert.equal(await context.store.renewLease(id, lease, LONG_MS), true);

      assert.equal((await context.store.acquireLease(id, request("b"))).status, "held");
    },
  },
  {
    name: "renews nothing that was given back, by a release or by a commit",
    check: async (context) => {
      const { store } = context;
      const { id } = await inserted(context);
      const released = await acquired(store, id, request("a"));
      await store.releaseLease(id, released.lease, { intent: null });
      assert.equal(await store.renewLease(id, released.lease, LONG_MS), false);
      const committed = await acquired(store, id, request("a"));
      await store.commit(id, commitOn(1, { lease: committed.lease }));
      assert.equal(await store.renewLease(id, committed.lease, LONG_MS), false);

      assert.equal((await rowOf(store, id)).lease, null);
    },
  },
  {
    name: "keeps the leases of two grants apart",
    check: async (context) => {
      const alice = await inserted(context);
      const bob = await inserted(context);

      const ofAlice = await acquired(context.store, alice.id, request("a"));
      const ofBob = await acquired(context.store, bob.id, request("b"));

      assert.equal(await context.store.releaseLease(bob.id, ofAlice.lease, { intent: null }), false);
      assert.deepEqual((await rowOf(context.store, alice.id)).lease, ofAlice.lease);
      assert.deepEqual((await rowOf(context.store, bob.id)).lease, ofBob.lease);
    },
  },
];
