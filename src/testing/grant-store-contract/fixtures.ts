/**
 * What the checks of the store contract are made of.
 *
 * @module
 */
import assert from "node:assert/strict";

import type { Commit, GrantReading, GrantStore, LeaseAnswer, LeaseRequest } from "../../core/grant-store.ts";
import type { GrantRecord, NewGrant } from "../../core/grant.ts";

/** What a check works with. */
export interface StoreCheckContext {
  /** The store under test. */
  readonly store: GrantStore;
  /** Lets `durationMs` milliseconds pass on the store's clock: a fake clock, or a real wait. At most 150 ms each. */
  advance(durationMs: number): Promise<void>;
  /** A text that no other call gives. */
  newId(): string;
  /** The store's clock as the caller knows it, within an hour. @defaultValue `Date.now` */
  nowMs?(): number;
  /**
   * Stops the store's backend as a crash would, starts it again, and returns a store on the same grants. Needed by
   * `grantStoreRestartContract` only.
   */
  reopen?(): Promise<GrantStore>;
  /**
   * Makes the next call of this method reach the backend, and its answer get lost: the call is done, and rejects. Needed
   * by `grantStoreLostAnswerContract`; where it is there, histories lose answers, too.
   */
  loseNextAnswer?(method: Exclude<keyof GrantStore, "kind">): Promise<void> | void;
  /**
   * Another store on the same grants, as another process has one. Histories share their calls out among both.
   * @defaultValue the store itself
   */
  another?(): Promise<GrantStore> | GrantStore;
  /** Sets the store's clock back. Where it is missing, the one promise about that goes unchecked. */
  setClockBack?(durationMs: number): Promise<void> | void;
}

/** One promise of the port. */
export interface StoreCheck {
  /** The promise, as the predicate of a sentence about the store. */
  readonly name: string;
  /** Rejects when the store breaks it. */
  readonly check: (context: StoreCheckContext) => Promise<void>;
}

/** A lease that runs out within a check, in milliseconds. */
export const SHORT_MS = 40;
/** Longer than {@link SHORT_MS}, in milliseconds. */
export const PAST_SHORT_MS = 100;
/** A lease that no check outlives, in milliseconds. */
export const LONG_MS = 60_000;
/** In milliseconds. */
export const HOUR_MS = 3_600_000;

/** A grant as a sign-in would bring it. Its sealed value names its id, so that a mixed-up row shows. */
export function newGrant(context: StoreCheckContext, given: Partial<NewGrant> = {}): NewGrant {
  const nowMs = Math.floor((context.nowMs ?? Date.now)());
  const id = given.id ?? context.newId();
  return {
    id,
    sessionRef: `session of ${id}`,
    subjectRef: `subject of ${id}`,
    sidRef: `sid of ${id}`,
    provider: "keycloak",
    issuer: "https://as.example",
    clientId: "web",
    sealedTokenSet: `sealed for ${id}, version 1`,
    keyId: "key1",
    accessTokenIssuedAtMs: nowMs,
    accessTokenExpiresAtMs: nowMs + 300_000,
    refreshTokenExpiresAtMs: nowMs + HOUR_MS,
    refreshable: true,
    absoluteEndMs: nowMs + HOUR_MS,
    slidingEndMs: nowMs + HOUR_MS / 2,
    ...given,
  };
}

/** Inserts such a grant. */
export async function inserted(
  context: StoreCheckContext,
  given: Partial<NewGrant> = {},
): Promise<NewGrant & { readonly id: string }> {
  const grant = newGrant(context, given);
  assert.equal(await context.store.insert(grant), true, "the insert of a new id answers true");
  return grant;
}

/** The row and the store's clock; fails if it is not there. */
export async function readingOf(store: GrantStore, id: string): Promise<GrantReading> {
  const reading = await store.read(id);
  assert.ok(reading, "the grant is there");
  assert.equal(reading.grant.id, id);
  return reading;
}

/** The row; fails if it is not there. */
export async function rowOf(store: GrantStore, id: string): Promise<GrantRecord> {
  return (await readingOf(store, id)).grant;
}

/** A lease request that lasts longer than the check. */
export function request(holder: string, given: Partial<LeaseRequest> = {}): LeaseRequest {
  return { holder, attemptId: `attempt of ${holder}`, durationMs: LONG_MS, deadlineMs: 10_000, ...given };
}

/** Takes the lease; fails if it is not given. */
export async function acquired(
  store: GrantStore,
  id: string,
  asked: LeaseRequest,
): Promise<Extract<LeaseAnswer, { status: "acquired" }>> {
  const answer = await store.acquireLease(id, asked);
  assert.ok(answer.status === "acquired", `${asked.holder} gets the lease, not "${answer.status}"`);
  return answer;
}

/** A commit upon `expectedVersion`. */
export function commitOn(expectedVersion: number, given: Partial<Commit> = {}): Commit {
  return {
    expectedVersion,
    sealedTokenSet: `sealed, version ${expectedVersion + 1}`,
    keyId: "key2",
    accessTokenIssuedAtMs: 1_000,
    accessTokenExpiresAtMs: 301_000,
    refreshTokenExpiresAtMs: null,
    refreshable: true,
    slidingEndMs: 0,
    ...given,
  };
}

/** Runs a check beside the grant of another user, which has to come out of it as it was (I8). */
export function besideBystander({ name, check }: StoreCheck): StoreCheck {
  return {
    name,
    check: async (context) => {
      const { id } = await inserted(context);
      await acquired(context.store, id, request("bystander"));
      const before = await rowOf(context.store, id);
      await check(context);
      assert.deepEqual(await rowOf(context.store, id), before, "another user's grant is untouched");
    },
  };
}
