/**
 * Runs one of the example's servers as a process of its own, for tests: it tells its port by IPC, can be stopped,
 * killed and started again, and everything it printed is kept for tests that search it.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";

/** A server process. */
export interface ChildServer {
  /** Port of the running process. */
  port(): number;
  /** Everything printed so far, by all its runs. */
  output(): string;
  start(): Promise<void>;
  /** SIGTERM, and the wait for the end. Resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL: as if the power went. */
  kill(): Promise<void>;
}

const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 10_000;
const OUTPUT_LIMIT_CHARS = 4_000_000;

/** A server made from a TypeScript file that sends `{ type: "listening", port }` to its parent. Not started yet. */
export function childServer(file: string, env: () => Readonly<Record<string, string>>): ChildServer {
  let child: ChildProcess | undefined;
  let port = 0;
  let output = "";

  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString("utf8")).slice(-OUTPUT_LIMIT_CHARS);
  };

  const start = async (): Promise<void> => {
    const started = fork(file, {
      env: { ...env(), PATH: process.env["PATH"], NODE_ENV: "production" },
      execArgv: [],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    child = started;
    started.stdout?.on("data", keep);
    started.stderr?.on("data", keep);
    port = await new Promise<number>((resolve, reject) => {
      const fail = (why: string): void => {
        started.kill("SIGKILL");
        reject(new Error(`${file} ${why}:\n${output.slice(-2_000)}`));
      };
      const limit = setTimeout(() => fail(`did not listen within ${START_LIMIT_MS} ms`), START_LIMIT_MS);
      started.once("exit", (code) => {
        clearTimeout(limit);
        fail(`ended with code ${String(code)}`);
      });
      started.on("message", (message) => {
        clearTimeout(limit);
        resolve((message as { port: number }).port);
      });
    });
  };

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return null;
    const limit = setTimeout(() => ending.kill("SIGKILL"), STOP_LIMIT_MS);
    const ended = once(ending, "exit") as Promise<[number | null]>;
    ending.kill(signal);
    const [code] = await ended;
    clearTimeout(limit);
    return code;
  };

  return {
    port: () => port,
    output: () => output,
    start,
    stop: () => end("SIGTERM"),
    kill: async () => {
      await end("SIGKILL");
    },
  };
}
