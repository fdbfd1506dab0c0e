/**
 * Promises of `slide` and `purge`.
 *
 * @module
 */
import assert from "node:assert/strict";

import {
  commitOn,
  HOUR_MS,
  inserted,
  newGrant,
  PAST_SHORT_MS,
  readingOf,
  rowOf,
  SHORT_MS,
  type StoreCheck,
  type StoreCheckContext,
} from "./fixtures.ts";

/** Purges until nothing is left to purge; fails if a call exceeds its limit. */
async function purgeAll({ store }: StoreCheckContext, limit: number): Promise<number> {
  let purged = 0;
  for (let call = 0; call < 10_000; call++) {
    const gone = await store.purge(limit);
    assert.ok(gone <= limit, "a purge keeps to its limit");
    if (gone === 0) return purged;
    purged += gone;
  }
  return assert.fail("the purge comes to an end");
}

/** Fails unless a grant whose end is moved in time is still there when its first end has passed, and another is not. */
async function outlivesItsEnd(
  context: StoreCheckContext,
  move: (id: string, endMs: number) => Promise<unknown>,
): Promise<void> {
  const { store } = context;
  // A busy machine may need longer for these few calls than a short life lasts.
  for (let lifeMs = PAST_SHORT_MS; lifeMs <= 16 * PAST_SHORT_MS; lifeMs *= 4) {
    const { storeNowMs } = await readingOf(store, (await inserted(context)).id);
    const slidingEndMs = storeNowMs + lifeMs;
    const moved = await inserted(context, { slidingEndMs });
    await move(moved.id, storeNowMs + HOUR_MS / 2);
    const inTime = (await store.read(moved.id)) !== undefined;
    const left = await inserted(context, { slidingEndMs });
    for (let passedMs = 0; passedMs <= lifeMs; passedMs += PAST_SHORT_MS)
      await context.advance(PAST_SHORT_MS);
    await purgeAll(context, 100);
    assert.equal(await store.read(left.id), undefined);
    if (!inTime) continue;
    assert.equal((await rowOf(store, moved.id)).state, "live");
    return;
  }
  assert.fail("an end can be moved before it passes");
}

/** One check per promise. */
export const lifetimeChecks: readonly StoreCheck[] = [
  {
    name: "slides the end of a live grant forward, and nothing else changes",
    check: async (context) => {
      const { id, slidingEndMs } = await inserted(context);
      const before = await rowOf(context.store, id);

      await context.store.slide(id, slidingEndMs + 1_000);

      assert.deepEqual(await rowOf(context.store, id), { ...before, slidingEndMs: slidingEndMs + 1_000 });
    },
  },
  {
    name: "never slides an end back, nor past the absolute end (SEC-12)",
    check: async (context) => {
      const { id, slidingEndMs, absoluteEndMs } = await inserted(context);

      await context.store.slide(id, slidingEndMs - 1_000);
      assert.equal((await rowOf(context.store, id)).slidingEndMs, slidingEndMs);

      await context.store.slide(id, absoluteEndMs + HOUR_MS);
      const row = await rowOf(context.store, id);
      assert.deepEqual([row.slidingEndMs, row.absoluteEndMs], [absoluteEndMs, absoluteEndMs]);
    },
  },
  {
    name: "slides nothing of an ended grant",
    check: async (context) => {
      const { id, absoluteEndMs } = await inserted(context);
      await context.store.end(id, "signed_out");
      const before = await rowOf(context.store, id);

      await context.store.slide(id, absoluteEndMs);

      assert.deepEqual(await rowOf(context.store, id), before);
    },
  },
  {
    name: "purges what is past its end, live or ended, a few at a time, and nothing else (SEC-18)",
    check: async (context) => {
      const { store } = context;
      const staying = await inserted(context);
      const tombstone = await inserted(context);
      await store.end(tombstone.id, "signed_out");
      const { storeNowMs } = await readingOf(store, staying.id);
      const ends = { slidingEndMs: storeNowMs + SHORT_MS, absoluteEndMs: storeNowMs + SHORT_MS };
      const slid = { ...ends, absoluteEndMs: storeNowMs + HOUR_MS };
      const leaving = [
        await inserted(context, ends),
        await inserted(context, ends),
        await inserted(context, slid),
      ];
      await store.end(leaving[0]?.id ?? "", "signed_out");
      await context.advance(PAST_SHORT_MS);

      await purgeAll(context, 2);

      for (const { id } of leaving) assert.equal(await store.read(id), undefined);
      assert.equal((await rowOf(store, staying.id)).state, "live");
      assert.equal((await rowOf(store, tombstone.id)).state, "ended");
    },
  },
  {
    name: "keeps a grant whose end was moved, by use or by a commit, when its first end has passed",
    check: async (context) => {
      const { store } = context;
      await outlivesItsEnd(context, (id, endMs) => store.slide(id, endMs));
      await outlivesItsEnd(context, (id, slidingEndMs) => store.commit(id, commitOn(1, { slidingEndMs })));
    },
  },
  {
    name: "lets the id of a purged grant be taken again, and nothing of the old one is left",
    check: async (context) => {
      const { store } = context;
      const { storeNowMs } = await readingOf(store, (await inserted(context)).id);
      const gone = await inserted(context, { slidingEndMs: storeNowMs + SHORT_MS });
      await store.addCandidate(gone.id, { attemptId: "a", sealedTokenSet: "s", keyId: "k", version: 2 });
      await store.end(gone.id, "signed_out");
      await context.advance(PAST_SHORT_MS);
      await purgeAll(context, 100);

      assert.equal(await store.insert(newGrant(context, { id: gone.id, sidRef: null })), true);

      const { state, version, candidates, endReason, sidRef } = await rowOf(store, gone.id);
      assert.deepEqual(
        { state, version, candidates, endReason, sidRef },
        { state: "live", version: 1, candidates: [], endReason: null, sidRef: null },
      );
    },
  },
  {
    name: "takes no more than the limit away by one purge, whatever it answers",
    check: async (context) => {
      const { store } = context;
      const { storeNowMs } = await readingOf(store, (await inserted(context)).id);
      const leaving = [1, 2, 3, 4, 5].map(() => inserted(context, { slidingEndMs: storeNowMs + SHORT_MS }));
      const ids = (await Promise.all(leaving)).map(({ id }) => id);
      const there = async (): Promise<number> =>
        (await Promise.all(ids.map((id) => store.read(id)))).filter(Boolean).length;
      await context.advance(PAST_SHORT_MS);

      for (const limit of [0, 2]) {
        const before = await there();
        await store.purge(limit);
        assert.ok(before - (await there()) <= limit, `at most ${limit} went`);
      }
    },
  },
  {
    name: "purges nothing at a limit of 0",
    check: async (context) => {
      const { id } = await inserted(context);
      const { storeNowMs } = await readingOf(context.store, id);
      await inserted(context, { slidingEndMs: storeNowMs + SHORT_MS });
      await context.advance(PAST_SHORT_MS);

      assert.equal(await context.store.purge(0), 0);
    },
  },
];
