/**
 * Whether files changed since the last time: their hash, kept in a small file.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const MADE = new Set([
  ...["node_modules", ".next", ".next-tests", "dist", "next-env.d.ts"],
  ...[".nolapse", ".data", ".DS_Store"],
]);

/** Whether a file or folder of this name never counts: it is made from the sources, or while they run. */
export function isMade(name: string): boolean {
  return MADE.has(name) || name.endsWith(".tsbuildinfo");
}

/** Hash of the names and contents of the files; a folder stands for all files below it, a missing path for nothing. */
export function fingerprint(base: string, paths: readonly string[], extra = ""): string {
  const hash = createHash("sha256").update(extra);
  for (const path of paths) {
    for (const file of filesBelow(join(base, path))) {
      hash.update(`\0${relative(base, file)}\0`).update(readFileSync(file));
    }
  }
  return hash.digest("hex").slice(0, 16);
}

/** The fingerprint that was kept in the file, if any. */
export function keptFingerprint(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** Keeps a fingerprint for the next time. */
export function keepFingerprint(file: string, value: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${value}\n`);
}

function filesBelow(path: string): readonly string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (!found.isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => !isMade(name))
    .sort()
    .flatMap((name) => filesBelow(join(path, name)));
}
