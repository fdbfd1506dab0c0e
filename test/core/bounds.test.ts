import { describe, expect, it } from "vitest";

import { boundedStore } from "../../src/core/bounded-store.ts";
import { systemClock } from "../../src/core/clock.ts";
import {
  MAX_SHARED_ENTRIES,
  createSharedState,
  joinFlight,
  processSharedState,
  remember,
} from "../../src/core/single-flight.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { BreakableStore, type StoreOperation } from "./support/breakable-store.ts";

describe("a store that does not answer", () => {
  const lease = { holder: "h", fence: 1, untilMs: 0 };
  const candidate = { attemptId: "a", sealedTokenSet: "", keyId: "k", version: 1 };
  const calls: Record<StoreOperation, readonly unknown[]> = {
    insert: [{}],
    read: ["id"],
    acquireLease: ["id", { holder: "h", attemptId: "a", durationMs: 1, deadlineMs: 1 }],
    renewLease: ["id", lease, 1],
    releaseLease: ["id", lease, { intent: null }],
    commit: ["id", { expectedVersion: 1 }],
    addCandidate: ["id", candidate],
    removeCandidate: ["id", "a"],
    end: ["id", "revoked"],
    endMatching: [{ sessionRef: "s" }, "revoked"],
    findMatching: [{ sessionRef: "s" }, 1, "ended"],
    reseal: [
      "id",
      { expectedVersion: 1, expectedSealedTokenSet: "", sealedTokenSet: "", keyId: "k", candidates: [] },
    ],
    scan: [null, 1],
    wipe: ["id"],
    slide: ["id", 1],
    purge: [1],
    close: [],
  };

  it.each(Object.entries(calls))(
    "rejects within its time, and says which operation: %s (I11, X24)",
    async (operation, args) => {
      const clock = new FakeClock();
      const broken = new BreakableStore(memoryStore({ clock }), clock);
      broken.break(operation as StoreOperation, "hang");
      const failures: string[] = [];
      const store = boundedStore(broken.store, clock, 3_000, (name) => failures.push(name));
      let error: unknown;
      const run = store[operation as StoreOperation] as (...all: readonly unknown[]) => Promise<unknown>;
      run(...args).catch((thrown: unknown) => (error = thrown));

      await clock.advance(2_999);
      expect(error).toBeUndefined();
      await clock.advance(1);

      expect(error).toMatchObject({
        code: "store_failed",
        message: `The memory store did not answer "${operation}" within 3000 ms`,
      });
      expect(failures).toEqual([operation]);
      expect(clock.pendingSleeps).toBe(0);
    },
  );

  it("passes arguments and answers through unchanged while it works", async () => {
    const clock = new FakeClock();
    const seen: unknown[][] = [];
    const echo = new Proxy(memoryStore({ clock }), {
      get: (target, name) =>
        name === "kind"
          ? target.kind
          : (...args: unknown[]) => {
              seen.push([name, ...args]);
              return Promise.resolve(name);
            },
    });
    const store = boundedStore(echo, clock, 3_000, () => undefined);
    for (const [operation, args] of Object.entries(calls)) {
      const run = store[operation as StoreOperation] as (...all: readonly unknown[]) => Promise<unknown>;
      expect(await run(...args)).toBe(operation);
    }

    expect(seen).toEqual(
      Object.entries(calls).map(([operation, args]) =>
        operation === "end" ? [operation, ...args, undefined] : [operation, ...args],
      ),
    );
  });

  it("may reject or even throw later without anybody being told a second time (SEC-87)", async () => {
    const clock = new FakeClock();
    const late = {
      ...memoryStore({ clock }),
      kind: "late",
      read: async () => {
        await clock.sleep(10_000);
        throw new Error("late");
      },
      slide: () => {
        throw new Error("thrown, not rejected");
      },
    };
    const store = boundedStore(late, clock, 3_000, () => undefined);
    const read = store.read("id").catch((error: unknown) => error);
    const slide = store.slide("id", 1).catch((error: unknown) => error);
    await clock.advance(20_000);

    expect(await read).toMatchObject({ code: "store_failed" });
    expect(await slide).toMatchObject({ code: "store_failed", cause: new Error("thrown, not rejected") });
  });
});

describe("a flight", () => {
  it("is shared while it lasts, and gone by itself when it ends, well or badly (I11, F10)", async () => {
    const flights = createSharedState().flights;
    let land = (): void => undefined;
    let starts = 0;
    const start = async (): Promise<string> => {
      starts++;
      await new Promise<void>((resolve) => (land = resolve));
      return "landed";
    };
    const [first, second] = [joinFlight(flights, "a", start), joinFlight(flights, "a", start)];
    const other = joinFlight(flights, "b", () => Promise.reject(new Error("crashed")));

    expect([first.started, second.started, other.started, starts]).toEqual([true, false, true, 1]);
    await expect(other.result).rejects.toThrow("crashed");
    land();
    expect(await Promise.all([first.result, second.result])).toEqual(["landed", "landed"]);
    expect(flights.size).toBe(0);
  });
});

describe("what a process remembers", () => {
  it("is bounded: the oldest entry goes, and a renewed one counts as new", () => {
    const map = new Map<string, number>();
    for (let index = 0; index < MAX_SHARED_ENTRIES; index++) remember(map, `g${index}`, index);
    remember(map, "g0", 0);
    remember(map, "one more", 1);

    expect(map.size).toBe(MAX_SHARED_ENTRIES);
    expect([map.has("g0"), map.has("g1")]).toEqual([true, false]);
  });

  it("is found by every copy of the module under its name, apart from other names (F21)", () => {
    expect(processSharedState("app one")).toBe(processSharedState("app one"));
    expect(processSharedState("app one")).not.toBe(processSharedState("app two"));
  });
});

describe("the real clock", () => {
  it("ends a sleep at once when told so, and does not overflow (F25)", async () => {
    const abort = new AbortController();
    const sleep = systemClock.sleep(Number.MAX_SAFE_INTEGER, abort.signal);
    let woken = false;
    void sleep.then(() => (woken = true));
    await systemClock.sleep(5);

    expect(woken).toBe(false);
    abort.abort();
    await sleep;
    await systemClock.sleep(1_000, abort.signal);
    expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(1_000);
  });
});
