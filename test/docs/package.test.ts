/**
 * What a browser bundle gets for an entry that is for the server only.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { ROOT } from "../../scripts/lib/paths.ts";

type Conditions = Readonly<Record<string, string>>;

const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  exports: Readonly<Record<string, Conditions | string>>;
};
const forServers = Object.entries(exports).filter(
  (entry): entry is [string, Conditions] => typeof entry[1] === "object" && "browser" in entry[1],
);

describe("an entry for the server, in a browser bundle", () => {
  it.each(forServers)("is an error that says what to use instead: %s (SEC-78)", async (_name, conditions) => {
    // Conditions count in their order: behind "default" this one would never be looked at.
    const order = Object.keys(conditions);
    expect(order.indexOf("browser")).toBeLessThan(order.indexOf("default"));
    const source = (conditions["browser"] ?? "").replace("./dist/", "src/").replace(/\.js$/, ".ts");
    await expect(import(join(ROOT, source))).rejects.toThrow("In the browser use nolapse/react");
  });
});
