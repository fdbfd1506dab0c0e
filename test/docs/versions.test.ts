/**
 * The versions that the documents ask for are those of package.json, and exclude the vulnerable ones (SEC-34, SEC-74, SEC-89).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { readDocument } from "../../scripts/lib/markdown.ts";
import { ROOT } from "../../scripts/lib/paths.ts";

interface Package {
  readonly version: string;
  readonly engines: { readonly node: string };
  readonly peerDependencies: Readonly<Record<string, string>>;
}

const { version, engines, peerDependencies } = JSON.parse(
  readFileSync(join(ROOT, "package.json"), "utf8"),
) as Package;

function floorOf(range: string | undefined): string {
  return /\d+(?:\.\d+)*/.exec(range ?? "")?.[0] ?? "none";
}

function isAtLeast(found: string, wanted: string): boolean {
  return found.localeCompare(wanted, "en", { numeric: true }) >= 0;
}

describe("the peer dependencies", () => {
  it("begin above the releases whose OAuth checks or middleware can be passed by, or that run foreign code", () => {
    // GHSA-x445-f3h2-j279 (next-auth), CVE-2025-29927 and CVE-2025-55182 (Next.js; 14 has not the second one).
    expect(isAtLeast(floorOf(peerDependencies["next-auth"]), "4.24.15")).toBe(true);
    const floors = (peerDependencies["next"] ?? "").split("||").map(floorOf);
    expect(floors).toHaveLength(3);
    for (const [index, safe] of ["14.2.25", "15.2.6", "16.0.7"].entries())
      expect(isAtLeast(floors[index] ?? "none", safe)).toBe(true);
  });
});

describe.each(["README.md", "README.ko.md", "SECURITY.md", "docs/deployment.md"])("%s", (path) => {
  it("asks for the versions of package.json", () => {
    const { text } = readDocument(path);

    expect(text).toContain(floorOf(peerDependencies["next-auth"]));
    expect(text).toContain(floorOf(peerDependencies["next"]));
    if (path !== "SECURITY.md") expect(text).toContain(floorOf(engines.node));
  });
});

describe("the command that installs the tarball", () => {
  it("names the tarball of this version", () => {
    expect(readDocument("README.md").text).toContain(`nolapse-${version}.tgz`);
  });
});
