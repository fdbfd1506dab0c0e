/**
 * What of the devtools panel is in a page's bundle: nothing in production, unless the app asks for it by another entry.
 */
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

const ROOT = new URL("../../", import.meta.url).pathname;
const A_WORD_OF_THE_PANEL = "Simulated in this tab";

async function bundle(entry: string, mode: "production" | "development"): Promise<readonly string[]> {
  const { outputFiles } = await build({
    stdin: {
      contents: `export { DevtoolsPanel, NolapseDevtools } from "./src/devtools/${entry}.ts"`,
      resolveDir: ROOT,
    },
    ...{ bundle: true, minify: true, splitting: true, write: false, format: "esm", platform: "browser" },
    outdir: ROOT,
    external: ["react", "react/jsx-runtime", "next-auth"],
    define: { "process.env.NODE_ENV": JSON.stringify(mode) },
  });
  return outputFiles.map(({ text }) => text);
}

describe("nolapse/devtools", () => {
  it("costs a production build less than 300 bytes, and none of the panel is in them", async () => {
    const files = await bundle("index", "production");

    expect(files.join().length).toBeLessThan(300);
    expect(files.join()).toContain("NolapseDevtools");
    expect(files.join()).not.toContain(A_WORD_OF_THE_PANEL);
  });

  it("loads the panel in a development build, after the page", async () => {
    const files = await bundle("index", "development");

    expect(files.filter((text) => text.includes(A_WORD_OF_THE_PANEL))).toHaveLength(1);
    expect(files[0]).not.toContain(A_WORD_OF_THE_PANEL);
  });
});

describe("nolapse/devtools/production", () => {
  it("has the panel in a production build", async () => {
    expect((await bundle("production", "production")).join()).toContain(A_WORD_OF_THE_PANEL);
  });
});
