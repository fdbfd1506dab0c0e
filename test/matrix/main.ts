/**
 * `npm run test:matrix`: the packed tarball in fresh apps, one after the other as the table says, and everything that
 * cannot work.
 *
 *   npm run test:matrix -- [--only "Next 14"] [--at-once 4] [--lifetimes 3] [--ttl 10] [--keep]
 *
 * Prints the tables. With `--write`, and if everything was tried and is as it should be, also into docs/compatibility.md.
 * With `--keep` the apps stay where they were made, in the system's temporary folder, and serve the next run with it.
 * Ends with 1 if a row has troubles, or if something that cannot work did not say so.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { findChromium } from "../../scripts/lib/chromium.ts";
import { installExample } from "../../scripts/lib/install-example.ts";
import { withMarkedPart } from "../../scripts/lib/marked-part.ts";
import { packPackage } from "../../scripts/lib/pack.ts";
import { ROOT, SERVERS_FOLDER } from "../../scripts/lib/paths.ts";
import { launchChromium } from "../e2e/support/chromium.ts";
import { live, troublesOf, type LifeOptions } from "./live.ts";
import { REFUSALS, type Refusal } from "./refusals.ts";
import { MARKS, matrixTables, type RefusalResult, type RowResult } from "./report.ts";
import { nameOf, ROWS, type Row } from "./rows.ts";
import { turns } from "./turns.ts";
import { openWorkshop } from "./workshop.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    "at-once": { type: "string", default: "4" },
    lifetimes: { type: "string", default: "3" },
    ttl: { type: "string", default: "10" },
    keep: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});
const DOCUMENT = join(ROOT, "docs/compatibility.md");
const startedAtMs = Date.now();
const rows = ROWS.filter((row) => nameOf(row).includes(values.only));
const refusals = REFUSALS.filter((refusal) => refusal.versions.includes(values.only));
const isWhole = values.only === "";

const executable = findChromium();
if (executable === undefined) say("!! SKIPPED: the tab of each row: no Chromium found (set CHROMIUM_PATH)");
await installExample({ folder: SERVERS_FOLDER });
const workshop = openWorkshop(await packPackage(), { onStep: say, keep: values.keep });
const browser = executable === undefined ? undefined : await launchChromium();
const inTurn = turns(Number(values["at-once"]));
let troubles = 0;
try {
  const [lived, refused] = await Promise.all([
    Promise.all(rows.map((row) => tryRow(row))),
    Promise.all(refusals.map((refusal) => tryRefusal(refusal))),
  ]);
  const tables = matrixTables(lived.filter(isThere), refused.filter(isThere));
  process.stdout.write(`\n${tables}\n\n`);
  if (values.write && isWhole && troubles === 0 && browser !== undefined)
    writeFileSync(DOCUMENT, withMarkedPart(readFileSync(DOCUMENT, "utf8"), MARKS, tables));
} finally {
  await browser?.close();
  workshop.close();
}
say(`${rows.length} rows, ${refusals.length} refusals, ${troubles} with troubles`);
process.exitCode = troubles === 0 && rows.length + refusals.length > 0 ? 0 : 1;

async function tryRow(row: Row): Promise<RowResult | undefined> {
  return reported(nameOf(row), async () => {
    const [folder, node] = [await workshop.app(row), await workshop.node(row.node)];
    const options: LifeOptions = {
      tokenTtlSeconds: Number(values.ttl),
      lifetimes: Number(values.lifetimes),
      browser,
    };
    const life = await inTurn(() => live(row, { folder, node }, options));
    return [{ row, life }, troublesOf(life)];
  });
}

async function tryRefusal(refusal: Refusal): Promise<RefusalResult | undefined> {
  return reported(`${refusal.versions}: ${refusal.what}`, async () => {
    const said = await refusal.attempt(workshop);
    const silent = !refusal.words.test(said.output);
    return [{ refusal, said }, silent ? [`at the ${said.when} it said:\n${said.output.slice(-3_000)}`] : []];
  });
}

/** Says what came of it, and counts it if that is not as it should be. */
async function reported<Result>(
  name: string,
  work: () => Promise<readonly [Result, readonly string[]]>,
): Promise<Result | undefined> {
  let result: Result | undefined;
  let wrong: readonly string[];
  try {
    [result, wrong] = await work();
  } catch (error) {
    wrong = [error instanceof Error ? error.message : String(error)];
  }
  if (wrong.length > 0) troubles += 1;
  say([`${wrong.length === 0 ? "ok" : "NOT OK"}: ${name}`, ...wrong].join("\n    "));
  return result;
}

function isThere<Value>(value: Value | undefined): value is Value {
  return value !== undefined;
}

function say(line: string): void {
  process.stdout.write(`${String(Math.round((Date.now() - startedAtMs) / 1000)).padStart(4)} s  ${line}\n`);
}
