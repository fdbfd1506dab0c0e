/**
 * A grant as a register of version, fence and token set with a lease and an end: the model that a recorded history is held
 * against, and the recorder.
 *
 * The model has no clock. A short lease may have run out at any moment, so that it is given to another or kept.
 *
 * @module
 */
import type { CommitAnswer, GrantStore, LeaseAnswer } from "../../core/grant-store.ts";
import type { GrantRecord, Lease } from "../../core/grant.ts";
import type { Operation, SequentialModel } from "../linearizability.ts";
import { commitOn, LONG_MS, request } from "./fixtures.ts";

/** What of a grant its row shows to the model. */
export interface Register {
  readonly version: number;
  readonly fence: number;
  readonly sealedTokenSet: string;
  readonly holder: string | null;
  readonly isEnded: boolean;
}

/** The row, and what it does not show. */
export interface RegisterState extends Register {
  /** Whether the lease is a short one. */
  readonly mayExpire: boolean;
}

/** A call on the grant. */
export type RegisterCall =
  | { readonly kind: "read" }
  | { readonly kind: "acquireLease"; readonly holder: string; readonly isShort: boolean }
  | { readonly kind: "renewLease" | "releaseLease"; readonly holder: string; readonly fence: number }
  | { readonly kind: "commit"; readonly expectedVersion: number; readonly sealedTokenSet: string }
  | { readonly kind: "end" };

/** What came of it: whether it went through, and the grant as the answer showed it. */
export interface RegisterAnswer {
  readonly won: boolean;
  /** `undefined` where the answer shows no row, as that of a release. */
  readonly shown: Register | undefined;
}

/** How one caller alone would see a grant that was just inserted with this token set. */
export function registerModel(
  sealedTokenSet: string,
): SequentialModel<RegisterState, RegisterCall, RegisterAnswer> {
  return {
    initial: { version: 1, fence: 0, sealedTokenSet, holder: null, isEnded: false, mayExpire: false },
    step: (state, call, answer) =>
      outcomesOf(state, call)
        .filter((next) => answer === undefined || answer.won === (next !== undefined))
        .filter((next) => {
          // An end shows the row as it was before.
          const after = call.kind === "end" ? state : (next ?? state);
          return answer?.shown === undefined || rowKeyOf(answer.shown) === rowKeyOf(after);
        })
        .map((next) => next ?? state),
    keyOf: (state) => `${rowKeyOf(state)} ${state.mayExpire}`,
  };
}

/** Calls stores of one grant and writes down what they were asked and what they answered, and in which order. */
export class RegisterRecorder {
  readonly history: Operation<RegisterCall, RegisterAnswer>[] = [];
  readonly #id: string;
  #moment = 0;

  constructor(id: string) {
    this.#id = id;
  }

  /** Makes one call. A call that rejects is written down as one whose outcome nobody knows. */
  async call(store: GrantStore, call: RegisterCall): Promise<RegisterAnswer | undefined> {
    const calledAt = this.#moment++;
    try {
      const answer = await answerTo(store, this.#id, call);
      this.history.push({ call, answer, calledAt, answeredAt: this.#moment++ });
      return answer;
    } catch {
      this.history.push({ call, answer: undefined, calledAt, answeredAt: Infinity });
      return undefined;
    }
  }
}

/** What the register may be after the call; `undefined` where the call changes nothing because it came too late. */
function outcomesOf(state: RegisterState, call: RegisterCall): readonly (RegisterState | undefined)[] {
  switch (call.kind) {
    case "read":
      return [state];
    case "acquireLease": {
      if (state.isEnded) return [undefined];
      const taken = { ...state, fence: state.fence + 1, holder: call.holder, mayExpire: call.isShort };
      if (state.holder === null || state.holder === call.holder) return [taken];
      return state.mayExpire ? [taken, undefined] : [undefined];
    }
    case "renewLease":
      return [isNewest(state, call) ? { ...state, mayExpire: false } : undefined];
    case "releaseLease":
      return [isNewest(state, call) ? { ...state, holder: null, mayExpire: false } : undefined];
    case "commit":
      if (state.isEnded || state.version !== call.expectedVersion) return [undefined];
      return [{ ...state, version: state.version + 1, sealedTokenSet: call.sealedTokenSet }];
    case "end":
      return [state.isEnded ? undefined : { ...state, isEnded: true }];
  }
}

async function answerTo(store: GrantStore, id: string, call: RegisterCall): Promise<RegisterAnswer> {
  switch (call.kind) {
    case "read": {
      const reading = await store.read(id);
      return { won: true, shown: reading && registerOf(reading.grant) };
    }
    case "acquireLease": {
      const asked = request(call.holder, call.isShort ? { durationMs: 1 } : {});
      const answer = await store.acquireLease(id, asked);
      return { won: answer.status === "acquired", shown: shownBy(answer) };
    }
    case "renewLease":
      return { won: await store.renewLease(id, leaseOf(call), LONG_MS), shown: undefined };
    case "releaseLease":
      return { won: await store.releaseLease(id, leaseOf(call), { intent: null }), shown: undefined };
    case "commit": {
      const { expectedVersion, sealedTokenSet } = call;
      const answer = await store.commit(id, commitOn(expectedVersion, { sealedTokenSet }));
      return { won: answer.status === "committed", shown: shownBy(answer) };
    }
    case "end": {
      const before = await store.end(id, "signed_out");
      return { won: before !== undefined, shown: before && registerOf(before) };
    }
  }
}

function isNewest(state: RegisterState, { holder, fence }: Pick<Lease, "holder" | "fence">): boolean {
  return state.holder === holder && state.fence === fence;
}

function leaseOf({ holder, fence }: Pick<Lease, "holder" | "fence">): Lease {
  return { holder, fence, untilMs: 0 };
}

function shownBy(answer: LeaseAnswer | CommitAnswer): Register | undefined {
  return "grant" in answer ? registerOf(answer.grant) : undefined;
}

function registerOf({ version, fence, sealedTokenSet, lease, state }: GrantRecord): Register {
  return { version, fence, sealedTokenSet, holder: lease?.holder ?? null, isEnded: state === "ended" };
}

function rowKeyOf({ version, fence, sealedTokenSet, holder, isEnded }: Register): string {
  return JSON.stringify([version, fence, sealedTokenSet, holder, isEnded]);
}
