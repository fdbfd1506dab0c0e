/**
 * A grant as a register of version, fence and token set with a lease: the model that a recorded history is held
 * against, and the recorder. Leases of a history do not expire.
 *
 * @module
 */
import type { CommitAnswer, GrantStore, LeaseAnswer } from "../../core/grant-store.ts";
import type { GrantRecord, Lease } from "../../core/grant.ts";
import type { Operation, SequentialModel } from "../linearizability.ts";
import { commitOn, request } from "./fixtures.ts";

/** What of a grant the model knows. */
export interface Register {
  readonly version: number;
  readonly fence: number;
  readonly sealedTokenSet: string;
  readonly holder: string | null;
}

/** A call on the grant. */
export type RegisterCall =
  | { readonly kind: "read" }
  | { readonly kind: "acquire"; readonly holder: string }
  | { readonly kind: "release"; readonly holder: string; readonly fence: number }
  | { readonly kind: "commit"; readonly expectedVersion: number; readonly sealedTokenSet: string };

/** What came of it: whether it went through, and the grant as the answer showed it. */
export interface RegisterAnswer {
  readonly won: boolean;
  /** `undefined` where the answer shows no row, as that of a release. */
  readonly shown: Register | undefined;
}

/** How one caller alone would see a grant that was just inserted with this token set. */
export function registerModel(
  sealedTokenSet: string,
): SequentialModel<Register, RegisterCall, RegisterAnswer> {
  return {
    initial: { version: 1, fence: 0, sealedTokenSet, holder: null },
    step: (state, call, answer) => {
      const next = called(state, call);
      const after = next ?? state;
      if (answer === undefined) return [after];
      if (answer.won !== (next !== undefined)) return [];
      return answer.shown === undefined || keyOf(answer.shown) === keyOf(after) ? [after] : [];
    },
    keyOf,
  };
}

/** Calls a store and writes down what it was asked and what it answered, and in which order. */
export class RegisterRecorder {
  readonly history: Operation<RegisterCall, RegisterAnswer>[] = [];
  readonly #store: GrantStore;
  readonly #id: string;
  #moment = 0;

  constructor(store: GrantStore, id: string) {
    this.#store = store;
    this.#id = id;
  }

  /** Makes one call. A call that rejects is written down as one whose outcome nobody knows. */
  async call(call: RegisterCall): Promise<RegisterAnswer | undefined> {
    const calledAt = this.#moment++;
    try {
      const answer = await answerTo(this.#store, this.#id, call);
      this.history.push({ call, answer, calledAt, answeredAt: this.#moment++ });
      return answer;
    } catch {
      this.history.push({ call, answer: undefined, calledAt, answeredAt: Infinity });
      return undefined;
    }
  }
}

/** The register after the call; `undefined` where the call changes nothing because somebody else was first. */
function called(state: Register, call: RegisterCall): Register | undefined {
  switch (call.kind) {
    case "read":
      return state;
    case "acquire":
      if (state.holder !== null && state.holder !== call.holder) return undefined;
      return { ...state, fence: state.fence + 1, holder: call.holder };
    case "release":
      if (state.holder !== call.holder || state.fence !== call.fence) return undefined;
      return { ...state, holder: null };
    case "commit":
      if (state.version !== call.expectedVersion) return undefined;
      return { ...state, version: state.version + 1, sealedTokenSet: call.sealedTokenSet };
  }
}

async function answerTo(store: GrantStore, id: string, call: RegisterCall): Promise<RegisterAnswer> {
  switch (call.kind) {
    case "read": {
      const reading = await store.read(id);
      return { won: true, shown: reading && registerOf(reading.grant) };
    }
    case "acquire": {
      const answer = await store.acquireLease(id, request(call.holder));
      return { won: answer.status === "acquired", shown: shownBy(answer) };
    }
    case "release": {
      const lease: Lease = { holder: call.holder, fence: call.fence, untilMs: 0 };
      return { won: await store.releaseLease(id, lease, { intent: null }), shown: undefined };
    }
    case "commit": {
      const { expectedVersion, sealedTokenSet } = call;
      const answer = await store.commit(id, commitOn(expectedVersion, { sealedTokenSet }));
      return { won: answer.status === "committed", shown: shownBy(answer) };
    }
  }
}

function shownBy(answer: LeaseAnswer | CommitAnswer): Register | undefined {
  return "grant" in answer ? registerOf(answer.grant) : undefined;
}

function registerOf({ version, fence, sealedTokenSet, lease }: GrantRecord): Register {
  return { version, fence, sealedTokenSet, holder: lease?.holder ?? null };
}

function keyOf({ version, fence, sealedTokenSet, holder }: Register): string {
  return JSON.stringify([version, fence, sealedTokenSet, holder]);
}
