/**
 * What a bundle for the browser or for the Edge runtime gets for an entry that is for the server only.
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

describe.each([
  ["the browser", "browser", "In the browser use nolapse/react"],
  ["the Edge runtime", "edge-light", "middleware.ts runs on the Edge. Use proxy.ts (Next 16)"],
])("an entry for the server, in a bundle for %s", (_where, condition, words) => {
  it.each(forServers)("is an error that says what to use instead: %s (SEC-78)", async (_name, conditions) => {
    // Conditions count in their order: behind "default" this one would never be looked at, and Next's bundles for the
    // Edge may take "browser" as well.
    const order = Object.keys(conditions);
    expect(order.filter((each) => each !== "types")).toEqual(["edge-light", "browser", "default"]);
    const source = (conditions[condition] ?? "").replace("./dist/", "src/").replace(/\.js$/, ".ts");
    await expect(import(join(ROOT, source))).rejects.toThrow(words);
  });
});
