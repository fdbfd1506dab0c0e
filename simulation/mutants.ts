/**
 * `npm run mutants`: puts each seeded bug into a copy of the tree and shows who notices it.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import type { Mutant, Proof } from "./mutant.ts";
import { MUTANTS_OF_BROWSERS } from "./mutants-of-browsers.ts";
import { MUTANTS_OF_REFRESHING } from "./mutants-of-refreshing.ts";
import { MUTANTS_OF_STORING } from "./mutants-of-storing.ts";

/** How one mutant fared. */
interface Verdict {
  readonly caught: boolean;
  /** The rule or the test file that noticed. */
  readonly by: string;
  readonly seed: string;
  readonly needed: string;
}

/** What `main.ts --first` prints. */
interface FirstFailure {
  readonly seed: number;
  readonly mode: string;
  readonly checker: string;
  readonly seeds: number;
}

const numberOf = ({ id }: Mutant): number => Number(id.slice(1));
const MUTANTS = [...MUTANTS_OF_REFRESHING, ...MUTANTS_OF_STORING, ...MUTANTS_OF_BROWSERS].sort(
  (a, b) => numberOf(a) - numberOf(b),
);

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const CACHE = join(ROOT, ".cache", "mutants");
const COPIED = [
  "src",
  "simulation",
  "test",
  "package.json",
  "tsconfig.base.json",
  "tsconfig.json",
  "vitest.config.ts",
];

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    seeds: { type: "string", default: "4000" },
    seed: { type: "string", default: "1" },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  const wanted = values.only?.split(",");
  const chosen = MUTANTS.filter(({ id }) => wanted === undefined || wanted.includes(id));
  let missed = 0;
  console.log(row("mutant", "caught by", "seed", "seeds needed", "what"));
  for (const mutant of chosen) {
    const verdict = await verdictOf(mutant);
    if (!verdict.caught) missed++;
    console.log(row(mutant.id, verdict.by, verdict.seed, verdict.needed, mutant.what));
  }
  console.log(`${chosen.length - missed} of ${chosen.length} caught`);
  return missed === 0 ? 0 : 1;
}

function row(...cells: readonly [string, string, string, string, string]): string {
  const [id, by, seed, needed, what] = cells;
  return `${id.padEnd(8)}${by.padEnd(52)} ${seed.padEnd(18)} ${needed.padEnd(14)} ${what}`;
}

async function verdictOf(mutant: Mutant): Promise<Verdict> {
  const folder = join(CACHE, mutant.id);
  copyTree(folder);
  try {
    const { caughtBy, alsoCaughtBy } = mutant;
    const proofs = alsoCaughtBy === undefined ? [caughtBy] : [caughtBy, alsoCaughtBy];
    // A test that fails in the copy without the bug would notice nothing.
    for (const proof of proofs) if ("tests" in proof) await assertPassing(folder, proof.tests);
    for (const patch of mutant.patches) apply(folder, mutant.id, patch);
    const verdicts: Verdict[] = [];
    for (const proof of proofs) verdicts.push(await noticed(folder, proof));
    return together(verdicts);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function noticed(folder: string, proof: Proof): Promise<Verdict> {
  return "rules" in proof
    ? simulate(folder, proof.rules, proof.world ?? "server")
    : runTests(folder, proof.tests);
}

/** All have to notice it. */
function together(verdicts: readonly Verdict[]): Verdict {
  const each = (name: "by" | "seed" | "needed"): string =>
    verdicts.map((verdict) => verdict[name]).join(", ");
  return {
    caught: verdicts.every(({ caught }) => caught),
    by: each("by"),
    seed: each("seed"),
    needed: each("needed"),
  };
}

function copyTree(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const path of COPIED) cpSync(join(ROOT, path), join(folder, path), { recursive: true });
}

function apply(folder: string, id: string, { file, find, replace }: Mutant["patches"][number]): void {
  const path = join(folder, file);
  const text = readFileSync(path, "utf8");
  const found = text.split(find).length - 1;
  if (found !== 1) {
    throw new Error(`${id} no longer applies: ${file} has its text ${found} times, and has to have it once`);
  }
  writeFileSync(
    path,
    text.replace(find, () => replace),
  );
}

async function simulate(
  folder: string,
  rules: readonly string[],
  world: "server" | "browser",
): Promise<Verdict> {
  const script = join(folder, "simulation", "main.ts");
  const args = [
    script,
    "--first",
    "--world",
    world,
    "--rules",
    rules.join(","),
    "--skip-corpus",
    "--seed",
    values.seed,
    "--seeds",
    values.seeds,
  ];
  const { stdout } = await run(process.execPath, args, folder);
  const first = JSON.parse(stdout.trim().split("\n").at(-1) ?? "null") as FirstFailure | null;
  if (first === null)
    return { caught: false, by: `not by ${rules.join(", ")}`, seed: "-", needed: `> ${values.seeds}` };
  return {
    caught: true,
    by: first.checker,
    seed: `${first.seed} ${first.mode}`,
    needed: `${first.seeds}`,
  };
}

async function assertPassing(folder: string, tests: readonly string[]): Promise<void> {
  const { caught, by } = await runTests(folder, tests);
  if (caught) throw new Error(`${by} fails in a copy of the tree without any bug`);
}

async function runTests(folder: string, tests: readonly string[]): Promise<Verdict> {
  const vitest = join(ROOT, "node_modules", "vitest", "vitest.mjs");
  for (const test of tests) {
    const { code } = await run(
      process.execPath,
      [vitest, "run", "--root", folder, "--project", "unit", "--project", "next-auth", test],
      folder,
    );
    if (code !== 0) return { caught: true, by: test, seed: "-", needed: "-" };
  }
  return { caught: false, by: `not ${tests.join(", ")}`, seed: "-", needed: "-" };
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve) => {
    execFile(command, [...args], { cwd, maxBuffer: 64 * 1024 * 1024 }, (error, stdout) => {
      resolve({ code: error === null ? 0 : 1, stdout });
    });
  });
}
