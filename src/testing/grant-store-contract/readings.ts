/**
 * Promises of `insert` and `read`.
 *
 * @module
 */
import assert from "node:assert/strict";

import { GRANT_FORMAT } from "../../core/grant.ts";
import {
  acquired,
  commitOn,
  HOUR_MS,
  inserted,
  newGrant,
  PAST_SHORT_MS,
  readingOf,
  request,
  rowOf,
  SHORT_MS,
  type StoreCheck,
} from "./fixtures.ts";

const ODD_TEXTS = [
  "__proto__",
  "constructor",
  "toString",
  "'; DROP TABLE grants; --",
  "\" ' ` \\ $1 ?1 :id @id",
  "%",
  "_",
  "*",
  "a b\tc\nd\r",
  "trailing ",
  "trailing",
  "Case",
  "case",
  "{tag}:x",
  "ä",
  "a\u0308",
  "한국어 😀 \u202e",
  "0",
  "00",
  "null",
  "x".repeat(300),
];

/** One check per promise. */
export const readingChecks: readonly StoreCheck[] = [
  {
    name: "stores a new grant at version 1 and reads back every field",
    check: async (context) => {
      const grant = await inserted(context);

      const { grant: row, storeNowMs } = await readingOf(context.store, grant.id);
      const { createdAtMs, ...rest } = row;
      assert.deepEqual(rest, {
        ...grant,
        format: GRANT_FORMAT,
        version: 1,
        state: "live",
        endReason: null,
        endedAtMs: null,
        fence: 0,
        lease: null,
        intent: null,
        backoff: null,
        candidates: [],
      });
      assert.ok(
        Number.isInteger(createdAtMs) && createdAtMs <= storeNowMs,
        "it was created by the store's clock",
      );
    },
  },
  {
    name: "keeps what is not known as null",
    check: async (context) => {
      const unknown = {
        subjectRef: null,
        sidRef: null,
        accessTokenExpiresAtMs: null,
        refreshTokenExpiresAtMs: null,
        refreshable: false,
      };
      const { id } = await inserted(context, unknown);

      const { subjectRef, sidRef, accessTokenExpiresAtMs, refreshTokenExpiresAtMs, refreshable } =
        await rowOf(context.store, id);
      assert.deepEqual(
        { subjectRef, sidRef, accessTokenExpiresAtMs, refreshTokenExpiresAtMs, refreshable },
        unknown,
      );
    },
  },
  {
    name: "caps the sliding end of a new grant at its absolute end (SEC-12)",
    check: async (context) => {
      const { absoluteEndMs } = newGrant(context);
      const { id } = await inserted(context, { absoluteEndMs, slidingEndMs: absoluteEndMs + HOUR_MS });

      assert.equal((await rowOf(context.store, id)).slidingEndMs, absoluteEndMs);
    },
  },
  {
    name: "refuses an id that is taken, and changes nothing",
    check: async (context) => {
      const { id } = await inserted(context);
      await context.store.commit(id, commitOn(1));
      const before = await rowOf(context.store, id);

      assert.equal(
        await context.store.insert(newGrant(context, { id, issuer: "https://evil.example" })),
        false,
      );
      assert.deepEqual(await rowOf(context.store, id), before);
    },
  },
  {
    name: "refuses the id of an ended grant, wiped or not (I7)",
    check: async (context) => {
      const { id } = await inserted(context);
      await context.store.end(id, "signed_out");
      assert.equal(await context.store.insert(newGrant(context, { id })), false);

      await context.store.wipe(id);

      assert.equal(await context.store.insert(newGrant(context, { id })), false);
      assert.equal((await rowOf(context.store, id)).state, "ended");
    },
  },
  {
    name: "answers for an id that is not there, and creates nothing by it (SEC-17)",
    check: async ({ store, newId }) => {
      const id = newId();
      const lease = { holder: "a", fence: 1, untilMs: 1 };

      assert.deepEqual(await store.acquireLease(id, request("a")), { status: "absent" });
      assert.deepEqual(await store.commit(id, commitOn(1)), { status: "absent" });
      assert.equal(await store.renewLease(id, lease, SHORT_MS), false);
      assert.equal(await store.releaseLease(id, lease, { intent: null }), false);
      const candidate = { attemptId: "a", sealedTokenSet: "s", keyId: "k", version: 2 };
      assert.equal(await store.addCandidate(id, candidate), false);
      assert.equal(await store.end(id, "signed_out"), undefined);
      assert.deepEqual(await store.endMatching({ sessionRef: id }, "signed_out"), []);
      await store.removeCandidate(id, "a");
      await store.wipe(id);
      await store.slide(id, Number.MAX_SAFE_INTEGER);
      assert.equal(await store.read(id), undefined);
    },
  },
  {
    name: "tells its own clock, which moves on, with each reading",
    check: async (context) => {
      const { id } = await inserted(context);
      const before = await readingOf(context.store, id);
      await context.advance(PAST_SHORT_MS);
      const after = await readingOf(context.store, id);

      assert.ok(after.storeNowMs - before.storeNowMs >= SHORT_MS, "the store's clock moved on");
      assert.equal(after.grant.createdAtMs, before.grant.createdAtMs);
    },
  },
  {
    name: "keeps odd texts apart and as they are, in ids and in values (SEC-72)",
    check: async (context) => {
      const prefix = context.newId();
      const plain = ODD_TEXTS.map((text) => ({ text, id: `${prefix}${text}` }));
      // Bare too: "__proto__" behind a prefix is not odd any more. A live store may hold them from an earlier run.
      const bare = ODD_TEXTS.filter((text) => /^[a-zA-Z_]+$/.test(text)).map((text) => ({ text, id: text }));
      for (const { text, id } of [...plain, ...bare]) {
        const stored = await context.store.insert(
          newGrant(context, { id, issuer: text, sessionRef: `${prefix} ${text}`, sealedTokenSet: text }),
        );
        if (!stored)
          assert.ok(
            bare.some((odd) => odd.id === id),
            `${JSON.stringify(id)} is an id like any other`,
          );
      }

      for (const { text, id } of [...plain, ...bare]) {
        const { issuer, sealedTokenSet } = await rowOf(context.store, id);
        assert.deepEqual([issuer, sealedTokenSet], [text, text]);
      }
      for (const { text, id } of plain) {
        const { lease } = await acquired(context.store, id, request(text, { attemptId: text }));
        assert.equal(lease.holder, text);
        const note = { intent: null, backoff: { failures: 1, waitMs: 5, code: text } };
        assert.equal(await context.store.releaseLease(id, lease, note), true);
        assert.equal((await rowOf(context.store, id)).backoff?.code, text);
        await context.store.addCandidate(id, {
          attemptId: text,
          sealedTokenSet: text,
          keyId: text,
          version: 2,
        });
        const [candidate] = (await rowOf(context.store, id)).candidates;
        assert.deepEqual(
          [candidate?.attemptId, candidate?.sealedTokenSet, candidate?.keyId],
          [text, text, text],
        );
      }
    },
  },
  {
    name: "keeps sealed values of 100 KB (SEC-41)",
    check: async (context) => {
      const large = (letter: string): string => letter.repeat(100_000);
      const { id } = await inserted(context, { sealedTokenSet: large("a") });
      for (const letter of ["b", "c", "d"]) {
        const candidate = { attemptId: letter, sealedTokenSet: large(letter), keyId: "k", version: 2 };
        assert.equal(await context.store.addCandidate(id, candidate), true);
      }
      assert.equal((await rowOf(context.store, id)).sealedTokenSet, large("a"));

      await context.store.commit(id, commitOn(1, { sealedTokenSet: large("e") }));

      const { sealedTokenSet, candidates } = await rowOf(context.store, id);
      assert.equal(sealedTokenSet, large("e"));
      assert.deepEqual(
        candidates.map((candidate) => candidate.sealedTokenSet),
        ["b", "c", "d"].map(large),
      );
    },
  },
  {
    name: "hands out snapshots: neither a reader nor the giver can change the stored grant",
    check: async (context) => {
      const grant = newGrant(context);
      await context.store.insert(grant);
      const { grant: row } = await readingOf(context.store, grant.id);
      const before = structuredClone(row);

      for (const target of [grant, row]) Reflect.set(target, "sealedTokenSet", "changed");

      assert.deepEqual(await rowOf(context.store, grant.id), before);
    },
  },
];
