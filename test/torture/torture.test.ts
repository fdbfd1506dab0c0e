/**
 * The short form of `npm run torture` and of the herd: real processes on each real store, killed at every kind of moment.
 */
import { describe, expect, it } from "vitest";

import { herd } from "../../torture/herd.ts";
import { torture } from "../../torture/run.ts";
import { STORE_KINDS } from "../../torture/stores.ts";

const KILLS = 5;
const ROUNDS = 8;
const LIMIT_MS = 280_000;

/** Says loudly what could not be had; under `CI=true` nothing may be skipped. */
function without(kind: string): void {
  console.warn(`\nSKIPPED the torture of ${kind}: there is no such server here\n`);
  if (process.env["CI"] === "true") throw new Error(`CI=true, and there is no ${kind}`);
}

describe("processes on a shared store, struck again and again", () => {
  it.concurrent.each(STORE_KINDS)(
    "lose exactly what could not be kept, and nobody gets a wrong token: %s, strict rotation (I21, I6, I8, X1-X11, X17, X37)",
    { timeout: LIMIT_MS },
    async (store) => {
      const run = await torture({ store, rotation: "strict", kills: KILLS, seed: Date.now() % 100_000 });
      if (run === undefined) return without(store);

      expect(run.violations).toEqual([]);
      expect(run.lost).toBe(run.oracle);
      expect(run.kills).toBeGreaterThanOrEqual(KILLS);
      expect(run.lifetimes).toBeGreaterThan(run.sessions / 2);
    },
  );

  it.concurrent(
    "lose nothing at all where refresh tokens are not rotated (P0, I21)",
    { timeout: LIMIT_MS },
    async () => {
      const run = await torture({
        store: "sqlite",
        rotation: "none",
        kills: KILLS,
        seed: Date.now() % 100_000,
      });

      expect(run).toMatchObject({ violations: [], lost: 0, oracle: 0 });
    },
  );
});

describe("eight processes with fifty callers each, who ask for one grant at once", () => {
  it.each(STORE_KINDS)(
    "send one refresh request, or one more that an expired lease excuses: %s (I1, X66)",
    { timeout: LIMIT_MS },
    async (store) => {
      const count = await herd(store, ROUNDS);
      if (count === undefined) return without(store);

      expect(count.violations).toEqual([]);
      expect(count.one + count.excused).toBe(ROUNDS);
    },
  );
});
