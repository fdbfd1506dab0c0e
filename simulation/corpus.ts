/**
 * The runs that broke a rule once. They run before all others, for good: each is stored as the plan that it is (options,
 * steps and faults, made as small as it goes), so that it stays the same whatever becomes of the generator.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { Plan } from "./plan.ts";

/** One of them. `P`: a plan of servers, or of browsers. */
export interface CorpusEntry<P = Plan> {
  /** The rule that it broke, and how. */
  readonly broke: string;
  readonly plan: P;
}

const OF_SERVERS = fileURLToPath(new URL("corpus.json", import.meta.url));
const INFINITY = "Infinity";

/** All that are kept in that file. */
export function readCorpus<P = Plan>(path: string = OF_SERVERS): readonly CorpusEntry<P>[] {
  return parseCorpus<P>(readFileSync(path, "utf8"));
}

/** Keeps a failing plan, once. */
export function keepInCorpus<P = Plan>(entry: CorpusEntry<P>, path: string = OF_SERVERS): void {
  const known = readCorpus<P>(path);
  const text = corpusText([entry]);
  if (known.every((one) => corpusText([one]) !== text)) writeFileSync(path, corpusText([...known, entry]));
}

/** One entry a line. JSON knows no infinity; plans do. */
export function corpusText(entries: readonly CorpusEntry<unknown>[]): string {
  const lines = entries.map((entry) =>
    JSON.stringify(entry, (_key, value: unknown) => (value === Infinity ? INFINITY : value)),
  );
  return `[\n${lines.join(",\n")}\n]\n`;
}

/** The reverse of {@link corpusText}. */
export function parseCorpus<P = Plan>(text: string): readonly CorpusEntry<P>[] {
  return JSON.parse(text, (_key, value: unknown) =>
    value === INFINITY ? Infinity : value,
  ) as readonly CorpusEntry<P>[];
}
