/**
 * Promises of the store as a whole: what several callers see at once has one order.
 *
 * @module
 */
import assert from "node:assert/strict";

import { isLinearizable } from "../linearizability.ts";
import { deterministicRandom } from "../random.ts";
import { inserted, type StoreCheck } from "./fixtures.ts";
import { registerModel, RegisterRecorder, type Register, type RegisterCall } from "./grant-register.ts";

const CLIENTS: readonly string[] = ["a", "b", "c", "d", "e"];
const CALLS_EACH = 16;

/** What a client does next, upon what it last saw. */
function nextCall(random: () => number, holder: string, seen: Register, name: string): RegisterCall {
  const chance = random();
  if (chance < 0.25) return { kind: "read" };
  if (chance < 0.5) return { kind: "acquire", holder };
  if (chance < 0.7) return { kind: "release", holder, fence: seen.fence };
  return { kind: "commit", expectedVersion: seen.version, sealedTokenSet: name };
}

/** One check per promise. */
export const historyChecks: readonly StoreCheck[] = [1, 2, 3].map((seed) => ({
  name: `lets ${CLIENTS.length} clients see version, fence and token set in one order: linearizable (I2, I3), seed ${seed}`,
  check: async (context) => {
    const { id, sealedTokenSet } = await inserted(context);
    const recorder = new RegisterRecorder(context.store, id);
    const random = deterministicRandom(seed);
    const model = registerModel(sealedTokenSet);

    await Promise.all(
      CLIENTS.map(async (client) => {
        let seen = model.initial;
        for (let turn = 0; turn < CALLS_EACH; turn++) {
          const answer = await recorder.call(nextCall(random, client, seen, `${id} by ${client} ${turn}`));
          seen = answer?.shown ?? seen;
        }
      }),
    );

    const { history } = recorder;
    assert.equal(history.length, CLIENTS.length * CALLS_EACH);
    assert.ok(
      history.every(({ answer }) => answer),
      "each call is answered",
    );
    assert.ok(isLinearizable(history, model), `there is an order of ${JSON.stringify(history)}`);
  },
}));
