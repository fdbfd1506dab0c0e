/**
 * Where things are in this repository.
 *
 * @module
 */
import { join, resolve } from "node:path";

/** The repository's root: the published package. */
export const ROOT: string = resolve(import.meta.dirname, "../..");

/** What can be made again: tarballs, install stamps, build stamps. */
export const CACHE_FOLDER: string = join(ROOT, ".cache");

/** The authorization server and the API. */
export const SERVERS_FOLDER: string = join(ROOT, "examples/servers");

/** Where the tests build the app, within its folder: `npm start` beside them has `.next` to itself. */
export const TEST_BUILD = ".next-tests";
