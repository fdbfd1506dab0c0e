/**
 * The example app in its two forms: with NextAuth v4, and with Auth.js v5.
 *
 * @module
 */
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";

import { fingerprint, isMade, keepFingerprint, keptFingerprint } from "./fingerprint.ts";
import { CACHE_FOLDER, ROOT } from "./paths.ts";

/** One of the two, by the name of nolapse's entry that it uses. */
export type ExampleName = "next-auth" | "authjs";

/** What scripts and tests have to know about it. */
export interface Example {
  readonly name: ExampleName;
  /** What people know it by: its folder in the repository. */
  readonly title: string;
  /** The folders of the repository that it is made of: what a later one has replaces what an earlier one has. */
  readonly sources: readonly string[];
  /** Where all of it is together, is installed and is built. */
  readonly folder: string;
  /** The variable that tells next-auth where browsers find the app. */
  readonly urlVariable: string;
  /** The variable with next-auth's secret. */
  readonly secretVariable: string;
  /** What `npm start` is given to start it. */
  readonly startArguments: readonly string[];
}

const V4_FOLDER = join(ROOT, "examples/next-app");
const V5_FOLDER = join(ROOT, "examples/next-app-v5");

/** Both, by name. */
export const EXAMPLES: Readonly<Record<ExampleName, Example>> = {
  "next-auth": {
    name: "next-auth",
    title: "examples/next-app",
    sources: [V4_FOLDER],
    folder: V4_FOLDER,
    urlVariable: "NEXTAUTH_URL",
    secretVariable: "NEXTAUTH_SECRET",
    startArguments: [],
  },
  authjs: {
    name: "authjs",
    title: "examples/next-app-v5",
    sources: [V4_FOLDER, V5_FOLDER],
    folder: join(CACHE_FOLDER, "next-app-v5"),
    urlVariable: "AUTH_URL",
    secretVariable: "AUTH_SECRET",
    startArguments: ["--authjs"],
  },
};

/** The example of that name; `undefined` stands for the first. */
export function exampleNamed(name: string | undefined): Example {
  const example = EXAMPLES[(name ?? "next-auth") as ExampleName] as Example | undefined;
  if (example === undefined)
    throw new Error(`No example is called "${name}"; there are ${Object.keys(EXAMPLES).join(" and ")}`);
  return example;
}

/**
 * Puts the example's sources together where it is built, unless nothing changed since. What was installed and built there
 * stays. They are copied, because bundlers follow no link out of a project.
 */
export function layOut({ sources, folder }: Example): void {
  if (sources.length === 1 && sources[0] === folder) return;
  const stamp = join(CACHE_FOLDER, `${basename(folder)}.sources`);
  const now = sources.map((source) => fingerprint(source, ["."])).join(" ");
  if (existsSync(folder) && keptFingerprint(stamp) === now) return;
  rmSync(stamp, { force: true });
  copySources(sources, folder);
  keepFingerprint(stamp, now);
}

/** Copies sources over each other into a folder, which keeps what is made from them and nothing else. */
export function copySources(sources: readonly string[], folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const entry of readdirSync(folder))
    if (!isMade(entry)) rmSync(join(folder, entry), { recursive: true });
  for (const source of sources)
    for (const entry of readdirSync(source))
      if (!isMade(entry)) cpSync(join(source, entry), join(folder, entry), { recursive: true });
}
