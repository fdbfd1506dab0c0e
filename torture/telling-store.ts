/**
 * A store that writes down what becomes of each refresh token it is given, and tells of leases. It stands behind the
 * crash points: what it has written down happened before the blow.
 */
import type { GrantStore } from "../src/core/grant-store.ts";
import type { GrantRecord, Lease } from "../src/core/grant.ts";
import type { Sealer } from "../src/core/sealer.ts";
import { tokenHash } from "./authorization-server.ts";
import type { WorkerEntry } from "./worker-log.ts";

/** What happened to a lease. All times by the store's clock. */
export interface LeaseNews {
  readonly what: "taken" | "renewed" | "released";
  readonly id: string;
  readonly fence: number;
  /** Of the attempt that took it; empty if it is not known here. */
  readonly attemptId: string;
  readonly atMs: number;
  /** Its end after this. */
  readonly untilMs: number;
}

/** Who hears of it. */
export interface StoreListener {
  readonly write: (entry: WorkerEntry) => void;
  /** By the hash of the access token: seen to be durable, or the store has failed to take it. */
  readonly settled: (accessTokenHash: string) => void;
  /** Whether rows are worth a look for such a token. */
  readonly isWaiting: () => boolean;
  /** `undefined`: nobody asks, and no row is read for it. */
  readonly lease?: ((news: LeaseNews) => void) | undefined;
}

interface Offer {
  readonly refreshToken?: string;
  readonly accessToken: string;
}

/** Makes one. */
export function tellingStore(store: GrantStore, sealer: Sealer, listener: StoreListener): GrantStore {
  const { write, settled, isWaiting, lease: tell } = listener;
  const attempts = new Map<number, string>();
  const offered = async <Answer>(
    sealed: string,
    slot: { grantId: string; field: "token-set" | "candidate"; version: number },
    offer: () => Promise<Answer>,
    isStored: (answer: Answer) => boolean,
  ): Promise<Answer> => {
    const { refreshToken = "", accessToken } = JSON.parse(sealer.open(sealed, slot)) as Offer;
    const issued = tokenHash(refreshToken);
    write({ type: "offered", issued });
    try {
      const answer = await offer();
      if (isStored(answer)) {
        write({ type: "stored", issued });
        settled(tokenHash(accessToken));
      }
      return answer;
    } catch (error) {
      write({ type: "refused", issued });
      settled(tokenHash(accessToken));
      throw error;
    }
  };
  const look = (grant: GrantRecord | undefined): void => {
    if (grant === undefined || grant.sealedTokenSet === "" || !isWaiting()) return;
    const slot = { grantId: grant.id, field: "token-set", version: grant.version } as const;
    settled(tokenHash((JSON.parse(sealer.open(grant.sealedTokenSet, slot)) as Offer).accessToken));
  };
  const tellNow = async (what: "renewed" | "released", id: string, lease: Lease): Promise<void> => {
    if (tell === undefined) return;
    const attemptId = attempts.get(lease.fence) ?? "";
    try {
      const reading = await store.read(id);
      const untilMs =
        reading?.grant.lease?.fence === lease.fence ? reading.grant.lease.untilMs : lease.untilMs;
      tell({ what, id, fence: lease.fence, attemptId, atMs: reading?.storeNowMs ?? 0, untilMs });
    } catch {
      // The store has just gone: until when the lease holds is not known, so it explains nothing.
      tell({ what, id, fence: lease.fence, attemptId, atMs: 0, untilMs: Number.MAX_SAFE_INTEGER });
    }
  };
  return {
    ...store,
    async read(id) {
      const reading = await store.read(id);
      look(reading?.grant);
      return reading;
    },
    async acquireLease(id, request) {
      const answer = await store.acquireLease(id, request);
      if (answer.status !== "absent") look(answer.grant);
      if (answer.status === "acquired" && tell !== undefined) {
        const { fence, untilMs } = answer.lease;
        attempts.set(fence, request.attemptId);
        tell({
          ...{ what: "taken", id, fence, untilMs },
          ...{ attemptId: request.attemptId, atMs: answer.storeNowMs },
        });
      }
      return answer;
    },
    async renewLease(id, lease, durationMs) {
      const done = await store.renewLease(id, lease, durationMs);
      if (done) await tellNow("renewed", id, lease);
      return done;
    },
    async releaseLease(id, lease, note) {
      const done = await store.releaseLease(id, lease, note);
      if (done) await tellNow("released", id, lease);
      return done;
    },
    async commit(id, commit) {
      const slot = { grantId: id, field: "token-set", version: commit.expectedVersion + 1 } as const;
      const commits = (): ReturnType<GrantStore["commit"]> => store.commit(id, commit);
      const isStored = ({ status }: { status: string }): boolean => status === "committed";
      const answer = await offered(commit.sealedTokenSet, slot, commits, isStored);
      if (answer.status !== "absent") look(answer.grant);
      if (answer.status === "committed" && commit.lease !== undefined)
        await tellNow("released", id, commit.lease);
      return answer;
    },
    addCandidate(id, candidate) {
      const slot = { grantId: id, field: "candidate", version: candidate.version } as const;
      const add = (): Promise<boolean> => store.addCandidate(id, candidate);
      return offered(candidate.sealedTokenSet, slot, add, (kept) => kept);
    },
  };
}
