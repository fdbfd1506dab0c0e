/**
 * `npm run torture`: real processes, a real authorization server and real stores, struck again and again.
 *
 *   npm run torture -- [--store sqlite,redis,postgres] [--rotation strict,none,overlapping,idempotent,grace,last_wins]
 *                      [--kills 67] [--kills-other 14] [--seed 0] [--at-once 2]
 *
 * On each store `--kills` kills at a strict authorization server, and `--kills-other` at one of each other class. Prints
 * what was done, what was lost, and what the oracle says could not be kept. Ends with 1 if they differ, if a crash point
 * did not fall on a store, or if a store that can be restarted was not.
 */
import { parseArgs } from "node:util";

import { KILL_POINTS } from "./crash-points.ts";
import type { Reckoning } from "./reckoning.ts";
import { torture, type RunOptions } from "./run.ts";
import { STORE_KINDS, type StoreKind } from "./stores.ts";

const ROTATIONS = ["strict", "none", "overlapping", "idempotent", "grace", "last_wins"] as const;
const { values } = parseArgs({
  options: {
    store: { type: "string", default: STORE_KINDS.join(",") },
    rotation: { type: "string", default: ROTATIONS.join(",") },
    kills: { type: "string", default: "67" },
    "kills-other": { type: "string", default: "14" },
    seed: { type: "string", default: "0" },
    "at-once": { type: "string", default: "2" },
  },
});

const kills = whole("kills", values.kills, 1);
const killsOther = whole("kills-other", values["kills-other"], 1);
const seed = whole("seed", values.seed, 0);
const atOnce = whole("at-once", values["at-once"], 1);
const stores = values.store.split(",").map((name) => known<StoreKind>("store", name, STORE_KINDS));
const rotations = values.rotation
  .split(",")
  .map((name) => known<RunOptions["rotation"]>("rotation", name, ROTATIONS));

// The points go on from class to class, so that those of a store together cover all of them.
const todo: RunOptions[] = rotations.flatMap((rotation, index) =>
  stores.map((store) => ({
    ...{ store, rotation, seed: seed + (index > 0 ? index * killsOther : 0) },
    kills: rotation === "strict" ? kills : killsOther,
    say: (line: string) => void process.stdout.write(`  ${rotation}, ${line}\n`),
  })),
);
const done: Reckoning[] = [];
await Promise.all(Array.from({ length: atOnce }, () => work()));
for (const store of new Set(done.map((run) => run.store))) checkReach(store);
summary();

/** Takes one run after the other. They mostly wait, so that two at once fit on two cores. */
async function work(): Promise<void> {
  for (let options = todo.shift(); options !== undefined; options = todo.shift()) {
    const startedAtMs = Date.now();
    const reckoning = await torture(options);
    if (reckoning === undefined) {
      process.stdout.write(`\n!! SKIPPED: ${options.store}: there is no such server on this machine\n`);
      if (process.env["CI"] === "true") process.exitCode = 1;
      continue;
    }
    done.push(reckoning);
    print(reckoning, options, Date.now() - startedAtMs);
  }
}

/** Each crash point has to have fallen on each store, where there were kills enough. */
function checkReach(store: string): void {
  const runs = done.filter((run) => run.store === store);
  const fallen = new Set(runs.flatMap(({ strikes }) => [...strikes.keys()]));
  const killed = runs.reduce((sum, run) => sum + run.kills, 0);
  const missed = KILL_POINTS.filter((point) => !fallen.has(`${point} kill`));
  const lines = [
    ...(killed >= 2 * KILL_POINTS.length ? missed.map((point) => `nobody was killed at ${point}`) : []),
    ...(store !== "sqlite" && runs.every(({ restarts }) => restarts === 0) ? ["it was never restarted"] : []),
  ];
  for (const line of lines) process.stdout.write(`\nNOT REACHED: ${store}: ${line}\n`);
  if (lines.length > 0) process.exitCode = 1;
}

function print(run: Reckoning, options: RunOptions, tookMs: number): void {
  const list = (counts: ReadonlyMap<string, number>): string =>
    [...counts]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name, count]) => `${name} ${count}`)
      .join(", ");
  process.stdout.write(
    `\n${run.store}, rotation ${run.rotation}, seed ${options.seed}, ${Math.round(tookMs / 1000)} s\n` +
      `  strikes: ${list(run.strikes)}; store restarts ${run.restarts}\n` +
      `  events: ${list(run.events)}\n` +
      `  unavoidable: ${list(run.causes)}; at once, excused ones included: ${run.overlaps}\n` +
      run.violations.map((line) => `  VIOLATION: ${line}\n`).join(""),
  );
  if (run.violations.length > 0) process.exitCode = 1;
}

function summary(): void {
  const columns = [
    "store",
    "rotation",
    "kills",
    "restarts",
    "sessions",
    "lifetimes",
    "requests",
    "refused",
    "lost",
    "oracle",
  ] as const;
  const place = (run: Reckoning): number =>
    ROTATIONS.findIndex((name) => name === run.rotation) * STORE_KINDS.length +
    STORE_KINDS.findIndex((name) => name === run.store);
  const inOrder = done.sort((one, other) => place(one) - place(other));
  const rows = [columns, ...inOrder.map((run) => columns.map((column) => String(run[column])))];
  const lines = rows.map((row) => `| ${row.join(" | ")} |`);
  lines.splice(1, 0, `|${" --- |".repeat(columns.length)}`);
  process.stdout.write(`\n${lines.join("\n")}\n`);
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    throw new Error(`--${name} must be a whole number, ${least} or more; got ${text}`);
  return value;
}

function known<Name extends string>(option: string, name: string, names: readonly Name[]): Name {
  const found = names.find((one) => one === name);
  if (found === undefined) throw new Error(`--${option} knows ${names.join(", ")}; got ${name}`);
  return found;
}
