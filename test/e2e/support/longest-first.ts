/**
 * The order of the test files: the longest first, so that no long one is left over for a single worker. Vitest would
 * learn that from earlier runs, and a fresh clone has none.
 */
import { basename } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Longest first, as measured on two quiet cores. What is not here runs after what is. */
const LONGEST_FIRST = [
  ...["seeds", "redis", "redis-faults", "redis-inspect", "postgres-waits", "documents", "postgres"],
  // Four of them build an app, which takes all of a machine for two minutes.
  ...["telling-rows", "compared", "custom-route", "readme-app", "lifetimes"],
  ...["torture", "serverless", "store-down", "crash", "dev", "several-processes", "canary"],
  ...["outages", "moving-in", "servers", "start"],
  ...["browser-tabs", "browser-tabs-trouble", "browser-hidden", "browser-tabs-asleep", "browser-tabs-late"],
  ...["browser-token", "browser-idle"],
  ...["browser", "browser-failures", "browser-secrets"],
];

/** Sorts test files by how long they are known to take. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((one, other) => place(one) - place(other));
  }
}

function place({ moduleId }: TestSpecification): number {
  const known = LONGEST_FIRST.indexOf(basename(moduleId, ".test.ts"));
  return known === -1 ? LONGEST_FIRST.length : known;
}
