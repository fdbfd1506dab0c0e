/**
 * Real Redis and Valkey servers for tests: each in a folder of its own, on a free port of the loopback interface.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";

import { afterAll, describe, it } from "vitest";

/** A server program of this machine. */
export interface ServerProgram {
  readonly kind: "Redis" | "Valkey";
  readonly path: string;
  /** Such as `7.0.15`. */
  readonly version: string;
}

/** A server that runs. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Stops it, with a signal, and starts it again in the same folder on the same port. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  /** Stops it and removes its folder. */
  stop(): Promise<void>;
}

const NAMES = {
  Redis: ["redis-server", "REDIS_SERVER_PATH"],
  Valkey: ["valkey-server", "VALKEY_SERVER_PATH"],
} as const;
const STARTS_WITHIN_MS = 20_000;
/** Every write is in the append-only file before it is answered. */
const DURABLE = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"] as const;

/** The programs that are here, one of each kind: named by an environment variable, or on the path. */
export const serverPrograms: readonly ServerProgram[] = (["Redis", "Valkey"] as const).flatMap((kind) => {
  const [name, variable] = NAMES[kind];
  const given = process.env[variable];
  const places = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name));
  const path = [...(given === undefined ? [] : [given]), ...places].find(isExecutable);
  if (path === undefined) return [];
  const said = execFileSync(path, ["--version"], { encoding: "utf8" });
  return [{ kind, path, version: /v=([\d.]+)/.exec(said)?.[1] ?? "?" }];
});

/**
 * `describe` once for each program, or for the first one only. Without any it is skipped, loudly, and fails where `CI` is `true`: there the
 * machine has to have one.
 */
export function describeWithServers(
  subject: string,
  define: (program: ServerProgram) => void,
  programs: readonly ServerProgram[] = serverPrograms,
): void {
  const without = `${subject}: no redis-server or valkey-server here; install one, or set REDIS_SERVER_PATH`;
  if (programs.length === 0) {
    console.warn(`\nSKIPPED ${without}\n`);
    describe(subject, () => {
      it.skipIf(process.env["CI"] !== "true")("has a real server to run on", () => {
        throw new Error(without);
      });
    });
  }
  for (const kind of ["Redis", "Valkey"] as const) {
    if (programs.length > 0 && !serverPrograms.some((one) => one.kind === kind))
      console.warn(
        `\nNOT RUN ON ${kind.toUpperCase()}: ${subject}: no ${NAMES[kind][0]} here; ${NAMES[kind][1]} may name one\n`,
      );
  }
  for (const program of programs) {
    describe(`${subject} on ${program.kind} ${program.version}`, () => define(program));
  }
}

/** Starts a server that stops after the tests of this `describe`. Call it inside `beforeAll`. */
export async function startRedisServer(
  { path }: ServerProgram,
  settings: readonly string[] = DURABLE,
): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "nolapse-redis-"));
  const port = await freePort();
  const start = (): Promise<ChildProcess> =>
    started(path, ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, ...settings]);
  let child = await start();
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  };
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    restart: async (signal = "SIGKILL") => {
      await end(signal);
      child = await start();
    },
    stop: async () => {
      await end("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** {@link startRedisServer}, stopped after the tests around the call. */
export function redisServerForTests(
  program: ServerProgram,
  settings?: readonly string[],
): () => Promise<RedisServer> {
  let starting: Promise<RedisServer> | undefined;
  afterAll(async () => (await starting)?.stop());
  return () => (starting ??= startRedisServer(program, settings));
}

async function started(path: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(path, args, { stdio: ["ignore", "pipe", "inherit"] });
  const kill = (): boolean => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  const said: string[] = [];
  const lines = createInterface({ input: child.stdout });
  await new Promise<void>((resolve, reject) => {
    const fail = (): void => reject(new Error(`${path} did not start:\n${said.join("\n")}`));
    const timer = setTimeout(fail, STARTS_WITHIN_MS);
    child.once("exit", fail);
    child.once("error", reject);
    lines.on("line", (line) => {
      said.push(line);
      if (!/ready to accept connections/i.test(line)) return;
      clearTimeout(timer);
      child.off("exit", fail);
      resolve();
    });
  });
  return child;
}

/** A port of the loopback interface that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
