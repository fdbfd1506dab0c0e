/**
 * Promises of `scan`. Beside the grants of a check there may be any number of others, which a scan shows too.
 *
 * @module
 */
import assert from "node:assert/strict";

import type { GrantRecord } from "../../core/grant.ts";
import {
  inserted,
  PAST_SHORT_MS,
  readingOf,
  rowOf,
  SHORT_MS,
  type StoreCheck,
  type StoreCheckContext,
} from "./fixtures.ts";

const MAX_PAGES = 100_000;

/** All grants that a scan shows, the last showing of each; `betweenPages` is called after every page but the last. */
async function scanned(
  { store }: StoreCheckContext,
  limit: number,
  betweenPages: (page: number) => Promise<void> = () => Promise.resolve(),
): Promise<ReadonlyMap<string, GrantRecord>> {
  const shown = new Map<string, GrantRecord>();
  let cursor: string | null = null;
  for (let page = 0; page < MAX_PAGES; page++) {
    const { grants, unreadable, next } = await store.scan(cursor, limit);
    assert.ok(Number.isInteger(unreadable) && unreadable >= 0, "it counts what it cannot read");
    for (const grant of grants) shown.set(grant.id, grant);
    if (next === null) return shown;
    assert.notEqual(next, cursor, "the cursor moves on");
    cursor = next;
    await betweenPages(page);
  }
  return assert.fail("a scan comes to an end");
}

async function insertedIds(context: StoreCheckContext, count: number): Promise<readonly string[]> {
  const grants = await Promise.all(Array.from({ length: count }, () => inserted(context)));
  return grants.map(({ id }) => id);
}

/** One check per promise. */
export const scanChecks: readonly StoreCheck[] = [
  {
    name: "shows every grant in a scan as it is, ended ones included, whatever the size of its pages",
    check: async (context) => {
      const ids = await insertedIds(context, 25);
      for (const id of ids.slice(0, 5)) await context.store.end(id, "signed_out");
      const rows = await Promise.all(ids.map((id) => rowOf(context.store, id)));

      for (const limit of [1, 7, 1_000]) {
        const shown = await scanned(context, limit);
        for (const row of rows) assert.deepEqual(shown.get(row.id), row);
      }
    },
  },
  {
    name: "shows every grant in a scan that is there all the time, while others come, change and go",
    check: async (context) => {
      const { storeNowMs } = await readingOf(context.store, (await inserted(context)).id);
      // Their ids come first in the order of texts: where they go, places in a list would move.
      const slidingEndMs = storeNowMs + SHORT_MS;
      for (let made = 0; made < 10; made++) {
        await inserted(context, { id: `0${context.newId()}`, slidingEndMs });
      }
      const steady = await insertedIds(context, 40);
      const busy = await insertedIds(context, 10);

      const shown = await scanned(context, 5, async (page) => {
        if (page === 3) await context.advance(PAST_SHORT_MS);
        if (page >= 3 && page < 6) await context.store.purge(100);
        if (page < busy.length) await context.store.end(busy[page] ?? "", "signed_out");
        if (page < 5) await insertedIds(context, 3);
      });

      assert.deepEqual(
        [...steady, ...busy].filter((id) => !shown.has(id)),
        [],
      );
    },
  },
  {
    name: "changes nothing by a scan, and begins anew each time",
    check: async (context) => {
      const [id = ""] = await insertedIds(context, 1);
      const before = await rowOf(context.store, id);

      const first = await scanned(context, 10);
      const second = await scanned(context, 10);

      assert.deepEqual([first.get(id), second.get(id)], [before, before]);
      assert.deepEqual(await rowOf(context.store, id), before);
    },
  },
];
