/**
 * A built (or developed) Next app as a process of its own, that can be stopped, killed and started again.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";

import { nextCli } from "../../../scripts/lib/build-app.ts";

/** A Next server that is not started yet. */
export interface NextProcess {
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
export interface NextProcessOptions {
  readonly folder: string;
  /** On the loopback. */
  readonly port: number;
  /** All of its environment. */
  readonly env: NodeJS.ProcessEnv;
  /** It has started once this path answers with 200. */
  readonly readyPath: string;
  readonly mode?: "start" | "dev";
  /** The Node to run it with. Default: this one. */
  readonly node?: string;
}

const START_LIMIT_MS = 90_000;
const STOP_LIMIT_MS = 10_000;
const OUTPUT_LIMIT_CHARS = 4_000_000;

/** A Next server of its own. */
export function nextProcess(options: NextProcessOptions): NextProcess {
  const { folder, port, env, readyPath, mode = "start", node = process.execPath } = options;
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
    output: () => output,
    async start() {
      const started = spawn(node, [nextCli(folder), mode, "-p", String(port), "-H", "127.0.0.1"], {
        cwd: folder,
        env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      child = started;
      started.stdout.on("data", keep);
      started.stderr.on("data", keep);
      const endMs = Date.now() + START_LIMIT_MS;
      while (!(await answers(`http://127.0.0.1:${port}${readyPath}`))) {
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
