/**
 * Installs an example as a user would: its own lockfile, and nolapse from the packed tarball.
 *
 * @module
 */
import { existsSync, rmSync } from "node:fs";
import { basename, join } from "node:path";

import { fingerprint, keepFingerprint, keptFingerprint } from "./fingerprint.ts";
import { CACHE_FOLDER } from "./paths.ts";
import { runNpm } from "./run.ts";

/** What to install. */
export interface InstallOptions {
  /** The example's folder, with its package.json and package-lock.json. */
  readonly folder: string;
  /** The packed package, where the example uses it. */
  readonly tarball?: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * `npm ci` where the lockfile changed since the last time, then the tarball where that changed. Resolves with whether
 * anything had to be done.
 */
export async function installExample({ folder, tarball, signal }: InstallOptions): Promise<boolean> {
  const stamp = (what: string): string => join(CACHE_FOLDER, `${basename(folder)}.${what}`);
  const lock = fingerprint(folder, ["package.json", "package-lock.json", ".npmrc"], process.version);
  const clean = !existsSync(join(folder, "node_modules")) || keptFingerprint(stamp("lock")) !== lock;
  if (clean) {
    rmSync(stamp("lock"), { force: true });
    await runNpm(["ci"], { cwd: folder, signal });
    keepFingerprint(stamp("lock"), lock);
  }
  if (tarball === undefined) return clean;
  const installed = join(folder, "node_modules/nolapse");
  if (!clean && existsSync(installed) && keptFingerprint(stamp("tarball")) === basename(tarball))
    return false;
  rmSync(stamp("tarball"), { force: true });
  rmSync(installed, { recursive: true, force: true });
  await runNpm(["install", "--no-save", tarball], { cwd: folder, signal });
  keepFingerprint(stamp("tarball"), basename(tarball));
  return true;
}
