/**
 * What nolapse costs a page in the browser, over what next-auth/react costs it anyway, as the difference of two bundles.
 * What a page loads first is one file here, without what it imports later: split chunks that are loaded first as well
 * would be counted apart, or not at all.
 */
import { build, type Plugin } from "esbuild";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { readDocument } from "../../scripts/lib/markdown.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const BUDGET_BYTES = 4_000;
/** With every hook and function of `nolapse/react`, too. */
const WHOLE_BUDGET_BYTES = 6_200;
/** All that a page has loaded in the end which never asks for its token: first, and once it is up. */
const SUM_BUDGET_BYTES = 9_400;
/** The same where a bundler cuts it into files, each of which is compressed by itself and holds whole modules. */
const FILES_BUDGET_BYTES = 12_600;
/** What a page loads in addition when it first asks for its token. */
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

function built(source: string, nextAuth: string, plugins: Plugin[], splitting = false) {
  return build({
    stdin: { contents: source, resolveDir: ROOT, sourcefile: "page.js" },
    bundle: true,
    splitting,
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
}

const gzipBytes = (contents: Uint8Array): number => gzipSync(contents, { level: 9 }).length;

async function bundle(source: string, nextAuth: string, plugins: Plugin[] = [later]): Promise<Bundle> {
  const { outputFiles, metafile } = await built(source, nextAuth, plugins);
  const [file] = outputFiles;
  return { bytes: gzipBytes(file!.contents), inputs: Object.keys(metafile.inputs) };
}

/** All files that a page loads without those of `never`, as a bundler cuts them. */
async function filesBytes(source: string, nextAuth: string, never = /live-token/): Promise<number> {
  const { outputFiles, metafile } = await built(source, nextAuth, [], true);
  const bytesOf = new Map(outputFiles.map(({ path, contents }) => [basename(path), gzipBytes(contents)]));
  const loaded = new Set<string>();
  const load = (path: string): void => {
    const file = metafile.outputs[path];
    if (!file || loaded.has(path) || never.test(path)) return;
    loaded.add(path);
    for (const { path: next } of file.imports) load(next);
  };
  load("stdin.js");
  expect(loaded.size).toBeGreaterThan(0);
  return [...loaded].reduce((sum, path) => sum + bytesOf.get(basename(path))!, 0);
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

    it("pays for hooks and functions only where it imports them, and 6.2 kB for all", () => {
      const moreBytes = whole.bytes - stock.bytes;
      expect(moreBytes).toBeLessThanOrEqual(WHOLE_BUDGET_BYTES);
      expect(whole.bytes).toBeGreaterThan(ours.bytes + 1_000);
    });

    it("loads the rest after it is shown, and what gets the token when it is first asked for", async () => {
      const [early, all] = await Promise.all(
        [[later], []].map((plugins) => bundle('export * from "./src/react/index.ts"', nextAuth, plugins)),
      );
      const names = (inputs: readonly string[]): string => inputs.join();
      expect(names(early!.inputs)).not.toMatch(
        /after-load|live-token|browser-tabs|token-source|sign-in-policy/,
      );
      expect(names(all!.inputs)).toMatch(/after-load.*live-token|live-token.*after-load/);
    });

    it("has loaded at most 9.4 kB in the end, cut into files 12.6 kB, and 4 kB more once it asks for its token", async () => {
      const first = withOwn('export { SessionProvider } from "./src/react/index.ts"');
      const page = `${first}; export * from "./src/react/after-load.ts"`;
      const sum = await bundle(page, nextAuth);
      const token = await bundle(`${page}; export * from "./src/react/live-token.ts"`, nextAuth);
      expect(sum.bytes - stock.bytes).toBeLessThanOrEqual(SUM_BUDGET_BYTES);
      expect(sum.bytes - ours.bytes, "the budget measures nothing").toBeGreaterThan(3_500);
      expect(token.bytes - sum.bytes).toBeLessThanOrEqual(TOKEN_BUDGET_BYTES);
      expect(token.bytes - sum.bytes, "the budget measures nothing").toBeGreaterThan(2_500);

      const parts = [ours.bytes - stock.bytes, sum.bytes - ours.bytes, token.bytes - sum.bytes];
      const said = readDocument("docs/browser.md").rows.filter((row) => row.at(-1)?.endsWith(" kB"));
      expect(said).toHaveLength(parts.length);
      for (const [index, bytes] of parts.entries()) {
        const [kB = ""] = /[\d.]+/.exec(said[index]![version === "4" ? 1 : 2]!) ?? [];
        expect(Math.abs(Number(kB) - bytes / 1_000), said[index]![0]).toBeLessThan(0.15);
      }

      const stockSource = withOwn('export { SessionProvider } from "next-auth/react"');
      const moreBytes = (await filesBytes(first, nextAuth)) - (await filesBytes(stockSource, nextAuth));
      expect(moreBytes).toBeLessThanOrEqual(FILES_BUDGET_BYTES);
      expect(moreBytes).toBeGreaterThan(sum.bytes - stock.bytes);
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
