/** The seeded bugs still fit the text of the engine: whoever changes that text has to change them too. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { BROWSER_CHECKERS } from "../../simulation/browser/checkers/index.ts";
import { CHECKERS } from "../../simulation/checkers/index.ts";
import { MUTANTS_OF_BROWSERS } from "../../simulation/mutants-of-browsers.ts";
import { MUTANTS_OF_REFRESHING } from "../../simulation/mutants-of-refreshing.ts";
import { MUTANTS_OF_STORING } from "../../simulation/mutants-of-storing.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const mutants = [...MUTANTS_OF_REFRESHING, ...MUTANTS_OF_STORING, ...MUTANTS_OF_BROWSERS];

describe("the seeded bugs", () => {
  it("are M1 to M21, two of this engine's own, and sixteen of the browser's part, each once", () => {
    const ids = Array.from({ length: 39 }, (_, index) => `M${index + 1}`);

    expect(mutants.map(({ id }) => id).sort()).toEqual(ids.sort());
  });

  it.each(mutants)("$id still applies: $what", ({ patches, caughtBy, alsoCaughtBy }) => {
    for (const { file, find, replace } of patches) {
      const text = readFileSync(join(ROOT, file), "utf8");

      expect([file, text.split(find).length - 1]).toEqual([file, 1]);
      expect(find).not.toBe(replace);
    }
    for (const proof of [caughtBy, alsoCaughtBy ?? caughtBy]) {
      if (!("rules" in proof)) continue;
      const known = Object.keys(proof.world === "browser" ? BROWSER_CHECKERS : CHECKERS);
      expect(known).toEqual(expect.arrayContaining([...proof.rules]));
    }
  });
});
