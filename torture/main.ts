/**
 * `npm run torture`: real processes, a real authorization server and real stores, struck again and again.
 *
 *   npm run torture -- [--store sqlite,redis,postgres] [--rotation strict,none] [--kills 70] [--seed 1]
 *
 * Prints what was done, what was lost, and what the oracle says could not be kept. Ends with 1 if they differ.
 */
import { parseArgs } from "node:util";

import type { Reckoning } from "./reckoning.ts";
import { torture, type RunOptions } from "./run.ts";
import { STORE_KINDS, type StoreKind } from "./stores.ts";

const { values } = parseArgs({
  options: {
    store: { type: "string", default: STORE_KINDS.join(",") },
    rotation: { type: "string", default: "strict,none" },
    kills: { type: "string", default: "70" },
    seed: { type: "string", default: "1" },
  },
});

const kills = whole("kills", values.kills);
const seed = whole("seed", values.seed);
const stores = values.store.split(",").map((name) => known<StoreKind>("store", name, STORE_KINDS));
const rotations = values.rotation
  .split(",")
  .map((name) => known<RunOptions["rotation"]>("rotation", name, ["strict", "none"]));

const done: Reckoning[] = [];
for (const store of stores) {
  for (const rotation of rotations) {
    const reckoning = await torture({
      store,
      rotation,
      kills,
      seed,
      say: (line) => process.stdout.write(`  ${line}\n`),
    });
    if (reckoning === undefined) {
      process.stdout.write(`\n!! SKIPPED: ${store}: there is no such server on this machine\n`);
      if (process.env["CI"] === "true") process.exitCode = 1;
      continue;
    }
    done.push(reckoning);
    print(reckoning);
  }
}
summary();

function print(run: Reckoning): void {
  const list = (counts: ReadonlyMap<string, number>): string =>
    [...counts]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name, count]) => `${name} ${count}`)
      .join(", ");
  process.stdout.write(
    `\n${run.store}, rotation ${run.rotation}\n` +
      `  strikes: ${list(run.strikes)}; store restarts ${run.restarts}\n` +
      `  events: ${list(run.events)}\n` +
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
  const rows = [columns, ...done.map((run) => columns.map((column) => String(run[column])))];
  const lines = rows.map((row) => `| ${row.join(" | ")} |`);
  lines.splice(1, 0, `|${" --- |".repeat(columns.length)}`);
  process.stdout.write(`\n${lines.join("\n")}\n`);
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`--${name} must be a whole number above 0; got ${text}`);
  return value;
}

function known<Name extends string>(option: string, name: string, names: readonly Name[]): Name {
  const found = names.find((one) => one === name);
  if (found === undefined) throw new Error(`--${option} knows ${names.join(", ")}; got ${name}`);
  return found;
}
