/** The seeded bugs still fit the text of the engine: whoever changes that text has to change them too. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { CHECKERS } from "../../simulation/checkers/index.ts";
import { MUTANTS_OF_REFRESHING } from "../../simulation/mutants-of-refreshing.ts";
import { MUTANTS_OF_STORING } from "../../simulation/mutants-of-storing.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const mutants = [...MUTANTS_OF_REFRESHING, ...MUTANTS_OF_STORING];

describe("the seeded bugs", () => {
  it("are M1 to M21, and two of this engine's own, each once", () => {
    const ids = Array.from({ length: 23 }, (_, index) => `M${index + 1}`);

    expect(mutants.map(({ id }) => id).sort()).toEqual(ids.sort());
  });

  it.each(mutants)("$id still applies: $what", ({ patches, caughtBy }) => {
    for (const { file, find, replace } of patches) {
      const text = readFileSync(join(ROOT, file), "utf8");

      expect([file, text.split(find).length - 1]).toEqual([file, 1]);
      expect(find).not.toBe(replace);
    }
    if ("rules" in caughtBy)
      expect(Object.keys(CHECKERS)).toEqual(expect.arrayContaining([...caughtBy.rules]));
  });
});
