/** The app with the guide's recipe is a copy of the example: what the example imports from `lib/auth.ts`, the recipe's has. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { ROOT } from "../../scripts/lib/paths.ts";

const GUIDE = join(ROOT, "test/e2e/fixtures/guide");
const EXAMPLE = join(ROOT, "examples/next-app");
const SOURCES = ["app", "components", "lib", "pages", "proxy.ts"];

function sourcesOf(place: string): string[] {
  const path = join(EXAMPLE, place);
  if (place.endsWith(".ts")) return [place];
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => join(place, name));
}

/** The values that a file takes from `lib/auth.ts`. */
function takenBy(file: string): string[] {
  const text = readFileSync(join(EXAMPLE, file), "utf8");
  const imported = /import \{([^}]*)\} from "@\/lib\/auth"/.exec(text)?.[1] ?? "";
  return imported
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && !name.startsWith("type "));
}

describe.each([
  { version: "next-auth", overlays: [] },
  { version: "authjs", overlays: [join(ROOT, "examples/next-app-v5")] },
])("the guide's recipe for $version", ({ version, overlays }) => {
  it("has all that the example's pages take, or another page", () => {
    const replaced = (file: string): boolean =>
      [join(GUIDE, version), join(GUIDE, "both"), ...overlays].some((folder) =>
        existsSync(join(folder, file)),
      );
    const taken = SOURCES.filter((place) => existsSync(join(EXAMPLE, place)))
      .flatMap(sourcesOf)
      // Only pages and routes are built, and what they import: actions of a page that is replaced are not.
      .filter((file) => !replaced(file) && !file.startsWith("app/sessions/"))
      .flatMap(takenBy);
    const recipe = readFileSync(join(GUIDE, version, "lib/auth.ts"), "utf8");
    const exported = [...recipe.matchAll(/export const (?:\{([^}]*)\}|(\w+))/g)].flatMap(([, several, one]) =>
      (several ?? one ?? "").split(",").map((name) => name.trim()),
    );

    expect(taken.length).toBeGreaterThan(5);
    expect(exported).toEqual(expect.arrayContaining([...new Set(taken)]));
  });
});
