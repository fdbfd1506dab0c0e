/**
 * Checks a recorded history of concurrent calls: is there one order of them, each at some moment between its call and
 * its answer, in which a simple sequential model gives the same answers? If not, the store did something that no atomic
 * store can do.
 *
 * The search tries every call that may come next, and remembers each set of calls and state that led nowhere.
 *
 * @see Wing and Gong, "Testing and Verifying Concurrent Objects" (1993); Lowe, "Testing for Linearizability" (2017)
 *
 * @module
 */

/** One call and what came of it. Moments are numbers on one scale, such as a counter that each event moves on. */
export interface Operation<Call, Answer> {
  readonly call: Call;
  readonly calledAt: number;
  /** `undefined`: nobody knows. It may have taken effect at any moment since the call, or never. */
  readonly answer: Answer | undefined;
  /** `Infinity` where there is no answer. */
  readonly answeredAt: number;
}

/** What a single caller would see. */
export interface SequentialModel<State, Call, Answer> {
  readonly initial: State;
  /**
   * The states that the call may lead to if it is answered so: none where the model would not answer so. Without an
   * answer, the states that it may lead to at all.
   */
  step(state: State, call: Call, answer: Answer | undefined): readonly State[];
  /** Equal texts for equal states. */
  keyOf(state: State): string;
}

const DEFAULT_MAX_STEPS = 200_000;

/**
 * Whether the history is linearizable.
 *
 * @param maxSteps The most steps of the search, so that it ends. @defaultValue 200,000
 * @throws RangeError if that cannot be told within those: record fewer calls at once.
 */
export function isLinearizable<State, Call, Answer>(
  history: readonly Operation<Call, Answer>[],
  model: SequentialModel<State, Call, Answer>,
  maxSteps: number = DEFAULT_MAX_STEPS,
): boolean {
  const operations = [...history].sort((one, other) => one.calledAt - other.calledAt);
  const deadEnds = new Set<string>();
  let steps = 0;

  const search = (state: State, done: bigint): boolean => {
    const open = operations.filter((_, index) => !isDone(done, index));
    const firstAnswer = Math.min(...open.map(({ answeredAt }) => answeredAt));
    if (open.every(({ answer }) => answer === undefined)) return true;
    const stateKey = model.keyOf(state);
    const key = `${done} ${stateKey}`;
    if (deadEnds.has(key)) return false;
    if (++steps > maxSteps) throw new RangeError("The history is too long to be checked");
    for (const [index, { call, answer, calledAt }] of operations.entries()) {
      if (calledAt > firstAnswer) break;
      if (isDone(done, index)) continue;
      for (const next of model.step(state, call, answer)) {
        // Without an answer and without an effect it is as if it had not been called.
        if (answer === undefined && model.keyOf(next) === stateKey) continue;
        if (search(next, done | (1n << BigInt(index)))) return true;
      }
    }
    deadEnds.add(key);
    return false;
  };
  return search(model.initial, 0n);
}

function isDone(done: bigint, index: number): boolean {
  return ((done >> BigInt(index)) & 1n) === 1n;
}
