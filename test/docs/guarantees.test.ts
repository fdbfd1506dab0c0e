/**
 * docs/guarantees.md states every rule once, with its limit and with what shows it, and its numbers are the code's.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { CHECKERS } from "../../simulation/checkers/index.ts";
import { readDocument } from "../../scripts/lib/markdown.ts";
import { ROOT } from "../../scripts/lib/paths.ts";
import { numberIn } from "../../scripts/lib/source-facts.ts";
import { DEFAULT_LIMITS } from "../../src/core/engine.ts";
import { MAX_CANDIDATES } from "../../src/core/grant.ts";
import { MAX_RESENDS } from "../../src/core/resend.ts";
import { resendWindowMs, type RotationClass } from "../../src/core/rotation.ts";

const page = readDocument("docs/guarantees.md");
const prose = page.text.replace(/\s+/g, " ");

/** The parts of "What holds", by their headings. */
const parts = page.text
  .slice(page.text.indexOf("## What holds"), page.text.indexOf("## What is lost"))
  .split("\n### ")
  .slice(1)
  .map((part) => ({ heading: part.slice(0, part.indexOf("\n")), text: part }));

describe("docs/guarantees.md", () => {
  it("states each rule that the simulator checks, once", () => {
    const stated = [
      ...page.headings
        .map(({ text }) => text)
        .join("\n")
        .matchAll(/\bI\d+\b/g),
    ].map(([rule]) => rule);

    expect(stated.sort()).toEqual(Object.keys(CHECKERS).sort());
  });

  it.each(parts)("says of its limit, and what shows it: $heading", ({ text }) => {
    expect(text).toMatch(/\n\*\*Limit\.\*\* /);
    const shown = text.slice(text.indexOf("Shown by:"));
    const tests = [...shown.matchAll(/`(test\/[\w./-]+\.test\.ts)`/g)].map(([, path = ""]) => path);
    const checkers = [...shown.matchAll(/`(simulation\/checkers\/[\w-]+\.ts)`/g)].map(
      ([, path = ""]) => path,
    );

    expect(tests.length).toBeGreaterThan(0);
    expect(checkers.length).toBeGreaterThan(0);
    expect([...tests, ...checkers].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it("names the checker of every rule beside it", () => {
    const named = [...page.text.matchAll(/`simulation\/checkers\/([\w-]+)\.ts`/g)].map(
      ([, name = ""]) => name,
    );

    expect(new Set(named).size).toBe(Object.keys(CHECKERS).length);
  });

  it("accounts for every class, P0 to P7, with the setting that means it", () => {
    const classes = page.rows.flatMap(([name = "", setting = "", lost = ""]) => {
      const found = /^(P\d)/.exec(name)?.[1];
      return found === undefined
        ? []
        : [{ found, setting: setting.replaceAll("`", "") as RotationClass, lost }];
    });

    expect(classes.map(({ found }) => found)).toEqual(["P0", "P1", "P2", "P3", "P4", "P5", "P6", "P7"]);
    for (const { setting, lost } of classes) {
      const windowMs = resendWindowMs({ class: setting, graceMs: 30_000 });
      expect(lost.startsWith("nothing is lost"), setting).toBe(windowMs > 0);
      expect(lost.includes("within `graceMs`"), setting).toBe(windowMs > 0 && Number.isFinite(windowMs));
    }
  });

  it.each([
    ["takes no writes for %n s", DEFAULT_LIMITS.persistBudgetMs],
    ["for at most %n s (`staleIfStoreDownMs`)", DEFAULT_LIMITS.staleIfStoreDownMs],
    ["at most `maxWaitMs` (%n s)", DEFAULT_LIMITS.maxWaitMs],
    ["at most %n s for each store operation", DEFAULT_LIMITS.storeTimeoutMs],
    ["takes the lease (%n s)", DEFAULT_LIMITS.leaseMs],
  ])("gives the number of the code: %s", (sentence, valueMs) => {
    expect(prose).toContain(sentence.replace("%n", String(valueMs / 1_000)));
  });

  it("gives the counts of the code", () => {
    expect([MAX_CANDIDATES, MAX_RESENDS, numberIn("src/core/revoke-tokens.ts", "TRIES")]).toEqual([3, 3, 3]);
    expect(prose).toContain("up to three sealed candidates");
    expect(prose).toContain("At most three times more by one attempt");
    expect(prose).toContain("three tries each");
  });
});
