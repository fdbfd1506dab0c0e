import { describe, expect, it, vi } from "vitest";

import { memoryStore } from "../../src/stores/memory.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { grantStoreContract, grantStoreLostAnswerContract } from "../../src/testing/grant-store-contract.ts";
import { newGrant } from "../../src/testing/grant-store-contract/fixtures.ts";
import { contextOf, lossyContextOf } from "./fixtures.ts";

const HOUR_MS = 3_600_000;

describe("the memory store", () => {
  it.each(grantStoreContract)("$name", async ({ check }) => {
    const clock = new FakeClock();
    await check(contextOf(memoryStore({ clock }), clock));
  });

  it.each(grantStoreLostAnswerContract)("$name", async ({ check }) => {
    const clock = new FakeClock();
    await check(lossyContextOf(memoryStore({ clock }), clock));
  });

  it("shares its grants by name within the process, however often the module was loaded", async () => {
    vi.resetModules();
    const copy = await import("../../src/stores/memory.ts");
    expect(copy.memoryStore).not.toBe(memoryStore);
    const context = contextOf(memoryStore({ name: "shared" }));
    const grant = newGrant(context);

    await context.store.insert(grant);

    expect(await copy.memoryStore({ name: "shared" }).read(grant.id)).toMatchObject({
      grant: { id: grant.id },
    });
    expect(await memoryStore({ name: "other" }).read(grant.id)).toBeUndefined();
    expect(await memoryStore({ name: "shared", clock: new FakeClock() }).read(grant.id)).toBeUndefined();
  });

  it("makes room by dropping expired grants first, then the oldest tombstones, never a live one", async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock, maxGrants: 3 });
    const context = contextOf(store, clock);
    const insert = (id: string, lifeMs = HOUR_MS): Promise<boolean> =>
      store.insert(
        newGrant(context, {
          id,
          slidingEndMs: clock.nowMs() + lifeMs,
          absoluteEndMs: clock.nowMs() + HOUR_MS,
        }),
      );
    const present = async (): Promise<string[]> => {
      const ids = ["old tombstone", "tombstone", "short", "a", "b", "c"];
      const found = await Promise.all(ids.map((id) => store.read(id)));
      return ids.filter((_, index) => found[index] !== undefined);
    };
    for (const id of ["old tombstone", "tombstone"]) {
      await insert(id);
      await store.end(id, "signed_out");
    }
    await insert("short", 1_000);
    await clock.advance(2_000);

    await insert("a");
    expect(await present()).toEqual(["old tombstone", "tombstone", "a"]);
    await insert("b");
    expect(await present()).toEqual(["tombstone", "a", "b"]);
    await insert("c");
    expect(await present()).toEqual(["a", "b", "c"]);

    await expect(insert("d")).rejects.toMatchObject({
      code: "store_failed",
      message: expect.stringMatching(/full: 3 live grants/) as string,
    });
    expect(await present()).toEqual(["a", "b", "c"]);
    expect(await insert("a")).toBe(false);
  });

  it("lets no clock that was set back hold up a lease for longer than the bound (I17, X21)", async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const grant = newGrant(contextOf(store, clock));
    await store.insert(grant);
    const request = { attemptId: "x", durationMs: 30_000, deadlineMs: 10_000 };
    await store.acquireLease(grant.id, { ...request, holder: "a" });

    clock.jump(-60_000);
    expect(await store.acquireLease(grant.id, { ...request, holder: "b" })).toMatchObject({ status: "held" });

    clock.jump(-HOUR_MS);
    expect(await store.acquireLease(grant.id, { ...request, holder: "b" })).toMatchObject({
      status: "acquired",
    });
  });

  it("refuses a nonsense size at once, naming the option", () => {
    for (const maxGrants of [0, -1, 1.5, Number.NaN, Infinity]) {
      expect(() => memoryStore({ maxGrants })).toThrow(/"maxGrants" must be a whole number above 0/);
    }
  });
});
