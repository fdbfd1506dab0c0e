/**
 * Builds the published package into dist/.
 *
 * @module
 */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { ROOT } from "./paths.ts";
import { runNode } from "./run.ts";

const USE_CLIENT = /^["']use client["'];/;

/** Empties dist/, compiles src/ into it, and makes sure that client files are still marked as such. */
export async function buildPackage(signal?: AbortSignal): Promise<void> {
  rmSync(join(ROOT, "dist"), { recursive: true, force: true });
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  await runNode(tsc, ["-p", "tsconfig.build.json"], { cwd: ROOT, signal });
  const lost = lostClientMarks();
  if (lost.length > 0) throw new Error(`"use client" is not the first thing in: ${lost.join(", ")}`);
}

/**
 * Built files that should begin with `"use client"` and do not: the entries of `nolapse/react` and `nolapse/devtools`, and
 * every other file of them whose source begins so. Without the mark Next takes hooks for server code.
 */
function lostClientMarks(): readonly string[] {
  return ["react", "devtools"].flatMap((room) =>
    readdirSync(join(ROOT, "src", room))
      .filter((name) => /\.tsx?$/.test(name))
      .filter(
        (name) => name === "index.ts" || USE_CLIENT.test(readFileSync(join(ROOT, "src", room, name), "utf8")),
      )
      .map((name) => join("dist", room, name.replace(/\.tsx?$/, ".js")))
      .filter((built) => !USE_CLIENT.test(readFileSync(join(ROOT, built), "utf8"))),
  );
}
