/**
 * `npm test`: everything that has to hold, in the order in which it fails cheapest. `--full` adds what takes long.
 *
 * At the end it says loudly what was skipped, and how many tests passed. Under `CI=true` a skip is a failure.
 */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import { findChromium } from "./lib/chromium.ts";
import { EXAMPLES, layOut } from "./lib/examples.ts";
import { installExample } from "./lib/install-example.ts";
import { packPackage } from "./lib/pack.ts";
import { CACHE_FOLDER, ROOT } from "./lib/paths.ts";
import { CommandFailed, childEnvironment, runNode } from "./lib/run.ts";

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

/** They mostly wait for tokens to age: more of them than there are cores can wait at once. */
const E2E_WORKERS = 4;
/** A browser's page has to answer in time, which it does not beside apps that are built, and processes that are killed. */
const BROWSER_WORKERS = 2;

/** `client` on both versions of next-auth, and on both of React. */
const UNIT_PROJECTS = ["unit", "next-auth", "authjs", "client", "client-authjs", "client-react18"];

const full = process.argv.includes("--full");
const isCi = process.env["CI"] === "true";
const count: Count = { passed: 0, failed: 0, skipped: 0 };
const skipped: string[] = [];

function bin(path: string): string {
  return join(ROOT, "node_modules", path);
}

async function step(name: string, run: () => Promise<unknown>): Promise<void> {
  const startedAtMs = Date.now();
  process.stdout.write(`\n── ${name}\n`);
  await run();
  process.stdout.write(`── ${name}: ok, ${Math.round((Date.now() - startedAtMs) / 100) / 10} s\n`);
}

async function vitest(
  projects: readonly string[],
  env: Readonly<Record<string, string>> = {},
  { workers = availableParallelism(), files = [] }: { workers?: number; files?: readonly string[] } = {},
): Promise<void> {
  const report = join(CACHE_FOLDER, `vitest-${projects.join("-")}.json`);
  rmSync(report, { force: true });
  try {
    await runNode(
      bin("vitest/vitest.mjs"),
      [
        "run",
        ...projects.flatMap((name) => ["--project", name]),
        ...files,
        `--maxWorkers=${workers}`,
        "--reporter=default",
        "--reporter=json",
        `--outputFile.json=${report}`,
      ],
      { cwd: ROOT, show: true, env: { ...childEnvironment(), ...env } },
    );
  } finally {
    addTo(count, report);
  }
}

function addTo(total: Count, report: string): void {
  let told: { numPassedTests: number; numFailedTests: number; numPendingTests: number; numTodoTests: number };
  try {
    told = JSON.parse(readFileSync(report, "utf8")) as typeof told;
  } catch {
    total.failed += 1;
    return;
  }
  total.passed += told.numPassedTests;
  total.failed += told.numFailedTests;
  total.skipped += told.numPendingTests + told.numTodoTests;
}

function staticChecks(): Promise<unknown> {
  const check = (path: string, args: readonly string[]): Promise<unknown> =>
    runNode(bin(path), args, { cwd: ROOT });
  return Promise.all([
    check("eslint/bin/eslint.js", [".", "--max-warnings", "0"]),
    check("prettier/bin/prettier.cjs", ["--check", "."]).then(() =>
      check("typescript/bin/tsc", ["-p", "tsconfig.json"]),
    ),
  ]);
}

/** What the end-to-end tests install first: the network is what it waits for, and the checks beside it wait for none. */
async function installExamples(): Promise<void> {
  for (const example of Object.values(EXAMPLES)) {
    layOut(example);
    await installExample({ folder: example.folder });
  }
}

async function main(): Promise<void> {
  mkdirSync(CACHE_FOLDER, { recursive: true });
  const chromium = findChromium();
  if (chromium === undefined) {
    skipped.push("the tests in a real browser: no Chromium found (install it, or set CHROMIUM_PATH)");
    if (isCi) throw new CommandFailed("CI=true, and there is no Chromium: nothing may be skipped");
  }

  await step("format, types and lint, and the examples' packages", () =>
    Promise.all([staticChecks(), installExamples()]),
  );
  // Hundreds of test files, each in a process of its own, load the same packages.
  const compiled = { NODE_COMPILE_CACHE: join(CACHE_FOLDER, "compiled") };
  await step("unit, contract and client tests", () => vitest(UNIT_PROJECTS, compiled));
  let tarball = "";
  await step("package", async () => {
    tarball = await packPackage();
    await runNode(bin("publint/src/cli.js"), ["--strict", tarball], { cwd: ROOT, show: true });
    await runNode(bin("@arethetypeswrong/cli/dist/index.js"), [tarball, "--profile", "esm-only"], {
      cwd: ROOT,
    });
    await runNode(bin("size-limit/bin.js"), [], { cwd: ROOT, show: true });
  });
  const env = {
    ...(chromium !== undefined && { CHROMIUM_PATH: chromium }),
    ...(full && { NOLAPSE_FULL: "1", NOLAPSE_LIFETIMES: "10" }),
  };
  await step("end to end and the short form of the torture, in real processes", () =>
    vitest(["e2e", "e2e-authjs", "torture"], { ...env, NOLAPSE_BROWSERS: "apart" }, { workers: E2E_WORKERS }),
  );
  await step("end to end, in a real browser", () =>
    vitest(["e2e", "e2e-authjs"], env, { workers: BROWSER_WORKERS, files: ["test/e2e/browser"] }),
  );
  if (!full) return;
  const long = (name: string, script: string, args: readonly string[]): Promise<void> =>
    step(name, () => runNode(join(ROOT, script), args, { cwd: ROOT, show: true }));
  await long("compatibility matrix", "test/matrix/main.ts", []);
  await long("simulation, 5,000 seeds", "simulation/main.ts", ["--seeds", "5000", "--workers", "2"]);
  await long("mutants of the engine", "simulation/mutants.ts", []);
  await long("torture, 200 kills at strict servers and 200 at others", "torture/main.ts", []);
  await long("herd, 200 rounds a store", "torture/herd.ts", ["--rounds", "200"]);
}

let failure: unknown;
try {
  await main();
} catch (error) {
  failure = error;
}
for (const what of skipped) process.stdout.write(`\n!! SKIPPED: ${what}\n`);
if (failure !== undefined) {
  process.stderr.write(`\n${failure instanceof Error ? failure.message : JSON.stringify(failure)}\n`);
  process.exitCode = 1;
  count.failed = Math.max(count.failed, 1);
}
if (isCi && count.skipped > 0) {
  process.stderr.write(`\nCI=true, and ${count.skipped} tests were skipped: nothing may be skipped\n`);
  process.exitCode = 1;
}
process.stdout.write(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`);
