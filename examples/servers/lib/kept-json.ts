/**
 * Small JSON files that are made at the first start and found again at every later one: secrets and keys.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** 256 random bits, as base64url. */
export function newSecret(): string {
  return randomBytes(32).toString("base64url");
}

/**
 * The content of the file; where there is none, what `make` returns, kept for the next time. Only the owner can read
 * the file (0600). Two processes that start at once end up with the same content.
 */
export async function keptJson<T>(path: string, make: () => T | Promise<T>): Promise<T> {
  const found = readJson<T>(path);
  if (found !== undefined) return found;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  writeFileSync(draft, JSON.stringify(await make(), null, 2) + "\n", { mode: 0o600, flag: "wx" });
  try {
    linkSync(draft, path);
  } catch (error) {
    // Some file systems know no links: there, the last of two that start at once wins.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") renameSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
  const kept = readJson<T>(path);
  if (kept === undefined) throw new Error(`${path} vanished while it was being made`);
  return kept;
}

function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Error(`${path} cannot be read as JSON; mend it, or delete it to have it made anew`, {
      cause: error,
    });
  }
}
