import { randomUUID } from "node:crypto";

import { systemClock, type Clock } from "../../src/core/clock.ts";
import type { GrantStore } from "../../src/core/grant-store.ts";
import type { FakeClock } from "../../src/testing/fake-clock.ts";
import type { StoreCheckContext } from "../../src/testing/grant-store-contract.ts";

/** A store under the contract: by the fake clock where it has one, by real waits of at most 150 ms where not. */
export function contextOf(store: GrantStore, clock?: FakeClock): StoreCheckContext {
  const time: Clock = clock ?? systemClock;
  return {
    store,
    advance: (durationMs) => (clock ? clock.advance(durationMs) : systemClock.sleep(durationMs)),
    newId: () => randomUUID(),
    nowMs: () => time.nowMs(),
  };
}
