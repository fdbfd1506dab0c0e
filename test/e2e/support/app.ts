/**
 * The example app as a process of its own: `next start` (or `next dev`) against servers of the test, on a database
 * file of the test.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { freePort } from "../../../scripts/lib/ports.ts";
import { TEST_BUILD } from "../../../scripts/lib/paths.ts";
import { EXAMPLE } from "./example.ts";
import { nextProcess, type NextProcess } from "./next-process.ts";
import { startServers, type Servers, type ServersOptions } from "./servers.ts";

/** A running (or killed) app. */
export interface App extends NextProcess {
  /** Where it answers, such as `http://localhost:41234`. */
  readonly url: string;
  readonly port: number;
}

/** How to run it. */
export interface AppOptions {
  readonly servers: Servers;
  readonly port: number;
  /** Default: a file in the servers' folder. */
  readonly database?: string;
  /** Beside what the app needs; wins. `undefined` leaves a variable out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Where browsers find the app, as next-auth is told. Default: at its port. `null`: next-auth is not told. */
  readonly publicUrl?: string | null;
  /** Default: the built example. */
  readonly folder?: string;
  readonly mode?: "start" | "dev";
  /** The base path that the app in `folder` was built with. Default: none. */
  readonly basePath?: string;
}

/** Secrets of this test run: canaries too, because nothing else looks like them. */
export const SECRETS = {
  nextAuth: randomBytes(32).toString("base64url"),
  nolapse: randomBytes(32).toString("base64url"),
} as const;

/** An app that is not started yet. */
export function exampleApp(options: AppOptions): App {
  const { servers, port, folder = EXAMPLE.folder, mode = "start", basePath = "" } = options;
  const url = `http://localhost:${port}`;
  const { publicUrl = url } = options;
  const env: NodeJS.ProcessEnv = {
    PATH: process.env["PATH"],
    HOME: process.env["HOME"],
    NODE_ENV: mode === "dev" ? "development" : "production",
    NEXT_TELEMETRY_DISABLED: "1",
    NEXT_BASE_PATH: basePath,
    ...(folder === EXAMPLE.folder && { NEXT_DIST_DIR: TEST_BUILD }),
    [EXAMPLE.urlVariable]: publicUrl ?? undefined,
    [EXAMPLE.secretVariable]: SECRETS.nextAuth,
    NOLAPSE_SECRET: SECRETS.nolapse,
    NOLAPSE_DB: options.database ?? join(servers.dataDir, "grants.db"),
    ...servers.appEnvironment(),
    ...options.env,
  };
  const readyPath = `${basePath}/api/auth/csrf`;
  return { url, port, ...nextProcess({ folder, port, env, readyPath, mode }) };
}

/** Servers and one started app that belong together. */
export interface Stage {
  readonly servers: Servers;
  readonly app: App;
  stop(): Promise<void>;
}

/** Starts authorization server, API and app. */
export async function startStage(
  options: Pick<ServersOptions, "tokenTtlSeconds"> &
    Pick<AppOptions, "env" | "mode" | "folder"> & { readonly database?: string },
): Promise<Stage> {
  const port = await freePort();
  const redirectUris = [`http://localhost:${port}/api/auth/callback/demo`];
  const servers = await startServers({ tokenTtlSeconds: options.tokenTtlSeconds, redirectUris });
  const app = exampleApp({ ...options, servers, port });
  try {
    await app.start();
  } catch (error) {
    await servers.stop();
    throw error;
  }
  return {
    servers,
    app,
    async stop() {
      await app.stop();
      await servers.stop();
    },
  };
}
