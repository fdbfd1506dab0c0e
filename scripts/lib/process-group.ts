/**
 * Several servers as one: started together, their output told apart, ended together.
 *
 * @module
 */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** A server to start. */
export interface Program {
  /** Stands before each line of its output. */
  readonly name: string;
  /** Node's arguments: a file and what it gets. */
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** How a program of a group ended. */
export interface ProgramEnd {
  readonly name: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Servers that live and end together. */
export interface ProcessGroup {
  start(program: Program): void;
  /** Resolves with the first program that ends. */
  readonly firstEnd: Promise<ProgramEnd>;
  /** Asks all to end, and after `graceMs` milliseconds ends them with everything that they started. */
  stop(graceMs?: number): Promise<void>;
}

const COLOURS = [36, 35, 32, 33];

/** A group whose programs' lines go to `write`, each with its program's name before it. */
export function processGroup(write: (line: string) => void, colours: boolean): ProcessGroup {
  const children = new Map<ChildProcess, Promise<void>>();
  let reportFirst: (end: ProgramEnd) => void = () => undefined;
  const firstEnd = new Promise<ProgramEnd>((resolve) => {
    reportFirst = resolve;
  });

  const start = ({ name, args, cwd, env }: Program): void => {
    const colour = COLOURS[children.size % COLOURS.length] ?? 36;
    const prefix = colours ? `\u001b[${colour}m${name}\u001b[0m ` : `${name} `;
    const child = spawn(process.execPath, args, {
      cwd,
      env,
      // A group of its own, so that Ctrl-C reaches it once, through stop(), and its own children end with it.
      detached: process.platform !== "win32",
      // The IPC channel tells our servers when this process is gone.
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    const ended = new Promise<void>((resolve) => {
      const report = (code: number | null, signal: NodeJS.Signals | null): void => {
        reportFirst({ name, code, signal });
        resolve();
      };
      child.once("exit", report);
      child.once("error", () => report(null, null));
    });
    children.set(child, ended);
    for (const stream of [child.stdout, child.stderr] as readonly Readable[]) {
      createInterface({ input: stream }).on("line", (line) => write(prefix + line));
    }
  };

  const stop = async (graceMs = 1_500): Promise<void> => {
    const running = [...children].filter(([child]) => child.exitCode === null && child.signalCode === null);
    for (const [child] of running) child.kill("SIGTERM");
    const cut = setTimeout(() => {
      for (const [child] of running) killTree(child);
    }, graceMs);
    await Promise.all(running.map(([, ended]) => ended));
    clearTimeout(cut);
    // What a program started and left behind.
    for (const [child] of children) killTree(child);
  };

  return { start, firstEnd, stop };
}

function killTree(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === "win32") child.kill("SIGKILL");
    else process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nobody of the group is left.
  }
}
