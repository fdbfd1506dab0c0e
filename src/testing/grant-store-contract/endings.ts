/**
 * Promises of `end`, `endMatching`, `findMatching` and `wipe`.
 *
 * @module
 */
import assert from "node:assert/strict";

import type { GrantSelector } from "../../core/grant-store.ts";
import type { GrantRecord } from "../../core/grant.ts";
import {
  acquired,
  commitOn,
  inserted,
  readingOf,
  request,
  rowOf,
  type StoreCheck,
  type StoreCheckContext,
} from "./fixtures.ts";

const idsOf = (grants: readonly GrantRecord[]): readonly string[] => grants.map(({ id }) => id).sort();

/** Two grants that the selector names, one of another user, one that ended before. */
async function endsWhatMatches(
  context: StoreCheckContext,
  field: "sessionRef" | "subjectRef" | "sidRef",
): Promise<void> {
  const { store } = context;
  const alice = context.newId();
  const first = await inserted(context, { [field]: alice });
  const second = await inserted(context, { [field]: alice });
  const earlier = await inserted(context, { [field]: alice });
  await store.end(earlier.id, "rejected");
  const bob = await inserted(context, { [field]: context.newId() });
  const unnamed = await inserted(context, { subjectRef: null, sidRef: null });
  const before = [await rowOf(store, first.id), await rowOf(store, second.id)];

  const ended = await store.endMatching({ [field]: alice } as unknown as GrantSelector, "revoked");

  assert.deepEqual(idsOf(ended), [first.id, second.id].sort());
  for (const row of before) {
    assert.deepEqual(
      ended.find(({ id }) => id === row.id),
      row,
      "it answers with the row as it was",
    );
    const { state, endReason } = await rowOf(store, row.id);
    assert.deepEqual([state, endReason], ["ended", "revoked"]);
  }
  assert.equal((await rowOf(store, earlier.id)).endReason, "rejected");
  for (const { id } of [bob, unnamed]) assert.equal((await rowOf(store, id)).state, "live");
}

/** Three live grants that the selector names, two that ended before, and one of another user. */
async function findsWhatMatches(
  context: StoreCheckContext,
  field: "sessionRef" | "subjectRef" | "sidRef",
): Promise<void> {
  const { store } = context;
  const selector = { [field]: context.newId() } as unknown as GrantSelector;
  const live: string[] = [];
  for (let made = 0; made < 3; made++) {
    live.unshift((await inserted(context, selector)).id);
    await context.advance(2);
  }
  // The last to end was made first.
  const [last, first] = [await inserted(context, selector), await inserted(context, selector)];
  await store.end(first.id, "signed_out");
  await context.advance(2);
  await store.end(last.id, "rejected");
  await inserted(context, { [field]: context.newId() });
  await inserted(context, { subjectRef: null, sidRef: null });
  const rows = await Promise.all(live.map((id) => rowOf(store, id)));

  assert.deepEqual(await store.findMatching(selector, 10), rows);
  assert.deepEqual(await store.findMatching(selector, 2), rows.slice(0, 2));
  const ended = await Promise.all([last, first].map(({ id }) => rowOf(store, id)));
  assert.deepEqual(await store.findMatching(selector, 10, "ended"), ended);
  assert.deepEqual(await store.findMatching(selector, 1, "ended"), ended.slice(0, 1));
  assert.deepEqual(
    await store.findMatching({ [field]: context.newId() } as unknown as GrantSelector, 10),
    [],
  );
  assert.deepEqual(await Promise.all(live.map((id) => rowOf(store, id))), rows, "a search changes nothing");
}

/** One check per promise. */
export const endingChecks: readonly StoreCheck[] = [
  {
    name: "ends a grant with reason and moment, and answers with the row as it was, tokens included (I16)",
    check: async (context) => {
      const { id } = await inserted(context);
      await acquired(context.store, id, request("a"));
      const before = await rowOf(context.store, id);

      const answer = await context.store.end(id, "signed_out");

      assert.deepEqual(answer, before);
      const { grant, storeNowMs } = await readingOf(context.store, id);
      assert.deepEqual(
        [grant.state, grant.endReason, grant.version],
        ["ended", "signed_out", before.version],
      );
      assert.equal(
        grant.sealedTokenSet,
        before.sealedTokenSet,
        "the sealed tokens stay until they are wiped",
      );
      assert.ok(
        grant.endedAtMs !== null && grant.endedAtMs >= before.createdAtMs && grant.endedAtMs <= storeNowMs,
      );
    },
  },
  {
    name: "keeps the first reason of an end",
    check: async (context) => {
      const { id, sessionRef } = await inserted(context);
      await context.store.end(id, "signed_out");
      const before = await rowOf(context.store, id);

      assert.equal(await context.store.end(id, "rejected"), undefined);
      assert.deepEqual(await context.store.endMatching({ sessionRef }, "revoked"), []);

      assert.deepEqual(await rowOf(context.store, id), before);
    },
  },
  {
    name: "ends a grant upon an expected version only if that is still the version (I6)",
    check: async (context) => {
      const { id } = await inserted(context);
      await context.store.commit(id, commitOn(1));

      assert.equal(await context.store.end(id, "rejected", 1), undefined);
      assert.equal((await rowOf(context.store, id)).state, "live");

      assert.equal((await context.store.end(id, "rejected", 2))?.version, 2);
      assert.equal((await rowOf(context.store, id)).state, "ended");
    },
  },
  {
    name: "lets one of an end upon a version and the commits upon the same one win, whichever comes first (I6)",
    check: async (context) => {
      const { store } = context;
      for (const commitsBefore of [0, 1, 5, 10]) {
        const { id } = await inserted(context);
        const commits: ReturnType<typeof store.commit>[] = [];
        const commit = (): unknown => commits.push(store.commit(id, commitOn(1)));
        for (let made = 0; made < commitsBefore; made++) commit();
        const ending = store.end(id, "rejected", 1);
        while (commits.length < 10) commit();
        const [ended, answers] = await Promise.all([ending, Promise.all(commits)]);

        const committed = answers.filter(({ status }) => status === "committed").length;
        assert.equal(committed, ended === undefined ? 1 : 0);
        const { state, version } = await rowOf(store, id);
        assert.deepEqual([state, version], ended === undefined ? ["live", 2] : ["ended", 1]);
      }
    },
  },
  {
    name: "ends all live grants of a session and no other (I8)",
    check: (context) => endsWhatMatches(context, "sessionRef"),
  },
  {
    name: "ends all live grants of a user and no other (I8, SEC-14)",
    check: (context) => endsWhatMatches(context, "subjectRef"),
  },
  {
    name: "ends all live grants of a session at the authorization server and no other (I8)",
    check: (context) => endsWhatMatches(context, "sidRef"),
  },
  {
    name: "finds the live grants of a session and no other, newest first, no more than asked for, and the ended ones by their end (SEC-15)",
    check: (context) => findsWhatMatches(context, "sessionRef"),
  },
  {
    name: "finds the live grants of a user and no other, newest first, no more than asked for (SEC-15)",
    check: (context) => findsWhatMatches(context, "subjectRef"),
  },
  {
    name: "finds the live grants of a session at the authorization server and no other, newest first",
    check: (context) => findsWhatMatches(context, "sidRef"),
  },
  {
    name: "rejects a selector that does not name exactly one thing, and finds and ends nothing (SEC-70)",
    check: async (context) => {
      const { id, sessionRef, subjectRef } = await inserted(context);
      const odd = [{}, { sessionRef, subjectRef }, { sessionRef: undefined }, { subjectRef: null }, { id }];

      for (const selector of odd) {
        await assert.rejects(async () => context.store.endMatching(selector as GrantSelector, "revoked"));
        await assert.rejects(async () => context.store.findMatching(selector as GrantSelector, 10));
      }

      assert.equal((await rowOf(context.store, id)).state, "live");
    },
  },
  {
    name: "wipes tokens and candidates of an ended grant, and keeps the tombstone (SEC-18)",
    check: async (context) => {
      const { id } = await inserted(context);
      await context.store.addCandidate(id, { attemptId: "a", sealedTokenSet: "s", keyId: "k", version: 2 });
      await context.store.end(id, "signed_out");
      const before = await rowOf(context.store, id);

      await context.store.wipe(id);

      assert.deepEqual(await rowOf(context.store, id), { ...before, sealedTokenSet: "", candidates: [] });
    },
  },
  {
    name: "wipes nothing of a live grant (I4)",
    check: async (context) => {
      const { id } = await inserted(context);
      const before = await rowOf(context.store, id);

      await context.store.wipe(id);

      assert.deepEqual(await rowOf(context.store, id), before);
    },
  },
];
