/**
 * Copies of the example, for tests that change its files or build it in another way: the checkout is left alone. The
 * sources are copied, the installed packages linked file by file, because bundlers follow no link out of a project.
 */
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

import { nextCli } from "../../../scripts/lib/build-app.ts";
import { copySources } from "../../../scripts/lib/examples.ts";
import { fingerprint, keepFingerprint, keptFingerprint } from "../../../scripts/lib/fingerprint.ts";
import { CACHE_FOLDER } from "../../../scripts/lib/paths.ts";
import { childEnvironment, runNode } from "../../../scripts/lib/run.ts";
import { EXAMPLE } from "./example.ts";

const BUILD_LIMIT_MS = 280_000;

/**
 * Makes a copy of the installed example, with some files more, and returns its folder. What an earlier copy of this
 * name had built is kept.
 */
export function copyExample(name: string, extraFiles: Readonly<Record<string, string>> = {}): string {
  const folder = join(CACHE_FOLDER, "apps", `${EXAMPLE.name}-${name}`);
  copySources(EXAMPLE.sources, folder);
  for (const [path, text] of Object.entries(extraFiles)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const stamp = join(folder, "node_modules/.linked");
  if (keptFingerprint(stamp) !== installed()) {
    rmSync(join(folder, "node_modules"), { recursive: true, force: true });
    linkTree(join(EXAMPLE.folder, "node_modules"), join(folder, "node_modules"));
    keepFingerprint(stamp, installed());
  }
  return folder;
}

/**
 * The example's `next.config.ts` for a copy that is built without a check of its types: those of the same sources were
 * checked when the example itself was built.
 */
export function configWithoutTypes(): string {
  return readFileSync(join(EXAMPLE.folder, "next.config.ts"), "utf8").replace(
    "const config: NextConfig = {",
    "$&\n  typescript: { ignoreBuildErrors: true },",
  );
}

/** Builds a copy with these variables, unless that is what was built last. */
export async function buildCopy(folder: string, env: Readonly<Record<string, string>>): Promise<void> {
  const stamp = join(CACHE_FOLDER, "apps", `${basename(folder)}.build`);
  const sources = fingerprint(folder, ["."], installed() + JSON.stringify(env));
  if (keptFingerprint(stamp) === sources && existsSync(join(folder, ".next/BUILD_ID"))) return;
  await runNode(nextCli(folder), ["build"], {
    cwd: folder,
    env: { ...childEnvironment(), NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1", ...env },
    signal: AbortSignal.timeout(BUILD_LIMIT_MS),
  });
  keepFingerprint(stamp, sources);
}

/** What is installed in the example, see `installExample`. */
function installed(): string {
  return ["lock", "tarball"]
    .map((what) => keptFingerprint(join(CACHE_FOLDER, `${basename(EXAMPLE.folder)}.${what}`)) ?? "")
    .join(" ");
}

function linkTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) linkTree(source, target);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else linkOrCopy(source, target);
  }
}

function linkOrCopy(source: string, target: string): void {
  try {
    linkSync(source, target);
  } catch {
    copyFileSync(source, target);
  }
}
