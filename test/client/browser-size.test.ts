/**
 * What nolapse costs a page in the browser, over what next-auth/react costs it anyway, as the difference of two bundles.
 * What a page loads first is one file here, without what it imports later: split chunks that are loaded first as well
 * would be counted apart, or not at all.
 */
import { build, type Plugin } from "esbuild";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";

const ROOT = new URL("../../", import.meta.url).pathname;
const BUDGET_BYTES = 4_000;
/** With every hook and function of `nolapse/react`, too. */
const WHOLE_BUDGET_BYTES = 6_000;
/** What a page loads when it first asks for its token. */
const TOKEN_BUDGET_BYTES = 4_000;
const OWN = "{ useSession, signIn, signOut, getSession }";

interface Bundle {
  readonly bytes: number;
  readonly inputs: readonly string[];
}

/** Leaves out what is imported later, or by another page. */
const later: Plugin = {
  name: "later",
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ kind, path }) =>
      kind === "dynamic-import" ? { path, external: true } : undefined,
    );
  },
};

async function bundle(source: string, nextAuth: string, plugins: Plugin[] = [later]): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: source, resolveDir: ROOT, sourcefile: "page.js" },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    outdir: ROOT,
    write: false,
    metafile: true,
    plugins,
    external: ["react", "react-dom", "react/jsx-runtime"],
    alias: { "next-auth/react": `${nextAuth}/react` },
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const [file] = outputFiles;
  return {
    bytes: gzipSync(file!.contents, { level: 9 }).length,
    inputs: Object.keys(metafile.inputs),
  };
}

for (const [version, nextAuth] of [
  ["4", "next-auth"],
  ["5", "next-auth-v5"],
] as const) {
  describe(`a page with nolapse/react and next-auth ${version}`, () => {
    const withOwn = (source: string): string => `${source}; export ${OWN} from "next-auth/react"`;
    let stock: Bundle;
    let ours: Bundle;
    let whole: Bundle;
    beforeAll(async () => {
      stock = await bundle(withOwn('export { SessionProvider } from "next-auth/react"'), nextAuth);
      ours = await bundle(withOwn('export { SessionProvider } from "./src/react/index.ts"'), nextAuth);
      whole = await bundle(withOwn('export * from "./src/react/index.ts"'), nextAuth);
    });

    it("loads at most 4 kB more than with next-auth's own provider", () => {
      const moreBytes = ours.bytes - stock.bytes;
      expect(moreBytes).toBeLessThanOrEqual(BUDGET_BYTES);
      expect(moreBytes, "the budget measures nothing").toBeGreaterThan(3_000);
    });

    it("pays for hooks and functions only where it imports them, and 6 kB for all", () => {
      const moreBytes = whole.bytes - stock.bytes;
      expect(moreBytes).toBeLessThanOrEqual(WHOLE_BUDGET_BYTES);
      expect(whole.bytes).toBeGreaterThan(ours.bytes + 1_000);
    });

    it("loads the rest after it is shown, and what gets the token when it is first asked for", async () => {
      const source = "./src/client/token-source.ts";
      const [early, all] = await Promise.all(
        [[later], []].map((plugins) => bundle('export * from "./src/react/index.ts"', nextAuth, plugins)),
      );
      const names = (inputs: readonly string[]): string => inputs.join();
      expect(names(early!.inputs)).not.toMatch(
        /after-load|live-token|browser-tabs|token-source|sign-in-policy/,
      );
      expect(names(all!.inputs)).toMatch(/after-load.*live-token|live-token.*after-load/);

      const token = await bundle(`export * from "${source}"`, nextAuth);
      expect(token.bytes).toBeLessThanOrEqual(TOKEN_BUDGET_BYTES);
    });

    it("holds no server code and no dependency but next-auth and React (SEC-01)", () => {
      const strange = whole.inputs.filter(
        (path) =>
          !/^src\/(?:client|react)\/|^node_modules\/(?:next-auth|@auth\/core|@babel\/runtime)|^page\.js$|<stdin>/.test(
            path,
          ),
      );
      expect(strange).toEqual(stock.inputs.filter((path) => strange.includes(path)));
    });
  });
}
