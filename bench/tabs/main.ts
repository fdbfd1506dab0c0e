/**
 * `npm run bench:tabs`: session requests per token lifetime of a browser with so many tabs, with nolapse's provider and
 * with next-auth's own, on both versions, in one real Chromium. Prints counts and their ratio, no times.
 *
 * @module
 */
import { parseArgs } from "node:util";

import { launchProtocol, type Protocol } from "../../test/e2e/support/devtools-protocol.ts";
import { bundleApps, type BenchApp } from "./bundles.ts";
import { startSessionRoutes, type SessionRoute } from "./session-route.ts";

const USAGE = "npm run bench:tabs -- [--tabs 1,5,20] [--lifetimes 5]";

const { values } = parseArgs({
  options: {
    tabs: { type: "string", default: "1,5,20" },
    lifetimes: { type: "string", default: "5" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit();
}
const COUNTS = values.tabs.split(",").map(Number);
const LIFETIMES = Number(values.lifetimes);
if ([...COUNTS, LIFETIMES].some((value) => !Number.isInteger(value) || value < 1)) {
  throw new TypeError(
    `--tabs and --lifetimes take whole numbers from 1 on; got ${values.tabs}, ${values.lifetimes}`,
  );
}

const LIFETIME_MS = 12_000;
const IDLE_ASK_MS = 0.65 * LIFETIME_MS;
const TIMES = { lifetimeMs: LIFETIME_MS, leadTimeMs: LIFETIME_MS / 2, idleLeadTimeMs: 0.35 * LIFETIME_MS };
const ROOM_MS = 3_000;

const apps = await bundleApps(Math.round(IDLE_ASK_MS / 1_000));
const route = await startSessionRoutes(apps, TIMES);
const protocol = await launchProtocol();
try {
  const rows = new Map(apps.map(({ name }) => [name, [] as number[]]));
  for (const count of COUNTS) {
    // One after the other: twenty tabs with next-auth's own provider keep the machine busy.
    for (const app of apps) rows.get(app.name)?.push(await measure(protocol, route, app, count));
  }
  print(rows);
} finally {
  await protocol.close();
  await route.stop();
}

async function measure(
  browser: Protocol,
  { urlOf, countOf, restart }: SessionRoute,
  app: BenchApp,
  tabs: number,
): Promise<number> {
  const { browserContextId } = await browser.send("Target.createBrowserContext");
  for (let open = 0; open < tabs; open++) {
    await browser.send("Target.createTarget", { url: urlOf(app), browserContextId });
  }
  // One lifetime until all know of each other.
  await pause(IDLE_ASK_MS + ROOM_MS);
  restart();
  const count = countOf(app);
  const endMs = Date.now() + LIFETIMES * (IDLE_ASK_MS + ROOM_MS);
  while (count.lifetimes < LIFETIMES && Date.now() < endMs) await pause(20);
  // What others ask because of the last one still comes.
  await pause(ROOM_MS);
  const { requests, lifetimes } = count;
  await browser.send("Target.disposeBrowserContext", { browserContextId });
  return requests / lifetimes;
}

function print(rows: ReadonlyMap<string, readonly number[]>): void {
  console.log(`| session requests per lifetime, by tabs | ${COUNTS.join(" | ")} |`);
  console.log(`| --- |${" ---: |".repeat(COUNTS.length)}`);
  for (const [name, values_] of rows) {
    console.log(`| ${name} | ${values_.map((value) => String(Math.round(value * 10) / 10)).join(" | ")} |`);
  }
  for (const version of ["4", "5"]) {
    const own = rows.get(`next-auth ${version}'s own provider`) ?? [];
    const ours = rows.get(`nolapse with next-auth ${version}`) ?? [];
    const ratios = ours.map((value, index) => `1 : ${Math.round(((own[index] ?? 0) / value) * 10) / 10}`);
    console.log(`| nolapse to next-auth ${version}'s own | ${ratios.join(" | ")} |`);
  }
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
