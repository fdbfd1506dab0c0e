/**
 * The short form of `npm run torture` and of the herd: real processes on each real store, killed at every kind of moment.
 */
import { describe, expect, it } from "vitest";

import { herd } from "../../torture/herd.ts";
import { torture } from "../../torture/run.ts";
import { STORE_KINDS } from "../../torture/stores.ts";

const KILLS = 5;
/** Three runs at once on two cores. */
const GRANTS = 24;
const ROUNDS = 8;
const LIMIT_MS = 280_000;

/** Says loudly what could not be had; under `CI=true` nothing may be skipped. */
function without(kind: string): void {
  console.warn(`\nSKIPPED the torture of ${kind}: there is no such server here\n`);
  if (process.env["CI"] === "true") throw new Error(`CI=true, and there is no ${kind}`);
}

/** Where the five kills of each run begin: with those of SQLite and Redis together, every crash point falls. */
const FIRST_POINT = { sqlite: 0, redis: 5, postgres: 3 } as const;

/** What a failure says: how to have it again. */
function again(store: string, rotation: string, seed: number): string {
  const kills = rotation === "strict" ? "--kills" : "--kills-other";
  return `npm run torture -- --store ${store} --rotation ${rotation} --seed ${seed} ${kills} ${KILLS}`;
}

describe("processes on a shared store, struck again and again", () => {
  it.concurrent.each(STORE_KINDS)(
    "lose exactly what could not be kept, and nobody gets a wrong token, while five are killed, each at another crash point: %s, strict rotation (I1, I5, I6, I8, I21, X1-X10)",
    { timeout: LIMIT_MS },
    async (store) => {
      const seed = FIRST_POINT[store];
      const run = await torture({ store, rotation: "strict", kills: KILLS, grants: GRANTS, seed });
      if (run === undefined) return without(store);

      const how = again(store, "strict", seed);
      expect(run.violations, how).toEqual([]);
      expect(run.lost, how).toBe(run.oracle);
      expect(run.kills, how).toBeGreaterThanOrEqual(KILLS);
      const struck = [...run.strikes.keys()].filter((name) => name.endsWith("kill"));
      expect(struck.length, how).toBeGreaterThanOrEqual(KILLS);
      expect(run.lifetimes, how).toBeGreaterThan(run.sessions / 2);
    },
  );
});

describe("processes at a server that forgives a second use of a refresh token, struck again and again", () => {
  it.concurrent.each(["none", "last_wins"] as const)(
    "lose nothing at all: SQLite, %s (P0, P4, I21, TL3)",
    { timeout: LIMIT_MS },
    async (rotation) => {
      const seed = rotation === "none" ? 1 : 4;
      const run = await torture({ store: "sqlite", rotation, kills: KILLS, grants: GRANTS, seed });

      expect(run, again("sqlite", rotation, seed)).toMatchObject({ violations: [], lost: 0, oracle: 0 });
    },
  );
});

describe("eight processes with fifty callers each, who ask for one grant at once", () => {
  it.each(STORE_KINDS)(
    "send one refresh request, or more after leases that had run out by the store's clock: %s (I1, X66)",
    { timeout: LIMIT_MS },
    async (store) => {
      const count = await herd(store, ROUNDS);
      if (count === undefined) return without(store);

      expect(count.violations).toEqual([]);
      expect(count.one + count.excused).toBe(ROUNDS);
    },
  );
});
