/**
 * Type-checks the code in the documents against the package's sources, as an application would import them.
 *
 * Every `ts` and `tsx` block is checked, unless its info string says `nocheck`. The blocks of one document are files
 * of one application: `title="auth.ts"` names a block's file, so that another can import `@/auth`. Where a document
 * has no such file, the README's is meant.
 *
 * @module
 */
import { dirname, join } from "node:path";
import ts from "typescript";

import type { CodeBlock, MarkdownDocument } from "./markdown.ts";
import { ROOT } from "./paths.ts";

/** Where the applications are thought to be: below the root, so that their imports find its `node_modules`. */
const FOLDER = join(ROOT, "docs-check");
const FALLBACK = "README.md";
/** The page for next-auth 5, which is installed here under another name. On other pages a block that imports `nolapse/authjs` is for it. */
const V5_PAGE = "docs/authjs.md";
const V5_ENTRY = /from "nolapse\/authjs"/;
const LANGUAGES: ReadonlySet<string> = new Set(["ts", "tsx"]);

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ["lib.es2023.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  moduleDetection: ts.ModuleDetectionKind.Force,
  jsx: ts.JsxEmit.ReactJSX,
  strict: true,
  skipLibCheck: true,
  noEmit: true,
  esModuleInterop: true,
  allowImportingTsExtensions: true,
  types: ["node"],
};

/**
 * The rules of Node itself, for users who compile without a bundler. Next has no exports map, so such a user writes
 * `next/server.js`.
 */
const NODE_OPTIONS: ts.CompilerOptions = {
  ...OPTIONS,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
};

/** The blocks of a document that have to compile. */
export function checkedBlocks({ blocks }: MarkdownDocument): readonly CodeBlock[] {
  return blocks.filter(({ language, nocheck }) => LANGUAGES.has(language) && !nocheck);
}

/**
 * What is wrong with the code of these documents, each with document and line.
 *
 * @param rules How modules are found: as a bundler does, or as Node does.
 */
export function snippetProblems(
  documents: readonly MarkdownDocument[],
  rules: "bundler" | "nodenext" = "bundler",
): readonly string[] {
  const options = rules === "bundler" ? OPTIONS : NODE_OPTIONS;
  const files = new Map<
    string,
    { readonly text: string; readonly document: string; readonly line: number }
  >();
  for (const document of documents) {
    checkedBlocks(document).forEach((block, index) => {
      const name = block.title ?? `snippet-${index + 1}.${block.language}`;
      const path = join(FOLDER, document.path, name);
      if (files.has(path)) throw new Error(`${document.path}:${block.line}: a second block is named ${name}`);
      files.set(path, { text: block.code, document: document.path, line: block.line });
    });
  }
  const program = ts.createProgram([...files.keys()], options, hostOver(files, options));
  return [...files].flatMap(([path, { document, line }]) => {
    const source = program.getSourceFile(path);
    if (source === undefined) return [`${document}:${line}: not compiled`];
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map(({ start = 0, messageText }) => {
      const at = line + 1 + source.getLineAndCharacterOfPosition(start).line;
      return `${document}:${at}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
    });
  });
}

function hostOver(
  files: ReadonlyMap<string, { readonly text: string }>,
  options: ts.CompilerOptions,
): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  const cache = ts.createModuleResolutionCache(ROOT, (name) => name, options);
  const byNode = options.moduleResolution === ts.ModuleResolutionKind.NodeNext;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path)?.text ?? readFile(path);
  host.getSourceFile = (path, language, ...rest) => {
    const text = files.get(path)?.text;
    if (text === undefined) return getSourceFile(path, language, ...rest);
    return ts.createSourceFile(path, text, language, true);
  };
  host.resolveModuleNameLiterals = (literals, containing, redirected, _options, source) =>
    literals.map((literal) => {
      const name = literal.text;
      const installed = fromV5(containing, files) ? name.replace(/^next-auth(?=\/|$)/, "next-auth-v5") : name;
      const given = byNode ? installed.replace(/^(next\/[a-z]+)$/, "$1.js") : installed;
      const file = name.startsWith("@/") ? appFile(files, containing, name.slice(2)) : packageEntry(name);
      if (file === undefined) {
        const mode = ts.getModeForUsageLocation(source, literal, options);
        return ts.resolveModuleName(given, containing, options, host, cache, redirected, mode);
      }
      const extension = file.endsWith("x") ? ts.Extension.Tsx : ts.Extension.Ts;
      return { resolvedModule: { resolvedFileName: file, extension, isExternalLibraryImport: false } };
    });
  return host;
}

/** Whether a file belongs to an application that has next-auth 5. */
function fromV5(path: string, files: ReadonlyMap<string, { readonly text: string }>): boolean {
  if (V5_ENTRY.test(files.get(path)?.text ?? "")) return true;
  return [join(FOLDER, V5_PAGE), join(ROOT, "src/authjs")].some((folder) => path.startsWith(folder));
}

/** `@/auth`, as the alias of create-next-app: from the application's root. */
function appFile(files: ReadonlyMap<string, unknown>, containing: string, name: string): string | undefined {
  const [document = ""] = /^.*?\.md(?=[/\\])/.exec(containing.slice(FOLDER.length + 1)) ?? [];
  return [document, FALLBACK]
    .flatMap((home) => [".ts", ".tsx"].map((extension) => join(FOLDER, home, name + extension)))
    .find((path) => files.has(path));
}

/** `nolapse/next-auth`, as its sources. */
function packageEntry(name: string): string | undefined {
  if (!name.startsWith("nolapse/")) return undefined;
  const base = join(ROOT, "src", name.slice("nolapse/".length));
  return (
    [`${base}.ts`, join(base, "index.ts")].find((path) => ts.sys.fileExists(path)) ??
    join(dirname(base), "none")
  );
}
