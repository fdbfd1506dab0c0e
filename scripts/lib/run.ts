/**
 * Runs one command to its end.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { basename, delimiter, join } from "node:path";

import { ROOT } from "./paths.ts";

/** How to run a command. */
export interface RunOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Ends the command; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Show the output as it comes. Default: keep it, and show it only if the command fails. */
  readonly show?: boolean;
}

/** The command ended with another code than 0. The message holds the end of its output. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
}

const OUTPUT_LIMIT_CHARS = 200_000;
const SHOWN_CHARS = 6_000;

/** Runs a program to its end and resolves with what it wrote to stdout. Rejects with {@link CommandFailed}. */
export async function run(program: string, args: readonly string[], options: RunOptions): Promise<string> {
  options.signal?.throwIfAborted();
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ?? childEnvironment(),
    stdio: options.show ? ["ignore", "inherit", "inherit"] : ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let all = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-OUTPUT_LIMIT_CHARS);
    all = (all + chunk.toString()).slice(-SHOWN_CHARS);
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    all = (all + chunk.toString()).slice(-SHOWN_CHARS);
  });
  const end = (): void => void child.kill("SIGTERM");
  options.signal?.addEventListener("abort", end, { once: true });
  try {
    const ended = await new Promise<string>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(code === null ? String(signal) : String(code)));
    });
    options.signal?.throwIfAborted();
    if (ended === "0") return output;
    throw new CommandFailed(
      `"${[basename(program), ...args].join(" ")}" ended with ${ended}\n${all}`.trimEnd(),
    );
  } finally {
    options.signal?.removeEventListener("abort", end);
  }
}

/** Runs a JavaScript file of node_modules, or any other, with the Node that runs this. */
export function runNode(file: string, args: readonly string[], options: RunOptions): Promise<string> {
  return run(process.execPath, [file, ...args], options);
}

/** Runs the npm that the user has: the one that started this, or else the one of the PATH. */
export function runNpm(args: readonly string[], options: RunOptions): Promise<string> {
  const cli = process.env["npm_execpath"];
  if (cli !== undefined && basename(cli) === "npm-cli.js") return runNode(cli, args, options);
  return run(process.platform === "win32" ? "npm.cmd" : "npm", args, options);
}

/**
 * The environment for commands: the pinned Node first in the PATH, and without what npm tells its own scripts about
 * this package, which an npm in another folder would take for its own.
 */
export function childEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(package|lifecycle|command|config_local_prefix|config_prefix)|INIT_CWD$)/.test(name),
  );
  const path = [join(ROOT, "node_modules/.bin"), process.env["PATH"] ?? ""].join(delimiter);
  return Object.assign({}, Object.fromEntries(inherited) as NodeJS.ProcessEnv, { PATH: path });
}
