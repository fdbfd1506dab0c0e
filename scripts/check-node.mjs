/**
 * Says plainly what to do when a script of this repository would run on a Node that cannot run it. Written so that
 * any Node from 14 on can read it.
 *
 * `node scripts/check-node.mjs scripts/start.ts` then runs that script in the same process: with two commands in one
 * npm script, the shell between npm and the second one would swallow signals and change the exit code.
 */
import { existsSync, readFileSync } from "fs";
import { resolve } from "path";
import { pathToFileURL } from "url";

const REQUIRED = [22, 18];

const pinned = readFileSync(new URL("../.nvmrc", import.meta.url), "utf8").trim();
const running = process.versions.node;
const [major, minor] = running.split(".").map(Number);
const recentEnough = major > REQUIRED[0] || (major === REQUIRED[0] && minor >= REQUIRED[1]);

if (!recentEnough) {
  const folder = new URL("../node_modules/node/", import.meta.url);
  const reason = !existsSync(folder)
    ? "Run `npm ci`: it installs Node " + pinned + " into node_modules, for this folder only."
    : existsSync(new URL("bin/node", folder)) || existsSync(new URL("bin/node.exe", folder))
      ? "Start it with npm (`npm start`, `npm test`): npm puts the Node of node_modules first."
      : "The package `node` is installed, but its install script did not run, so Node " +
        pinned +
        " is missing.\n`allowScripts` of package.json permits it. Run `npm rebuild node --ignore-scripts=false`.";
  console.error(
    "This repository builds and tests itself with Node " +
      pinned +
      " (at least " +
      REQUIRED.join(".") +
      "), but this is Node " +
      running +
      ".\n" +
      reason +
      "\nThe published package itself runs on Node 20.9 and later.",
  );
  process.exit(1);
}

const script = process.argv[2];
if (script !== undefined) {
  process.argv.splice(1, 2, resolve(script));
  import(pathToFileURL(resolve(script)).href).catch((error) => {
    console.error(error);
    process.exit(1);
  });
}
