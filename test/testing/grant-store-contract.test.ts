import { randomUUID } from "node:crypto";

import { describe, expect, it } from "vitest";

import type { GrantReading, GrantSelector, GrantStore } from "../../src/core/grant-store.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import {
  grantStoreContract,
  grantStoreLostAnswerContract,
  grantStoreRestartContract,
} from "../../src/testing/grant-store-contract.ts";
import { lossyContextOf } from "../stores/fixtures.ts";
import { allRows, BROKEN_CALLS, BROKEN_REPEATS, BROKEN_RESTARTS, type Mutation } from "./broken-stores.ts";

const ABSENT = { grant: undefined };

/** Stores with one promise broken each, and a word of the check that must see it. */
const MUTANTS: readonly (readonly [broken: string, seenBy: RegExp, mutation: Mutation])[] = [
  [
    "says that a taken id was stored",
    /taken|ended/,
    (s) => ({ insert: (g) => s.insert(g).then(() => true) }),
  ],
  [
    "checks an insert and writes later",
    /100 inserts/,
    (s) => ({
      insert: async (grant) => {
        const isFree = (await s.read(grant.id)) === undefined;
        await s.insert(grant);
        return isFree;
      },
    }),
  ],
  ["forgets a field", /every field/, (s) => ({ insert: (g) => s.insert({ ...g, clientId: "" }) })],
  [
    "trims ids",
    /odd texts/,
    (s) => ({ insert: (g) => s.insert({ ...g, id: g.id.trim() }), read: (id) => s.read(id.trim()) }),
  ],
  [
    "cuts long values",
    /100 KB/,
    (s) => ({ insert: (g) => s.insert({ ...g, sealedTokenSet: g.sealedTokenSet.slice(0, 65_535) }) }),
  ],
  [
    "hands out the object that it keeps",
    /snapshots/,
    (s) => {
      const kept = new Map<string, GrantReading | undefined>();
      return {
        read: async (id) => {
          if (!kept.has(id)) kept.set(id, structuredClone(await s.read(id)));
          return kept.get(id);
        },
      };
    },
  ],
  [
    "commits upon any version (M2)",
    /any other version/,
    (s) => ({
      commit: async (id, commit) =>
        s.commit(id, { ...commit, expectedVersion: ((await s.read(id)) ?? ABSENT).grant?.version ?? 0 }),
    }),
  ],
  [
    "says that a lost commit was written",
    /any other version/,
    (s) => ({
      commit: async (id, commit) => {
        const answer = await s.commit(id, commit);
        return answer.status === "conflict" ? { ...answer, status: "committed" } : answer;
      },
    }),
  ],
  [
    "keeps the lease at a commit",
    /gives the lease back/,
    (s) => ({
      commit: (id, { lease: _, ...commit }) => s.commit(id, commit),
    }),
  ],
  [
    "refuses the commit of a lost lease",
    /whose lease was lost/,
    (s) => ({
      commit: async (id, commit) => {
        const reading = await s.read(id);
        const lost = commit.lease && reading?.grant.lease?.fence !== commit.lease.fence;
        return reading && lost ? { ...reading, status: "conflict" } : s.commit(id, commit);
      },
    }),
  ],
  [
    "drops the candidates at a commit (M11)",
    /keeps the candidates|100 KB/,
    (s) => ({
      commit: async (id, commit) => {
        for (const { attemptId } of (await s.read(id))?.grant.candidates ?? [])
          await s.removeCandidate(id, attemptId);
        return s.commit(id, commit);
      },
    }),
  ],
  [
    "gives a lease that is held",
    /one holder at a time/,
    (s) => ({
      acquireLease: async (id, request) => {
        const row = (await s.read(id))?.grant;
        if (row?.lease) await s.releaseLease(id, row.lease, { intent: row.intent });
        return s.acquireLease(id, request);
      },
    }),
  ],
  [
    "never gives an expired lease again",
    /expired lease/,
    (s) => ({
      acquireLease: async (id, request) => {
        const reading = await s.read(id);
        return reading?.grant.lease && reading.grant.lease.holder !== request.holder
          ? { ...reading, status: "held" }
          : s.acquireLease(id, request);
      },
    }),
  ],
  [
    "forgets the intent that it found",
    /expired lease/,
    (s) => ({
      acquireLease: async (id, request) => {
        const answer = await s.acquireLease(id, request);
        return answer.status === "acquired" ? { ...answer, previousIntent: null } : answer;
      },
    }),
  ],
  [
    "answers with the row from before the lease",
    /under the lease/,
    (s) => ({
      acquireLease: async (id, request) => {
        const before = (await s.read(id))?.grant;
        const answer = await s.acquireLease(id, request);
        return answer.status === "acquired" && before ? { ...answer, grant: before } : answer;
      },
    }),
  ],
  ["renews nothing", /renews a lease/, () => ({ renewLease: () => Promise.resolve(true) })],
  [
    "renews for anybody",
    /renews nothing/,
    (s) => ({
      renewLease: async (id, lease, ms) => s.renewLease(id, (await s.read(id))?.grant.lease ?? lease, ms),
    }),
  ],
  [
    "releases for anybody (M4)",
    /releases nothing|late release/,
    (s) => ({
      releaseLease: async (id, lease, note) =>
        s.releaseLease(id, (await s.read(id))?.grant.lease ?? lease, note),
    }),
  ],
  [
    "releases by holder alone",
    /another fence|earlier lease/,
    (s) => ({
      releaseLease: async (id, lease, note) => {
        const fence = (await s.read(id))?.grant.fence ?? 0;
        return s.releaseLease(id, { ...lease, fence }, note);
      },
    }),
  ],
  [
    "clears the intent at every release (M21)",
    /intent that a release leaves/,
    (s) => ({
      releaseLease: (id, lease, note) => s.releaseLease(id, lease, { ...note, intent: null }),
    }),
  ],
  [
    "forgets the backoff",
    /backoff/,
    (s) => ({
      releaseLease: (id, lease, { intent }) => s.releaseLease(id, lease, { intent }),
    }),
  ],
  ["keeps no candidate", /losing token set|100 KB/, () => ({ addCandidate: () => Promise.resolve(true) })],
  [
    "drops all candidates",
    /named attempt only/,
    (s) => ({
      removeCandidate: async (id) => {
        for (const { attemptId } of (await s.read(id))?.grant.candidates ?? [])
          await s.removeCandidate(id, attemptId);
      },
    }),
  ],
  ["ends upon any version", /expected version/, (s) => ({ end: (id, reason) => s.end(id, reason) })],
  [
    "answers an end with the row after it",
    /as it was/,
    (s) => ({
      end: async (...args) => (await s.end(...args)) && (await s.read(args[0]))?.grant,
    }),
  ],
  [
    "forgets one row of a session",
    /grants of a session and/,
    (s) => ({
      endMatching: async (...args) => (await s.endMatching(...args)).slice(1),
    }),
  ],
  [
    "finds ended grants as well",
    /finds the live grants of a session and/,
    (s) => ({
      findMatching: async (selector, limit) =>
        (await allRows(s))
          .filter((row) => Object.entries(selector).every(([name, ref]) => row[name as "id"] === ref))
          .reverse()
          .slice(0, limit),
    }),
  ],
  [
    "finds the oldest grants first",
    /finds the live grants of a user and/,
    (s) => ({ findMatching: async (...args) => [...(await s.findMatching(...args))].reverse() }),
  ],
  [
    "finds more grants than asked for",
    /finds the live grants of a user and/,
    (s) => ({ findMatching: (selector) => s.findMatching(selector, 1_000) }),
  ],
  [
    "finds live grants where ended ones are asked for",
    /the ended ones by their end/,
    (s) => ({ findMatching: (selector, limit) => s.findMatching(selector, limit) }),
  ],
  [
    "takes an empty selector for all",
    /exactly one thing/,
    (s) => ({
      endMatching: (selector, reason) => s.endMatching(fallback(selector), reason),
    }),
  ],
  ["wipes nothing", /wipes tokens/, () => ({ wipe: () => Promise.resolve() })],
  [
    "wipes live grants",
    /wipes nothing/,
    (s) => ({
      wipe: async (id) => {
        const version = (await s.read(id))?.grant.version ?? 0;
        await s.commit(id, { ...WIPED, expectedVersion: version });
        await s.wipe(id);
      },
    }),
  ],
  ["slides nothing", /slides the end/, () => ({ slide: () => Promise.resolve() })],
  ["purges nothing", /purges what/, () => ({ purge: () => Promise.resolve(0) })],
  ["purges without a limit", /purges/, (s) => ({ purge: () => s.purge(1_000) })],
  [
    "purges tombstones early (I7)",
    /./,
    (s) => {
      const gone = new Set<string>();
      const ended = new Set<string>();
      return {
        end: (id, ...rest) => s.end(id, ...rest).finally(() => ended.add(id)),
        purge: (limit) => s.purge(limit).finally(() => ended.forEach((id) => gone.add(id))),
        read: (id) => (gone.has(id) ? Promise.resolve(undefined) : s.read(id)),
      };
    },
  ],
  [
    "tells this process's time, which stands still",
    /own clock/,
    (s) => ({
      read: async (id) => {
        const reading = await s.read(id);
        return reading && { ...reading, storeNowMs: reading.grant.createdAtMs };
      },
    }),
  ],
  [
    "touches the grants of other users",
    /./,
    (s) => {
      const all: string[] = [];
      return {
        insert: (grant) => s.insert(grant).finally(() => all.push(grant.id)),
        end: async (id, ...rest) => {
          for (const other of all) if (other !== id) await s.end(other, "revoked");
          return s.end(id, ...rest);
        },
      };
    },
  ],
];

const WIPED = {
  sealedTokenSet: "",
  keyId: "",
  accessTokenIssuedAtMs: 0,
  accessTokenExpiresAtMs: null,
  refreshTokenExpiresAtMs: null,
  refreshable: false,
  slidingEndMs: 0,
};

function fallback(selector: GrantSelector): GrantSelector {
  return Object.values(selector).some((value) => typeof value === "string")
    ? selector
    : { sessionRef: "all" };
}

/** The checks that a store breaks. */
async function brokenPromises(mutation: Mutation): Promise<string[]> {
  const broken: string[] = [];
  for (const { name, check } of grantStoreContract) {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const mutant: GrantStore = { ...store, ...mutation(store) };
    try {
      await check({
        store: mutant,
        advance: (durationMs) => clock.advance(durationMs),
        newId: () => randomUUID(),
        nowMs: () => clock.nowMs(),
        setClockBack: (durationMs) => clock.jump(-durationMs),
      });
    } catch {
      broken.push(name);
    }
  }
  return broken;
}

/** The checks that a store breaks when answers get lost. */
async function promisesBrokenByLoss(mutation: Mutation): Promise<string[]> {
  const broken: string[] = [];
  for (const { name, check } of grantStoreLostAnswerContract) {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    try {
      await check(lossyContextOf({ ...store, ...mutation(store) }, clock));
    } catch {
      broken.push(name);
    }
  }
  return broken;
}

/** The checks that a store breaks which comes back different. */
async function promisesBrokenByRestart(mutation: Mutation): Promise<string[]> {
  const broken: string[] = [];
  for (const { name, check } of grantStoreRestartContract) {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    try {
      await check({
        store,
        advance: (durationMs) => clock.advance(durationMs),
        newId: () => randomUUID(),
        nowMs: () => clock.nowMs(),
        reopen: () => Promise.resolve({ ...store, ...mutation(store) }),
      });
    } catch {
      broken.push(name);
    }
  }
  return broken;
}

describe("the store contract", () => {
  it("holds for a store that keeps every promise", async () => {
    expect(await brokenPromises(() => ({}))).toEqual([]);
  });

  it.each([...MUTANTS, ...BROKEN_CALLS])("catches a store that %s", async (_broken, seenBy, mutation) => {
    expect((await brokenPromises(mutation)).filter((name) => seenBy.test(name))).not.toEqual([]);
  });

  it("holds over a restart for a store that keeps its grants", async () => {
    expect(await promisesBrokenByRestart(() => ({}))).toEqual([]);
  });

  it.each(BROKEN_RESTARTS)("catches a store that %s over a restart", async (_broken, seenBy, mutation) => {
    const broken = await promisesBrokenByRestart(mutation);

    expect(broken.filter((name) => seenBy.test(name))).not.toEqual([]);
  });

  it("holds after lost answers for a store that keeps every promise", async () => {
    expect(await promisesBrokenByLoss(() => ({}))).toEqual([]);
  });

  it.each(BROKEN_REPEATS)(
    "catches a store that %s after a lost answer",
    async (_broken, seenBy, mutation) => {
      const broken = await promisesBrokenByLoss(mutation);

      expect(broken.filter((name) => seenBy.test(name))).not.toEqual([]);
    },
  );

  it("names each promise once", () => {
    const all = [...grantStoreContract, ...grantStoreRestartContract, ...grantStoreLostAnswerContract];
    const names = all.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
