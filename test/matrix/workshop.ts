/**
 * Fresh apps with nolapse from the packed tarball: a folder outside of the repository, so that nothing is found in the
 * repository's node_modules, with one installation for each set of versions, and below it an app for each build. Rows
 * that differ in their environment alone share an app.
 *
 * @module
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { nextCli } from "../../scripts/lib/build-app.ts";
import { fingerprint } from "../../scripts/lib/fingerprint.ts";
import { childEnvironment, runNode, runNpm } from "../../scripts/lib/run.ts";
import { CONFIGURATIONS, type Configuration } from "./configurations.ts";
import { doorBefore, type Row } from "./rows.ts";
import { turns } from "./turns.ts";
import { NEXT, NEXT_AUTH, NODE, pinned, REACT, TYPES, TYPESCRIPT } from "./versions.ts";

/** Where apps are made. */
export interface Workshop {
  /** The folder of the row's app, installed and built. */
  app(row: Row): Promise<string>;
  /** The folder of the row's versions: nolapse, next-auth, Next and React, and no app. */
  installation(row: Pick<Row, "nextAuth" | "next" | "react">): Promise<string>;
  /** The folder of an app that is not built: that of the row, but with a `middleware.ts` on the Edge. */
  withEdgeMiddleware(row: Row): Promise<string>;
  /** Builds an app. Rejects with what Next said. */
  build(folder: string, basePath?: string): Promise<void>;
  /** The executable of a Node. */
  node(version: Row["node"]): Promise<string>;
  /** Removes everything, unless it is kept. */
  close(): void;
}

/** How to open one. */
export interface WorkshopOptions {
  /** Told what is done, before it is done. */
  readonly onStep?: (step: string) => void;
  /**
   * Whether to leave everything for the next time, and to use what the last time left of the same tarball, versions and
   * sources. Default: a folder of its own, removed at the end.
   */
  readonly keep?: boolean;
}

const FIXTURES = join(import.meta.dirname, "fixtures");
/** Installing and building load both cores; rows wait for tokens to age meanwhile. */
const BUILDS_AT_ONCE = 2;
const BUILD_LIMIT_MS = 1_800_000;

/** Opens a workshop for a packed tarball of nolapse. */
export function openWorkshop(tarball: string, options: WorkshopOptions = {}): Workshop {
  const { onStep = () => undefined, keep = false } = options;
  const base = keep ? keptFolder(tarball) : mkdtempSync(join(tmpdir(), "nolapse-matrix-"));
  const inTurn = turns(BUILDS_AT_ONCE);
  const once = remembered();

  const install = (name: string, packages: object, added: readonly string[]): Promise<string> =>
    once(`install ${name}`, () =>
      inTurn(async () => {
        const folder = join(base, name);
        if (existsSync(join(folder, "node_modules/.package-lock.json"))) return folder;
        onStep(`installing ${name}`);
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, "package.json"), JSON.stringify(packages));
        const quiet = ["--prefer-offline", "--no-fund", "--no-audit"];
        await runNpm(["install", ...quiet, ...added], { cwd: folder });
        return folder;
      }),
    );

  const installation: Workshop["installation"] = ({ nextAuth, next, react }) =>
    install(`next-auth-${nextAuth}-next-${NEXT[next]}-react-${react}`, packageFile(nextAuth, next, react), [
      tarball,
    ]);

  const copy = async (row: Row, name: string, door?: string): Promise<string> => {
    const folder = join(await installation(row), name);
    for (const part of [...partsOf(row), ...(door === undefined ? [] : [door])])
      cpSync(join(FIXTURES, part), folder, { recursive: true });
    return folder;
  };

  const build: Workshop["build"] = (folder, basePath = "") =>
    inTurn(async () => {
      if (existsSync(join(folder, ".next/BUILD_ID"))) return;
      onStep(`building ${folder.slice(base.length + 1)}`);
      await runNode(nextCli(folder), ["build"], {
        cwd: folder,
        env: {
          ...childEnvironment(),
          ...{ NODE_ENV: "production" as const, NEXT_TELEMETRY_DISABLED: "1", NEXT_BASE_PATH: basePath },
        },
        signal: AbortSignal.timeout(BUILD_LIMIT_MS),
      });
    });

  return {
    installation,
    withEdgeMiddleware: (row) => copy(row, "edge", "edge-middleware"),
    build,
    async app(row) {
      const { basePath }: Configuration = CONFIGURATIONS[row.configuration];
      const name = `${row.router}${basePath?.replace("/", "-") ?? ""}`;
      return once(`app ${await installation(row)} ${name}`, async () => {
        const folder = await copy(row, name, doorBefore(row));
        await build(folder, basePath);
        return folder;
      });
    },
    async node(version) {
      if (version === 24) return process.execPath;
      const packages = { private: true, allowScripts: { node: true } };
      const folder = await install(`node-${NODE[version]}`, packages, [`node@${NODE[version]}`]);
      return join(folder, "node_modules/node/bin/node");
    },
    close: () => {
      if (!keep) rmSync(base, { recursive: true, force: true });
    },
  };
}

/** The folder for this tarball, these versions and these sources. */
function keptFolder(tarball: string): string {
  const state = fingerprint(import.meta.dirname, ["fixtures", "versions.ts"], basename(tarball));
  const folder = join(tmpdir(), `nolapse-matrix-kept-${state}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

function packageFile(nextAuth: Row["nextAuth"], next: Row["next"], react: Row["react"]): object {
  const version = NEXT[next];
  return {
    private: true,
    dependencies: {
      next: version,
      "next-auth": NEXT_AUTH[nextAuth],
      react: REACT[react],
      "react-dom": REACT[react],
    },
    devDependencies: {
      typescript: Number.parseInt(version) < 16 ? TYPESCRIPT.older : TYPESCRIPT.newest,
      "@types/node": pinned("@types/node"),
      ...TYPES[react],
    },
    allowScripts: { sharp: false },
  };
}

/** The folders of `fixtures/` that make up an app. */
function partsOf({ nextAuth, router }: Row): readonly string[] {
  const hasApp = router !== "pages";
  return [
    "common",
    ...(hasApp ? ["app-router"] : []),
    ...(router === "app" ? [] : ["pages-router"]),
    `v${nextAuth}`,
    // Auth.js 5 has no handler for the Pages Router: its route is a file of the App Router there, too.
    nextAuth === 4 && !hasApp ? "v4-in-pages" : `v${nextAuth}-in-app`,
  ];
}

/** Does what has a name once, and gives everybody the same promise. */
function remembered(): <Value>(name: string, work: () => Promise<Value>) => Promise<Value> {
  const known = new Map<string, Promise<unknown>>();
  return <Value>(name: string, work: () => Promise<Value>) => {
    const found = known.get(name) ?? work();
    known.set(name, found);
    return found as Promise<Value>;
  };
}
