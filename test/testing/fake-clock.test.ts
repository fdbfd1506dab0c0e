import { describe, expect, it } from "vitest";

import { MAX_TIMER_MS } from "../../src/core/clock.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { deterministicRandom } from "../../src/testing/random.ts";

describe("the fake clock", () => {
  it("stands still until it is advanced", async () => {
    const clock = new FakeClock({ startMs: 5_000 });
    let woken = false;
    void clock.sleep(100).then(() => (woken = true));

    await clock.advance(99);
    expect([clock.nowMs(), woken]).toEqual([5_099, false]);

    await clock.advance(1);
    expect([clock.nowMs(), woken]).toEqual([5_100, true]);
  });

  it("ends sleeps in the order of time, and those of one moment in the order in which they began", async () => {
    const clock = new FakeClock();
    const woken: string[] = [];
    for (const [name, ms] of [
      ["c", 30],
      ["a", 10],
      ["b1", 20],
      ["b2", 20],
    ] as const) {
      void clock.sleep(ms).then(() => woken.push(name));
    }

    await clock.advance(30);

    expect(woken).toEqual(["a", "b1", "b2", "c"]);
  });

  it("shows each sleeper its own moment, and ends sleeps that begin on the way", async () => {
    const clock = new FakeClock({ startMs: 0 });
    const moments: number[] = [];
    void (async () => {
      for (let turn = 0; turn < 3; turn++) {
        await clock.sleep(10);
        moments.push(clock.nowMs());
      }
    })();

    await clock.advance(100);

    expect(moments).toEqual([10, 20, 30]);
    expect(clock.pendingSleeps).toBe(0);
  });

  it("lets long promise chains and macrotasks settle between two moments", async () => {
    const clock = new FakeClock();
    const log: string[] = [];
    void (async () => {
      await clock.sleep(10);
      for (let tick = 0; tick < 500; tick++) await Promise.resolve();
      await new Promise((resolve) => setImmediate(resolve));
      log.push("first");
    })();
    void clock.sleep(11).then(() => log.push("second"));

    await clock.advance(20);

    expect(log).toEqual(["first", "second"]);
  });

  it("ends a sleep at once when its signal is aborted, before or during it", async () => {
    const clock = new FakeClock();
    const abort = new AbortController();
    const sleep = clock.sleep(1_000, abort.signal);

    abort.abort();

    await sleep;
    await clock.sleep(1_000, abort.signal);
    expect(clock.pendingSleeps).toBe(0);
  });

  it("jumps the wall clock without ending a sleep (X19)", async () => {
    const clock = new FakeClock({ startMs: 0 });
    let woken = false;
    void clock.sleep(100).then(() => (woken = true));

    clock.jump(3_600_000);
    await clock.advance(99);
    expect([clock.nowMs(), woken]).toEqual([3_600_099, false]);

    await clock.advance(1);
    expect(woken).toBe(true);
  });

  it("caps a sleep as setTimeout does (F25)", async () => {
    const clock = new FakeClock();
    let woken = false;
    void clock.sleep(MAX_TIMER_MS * 2).then(() => (woken = true));

    await clock.advance(MAX_TIMER_MS);

    expect(woken).toBe(true);
  });

  it("reports a loop instead of hanging", async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    for (let sleeper = 0; sleeper < 2_000; sleeper++) {
      void (async () => {
        while (!stop.signal.aborted) await clock.sleep(0);
      })();
    }

    await expect(clock.advance(1)).rejects.toThrow(/loop/);
    stop.abort();
    await expect(clock.advance(-1)).rejects.toThrow(RangeError);
  });
});

describe("deterministic random", () => {
  it("repeats for a seed, differs between seeds, and fills [0, 1) evenly", () => {
    const take = (seed: number): number[] => Array.from({ length: 4_000 }, deterministicRandom(seed));

    expect(take(1)).toEqual(take(1));
    expect(take(1)).not.toEqual(take(2));
    const buckets = new Array<number>(10).fill(0);
    for (const value of take(7)) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThan(1);
      buckets[Math.floor(value * 10)]! += 1;
    }
    expect(Math.min(...buckets)).toBeGreaterThan(300);
  });
});
