/**
 * What nolapse costs a page in the browser, over what next-auth/react costs it anyway, as the difference of two bundles.
 */
import { build } from "esbuild";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";

const ROOT = new URL("../../", import.meta.url).pathname;
const BUDGET_BYTES = 4_000;
const OWN = "{ useSession, signIn, signOut, getSession }";

interface Bundle {
  /** What a page loads first, and everything, as gzip. */
  readonly firstBytes: number;
  readonly allBytes: number;
  readonly inputs: readonly string[];
}

async function bundle(source: string, nextAuth: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: source, resolveDir: ROOT, sourcefile: "page.js" },
    bundle: true,
    minify: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    outdir: ROOT,
    write: false,
    metafile: true,
    external: ["react", "react-dom", "react/jsx-runtime"],
    alias: { "next-auth/react": `${nextAuth}/react` },
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const bytes = outputFiles.map(
    ({ path, contents }) => [path, gzipSync(contents, { level: 9 }).length] as const,
  );
  return {
    firstBytes: bytes.find(([path]) => path.endsWith("stdin.js"))?.[1] ?? Number.NaN,
    allBytes: bytes.reduce((sum, [, size]) => sum + size, 0),
    inputs: Object.keys(metafile.inputs),
  };
}

for (const [version, nextAuth] of [
  ["4", "next-auth"],
  ["5", "next-auth-v5"],
] as const) {
  describe(`a page with nolapse/react and next-auth ${version}`, () => {
    let stock: Bundle;
    let ours: Bundle;
    beforeAll(async () => {
      stock = await bundle(
        `export { SessionProvider } from "next-auth/react"; export ${OWN} from "next-auth/react"`,
        nextAuth,
      );
      ours = await bundle(
        `export { SessionProvider } from "./src/react/index.ts"; export ${OWN} from "next-auth/react"`,
        nextAuth,
      );
    });

    it("loads at most 4 kB more than with next-auth's own provider", () => {
      const moreBytes = ours.firstBytes - stock.firstBytes;
      expect(moreBytes).toBeLessThanOrEqual(BUDGET_BYTES);
      expect(moreBytes, "the budget measures nothing").toBeGreaterThan(1_000);
    });

    it("loads the rest after it is shown, in a file of its own", () => {
      expect(ours.allBytes).toBeGreaterThan(ours.firstBytes + 500);
    });

    it("holds no server code and no dependency but next-auth and React (SEC-01)", () => {
      const strange = ours.inputs.filter(
        (path) =>
          !/^src\/(?:client|react)\/|^node_modules\/(?:next-auth|@auth\/core|@babel\/runtime)|^page\.js$|<stdin>/.test(
            path,
          ),
      );
      expect(strange).toEqual(stock.inputs.filter((path) => strange.includes(path)));
    });
  });
}
