/**
 * The seeds that failed once. They run before all others, for good.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { Mode } from "./plan.ts";

/** One of them. */
export interface CorpusEntry {
  readonly seed: number;
  readonly mode: Mode;
  /** The rule that it broke, and how. */
  readonly broke: string;
}

const PATH = fileURLToPath(new URL("corpus.json", import.meta.url));

export function readCorpus(): readonly CorpusEntry[] {
  return JSON.parse(readFileSync(PATH, "utf8")) as readonly CorpusEntry[];
}

/** Keeps a failing seed, once. */
export function keepInCorpus(entry: CorpusEntry): void {
  const known = readCorpus();
  if (known.some(({ seed, mode }) => seed === entry.seed && mode === entry.mode)) return;
  writeFileSync(PATH, `${JSON.stringify([...known, entry], null, 2)}\n`);
}
