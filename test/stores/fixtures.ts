import { randomUUID } from "node:crypto";

import { expect } from "vitest";

import { systemClock, type Clock } from "../../src/core/clock.ts";
import type { GrantStore } from "../../src/core/grant-store.ts";
import type { FakeClock } from "../../src/testing/fake-clock.ts";
import type { StoreCheckContext } from "../../src/testing/grant-store-contract.ts";
import { newGrant } from "../../src/testing/grant-store-contract/fixtures.ts";

/** A store under the contract: by the fake clock where it has one, by real waits of at most 150 ms where not. */
export function contextOf(store: GrantStore, clock?: FakeClock): StoreCheckContext {
  const time: Clock = clock ?? systemClock;
  return {
    store,
    advance: (durationMs) => (clock ? clock.advance(durationMs) : systemClock.sleep(durationMs)),
    newId: () => randomUUID(),
    nowMs: () => time.nowMs(),
    ...(clock && { setClockBack: (durationMs: number) => clock.jump(-durationMs) }),
  };
}

/** One row of an empty store is damaged: all others are shown, and end, and are answered for (X30). */
export async function standsDamage(
  store: GrantStore,
  damage: (id: string) => void | Promise<void>,
): Promise<void> {
  const context = contextOf(store);
  const subjectRef = context.newId();
  const grants = Array.from({ length: 5 }, () => newGrant(context, { subjectRef }));
  for (const grant of grants) expect(await store.insert(grant)).toBe(true);
  const [damaged, ...others] = grants.map(({ id }) => id).sort();
  await damage(damaged ?? "");

  const shown = new Set<string>();
  let unreadable = 0;
  let cursor: string | null = null;
  do {
    const page = await store.scan(cursor, 1);
    for (const { id } of page.grants) shown.add(id);
    unreadable += page.unreadable;
    cursor = page.next;
  } while (cursor !== null);
  expect([[...shown].sort(), unreadable]).toEqual([others, 1]);

  expect((await store.findMatching({ subjectRef }, 10)).map(({ id }) => id).sort()).toEqual(others);
  const ended = await store.endMatching({ subjectRef }, "revoked");
  expect(ended.map(({ id }) => id).sort()).toEqual(others);
  for (const id of others) expect((await store.read(id))?.grant.state).toBe("ended");
  expect(await store.endMatching({ subjectRef }, "revoked")).toEqual([]);
}

/** The same over a store that loses an answer where it is told to. */
export function lossyContextOf(store: GrantStore, clock?: FakeClock): StoreCheckContext {
  let losing: PropertyKey | undefined;
  const lossy = new Proxy(store, {
    get: (target, name, receiver) => {
      const method: unknown = Reflect.get(target, name, receiver);
      if (name !== losing || typeof method !== "function") return method;
      return async (...args: unknown[]) => {
        losing = undefined;
        await (method as (...args: unknown[]) => Promise<unknown>)(...args);
        throw new Error("the answer is lost");
      };
    },
  });
  return { ...contextOf(lossy, clock), loseNextAnswer: (method) => void (losing = method) };
}
