/**
 * Promises of `releaseLease`.
 *
 * @module
 */
import assert from "node:assert/strict";

import type { Intent } from "../../core/grant.ts";
import {
  acquired,
  inserted,
  PAST_SHORT_MS,
  readingOf,
  request,
  rowOf,
  SHORT_MS,
  type StoreCheck,
} from "./fixtures.ts";

/** One check per promise. */
export const releaseChecks: readonly StoreCheck[] = [
  {
    name: "gives a released lease to the next at once, with the intent resolved",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease } = await acquired(context.store, id, request("a"));

      assert.equal(await context.store.releaseLease(id, lease, { intent: null }), true);

      const row = await rowOf(context.store, id);
      assert.deepEqual([row.lease, row.intent], [null, null]);
      const next = await acquired(context.store, id, request("b"));
      assert.equal(next.previousIntent, null);
    },
  },
  {
    name: "releases nothing for another holder or another fence (M4)",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease } = await acquired(context.store, id, request("a"));
      const before = await rowOf(context.store, id);
      const note = { intent: null, backoff: { failures: 9, waitMs: 9_000, code: "late" } };

      for (const wrong of [
        { ...lease, holder: "b" },
        { ...lease, fence: lease.fence + 1 },
        { ...lease, fence: lease.fence - 1 },
      ]) {
        assert.equal(await context.store.releaseLease(id, wrong, note), false);
      }

      assert.deepEqual(await rowOf(context.store, id), before);
    },
  },
  {
    name: "ignores the late release of a lease that was taken over (X15)",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease: lost } = await acquired(context.store, id, request("a", { durationMs: SHORT_MS }));
      await context.advance(PAST_SHORT_MS);
      await acquired(context.store, id, request("b"));
      const before = await rowOf(context.store, id);

      assert.equal(await context.store.releaseLease(id, lost, { intent: null }), false);

      assert.deepEqual(await rowOf(context.store, id), before);
      assert.equal((await context.store.acquireLease(id, request("c"))).status, "held");
    },
  },
  {
    name: "ignores the late release of an earlier lease of the same holder (I3)",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease: earlier } = await acquired(context.store, id, request("a"));
      await acquired(context.store, id, request("a"));
      const before = await rowOf(context.store, id);

      assert.equal(await context.store.releaseLease(id, earlier, { intent: null }), false);

      assert.deepEqual(await rowOf(context.store, id), before);
    },
  },
  {
    name: "keeps the intent of an attempt with whatever outcome it is left (I12, M21)",
    check: async (context) => {
      for (const outcome of ["pending", "unknown", "answered"] as const) {
        const { id } = await inserted(context);
        const { lease, grant } = await acquired(context.store, id, request("a"));
        assert.ok(grant.intent);
        const left: Intent = { ...grant.intent, outcome };

        assert.equal(await context.store.releaseLease(id, lease, { intent: left }), true);

        assert.deepEqual((await rowOf(context.store, id)).intent, left);
      }
    },
  },
  {
    name: "takes back an expired lease that nobody took since, once",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease } = await acquired(context.store, id, request("a", { durationMs: SHORT_MS }));
      await context.advance(PAST_SHORT_MS);

      assert.equal(await context.store.releaseLease(id, lease, { intent: null }), true);
      assert.equal(await context.store.releaseLease(id, lease, { intent: null }), false);
    },
  },
  {
    name: "keeps the intent that a release leaves, for the next holder (M21)",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease, grant } = await acquired(context.store, id, request("a"));
      assert.ok(grant.intent);
      const unknown: Intent = { ...grant.intent, outcome: "unknown" };

      await context.store.releaseLease(id, lease, { intent: unknown });

      const row = await rowOf(context.store, id);
      assert.deepEqual([row.lease, row.intent], [null, unknown]);
      const next = await acquired(context.store, id, request("b"));
      assert.deepEqual(next.previousIntent, unknown);
    },
  },
  {
    name: "keeps the backoff that a release leaves, counted from now by the store's clock",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease } = await acquired(context.store, id, request("a"));

      const backoff = { failures: 2, waitMs: 30_000, code: "http_503" };
      await context.store.releaseLease(id, lease, { intent: null, backoff });

      const { grant, storeNowMs } = await readingOf(context.store, id);
      assert.deepEqual([grant.backoff?.failures, grant.backoff?.code], [2, "http_503"]);
      const untilMs = grant.backoff?.untilMs ?? 0;
      assert.ok(
        untilMs <= storeNowMs + 30_000 && untilMs > storeNowMs + 25_000,
        "it lasts 30 s from the release",
      );
    },
  },
  {
    name: "leaves the backoff as it is when the note says nothing, and clears it for null",
    check: async (context) => {
      const { id } = await inserted(context);
      const first = await acquired(context.store, id, request("a"));
      const backoff = { failures: 1, waitMs: 30_000, code: "timeout" };
      await context.store.releaseLease(id, first.lease, { intent: null, backoff });
      const before = (await rowOf(context.store, id)).backoff;

      const second = await acquired(context.store, id, request("a"));
      await context.store.releaseLease(id, second.lease, { intent: null });
      assert.deepEqual((await rowOf(context.store, id)).backoff, before);

      const third = await acquired(context.store, id, request("a"));
      await context.store.releaseLease(id, third.lease, { intent: null, backoff: null });
      assert.equal((await rowOf(context.store, id)).backoff, null);
    },
  },
];
