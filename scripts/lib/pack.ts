/**
 * The package as users get it: built and packed, once per state of the sources.
 *
 * @module
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

import { buildPackage } from "./build-package.ts";
import { fingerprint } from "./fingerprint.ts";
import { CACHE_FOLDER, ROOT } from "./paths.ts";
import { runNpm } from "./run.ts";

/** What decides the tarball's content. */
const SOURCES = [
  "src",
  "package.json",
  "tsconfig.base.json",
  "tsconfig.build.json",
  "README.md",
  "README.ko.md",
  "CHANGELOG.md",
  "SECURITY.md",
  "LICENSE",
];

/** How many tarballs of earlier states are kept. */
const KEPT_TARBALLS = 3;

/**
 * Path of the packed package: `.cache/nolapse-<version>-<hash of the sources>.tgz`, made if it is not there yet. The
 * name tells the content, so npm never takes an old one for a new one.
 */
export async function packPackage(signal?: AbortSignal): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  const tarball = join(CACHE_FOLDER, `nolapse-${version}-${fingerprint(ROOT, SOURCES)}.tgz`);
  if (existsSync(tarball)) return tarball;
  await buildPackage(signal);
  const draft = join(CACHE_FOLDER, `pack-${process.pid}`);
  mkdirSync(draft, { recursive: true });
  try {
    await runNpm(["pack", "--ignore-scripts", "--pack-destination", draft], { cwd: ROOT, signal });
    const [made] = readdirSync(draft);
    if (made === undefined) throw new Error("npm pack made no tarball");
    renameSync(join(draft, made), tarball);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  dropOldTarballs();
  return tarball;
}

function dropOldTarballs(): void {
  readdirSync(CACHE_FOLDER)
    .filter((name) => /^nolapse-.*\.tgz$/.test(name))
    .map((name) => join(CACHE_FOLDER, name))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)
    .slice(1 + KEPT_TARBALLS)
    .forEach((path) => rmSync(path, { force: true }));
}
