/**
 * The methods of the memory store. Each is one synchronous step, so nothing comes between its check and its write.
 *
 * @module
 */
import type { GrantReading, GrantStore } from "../core/grant-store.ts";
import {
  GRANT_FORMAT,
  MAX_CANDIDATES,
  type GrantRecord,
  type Lease,
  type NewGrant,
  type SealedTokens,
} from "../core/grant.ts";
import { intentStartMs, isStanding, leaseDurationMs } from "./lease-rule.ts";
import { resealed } from "./resealed.ts";
import { matching, selectionFrom } from "./selector.ts";

/** What the methods work on. */
export interface MemoryState {
  rows(): Map<string, GrantRecord>;
  nowMs(): number;
  /** Called before a row is added; throws when there is no room. */
  makeRoom(rows: Map<string, GrantRecord>, nowMs: number): void;
}

/** The {@link GrantStore} over that state. */
export function memoryMethods(state: MemoryState): GrantStore {
  const rows = (): Map<string, GrantRecord> => state.rows();
  const put = (grant: GrantRecord): GrantReading => {
    const frozen = frozenCopy(grant);
    rows().set(frozen.id, frozen);
    return { grant: frozen, storeNowMs: state.nowMs() };
  };
  const live = (id: string): GrantRecord | undefined => {
    const grant = rows().get(id);
    return grant?.state === "live" ? grant : undefined;
  };
  const ended = (grant: GrantRecord, endReason: GrantRecord["endReason"]): GrantRecord => {
    put({ ...grant, state: "ended", endReason, endedAtMs: state.nowMs() });
    return grant;
  };

  return {
    kind: "memory",

    insert: step((grant) => {
      if (rows().has(grant.id)) return false;
      state.makeRoom(rows(), state.nowMs());
      put(newRecord(grant, state.nowMs()));
      return true;
    }),

    read: step((id) => {
      const grant = rows().get(id);
      return grant && { grant, storeNowMs: state.nowMs() };
    }),

    acquireLease: step((id, { holder, attemptId, durationMs, deadlineMs }) => {
      const grant = rows().get(id);
      if (grant === undefined) return { status: "absent" };
      const storeNowMs = state.nowMs();
      if (grant.state === "ended") return { status: "ended", grant, storeNowMs };
      if (isStanding(grant.lease, storeNowMs) && grant.lease?.holder !== holder) {
        return { status: "held", grant, storeNowMs };
      }
      const fence = grant.fence + 1;
      const lease: Lease = { holder, fence, untilMs: storeNowMs + leaseDurationMs(durationMs) };
      const intent = {
        attemptId,
        holder,
        parentVersion: grant.version,
        fence,
        startedAtMs: intentStartMs(grant, storeNowMs),
        deadlineAtMs: storeNowMs + deadlineMs,
        outcome: "pending",
      } as const;
      const reading = put({ ...grant, fence, lease, intent });
      return { status: "acquired", lease, previousIntent: grant.intent, ...reading };
    }),

    renewLease: step((id, lease, durationMs) => {
      const grant = rows().get(id);
      if (grant === undefined || !isNewest(grant, lease)) return false;
      const untilMs = state.nowMs() + leaseDurationMs(durationMs);
      put({ ...grant, lease: { holder: lease.holder, fence: lease.fence, untilMs } });
      return true;
    }),

    releaseLease: step((id, lease, { intent, backoff }) => {
      const grant = rows().get(id);
      if (grant === undefined || !isNewest(grant, lease)) return false;
      const pause = backoff && {
        failures: backoff.failures,
        untilMs: state.nowMs() + backoff.waitMs,
        code: backoff.code,
      };
      put({ ...grant, lease: null, intent, backoff: pause === undefined ? grant.backoff : pause });
      return true;
    }),

    commit: step((id, commit) => {
      const grant = rows().get(id);
      if (grant === undefined) return { status: "absent" };
      const reading = { grant, storeNowMs: state.nowMs() };
      if (grant.state === "ended") return { status: "ended", ...reading };
      if (grant.version !== commit.expectedVersion) return { status: "conflict", ...reading };
      const givesBack = commit.lease !== undefined && isNewest(grant, commit.lease);
      const clearsIntent = grant.intent?.parentVersion === commit.expectedVersion;
      const written = put({
        ...grant,
        ...sealedTokensOf(commit),
        version: grant.version + 1,
        slidingEndMs: laterEndMs(grant, commit.slidingEndMs),
        lease: givesBack ? null : grant.lease,
        intent: clearsIntent ? null : grant.intent,
        backoff: null,
      });
      return { status: "committed", ...written };
    }),

    addCandidate: step((id, { attemptId, sealedTokenSet, keyId, version }) => {
      const grant = live(id);
      if (grant === undefined) return false;
      const kept = { attemptId, sealedTokenSet, keyId, version, keptAtMs: state.nowMs() };
      const others = grant.candidates.filter((candidate) => candidate.attemptId !== attemptId);
      put({ ...grant, candidates: [...others, kept].slice(-MAX_CANDIDATES) });
      return true;
    }),

    removeCandidate: step((id, attemptId) => {
      const grant = rows().get(id);
      if (grant === undefined) return;
      put({ ...grant, candidates: grant.candidates.filter((kept) => kept.attemptId !== attemptId) });
    }),

    end: step((id, reason, expectedVersion) => {
      const grant = live(id);
      if (grant === undefined) return undefined;
      if (expectedVersion !== undefined && grant.version !== expectedVersion) return undefined;
      return ended(grant, reason);
    }),

    endMatching: step((selector, reason) => {
      const { field, value } = selectionFrom(selector);
      return [...rows().values()]
        .filter((grant) => grant.state === "live" && grant[field] === value)
        .map((grant) => ended(grant, reason));
    }),

    findMatching: step((selector, limit, state = "live") =>
      matching([...rows().values()], selectionFrom(selector), state).slice(0, limit),
    ),

    wipe: step((id) => {
      const grant = rows().get(id);
      if (grant?.state === "ended") put({ ...grant, sealedTokenSet: "", candidates: [] });
    }),

    reseal: step((id, { expectedVersion, expectedSealedTokenSet, sealedTokenSet, keyId, candidates }) => {
      const grant = rows().get(id);
      if (grant?.version !== expectedVersion || grant.sealedTokenSet !== expectedSealedTokenSet) return false;
      put({ ...grant, sealedTokenSet, keyId, candidates: resealed(grant.candidates, candidates) });
      return true;
    }),

    scan: step((cursor, limit) => {
      const ids = [...rows().keys()].filter((id) => cursor === null || id > cursor).sort();
      const page = ids.slice(0, limit);
      const grants = page.map((id) => rows().get(id)).filter((grant) => grant !== undefined);
      return { grants, unreadable: 0, next: ids.length > limit ? (page.at(-1) ?? null) : null };
    }),

    slide: step((id, slidingEndMs) => {
      const grant = live(id);
      if (grant) put({ ...grant, slidingEndMs: laterEndMs(grant, slidingEndMs) });
    }),

    purge: step((limit) => {
      let purged = 0;
      for (const grant of rows().values()) {
        if (purged >= limit) break;
        if (grant.slidingEndMs > state.nowMs()) continue;
        rows().delete(grant.id);
        purged++;
      }
      return purged;
    }),

    close: () => Promise.resolve(),
  };
}

/** Runs the step at once and hands its result, or what it throws, to a promise. */
function step<A extends unknown[], R>(run: (...args: A) => R): (...args: A) => Promise<R> {
  return (...args) => new Promise((resolve) => resolve(run(...args)));
}

/** Whether this is the newest lease of the grant, and it was not given back. */
function isNewest({ lease }: GrantRecord, { holder, fence }: Lease): boolean {
  return lease !== null && lease.holder === holder && lease.fence === fence;
}

/** Where the sliding end moves to: never back, and never past the absolute end. */
function laterEndMs(grant: GrantRecord, slidingEndMs: number): number {
  return Math.max(grant.slidingEndMs, Math.min(slidingEndMs, grant.absoluteEndMs));
}

/** What is known of a new grant, column by column, so that nothing else gets stored. */
function newRecord(grant: NewGrant, storeNowMs: number): GrantRecord {
  return {
    ...sealedTokensOf(grant),
    id: grant.id,
    sessionRef: grant.sessionRef,
    subjectRef: grant.subjectRef,
    sidRef: grant.sidRef,
    provider: grant.provider,
    issuer: grant.issuer,
    clientId: grant.clientId,
    absoluteEndMs: grant.absoluteEndMs,
    slidingEndMs: Math.min(grant.slidingEndMs, grant.absoluteEndMs),
    format: GRANT_FORMAT,
    version: 1,
    createdAtMs: storeNowMs,
    state: "live",
    endReason: null,
    endedAtMs: null,
    fence: 0,
    lease: null,
    intent: null,
    backoff: null,
    candidates: [],
  };
}

function sealedTokensOf(tokens: SealedTokens): SealedTokens {
  return {
    sealedTokenSet: tokens.sealedTokenSet,
    keyId: tokens.keyId,
    accessTokenIssuedAtMs: tokens.accessTokenIssuedAtMs,
    accessTokenExpiresAtMs: tokens.accessTokenExpiresAtMs,
    refreshTokenExpiresAtMs: tokens.refreshTokenExpiresAtMs,
    refreshable: tokens.refreshable,
  };
}

/** A copy that neither the caller nor a reader can change. */
function frozenCopy(grant: GrantRecord): GrantRecord {
  return Object.freeze({
    ...grant,
    lease: grant.lease && Object.freeze({ ...grant.lease }),
    intent: grant.intent && Object.freeze({ ...grant.intent }),
    backoff: grant.backoff && Object.freeze({ ...grant.backoff }),
    candidates: Object.freeze(grant.candidates.map((candidate) => Object.freeze({ ...candidate }))),
  });
}
