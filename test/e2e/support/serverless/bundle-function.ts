/**
 * Makes one file of an app, as platforms and Next do: the code of a document's page, nolapse from its sources, and the
 * libraries. Such a file starts quickly, and its imports are read as a bundler reads them.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";

import { readDocument } from "../../../../scripts/lib/markdown.ts";
import { ROOT } from "../../../../scripts/lib/paths.ts";

/** What {@link bundleFunction} takes. */
export interface FunctionSource {
  /** The page, such as `docs/serverless.md`. */
  readonly page: string;
  /** By name without extension, such as `auth`: the title of the page's block that stands for `@/auth`. */
  readonly files: Readonly<Record<string, string>>;
  /** The version of next-auth. */
  readonly version: 4 | 5;
  /** The file to start with. */
  readonly entry: string;
  readonly outfile: string;
}

const ENTRIES_OF_APPS = "app-of-a-page";

/** Bundles it. */
export async function bundleFunction({ entry, outfile, ...source }: FunctionSource): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24",
    external: ["pg-native"],
    // The CommonJS libraries in it look for Node's modules by require().
    banner: {
      js: `import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);`,
    },
    plugins: [appOfPage(source)],
    logLevel: "error",
  });
}

function appOfPage({ page, files, version }: Omit<FunctionSource, "entry" | "outfile">): Plugin {
  const { blocks } = readDocument(page);
  return {
    name: ENTRIES_OF_APPS,
    setup({ onResolve, onLoad, resolve }) {
      onResolve({ filter: /^@\// }, ({ path }) => ({ path: path.slice(2), namespace: ENTRIES_OF_APPS }));
      onLoad({ filter: /./, namespace: ENTRIES_OF_APPS }, ({ path }) => {
        const block = blocks.find(({ title }) => title === files[path]);
        if (block === undefined) throw new Error(`${page} has no block for @/${path}`);
        return { contents: block.code, loader: "ts", resolveDir: ROOT };
      });
      onResolve({ filter: /^nolapse\// }, ({ path }) => {
        const base = join(ROOT, "src", path.slice("nolapse/".length));
        return { path: existsSync(`${base}.ts`) ? `${base}.ts` : join(base, "index.ts") };
      });
      // Next is not bundled, as in a deployed app. It has no exports map, so Node wants the extension. The function of
      // v4 has a route of the Pages Router and is in a folder without Next: nothing of it is loaded.
      onResolve({ filter: /^next\// }, ({ path }) =>
        version === 4
          ? { path, external: true }
          : { path: join(ROOT, "node_modules", path.replace(/(\.js)?$/, ".js")), external: true },
      );
      onResolve({ filter: /^next-auth(\/|$)/ }, ({ path, kind }) =>
        version === 4
          ? undefined
          : resolve(path.replace("next-auth", "next-auth-v5"), { kind, resolveDir: ROOT }),
      );
    },
  };
}
