/**
 * Promises of `commit`.
 *
 * @module
 */
import assert from "node:assert/strict";

import type { Intent } from "../../core/grant.ts";
import {
  acquired,
  commitOn,
  HOUR_MS,
  inserted,
  PAST_SHORT_MS,
  request,
  rowOf,
  SHORT_MS,
  type StoreCheck,
} from "./fixtures.ts";

/** One check per promise. */
export const commitChecks: readonly StoreCheck[] = [
  {
    name: "commits a token set as the next version, and keeps everything else",
    check: async (context) => {
      const { id } = await inserted(context);
      const before = await rowOf(context.store, id);
      const { slidingEndMs } = before;
      const { expectedVersion: _, ...tokens } = commitOn(1);

      const answer = await context.store.commit(id, { ...commitOn(1), slidingEndMs: slidingEndMs + 1_000 });

      assert.equal(answer.status, "committed");
      const row = await rowOf(context.store, id);
      assert.deepEqual(row, { ...before, ...tokens, version: 2, slidingEndMs: slidingEndMs + 1_000 });
      assert.deepEqual("grant" in answer && answer.grant, row);
    },
  },
  {
    name: "keeps nothing of the token set that a commit replaces (SEC-40, M18)",
    check: async (context) => {
      const { id, sealedTokenSet } = await inserted(context);

      await context.store.commit(id, commitOn(1));

      assert.ok(!JSON.stringify(await rowOf(context.store, id)).includes(sealedTokenSet));
    },
  },
  {
    name: "refuses a commit upon any other version, and answers with the row (I2, M2)",
    check: async (context) => {
      const { id } = await inserted(context);
      await context.store.commit(id, commitOn(1));
      const before = await rowOf(context.store, id);

      for (const version of [1, 0, 3]) {
        const answer = await context.store.commit(id, commitOn(version, { sealedTokenSet: "stale" }));
        assert.equal(answer.status, "conflict");
        assert.deepEqual("grant" in answer && answer.grant, before);
      }

      assert.deepEqual(await rowOf(context.store, id), before);
    },
  },
  {
    name: "refuses a commit upon an ended grant, and changes nothing (I7, M12)",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease } = await acquired(context.store, id, request("a"));
      await context.store.end(id, "signed_out");
      const before = await rowOf(context.store, id);

      const answer = await context.store.commit(id, commitOn(1, { lease }));

      assert.equal(answer.status, "ended");
      assert.deepEqual("grant" in answer && answer.grant, before);
      assert.deepEqual(await rowOf(context.store, id), before);
    },
  },
  {
    name: "gives the lease back in the same write, and clears its intent and the backoff",
    check: async (context) => {
      const { id } = await inserted(context);
      const first = await acquired(context.store, id, request("a"));
      const backoff = { failures: 1, waitMs: 30_000, code: "timeout" };
      await context.store.releaseLease(id, first.lease, { intent: null, backoff });
      const { lease } = await acquired(context.store, id, request("a"));

      await context.store.commit(id, commitOn(1, { lease }));

      const row = await rowOf(context.store, id);
      assert.deepEqual([row.lease, row.intent, row.backoff, row.fence], [null, null, null, lease.fence]);
    },
  },
  {
    name: "commits for a holder whose lease was lost, and leaves the other's lease alone (TL3)",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease: lost } = await acquired(context.store, id, request("a", { durationMs: SHORT_MS }));
      await context.advance(PAST_SHORT_MS);
      const { lease } = await acquired(context.store, id, request("b"));

      const answer = await context.store.commit(id, commitOn(1, { lease: lost }));

      assert.equal(answer.status, "committed");
      const row = await rowOf(context.store, id);
      assert.equal(row.version, 2);
      assert.deepEqual(row.lease, lease);
    },
  },
  {
    name: "leaves the lease alone when a commit brings none",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease } = await acquired(context.store, id, request("a"));

      await context.store.commit(id, commitOn(1));

      assert.deepEqual((await rowOf(context.store, id)).lease, lease);
    },
  },
  {
    name: "keeps an intent that is of another version than the one replaced (I12)",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease, grant } = await acquired(context.store, id, request("a"));
      assert.ok(grant.intent);
      const unknown: Intent = { ...grant.intent, outcome: "unknown" };
      await context.store.commit(id, commitOn(1));
      assert.equal((await rowOf(context.store, id)).intent, null, "the intent of version 1 is resolved");
      await context.store.releaseLease(id, lease, { intent: unknown });

      await context.store.commit(id, commitOn(2));

      const row = await rowOf(context.store, id);
      assert.deepEqual([row.version, row.intent], [3, unknown]);
    },
  },
  {
    name: "keeps the candidates at a commit",
    check: async (context) => {
      const { id } = await inserted(context);
      const candidate = { attemptId: "late", sealedTokenSet: "sealed late", keyId: "k", version: 2 };
      await context.store.addCandidate(id, candidate);
      const { candidates } = await rowOf(context.store, id);

      await context.store.commit(id, commitOn(1));

      assert.equal(candidates.length, 1);
      assert.deepEqual((await rowOf(context.store, id)).candidates, candidates);
    },
  },
  {
    name: "caps the sliding end of a commit at the absolute end, and never moves it back (SEC-12)",
    check: async (context) => {
      const { id, absoluteEndMs, slidingEndMs } = await inserted(context);

      await context.store.commit(id, commitOn(1, { slidingEndMs: slidingEndMs - 1_000 }));
      assert.equal((await rowOf(context.store, id)).slidingEndMs, slidingEndMs);

      await context.store.commit(id, commitOn(2, { slidingEndMs: absoluteEndMs + HOUR_MS }));
      const row = await rowOf(context.store, id);
      assert.deepEqual([row.slidingEndMs, row.absoluteEndMs], [absoluteEndMs, absoluteEndMs]);
    },
  },
];
