/** Puts every step of a store into the hands of a fast-check scheduler: when it arrives, and when its answer does. */
import type { Scheduler } from "fast-check";

import type { GrantStore } from "../../../src/core/grant-store.ts";
import type { BreakableStore, StoreOperation } from "./breakable-store.ts";

const SCHEDULED = ["read", "acquireLease", "commit", "releaseLease", "end", "wipe", "addCandidate"] as const;

export function scheduledStore(scheduler: Scheduler, view: BreakableStore, inner: GrantStore): void {
  for (const operation of SCHEDULED satisfies readonly StoreOperation[]) {
    const run = inner[operation] as (...args: readonly unknown[]) => Promise<unknown>;
    view.answer(operation, async (...args) => {
      await scheduler.schedule(Promise.resolve(), `${operation} arrives`);
      const answer = await run(...args);
      await scheduler.schedule(Promise.resolve(), `${operation} is answered`);
      return answer;
    });
  }
}
