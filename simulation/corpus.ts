/**
 * The runs that broke a rule once. They run before all others, for good: each is stored as the plan that it is (options,
 * steps and faults, made as small as it goes), so that it stays the same whatever becomes of the generator.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { Plan } from "./plan.ts";

/** One of them. */
export interface CorpusEntry {
  /** The rule that it broke, and how. */
  readonly broke: string;
  readonly plan: Plan;
}

const PATH = fileURLToPath(new URL("corpus.json", import.meta.url));
const INFINITY = "Infinity";

export function readCorpus(): readonly CorpusEntry[] {
  return parseCorpus(readFileSync(PATH, "utf8"));
}

/** Keeps a failing plan, once. */
export function keepInCorpus(entry: CorpusEntry): void {
  const known = readCorpus();
  const text = corpusText([entry]);
  if (known.every((one) => corpusText([one]) !== text)) writeFileSync(PATH, corpusText([...known, entry]));
}

/** One entry a line. JSON knows no infinity; plans do. */
export function corpusText(entries: readonly CorpusEntry[]): string {
  const lines = entries.map((entry) =>
    JSON.stringify(entry, (_key, value: unknown) => (value === Infinity ? INFINITY : value)),
  );
  return `[\n${lines.join(",\n")}\n]\n`;
}

/** The reverse of {@link corpusText}. */
export function parseCorpus(text: string): readonly CorpusEntry[] {
  return JSON.parse(text, (_key, value: unknown) =>
    value === INFINITY ? Infinity : value,
  ) as readonly CorpusEntry[];
}
