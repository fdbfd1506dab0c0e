/**
 * The example app, installed and built, ready for `next start`.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";

import { fingerprint, keepFingerprint, keptFingerprint } from "./fingerprint.ts";
import { installExample } from "./install-example.ts";
import { packPackage } from "./pack.ts";
import { APP_FOLDER, CACHE_FOLDER } from "./paths.ts";
import { childEnvironment, runNode } from "./run.ts";

/** Told what is being done, before it is done. */
export type OnStep = (step: string) => void;

/** Next's command line, to be run with Node. */
export const NEXT_CLI: string = join(APP_FOLDER, "node_modules/next/dist/bin/next");

/**
 * Packs nolapse, installs the app with it and builds it, each only if something changed since the last time.
 *
 * @param into The folder within the app that the build goes to. Whoever starts the app says the same by `NEXT_DIST_DIR`.
 */
export async function buildApp(
  onStep: OnStep,
  into: string = process.env["NEXT_DIST_DIR"] ?? ".next",
  signal?: AbortSignal,
): Promise<void> {
  onStep("packing nolapse");
  const tarball = await packPackage(signal);
  onStep("installing examples/next-app");
  await installExample({ folder: APP_FOLDER, tarball, signal });

  const stamp = join(CACHE_FOLDER, `${basename(APP_FOLDER)}${into}.build`);
  const sources = fingerprint(APP_FOLDER, ["."], basename(tarball));
  if (keptFingerprint(stamp) === sources && existsSync(join(APP_FOLDER, into, "BUILD_ID"))) return;
  onStep("building examples/next-app");
  const env = {
    ...childEnvironment(),
    NODE_ENV: "production" as const,
    NEXT_TELEMETRY_DISABLED: "1",
    NEXT_DIST_DIR: into,
  };
  await runNode(NEXT_CLI, ["build"], { cwd: APP_FOLDER, env, signal });
  keepFingerprint(stamp, sources);
}
