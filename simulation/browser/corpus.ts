/**
 * The runs of browsers that broke a rule once, kept as those of servers are.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

import { keepInCorpus, readCorpus, type CorpusEntry } from "../corpus.ts";
import type { BrowserPlan } from "./plan.ts";

const PATH = fileURLToPath(new URL("corpus.json", import.meta.url));

/** All of them. */
export function readBrowserCorpus(): readonly CorpusEntry<BrowserPlan>[] {
  return readCorpus<BrowserPlan>(PATH);
}

/** Keeps a failing plan, once. */
export function keepInBrowserCorpus(entry: CorpusEntry<BrowserPlan>): void {
  keepInCorpus(entry, PATH);
}
