/**
 * The file of the SQLite store: its place, and who may read it.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";

/** SQLite as Node has it. */
export type Sqlite = typeof import("node:sqlite");

const OWNER_ONLY_DIRECTORY = 0o700;
const OWNER_ONLY_FILE = 0o600;
const OTHERS_BITS = 0o077;
/** Node's codes for a place that stays as it is, however often one tries. */
const NOT_WRITABLE: Readonly<Record<string, string>> = {
  EROFS: "is on a file system that is read-only, as on most serverless hosts and in hardened containers",
  EACCES: "may not be written by the user that runs Node",
  EPERM: "may not be written by the user that runs Node",
};

/**
 * Makes the directory and the file for the owner only, and takes away what others may do with an existing file. The
 * companions get the file's mode from SQLite.
 */
export function prepareFile(path: string): void {
  const { dirname } = builtin("node:path");
  const { closeSync, mkdirSync, openSync } = builtin("node:fs");
  mkdirSync(dirname(path), { recursive: true, mode: OWNER_ONLY_DIRECTORY });
  try {
    // Never open an existing file here: closing it would drop the locks that SQLite has on it in this process
    // (https://www.sqlite.org/howtocorrupt.html, 2.2).
    closeSync(openSync(path, "wx", OWNER_ONLY_FILE));
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EEXIST") throw error;
    for (const suffix of ["", "-wal", "-shm"]) tighten(path + suffix);
  }
}

/**
 * The error for a place that cannot be written, if that is why a file did not open; `undefined` if it is not. SQLite says
 * only that it could not open it, and Node that a directory is not there.
 */
export function notWritable(path: string): InvalidOptionError | undefined {
  const { existsSync } = builtin("node:fs");
  const { dirname } = builtin("node:path");
  let folder = dirname(path);
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  // The folder takes the -wal and -shm beside the file.
  for (const place of [path, folder].filter(existsSync)) {
    const problem = NOT_WRITABLE[refusalOf(place) ?? ""];
    if (problem === undefined) continue;
    return new InvalidOptionError(
      "path",
      `${problem}: ${place}. Put it on a volume that can be written and lasts, or use redisStore() or postgresStore() ` +
        "(docs/serverless.md)",
    );
  }
  return undefined;
}

function refusalOf(place: string): string | undefined {
  const { accessSync, constants } = builtin("node:fs");
  try {
    accessSync(place, constants.W_OK);
    return undefined;
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}

function tighten(file: string): void {
  const { chmodSync, statSync } = builtin("node:fs");
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined || (found.mode & OTHERS_BITS) === 0 || process.platform === "win32") return;
  if (!found.isFile()) throw new InvalidOptionError("path", `is no file: ${file}`);
  try {
    chmodSync(file, OWNER_ONLY_FILE);
  } catch {
    throw new InvalidOptionError("path", `can be read by others, and is not ours to change: ${file}`);
  }
}

interface Builtins {
  readonly "node:fs": typeof import("node:fs");
  readonly "node:path": typeof import("node:path");
  readonly "node:sqlite": Sqlite;
}

/**
 * A module of Node. By this door and not by `import`, because `node:sqlite` may be missing, and because bundlers that
 * see a computed path go into `node:fs` trace the whole project.
 */
export function builtin<Name extends keyof Builtins>(name: Name): Builtins[Name] {
  const load = (process as { getBuiltinModule?: (name: string) => unknown }).getBuiltinModule;
  const found = load?.(name) as Builtins[Name] | undefined;
  if (found !== undefined) return found;
  throw new InvalidOptionError(
    "store",
    `is sqliteStore(), which needs the SQLite built into Node 22.13 or newer; this is Node ${process.versions.node}. ` +
      "Run the app on a newer Node, or pass another store (memoryStore() is enough for a try)",
  );
}
