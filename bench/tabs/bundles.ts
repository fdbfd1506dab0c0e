/**
 * The page with each provider: next-auth's own, as its guides say for polling, and nolapse's, on both versions.
 *
 * @module
 */
import { build } from "esbuild";
import { join } from "node:path";

const FOLDER = import.meta.dirname;

/** One column of the table. */
export interface BenchApp {
  readonly name: string;
  readonly script: string;
}

/** Bundles all of them. `pollEverySeconds` is what next-auth's own provider gets as `refetchInterval`. */
export function bundleApps(pollEverySeconds: number): Promise<readonly BenchApp[]> {
  const stock = `import { SessionProvider } from "next-auth/react";
show(({ children }) => <SessionProvider refetchInterval={${pollEverySeconds}}>{children}</SessionProvider>);`;
  const ours = `import { SessionProvider } from "../../src/react/index.ts";
show(({ children }) => <SessionProvider>{children}</SessionProvider>);`;
  return Promise.all(
    [
      ["next-auth 4's own provider", stock, "next-auth"],
      ["nolapse with next-auth 4", ours, "next-auth"],
      ["next-auth 5's own provider", stock, "next-auth-v5"],
      ["nolapse with next-auth 5", ours, "next-auth-v5"],
    ].map(async ([name = "", source = "", nextAuth = ""]) => ({
      name,
      script: await bundle(source, nextAuth),
    })),
  );
}

async function bundle(source: string, nextAuth: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: `import { show } from "./app.tsx";\n${source}`, resolveDir: FOLDER, loader: "tsx" },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    write: false,
    outdir: join(FOLDER, "out"),
    alias: { "next-auth/react": `${nextAuth}/react` },
    define: { "process.env.NODE_ENV": '"production"', "process.env": "{}" },
  });
  return outputFiles[0]?.text ?? "";
}
