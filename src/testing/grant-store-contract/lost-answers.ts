/**
 * Promises for a caller whose answer got lost on its way back (X7, X26): the call was done, the caller does not know, and
 * makes it again.
 *
 * @module
 */
import assert from "node:assert/strict";

import type { GrantStore } from "../../core/grant-store.ts";
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
  type StoreCheckContext,
} from "./fixtures.ts";

/** Makes a call whose answer gets lost, and then the same once more. */
async function twice<Answer>(
  context: StoreCheckContext,
  method: Exclude<keyof GrantStore, "kind">,
  call: () => Promise<Answer>,
): Promise<Answer> {
  assert.ok(context.loseNextAnswer, "the context of these checks can lose an answer");
  await context.loseNextAnswer(method);
  await assert.rejects(async () => call(), "a lost answer is a failure");
  return call();
}

const candidate = { attemptId: "x", sealedTokenSet: "by x", keyId: "key3", version: 2 };

/** One check per promise. */
export const lostAnswerChecks: readonly StoreCheck[] = [
  {
    name: "has an insert whose answer was lost, and answers the next one with false",
    check: async (context) => {
      const grant = newGrant(context);

      assert.equal(await twice(context, "insert", () => context.store.insert(grant)), false);

      const { version, sealedTokenSet, state } = await rowOf(context.store, grant.id);
      assert.deepEqual([version, sealedTokenSet, state], [1, grant.sealedTokenSet, "live"]);
      const ended = await context.store.endMatching({ sessionRef: grant.sessionRef }, "signed_out");
      assert.deepEqual(
        ended.map(({ id }) => id),
        [grant.id],
      );
    },
  },
  {
    name: "gives a lease whose answer was lost to its holder again and to nobody else, and shows that attempt (S2)",
    check: async (context) => {
      const { id } = await inserted(context);
      const asked = request("a", { attemptId: "lost" });

      const { lease, previousIntent } = await acquiredTwice(context, id, asked);

      assert.ok(lease.fence > 1, "the fence grows");
      assert.deepEqual([previousIntent?.attemptId, previousIntent?.fence], ["lost", lease.fence - 1]);
      assert.equal((await context.store.acquireLease(id, request("b"))).status, "held");
    },
  },
  {
    name: "has a renewal whose answer was lost",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease } = await acquired(context.store, id, request("a", { durationMs: 5_000 }));

      assert.equal(
        await twice(context, "renewLease", () => context.store.renewLease(id, lease, LONG_MS)),
        true,
      );

      const { grant, storeNowMs } = await readingOf(context.store, id);
      assert.ok((grant.lease?.untilMs ?? 0) > storeNowMs + 5_000, "it lasts longer");
      assert.equal(grant.lease?.fence, lease.fence);
    },
  },
  {
    name: "has a release whose answer was lost, with its note, and answers the next one with false",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease, grant } = await acquired(context.store, id, request("a"));
      const intent = grant.intent && { ...grant.intent, outcome: "unknown" as const };
      const note = { intent, backoff: { failures: 1, waitMs: 30_000, code: "timeout" } };

      assert.equal(
        await twice(context, "releaseLease", () => context.store.releaseLease(id, lease, note)),
        false,
      );

      const row = await rowOf(context.store, id);
      assert.deepEqual([row.lease, row.intent, row.backoff?.failures], [null, intent, 1]);
      await acquired(context.store, id, request("b"));
    },
  },
  {
    name: "has a commit whose answer was lost, and shows its token set to the next one as a conflict (I4)",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease } = await acquired(context.store, id, request("a"));
      const commit = commitOn(1, { lease, sealedTokenSet: `sealed once for ${id}` });

      const answer = await twice(context, "commit", () => context.store.commit(id, commit));

      assert.equal(answer.status, "conflict");
      const row = await rowOf(context.store, id);
      assert.deepEqual("grant" in answer && answer.grant, row);
      assert.deepEqual(
        [row.version, row.sealedTokenSet, row.lease, row.intent],
        [2, commit.sealedTokenSet, null, null],
      );
    },
  },
  {
    name: "keeps a candidate whose answer was lost once (I4)",
    check: async (context) => {
      const { id } = await inserted(context);

      assert.equal(
        await twice(context, "addCandidate", () => context.store.addCandidate(id, candidate)),
        true,
      );

      const kept = (await rowOf(context.store, id)).candidates.map(({ keptAtMs: _, ...rest }) => rest);
      assert.deepEqual(kept, [candidate]);
    },
  },
  {
    name: "leaves the tokens in a tombstone whose answer was lost, so that they can still be revoked (I16)",
    check: async (context) => {
      const { store } = context;
      const { id, sealedTokenSet } = await inserted(context);
      const session = await inserted(context);

      assert.equal(await twice(context, "end", () => store.end(id, "signed_out", 1)), undefined);
      const { sessionRef } = session;
      assert.deepEqual(
        await twice(context, "endMatching", () => store.endMatching({ sessionRef }, "revoked")),
        [],
      );

      const [one, other] = [await rowOf(store, id), await rowOf(store, session.id)];
      assert.deepEqual(
        [one.state, one.endReason, one.sealedTokenSet],
        ["ended", "signed_out", sealedTokenSet],
      );
      assert.deepEqual(
        [other.state, other.endReason, other.sealedTokenSet],
        ["ended", "revoked", session.sealedTokenSet],
      );
    },
  },
  {
    name: "has a reseal and a wipe whose answers were lost (SEC-18)",
    check: async (context) => {
      const { store } = context;
      const { id, sealedTokenSet } = await inserted(context);
      const anew = { sealedTokenSet: "sealed anew", keyId: "new key", candidates: [] };
      const reseal = { expectedVersion: 1, expectedSealedTokenSet: sealedTokenSet, ...anew };

      assert.equal(await twice(context, "reseal", () => store.reseal(id, reseal)), false);
      const row = await rowOf(store, id);
      assert.deepEqual([row.version, row.sealedTokenSet, row.keyId], [1, "sealed anew", "new key"]);

      await store.end(id, "signed_out");
      await twice(context, "wipe", () => store.wipe(id));
      assert.deepEqual(
        [(await rowOf(store, id)).sealedTokenSet, (await rowOf(store, id)).state],
        ["", "ended"],
      );
    },
  },
];

async function acquiredTwice(
  context: StoreCheckContext,
  id: string,
  asked: ReturnType<typeof request>,
): ReturnType<typeof acquired> {
  return twice(context, "acquireLease", () => acquired(context.store, id, asked));
}
