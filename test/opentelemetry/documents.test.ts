import { describe, expect, it } from "vitest";

import { readDocument } from "../../scripts/lib/markdown.ts";
import { MAX_VALUES } from "../../src/opentelemetry/attributes.ts";
import { COUNTERS, HISTOGRAMS } from "../../src/opentelemetry/metric-table.ts";
import { record } from "./support/recording.ts";
import { SAMPLES } from "./support/samples.ts";

const { rows, text } = readDocument("docs/opentelemetry.md");

describe("docs/opentelemetry.md", () => {
  it("has a row for each metric, with its unit, its attributes and its event, and no other", async () => {
    const said = rows.filter(([name = ""]) => /^`nolapse\.[a-z]+\.[a-z_.]+`$/.test(name));
    const real = await Promise.all(
      Object.values(SAMPLES).map(async (event) =>
        (await record([event]).series()).map(({ name, unit, attributes }) => [
          name,
          unit,
          Object.keys(attributes)
            .filter((attribute) => attribute !== "nolapse.provider")
            .sort(),
          event.type,
        ]),
      ),
    );

    const codes = (cell = ""): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
    const parsed = said.map(([name, unit, attributes, event]) => [
      ...codes(name),
      ...codes(unit),
      codes(attributes).sort(),
      ...codes(event),
    ]);
    expect(parsed.sort()).toEqual(real.flat().sort());
    expect(parsed).toHaveLength(
      Object.values(COUNTERS).filter((each) => each !== undefined).length + Object.keys(HISTOGRAMS).length,
    );
  });

  it("gives the bound on values", () => {
    expect(text.replace(/\s+/g, " ")).toContain(`at most ${MAX_VALUES} values`);
  });
});
