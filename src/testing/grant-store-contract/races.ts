/**
 * Promises under 100 calls at once (SEC-68): each step is atomic, so exactly one wins.
 *
 * @module
 */
import assert from "node:assert/strict";

import { MAX_CANDIDATES } from "../../core/grant.ts";
import {
  acquired,
  commitOn,
  inserted,
  newGrant,
  PAST_SHORT_MS,
  request,
  rowOf,
  SHORT_MS,
  type StoreCheck,
} from "./fixtures.ts";

const RACERS: readonly number[] = Array.from({ length: 100 }, (_, racer) => racer);

const HOLDERS: readonly number[] = RACERS.slice(0, 20);
const MAX_TRIES = 10_000;

/** One check per promise. */
export const raceChecks: readonly StoreCheck[] = [
  {
    name: "lets one of 100 inserts of an id win, and keeps the winner's grant",
    check: async (context) => {
      const id = context.newId();
      const answers = await Promise.all(
        RACERS.map((racer) => context.store.insert(newGrant(context, { id, provider: `racer ${racer}` }))),
      );

      assert.equal(answers.filter(Boolean).length, 1);
      assert.equal((await rowOf(context.store, id)).provider, `racer ${answers.indexOf(true)}`);
    },
  },
  {
    name: "gives each of two users' leases to one of 100 holders (I1)",
    check: async (context) => {
      const users = [await inserted(context), await inserted(context)];
      const answers = await Promise.all(
        users.flatMap(({ id }) =>
          RACERS.map(async (racer) => ({
            id,
            answer: await context.store.acquireLease(id, request(`holder ${racer}`)),
          })),
        ),
      );

      for (const { id } of users) {
        const own = answers.filter((one) => one.id === id).map(({ answer }) => answer);
        const winners = own.filter((answer) => answer.status === "acquired");
        assert.equal(winners.length, 1);
        assert.equal(own.filter(({ status }) => status === "held").length, RACERS.length - 1);
        const row = await rowOf(context.store, id);
        assert.deepEqual(row.lease, winners[0]?.lease);
        assert.equal(row.intent?.holder, winners[0]?.lease.holder);
      }
    },
  },
  {
    name: "hands the lease of one grant through 20 holders with growing fences",
    check: async (context) => {
      const { id } = await inserted(context);
      const fences: number[] = [];
      const turns = HOLDERS.map(async (racer) => {
        for (let tries = 0; tries < MAX_TRIES; tries++) {
          const answer = await context.store.acquireLease(id, request(`holder ${racer}`));
          if (answer.status === "acquired") {
            fences.push(answer.lease.fence);
            assert.equal(await context.store.releaseLease(id, answer.lease, { intent: null }), true);
            return;
          }
          assert.equal(answer.status, "held");
        }
        assert.fail("each holder has its turn");
      });
      await Promise.all(turns);

      assert.equal(new Set(fences).size, HOLDERS.length);
      assert.equal((await rowOf(context.store, id)).fence, Math.max(...fences));
    },
  },
  {
    name: "lets one of 100 commits upon a version win, for each of two users (I2)",
    check: async (context) => {
      const users = [await inserted(context), await inserted(context)];
      const answers = await Promise.all(
        users.flatMap(({ id }) =>
          RACERS.map(async (racer) => ({
            id,
            sealedTokenSet: `${id} by ${racer}`,
            answer: await context.store.commit(id, commitOn(1, { sealedTokenSet: `${id} by ${racer}` })),
          })),
        ),
      );

      for (const { id } of users) {
        const own = answers.filter((one) => one.id === id);
        const winners = own.filter(({ answer }) => answer.status === "committed");
        assert.equal(winners.length, 1);
        assert.equal(own.filter(({ answer }) => answer.status === "conflict").length, RACERS.length - 1);
        const row = await rowOf(context.store, id);
        assert.deepEqual([row.version, row.sealedTokenSet], [2, winners[0]?.sealedTokenSet]);
      }
    },
  },
  {
    name: "lets one of 100 sign-outs end the grant, and none of the commits beside them revives it (I7)",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease } = await acquired(context.store, id, request("a"));
      const answers = await Promise.all(
        RACERS.map(async (racer) => {
          const committed = context.store.commit(id, commitOn(1, { lease }));
          const ended = await context.store.end(id, "signed_out");
          return { racer, ended, committed: (await committed).status };
        }),
      );

      assert.equal(answers.filter(({ ended }) => ended !== undefined).length, 1);
      const row = await rowOf(context.store, id);
      assert.deepEqual([row.state, row.endReason], ["ended", "signed_out"]);
      const commits = answers.filter(({ committed }) => committed === "committed").length;
      assert.equal(row.version, 1 + commits);
      assert.ok(commits <= 1);
    },
  },
  {
    name: "gives an expired lease to one of 100 holders, with the next fence (I1, I3)",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease: lost } = await acquired(context.store, id, request("lost", { durationMs: SHORT_MS }));
      await context.advance(PAST_SHORT_MS);

      const answers = await Promise.all(
        RACERS.map((racer) => context.store.acquireLease(id, request(`holder ${racer}`))),
      );

      assert.equal(answers.filter(({ status }) => status === "acquired").length, 1);
      assert.equal((await rowOf(context.store, id)).fence, lost.fence + 1);
      assert.equal(await context.store.releaseLease(id, lost, { intent: null }), false);
    },
  },
  {
    name: "takes a lease back once, however often it is given back at the same time",
    check: async (context) => {
      const { id } = await inserted(context);
      const { lease } = await acquired(context.store, id, request("a"));

      const answers = await Promise.all(
        RACERS.map(() => context.store.releaseLease(id, lease, { intent: null })),
      );

      assert.equal(answers.filter(Boolean).length, 1);
      assert.equal((await rowOf(context.store, id)).lease, null);
    },
  },
  {
    name: `keeps ${MAX_CANDIDATES} of 100 candidates that come at once, each whole`,
    check: async (context) => {
      const { id } = await inserted(context);
      const answers = await Promise.all(
        RACERS.map((racer) => {
          const given = {
            attemptId: `attempt ${racer}`,
            sealedTokenSet: `by ${racer}`,
            keyId: "k",
            version: 2,
          };
          return context.store.addCandidate(id, given);
        }),
      );

      assert.ok(answers.every(Boolean));
      const { candidates } = await rowOf(context.store, id);
      assert.equal(new Set(candidates.map(({ attemptId }) => attemptId)).size, MAX_CANDIDATES);
      for (const { attemptId, sealedTokenSet } of candidates) {
        assert.equal(sealedTokenSet, attemptId.replace("attempt", "by"));
      }
    },
  },
  {
    name: "hands each grant of a session to one of 100 sign-outs, with its tokens (I16)",
    check: async (context) => {
      const sessionRef = context.newId();
      const grants = [
        await inserted(context, { sessionRef }),
        await inserted(context, { sessionRef }),
        await inserted(context, { sessionRef }),
      ];

      const answers = await Promise.all(
        RACERS.map(() => context.store.endMatching({ sessionRef }, "signed_out")),
      );

      assert.deepEqual(
        answers
          .flat()
          .map(({ sealedTokenSet }) => sealedTokenSet)
          .sort(),
        grants.map(({ sealedTokenSet }) => sealedTokenSet).sort(),
      );
    },
  },
  {
    name: "overwrites no commit by one of 100 reseals of the token set that it replaced (I2, X10)",
    check: async (context) => {
      const { id, sealedTokenSet } = await inserted(context);
      const calls = RACERS.map(async (racer) => {
        if (racer === 50) {
          const { status } = await context.store.commit(id, commitOn(1, { sealedTokenSet: "committed" }));
          return status === "committed";
        }
        return context.store.reseal(id, {
          expectedVersion: 1,
          expectedSealedTokenSet: sealedTokenSet,
          sealedTokenSet: `resealed by ${racer}`,
          keyId: "new key",
          candidates: [],
        });
      });
      const answers = await Promise.all(calls);

      assert.equal(answers[50], true);
      assert.ok(answers.filter(Boolean).length <= 2, "one reseal at most, before the commit");
      const row = await rowOf(context.store, id);
      assert.deepEqual([row.version, row.sealedTokenSet, row.keyId], [2, "committed", "key2"]);
    },
  },
];
