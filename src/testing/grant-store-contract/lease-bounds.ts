/**
 * Promises about leases at their bounds: longer than any may be, from before the clock was set back, and of a grant that
 * has ended.
 *
 * @module
 */
import assert from "node:assert/strict";

import {
  acquired,
  HOUR_MS,
  inserted,
  LONG_MS,
  readingOf,
  request,
  rowOf,
  SHORT_MS,
  type StoreCheck,
} from "./fixtures.ts";

/** The longest lease, in milliseconds. */
const MAX_LEASE_MS = 300_000;

/** One check per promise. */
export const leaseBoundChecks: readonly StoreCheck[] = [
  {
    name: "cuts a lease and its renewal to 5 minutes, so that nothing holds up a refresh for longer (I17)",
    check: async (context) => {
      const { id } = await inserted(context);

      const { lease, storeNowMs } = await acquired(context.store, id, request("a", { durationMs: HOUR_MS }));
      assert.ok(Math.abs(lease.untilMs - storeNowMs - MAX_LEASE_MS) < SHORT_MS, "the answer says so");

      assert.equal(await context.store.renewLease(id, lease, HOUR_MS), true);
      const renewed = await readingOf(context.store, id);
      const untilMs = renewed.grant.lease?.untilMs ?? 0;
      assert.ok(untilMs >= lease.untilMs && untilMs <= renewed.storeNowMs + MAX_LEASE_MS, "and the row");
      assert.equal((await context.store.acquireLease(id, request("b"))).status, "held");
    },
  },
  {
    name: "lets no lease from before its clock was set back stand for longer than 5 minutes (I17, X21)",
    check: async (context) => {
      if (context.setClockBack === undefined) return;
      const { id } = await inserted(context);
      await acquired(context.store, id, request("a"));

      await context.setClockBack(LONG_MS);
      assert.equal((await context.store.acquireLease(id, request("b"))).status, "held");
      await context.setClockBack(MAX_LEASE_MS);

      await acquired(context.store, id, request("b"));
    },
  },
  {
    name: "lets the holder renew and give back its lease of a grant that has ended, which stays ended (I7)",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease } = await acquired(context.store, id, request("a"));
      await context.store.end(id, "signed_out");
      const { lease: _, ...ended } = await rowOf(context.store, id);

      assert.equal(await context.store.renewLease(id, lease, LONG_MS), true);
      assert.equal(await context.store.renewLease(id, { ...lease, holder: "b" }, LONG_MS), false);
      assert.equal(await context.store.releaseLease(id, lease, { intent: ended.intent }), true);
      assert.equal(await context.store.releaseLease(id, lease, { intent: ended.intent }), false);

      assert.deepEqual(await rowOf(context.store, id), { ...ended, lease: null });
    },
  },
];
