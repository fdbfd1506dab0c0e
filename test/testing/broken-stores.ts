/** Stores with one promise broken each, and a word of the check that must see it. */
import type { GrantPage, GrantReading, GrantStore, Reseal } from "../../src/core/grant-store.ts";
import type { GrantRecord } from "../../src/core/grant.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";

/** What is different in a broken store. */
export type Mutation = (store: GrantStore) => Partial<GrantStore>;

type BrokenStore = readonly [broken: string, seenBy: RegExp, mutation: Mutation];

const rowOf = async (s: GrantStore, id: string): Promise<GrantRecord | undefined> =>
  (await s.read(id))?.grant;
const expecting = async (s: GrantStore, id: string, reseal: Reseal): Promise<Reseal> => {
  const row = await rowOf(s, id);
  return {
    ...reseal,
    expectedVersion: row?.version ?? 0,
    expectedSealedTokenSet: row?.sealedTokenSet ?? "",
  };
};
/** Every row of a store. */
export const allRows = async (s: GrantStore): Promise<readonly GrantRecord[]> =>
  (await s.scan(null, 10_000)).grants;

/** Broken scans, reseals, repeats, leases, ends and histories. */
export const BROKEN_CALLS: readonly BrokenStore[] = [
  [
    "shows only the first page of a scan",
    /as it is, ended ones included/,
    (s) => ({ scan: async (...args) => ({ ...(await s.scan(...args)), next: null }) }),
  ],
  [
    "leaves ended grants out of a scan",
    /as it is, ended ones included/,
    (s) => ({
      scan: async (...args) => {
        const { grants, ...page } = await s.scan(...args);
        return { ...page, grants: grants.filter(({ state }) => state === "live") };
      },
    }),
  ],
  [
    "does not say how many rows it could not read",
    /as it is, ended ones included/,
    (s) => ({
      scan: async (...args) => {
        const { grants, next } = await s.scan(...args);
        return { grants, next } as GrantPage;
      },
    }),
  ],
  [
    "pages by places in a list, which move when others go",
    /come, change and go/,
    (s) => ({
      scan: async (cursor, limit) => {
        const rows = await allRows(s);
        const from = Number(cursor ?? 0);
        const isLast = from + limit >= rows.length;
        const grants = rows.slice(from, from + limit);
        return { grants, unreadable: 0, next: isLast ? null : String(from + limit) };
      },
    }),
  ],
  [
    "never ends a scan",
    /begins anew/,
    (s) => ({
      scan: async (cursor, limit) => ({ ...(await s.scan(cursor, limit)), next: cursor ?? "0" }),
    }),
  ],
  [
    "reseals upon any version and token set",
    /reseals nothing upon/,
    (s) => ({ reseal: async (id, reseal) => s.reseal(id, await expecting(s, id, reseal)) }),
  ],
  [
    "overwrites commits by reseals",
    /overwrites no commit/,
    (s) => ({
      reseal: async (id, reseal) => {
        await Promise.resolve();
        return s.reseal(id, await expecting(s, id, reseal));
      },
    }),
  ],
  [
    "moves a resealed candidate to the end",
    /in their places/,
    (s) => ({
      reseal: async (id, reseal) => {
        const row = await rowOf(s, id);
        const done = await s.reseal(id, { ...reseal, candidates: [] });
        for (const candidate of done ? reseal.candidates : []) {
          const kept = row?.candidates.find(({ attemptId }) => attemptId === candidate.attemptId);
          if (kept) await s.addCandidate(id, { ...kept, ...candidate });
        }
        return done;
      },
    }),
  ],
  [
    "brings back a candidate by a reseal",
    /brings back no candidate/,
    (s) => ({
      reseal: async (id, reseal) => {
        for (const candidate of reseal.candidates) await s.addCandidate(id, { ...candidate, version: 2 });
        return s.reseal(id, reseal);
      },
    }),
  ],
  [
    "counts a reseal as a commit",
    /touches nothing else|hinders no refresh/,
    (s) => ({
      reseal: async (id, reseal) => {
        const row = await rowOf(s, id);
        if (!row || !(await s.reseal(id, reseal))) return false;
        const { sealedTokenSet, keyId } = reseal;
        const { lease: _, ...rest } = row;
        const answer = await s.commit(id, { ...rest, sealedTokenSet, keyId, expectedVersion: row.version });
        return answer.status === "committed";
      },
    }),
  ],
  [
    "reseals no ended grant",
    /reseals an ended grant/,
    (s) => ({
      reseal: async (id, reseal) => (await rowOf(s, id))?.state === "live" && s.reseal(id, reseal),
    }),
  ],
  [
    "reseals a wiped grant",
    /that was wiped/,
    (s) => ({
      reseal: async (id, reseal) => {
        const wiped = (await rowOf(s, id))?.sealedTokenSet === "";
        return s.reseal(id, wiped ? await expecting(s, id, reseal) : reseal);
      },
    }),
  ],
  [
    "takes a repeated insert for a new one",
    /repeated insert/,
    (s) => ({
      insert: async (grant) =>
        (await s.insert(grant)) || (await rowOf(s, grant.id))?.sealedTokenSet === grant.sealedTokenSet,
    }),
  ],
  [
    "shows a repeated commit the row that it expected",
    /repeated commit/,
    (s) => ({
      commit: async (id, commit) => {
        const before = await s.read(id);
        const answer = await s.commit(id, commit);
        if (answer.status !== "conflict" || !before) return answer;
        return { ...answer, grant: { ...before.grant, sealedTokenSet: "what was there" } };
      },
    }),
  ],
  [
    "shows a holder that asks again no earlier attempt of its own",
    /repeated lease request/,
    (s) => ({
      acquireLease: async (id, request) => {
        const answer = await s.acquireLease(id, request);
        const isOwn = answer.status === "acquired" && answer.previousIntent?.holder === request.holder;
        return isOwn ? { ...answer, previousIntent: null } : answer;
      },
    }),
  ],
  [
    "adds renewals up",
    /repeated renewal/,
    (s) => ({
      renewLease: async (id, lease, ms) => {
        const reading = await s.read(id);
        const left = (reading?.grant.lease?.untilMs ?? 0) - (reading?.storeNowMs ?? 0);
        return s.renewLease(id, lease, ms + Math.max(left, 0));
      },
    }),
  ],
  [
    "never shortens a lease",
    /sooner than/,
    (s) => ({
      renewLease: async (id, lease, ms) => {
        const reading = await s.read(id);
        const left = (reading?.grant.lease?.untilMs ?? 0) - (reading?.storeNowMs ?? 0);
        return s.renewLease(id, lease, Math.max(ms, left));
      },
    }),
  ],
  [
    "renews no expired lease",
    /renews an expired lease/,
    (s) => ({
      renewLease: async (id, lease, ms) => {
        const reading = await s.read(id);
        const isExpired = (reading?.grant.lease?.untilMs ?? 0) <= (reading?.storeNowMs ?? 0);
        return !isExpired && s.renewLease(id, lease, ms);
      },
    }),
  ],
  [
    "says that it renewed what was given back",
    /renews nothing that was given back/,
    (s) => ({
      renewLease: async (id, lease, ms) =>
        (await s.renewLease(id, lease, ms)) || (await rowOf(s, id))?.lease === null,
    }),
  ],
  [
    "looks at an expired lease first and takes it later",
    /expired lease to one of 100/,
    (s) => ({
      acquireLease: async (id, request) => {
        const reading = await s.read(id);
        const lease = reading?.grant.lease;
        if (reading && lease && lease.untilMs <= reading.storeNowMs) {
          return s.acquireLease(id, { ...request, holder: lease.holder });
        }
        return s.acquireLease(id, request);
      },
    }),
  ],
  [
    "says that each release gave the lease back",
    /takes a lease back once/,
    (s) => ({ releaseLease: (...args) => s.releaseLease(...args).then(() => true) }),
  ],
  [
    "keeps the first candidate of many at once",
    /of 100 candidates/,
    (s) => {
      const seen = new Set<string>();
      return {
        addCandidate: async (id, candidate) => {
          if (candidate.attemptId.startsWith("attempt ") && seen.has(id)) return true;
          seen.add(id);
          return s.addCandidate(id, candidate);
        },
      };
    },
  ],
  [
    "hands the same ended grants to all who end them at once",
    /one of 100 sign-outs/,
    (s) => {
      const answers = new Map<string, ReturnType<GrantStore["endMatching"]>>();
      return {
        endMatching: (selector, reason) => {
          const key = JSON.stringify(selector);
          const answer = answers.get(key) ?? s.endMatching(selector, reason);
          answers.set(key, answer);
          return answer;
        },
      };
    },
  ],
  [
    "forgets that an end was moved",
    /end was moved/,
    (s) => {
      const ends = new Map<string, number>();
      return {
        insert: (grant) => s.insert(grant).finally(() => ends.set(grant.id, grant.slidingEndMs)),
        read: async (id) => {
          const reading = await s.read(id);
          return reading && (ends.get(id) ?? Infinity) > reading.storeNowMs ? reading : undefined;
        },
      };
    },
  ],
  [
    "never gives a purged id again",
    /taken again/,
    (s) => {
      const taken = new Set<string>();
      return {
        insert: async (grant) => {
          if (taken.has(grant.id)) return false;
          taken.add(grant.id);
          return s.insert(grant);
        },
      };
    },
  ],
  [
    "reads from a replica that lags",
    /linearizable/,
    (s) => {
      const copies = new Map<string, GrantReading | undefined>();
      return {
        read: async (id) => {
          const shown = copies.has(id) ? copies.get(id) : await s.read(id);
          copies.set(id, await s.read(id));
          return shown;
        },
      };
    },
  ],
  [
    "gives one fence twice",
    /linearizable/,
    (s) => ({
      acquireLease: async (id, request) => {
        const answer = await s.acquireLease(id, request);
        if (answer.status !== "acquired") return answer;
        const fence = Math.ceil(answer.lease.fence / 2);
        const lease = { ...answer.lease, fence };
        return { ...answer, lease, grant: { ...answer.grant, lease, fence } };
      },
    }),
  ],
  [
    "lets a lease last as long as it is asked to",
    /cuts a lease/,
    (s) => ({
      acquireLease: async (id, request) => {
        const answer = await s.acquireLease(id, request);
        if (answer.status !== "acquired") return answer;
        return { ...answer, lease: { ...answer.lease, untilMs: answer.storeNowMs + request.durationMs } };
      },
    }),
  ],
  [
    "believes a lease from the future",
    /set back/,
    (s) => ({
      acquireLease: async (id, request) => {
        const reading = await s.read(id);
        const lease = reading?.grant.lease;
        const isHeld = lease && lease.holder !== request.holder && lease.untilMs > reading.storeNowMs;
        return isHeld ? { ...reading, status: "held" } : s.acquireLease(id, request);
      },
    }),
  ],
  [
    "purges everything and says that it was a little",
    /no more than the limit/,
    (s) => ({ purge: async (limit) => Math.min(await s.purge(1_000), limit) }),
  ],
  [
    "checks the version and ends later",
    /whichever comes first/,
    (s) => ({
      end: async (id, reason, version) => {
        if (version !== undefined && (await rowOf(s, id))?.version !== version) return undefined;
        return s.end(id, reason);
      },
    }),
  ],
  [
    "takes no lease back of an ended grant",
    /grant that has ended/,
    (s) => ({
      releaseLease: async (id, ...rest) =>
        (await rowOf(s, id))?.state === "live" && s.releaseLease(id, ...rest),
    }),
  ],
];

/** Stores that do something else than they should when an answer gets lost. */
export const BROKEN_REPEATS: readonly BrokenStore[] = [
  [
    "inserts under a new id each time",
    /insert whose answer/,
    (s) => ({ insert: (grant) => s.insert({ ...grant, id: `${grant.id}${Math.random()}` }) }),
  ],
  [
    "takes a repeated lease for somebody else's",
    /lease whose answer/,
    (s) => ({
      acquireLease: (id, request) =>
        s.acquireLease(id, { ...request, holder: `${request.holder}${Math.random()}` }),
    }),
  ],
  ["renews nothing", /renewal/, () => ({ renewLease: () => Promise.resolve(true) })],
  [
    "loses the note of a release",
    /release/,
    (s) => ({ releaseLease: (id, lease) => s.releaseLease(id, lease, { intent: null }) }),
  ],
  [
    "commits again upon its own commit",
    /commit/,
    (s) => ({
      commit: async (id, commit) =>
        s.commit(id, { ...commit, expectedVersion: (await rowOf(s, id))?.version ?? 0 }),
    }),
  ],
  [
    "keeps a candidate twice",
    /candidate/,
    (s) => ({
      addCandidate: (id, given) =>
        s.addCandidate(id, { ...given, attemptId: `${given.attemptId}${Math.random()}` }),
    }),
  ],
  [
    "wipes at once what it ends",
    /tombstone/,
    (s) => ({
      end: async (id, ...rest) => {
        const row = await s.end(id, ...rest);
        await s.wipe(id);
        return row;
      },
    }),
  ],
  ["reseals nothing", /reseal/, () => ({ reseal: () => Promise.resolve(false) })],
];

/** Stores that come back different from a restart. */
export const BROKEN_RESTARTS: readonly BrokenStore[] = [
  ["forgets everything", /keeps every field/, () => memoryStore({ clock: new FakeClock() })],
  [
    "forgets a pause",
    /keeps every field/,
    (s) => ({
      read: async (id) => {
        const reading = await s.read(id);
        return reading && { ...reading, grant: { ...reading.grant, backoff: null } };
      },
    }),
  ],
  [
    "counts fences anew",
    /fence grow on/,
    (s) => ({
      acquireLease: async (...args) => {
        const answer = await s.acquireLease(...args);
        return answer.status === "acquired" ? { ...answer, lease: { ...answer.lease, fence: 1 } } : answer;
      },
    }),
  ],
  [
    "forgets who has a lease",
    /fence grow on/,
    (s) => ({
      acquireLease: async (id, request) => {
        const row = await rowOf(s, id);
        if (row?.lease) await s.releaseLease(id, row.lease, { intent: row.intent });
        return s.acquireLease(id, request);
      },
    }),
  ],
  [
    "forgets what an attempt was about",
    /cut short/,
    (s) => ({
      acquireLease: async (...args) => {
        const answer = await s.acquireLease(...args);
        return answer.status === "acquired" ? { ...answer, previousIntent: null } : answer;
      },
    }),
  ],
  [
    "forgets versions",
    /keeps the version/,
    (s) => ({
      commit: async (id, commit) =>
        s.commit(id, { ...commit, expectedVersion: (await rowOf(s, id))?.version ?? 0 }),
    }),
  ],
  [
    "forgets tombstones",
    /keeps a tombstone/,
    (s) => ({ insert: async (grant) => (await s.insert(grant)) || (await s.read(grant.id)) !== undefined }),
  ],
  ["forgets whose a grant is", /still finds/, () => ({ endMatching: () => Promise.resolve([]) })],
  [
    "shows nothing in a scan",
    /still finds/,
    () => ({ scan: async () => ({ grants: [], unreadable: 0, next: null }) }),
  ],
  ["purges nothing any more", /at its end/, () => ({ purge: () => Promise.resolve(0) })],
];
