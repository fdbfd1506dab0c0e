/**
 * The example app as a process of its own: `next start` (or `next dev`) against servers of the test, on a database
 * file of the test.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";

import { freePort } from "../../../scripts/lib/ports.ts";
import { APP_FOLDER, TEST_BUILD } from "../../../scripts/lib/paths.ts";
import { startServers, type Servers, type ServersOptions } from "./servers.ts";

/** A running (or killed) app. */
export interface App {
  /** Where it answers, such as `http://localhost:41234`. */
  readonly url: string;
  readonly port: number;
  /** Everything it printed, over all its runs. */
  output(): string;
  start(): Promise<void>;
  /** SIGTERM and the wait for the end. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Sends a signal such as SIGSTOP. */
  signal(signal: NodeJS.Signals): void;
}

/** How to run it. */
export interface AppOptions {
  readonly servers: Servers;
  readonly port: number;
  /** Default: a file in the servers' folder. */
  readonly database?: string;
  /** Beside what the app needs; wins. `undefined` leaves a variable out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
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

const START_LIMIT_MS = 90_000;
const STOP_LIMIT_MS = 10_000;
const OUTPUT_LIMIT_CHARS = 4_000_000;

/** An app that is not started yet. */
export function exampleApp(options: AppOptions): App {
  const { servers, port, folder = APP_FOLDER, mode = "start", basePath = "" } = options;
  const url = `http://localhost:${port}`;
  const env: NodeJS.ProcessEnv = {
    PATH: process.env["PATH"],
    HOME: process.env["HOME"],
    NODE_ENV: mode === "dev" ? "development" : "production",
    NEXT_TELEMETRY_DISABLED: "1",
    NEXT_BASE_PATH: basePath,
    ...(folder === APP_FOLDER && { NEXT_DIST_DIR: TEST_BUILD }),
    NEXTAUTH_URL: url,
    NEXTAUTH_SECRET: SECRETS.nextAuth,
    NOLAPSE_SECRET: SECRETS.nolapse,
    NOLAPSE_DB: options.database ?? join(servers.dataDir, "grants.db"),
    ...servers.appEnvironment(),
    ...options.env,
  };
  let child: ChildProcess | undefined;
  let output = "";
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString("utf8")).slice(-OUTPUT_LIMIT_CHARS);
  };

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const limit = setTimeout(() => ending.kill("SIGKILL"), STOP_LIMIT_MS);
    const ended = once(ending, "exit");
    ending.kill(signal);
    await ended;
    clearTimeout(limit);
  };

  return {
    url,
    port,
    output: () => output,
    async start() {
      const next = join(folder, "node_modules/next/dist/bin/next");
      const started = spawn(process.execPath, [next, mode, "-p", String(port), "-H", "127.0.0.1"], {
        cwd: folder,
        env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      child = started;
      started.stdout.on("data", keep);
      started.stderr.on("data", keep);
      const endMs = Date.now() + START_LIMIT_MS;
      while (!(await answers(`http://127.0.0.1:${port}${basePath}/api/auth/csrf`))) {
        if (started.exitCode !== null || Date.now() > endMs) {
          started.kill("SIGKILL");
          throw new Error(`The app did not start:\n${output.slice(-4_000)}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    signal: (signal) => void child?.kill(signal),
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(20_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
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
