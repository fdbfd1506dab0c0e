/**
 * The example app, installed and built, ready for `next start`.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";

import { layOut, type Example } from "./examples.ts";
import { fingerprint, keepFingerprint, keptFingerprint } from "./fingerprint.ts";
import { installExample } from "./install-example.ts";
import { packPackage } from "./pack.ts";
import { CACHE_FOLDER } from "./paths.ts";
import { childEnvironment, runNode } from "./run.ts";

/** Told what is being done, before it is done. */
export type OnStep = (step: string) => void;

/** The command line of the Next that is installed for a folder, to be run with Node. */
export function nextCli(folder: string): string {
  return createRequire(join(folder, "package.json")).resolve("next/dist/bin/next");
}

/**
 * Packs nolapse, installs the example with it and builds it, each only if something changed since the last time.
 *
 * @param into The folder within the app that the build goes to. Whoever starts the app says the same by `NEXT_DIST_DIR`.
 */
export async function buildApp(
  example: Example,
  onStep: OnStep,
  into: string = process.env["NEXT_DIST_DIR"] ?? ".next",
  signal?: AbortSignal,
): Promise<void> {
  const { folder, title } = example;
  onStep("packing nolapse");
  const tarball = await packPackage(signal);
  onStep(`installing ${title}`);
  layOut(example);
  await installExample({ folder, tarball, signal });

  const stamp = join(CACHE_FOLDER, `${basename(folder)}${into}.build`);
  const sources = fingerprint(folder, ["."], basename(tarball));
  if (keptFingerprint(stamp) === sources && existsSync(join(folder, into, "BUILD_ID"))) return;
  onStep(`building ${title}`);
  const env = {
    ...childEnvironment(),
    NODE_ENV: "production" as const,
    NEXT_TELEMETRY_DISABLED: "1",
    NEXT_DIST_DIR: into,
  };
  await runNode(nextCli(folder), ["build"], { cwd: folder, env, signal });
  keepFingerprint(stamp, sources);
}
