/**
 * Promises of the store as a whole: what several callers see at once, through several stores on the same grants and over
 * lost answers, has one order.
 *
 * @module
 */
import assert from "node:assert/strict";

import { isLinearizable } from "../linearizability.ts";
import { deterministicRandom } from "../random.ts";
import { inserted, type StoreCheck, type StoreCheckContext } from "./fixtures.ts";
import { registerModel, RegisterRecorder, type Register, type RegisterCall } from "./grant-register.ts";

const CLIENTS: readonly string[] = ["a", "b", "c", "d", "e"];
const CALLS_EACH = 16;
/** From here on a client may end the grant: before, there is more to see. */
const FIRST_TURN_TO_END = 13;
/** When the first client loses the answer to its call. */
const TURNS_TO_LOSE: readonly number[] = [4, 9];

/** What a client does next, upon what it last saw. */
function nextCall(
  random: () => number,
  turn: number,
  holder: string,
  seen: Register,
  name: string,
): RegisterCall {
  const chance = random();
  if (turn >= FIRST_TURN_TO_END && chance > 0.9) return { kind: "end" };
  if (chance < 0.2) return { kind: "read" };
  if (chance < 0.45) return { kind: "acquireLease", holder, isShort: random() < 0.4 };
  if (chance < 0.55) return { kind: "renewLease", holder, fence: seen.fence };
  if (chance < 0.7) return { kind: "releaseLease", holder, fence: seen.fence };
  return { kind: "commit", expectedVersion: seen.version, sealedTokenSet: name };
}

/** Lets all clients call at once, and gives what they saw. */
async function recorded(context: StoreCheckContext, id: string, seed: number): Promise<RegisterRecorder> {
  const { store, another = () => store, loseNextAnswer } = context;
  const stores = [store, await another(), await another()];
  const recorder = new RegisterRecorder(id);
  const random = deterministicRandom(seed);
  await Promise.all(
    CLIENTS.map(async (client, index) => {
      const { initial } = registerModel("");
      let seen: Register = initial;
      for (let turn = 0; turn < CALLS_EACH; turn++) {
        const call = nextCall(random, turn, client, seen, `${id} by ${client} ${turn}`);
        if (index === 0 && TURNS_TO_LOSE.includes(turn)) await loseNextAnswer?.(call.kind);
        const answer = await recorder.call(stores[index % stores.length] ?? store, call);
        seen = answer?.shown ?? seen;
      }
    }),
  );
  return recorder;
}

/** One check per promise. */
export const historyChecks: readonly StoreCheck[] = [1, 2, 3].map((seed) => ({
  name: `lets ${CLIENTS.length} clients see version, fence, token set and end in one order: linearizable (I2, I3, I7), seed ${seed}`,
  check: async (context) => {
    const { id, sealedTokenSet } = await inserted(context);

    const { history } = await recorded(context, id, seed);

    assert.equal(history.length, CLIENTS.length * CALLS_EACH);
    const areAllAnswered = history.every(({ answer }) => answer);
    assert.equal(
      areAllAnswered,
      context.loseNextAnswer === undefined,
      "an answer is lost where one is to be",
    );
    assert.ok(
      isLinearizable(history, registerModel(sealedTokenSet)),
      `there is an order of ${JSON.stringify(history)}`,
    );
  },
}));
