/**
 * What package.json promises to whoever installs the package.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { ROOT } from "../../scripts/lib/paths.ts";

interface Entry {
  readonly browser?: string;
  readonly types: string;
  readonly default: string;
}

const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  exports: Readonly<Record<string, Entry | string>>;
};
const entries = Object.entries(exports).filter(
  (pair): pair is [string, Entry] => typeof pair[1] === "object",
);
const FOR_BROWSERS = ["./react", "./client"];

function sourceOf(built: string): string {
  return built.replace("./dist/", "src/").replace(/\.(?:d\.ts|js)$/, ".ts");
}

describe("the package's entries", () => {
  it("are all there", () => {
    expect(entries.length).toBeGreaterThan(4);
    const missing = entries.flatMap(([, entry]) =>
      Object.values(entry).filter((file: string) => !existsSync(join(ROOT, sourceOf(file)))),
    );
    expect(missing).toEqual([]);
  });

  it.each(entries)(
    "%s cannot be bundled for a browser unless it is made for one (SEC-78)",
    async (name, entry) => {
      if (FOR_BROWSERS.includes(name)) {
        expect(entry.browser).toBeUndefined();
        return;
      }
      // Conditions count in their order: behind "default" this one would never be looked at.
      const conditions = Object.keys(entry);
      expect(conditions.indexOf("browser")).toBeGreaterThanOrEqual(0);
      expect(conditions.indexOf("browser")).toBeLessThan(conditions.indexOf("default"));
      await expect(import(join(ROOT, sourceOf(entry.browser ?? "")))).rejects.toThrow("for the server only");
    },
  );
});
