/**
 * Numbers in the documents are those of the code (SEC-88).
 */
import { describe, expect, it } from "vitest";

import { readDocument } from "../../scripts/lib/markdown.ts";
import { numberIn } from "../../scripts/lib/source-facts.ts";
import { DEFAULT_LIMITS } from "../../src/core/engine.ts";
import { timingOf } from "../../src/core/lead-time.ts";

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  min: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  days: 86_400_000,
  seconds: 1_000,
  KiB: 1_024,
  MiB: 1_048_576,
};

/** The first number of a text with its unit, in milliseconds, bytes or as it is. */
function quantity(text: string): number {
  const found = /(\d[\d,]*) ?([A-Za-z]+)?/.exec(text);
  if (!found) throw new Error(`"${text}" has no number`);
  const [, digits = "", unit = ""] = found;
  return Number(digits.replaceAll(",", "")) * (UNITS[unit] ?? 1);
}

/** A duration such as `59 min 50 s`, in milliseconds. */
function duration(text: string): number {
  return [...text.matchAll(/\d+ (?:min|s)/g)].reduce((sum, [part]) => sum + quantity(part), 0);
}

describe("docs/security.md", () => {
  const claims = readDocument("docs/security.md").rows.flatMap(([what = "", said = "", where = ""]) => {
    const found = /^`(src\/[^`]+)` `(\w+)`$/.exec(where);
    return found ? [{ what, said, file: found[1] ?? "", name: found[2] ?? "" }] : [];
  });

  it("says many numbers with their constants", () => {
    expect(claims.length).toBeGreaterThan(30);
  });

  it.each(claims)("says of $what what $name of $file is", ({ said, file, name }) => {
    const value = numberIn(file, name) * (name.endsWith("_S") ? 1_000 : 1);

    expect(quantity(said)).toBe(value);
  });
});

describe("docs/configuration.md", () => {
  it("gives the defaults of the bounds", () => {
    const rows = readDocument("docs/configuration.md").rows;
    const given = Object.entries(DEFAULT_LIMITS).filter(
      ([, value]) => value !== undefined && Number.isFinite(value),
    );

    // The adapter's own, which follows NextAuth's.
    const slidingLifetimeMs =
      numberIn("src/adapter/app.ts", "MAX_AGES_PER_SLIDE") *
      numberIn("src/next-auth/v4-host.ts", "DEFAULT_MAX_AGE_S") *
      1_000;
    expect(given.length).toBe(8);
    for (const [name, value] of given) {
      const cell = rows.find(([first]) => first === `\`${name}\``)?.[1] ?? "";
      const said = /`([\d_]+)`/.exec(cell)?.[1];
      const fromSession = /session\.maxAge/.test(cell) && said === undefined;
      if (fromSession) expect(quantity(/\(.*\)/.exec(cell)?.[0] ?? ""), name).toBe(slidingLifetimeMs);
      else expect(Number(said?.replaceAll("_", "")), name).toBe(value);
    }
  });
});

describe("docs/lead-times.md", () => {
  const rows = readDocument("docs/lead-times.md").rows.filter(([life = ""]) =>
    /^\d+ (?:hour|minutes|seconds)/.test(life),
  );

  it.each(rows)(
    "says when a token of %s is due, asked for and too short",
    (life = "", due = "", asked = "", short = "") => {
      const lifeMs = quantity(life);
      const timing = timingOf(lifeMs, {});

      expect(duration(due)).toBe(lifeMs - timing.leadTimeMs);
      expect(duration(asked)).toBe(lifeMs - timing.idleLeadTimeMs);
      expect(duration(short)).toBe(lifeMs - timing.minValidityMs);
    },
  );

  it("has examples", () => {
    expect(rows.length).toBe(5);
  });
});

describe("docs/outcomes.md", () => {
  it.each(["not_sent", "unknown", "not_committed", "committed_bad", "config"])(
    "gives the pauses after %s",
    (kind) => {
      const row = readDocument("docs/outcomes.md").rows.find(
        ([first, second]) => first === `\`${kind}\`` && /^\d/.test(second ?? ""),
      );
      const [, first = "", longest = ""] = row ?? [];

      expect(quantity(first)).toBe(numberIn("src/core/backoff.ts", kind));
      expect(quantity(longest)).toBe(
        numberIn("src/core/backoff.ts", kind === "config" ? "MAX_CONFIG_PAUSE_MS" : "MAX_PAUSE_MS"),
      );
    },
  );
});

describe("docs/stores.md", () => {
  it("gives the stores' defaults", () => {
    const { text, rows } = readDocument("docs/stores.md");
    const said = rows.find(([first]) => first === "`busyRetryMs`")?.[1] ?? "";

    expect(Number(said.replaceAll(/[`_]/g, ""))).toBe(
      numberIn("src/stores/sqlite.ts", "DEFAULT_BUSY_RETRY_MS"),
    );
    expect(text).toContain(
      `${numberIn("src/stores/memory.ts", "DEFAULT_MAX_GRANTS").toLocaleString("en")} grants`,
    );
  });
});
