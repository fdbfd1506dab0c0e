/** Stores as hosted services give them: by TLS only, with a limit of connections, and PostgreSQL behind a pooler. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Redis } from "ioredis";
import { Client } from "pg";

import {
  findPgBouncer,
  findPostgres,
  startPgBouncer,
  startPostgres,
} from "../../../stores/support/postgres-server.ts";
import { freePort, serverPrograms, startRedisServer } from "../../../stores/support/redis-server.ts";
import { selfSigned } from "../self-signed.ts";

/** The stores of docs/serverless.md. */
export type HostedKind = "redis" | "postgres";

/** A service that runs. */
export interface HostedStore {
  /** What an app has in its environment to reach it and to believe its certificate. */
  readonly env: Readonly<Record<string, string>>;
  /** Closes all connections of clients, as a service does with those that are idle for long. */
  cut(): Promise<void>;
  stop(): Promise<void>;
}

/** What {@link startHosted} takes. */
export interface HostedOptions {
  /** How many connections clients may have at once. */
  readonly maxConnections: number;
}

const PASSWORD = "password-of-the-service";
/** Fewer than clients, so that they have to share. */
const CONNECTIONS_BEHIND_THE_POOLER = 2;

/** What is missing on this machine for such a service; `undefined` where nothing is. */
export function missingFor(kind: HostedKind): string | undefined {
  if (kind === "redis") return serverPrograms.length > 0 ? undefined : "redis-server or valkey-server";
  return findPostgres() && findPgBouncer() ? undefined : "PostgreSQL and PgBouncer";
}

/** Starts a service. Rejects where {@link missingFor} names something. */
export function startHosted(kind: HostedKind, options: HostedOptions): Promise<HostedStore> {
  return kind === "redis" ? startHostedRedis(options) : startHostedPostgres(options);
}

async function startHostedRedis({ maxConnections }: HostedOptions): Promise<HostedStore> {
  const [program] = serverPrograms;
  if (program === undefined) throw new Error("There is no redis-server here");
  const { cert, key } = selfSigned();
  const folder = mkdtempSync(join(tmpdir(), "nolapse-hosted-"));
  const files = { cert: join(folder, "tls.crt"), key: join(folder, "tls.key") };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key, { mode: 0o600 });
  const port = await freePort();
  const server = await startRedisServer(program, [
    ...["--tls-port", String(port), "--tls-auth-clients", "no", "--requirepass", PASSWORD],
    ...["--tls-cert-file", files.cert, "--tls-key-file", files.key, "--tls-ca-cert-file", files.cert],
    ...["--maxclients", String(maxConnections), "--appendonly", "yes", "--save", ""],
  ]);
  return {
    env: { REDIS_URL: `rediss://default:${PASSWORD}@localhost:${port}`, NODE_EXTRA_CA_CERTS: files.cert },
    async cut() {
      const admin = new Redis(server.url, { password: PASSWORD, lazyConnect: true });
      await admin.connect();
      await admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      admin.disconnect();
    },
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startHostedPostgres({ maxConnections }: HostedOptions): Promise<HostedStore> {
  const [program, bouncerPath] = [findPostgres(), findPgBouncer()];
  if (program === undefined || bouncerPath === undefined) throw new Error("There is no PostgreSQL here");
  const certificate = selfSigned();
  const folder = mkdtempSync(join(tmpdir(), "nolapse-hosted-"));
  const certFile = join(folder, "tls.crt");
  writeFileSync(certFile, certificate.cert);
  const server = await startPostgres(program, [], certificate);
  const settings = [
    `default_pool_size = ${CONNECTIONS_BEHIND_THE_POOLER}`,
    `max_client_conn = ${maxConnections}`,
    "admin_users = postgres",
  ];
  const bouncer = await startPgBouncer(bouncerPath, server, settings, certificate);
  const urlOf = (port: number, database = "postgres"): string =>
    `postgres://postgres:${PASSWORD}@localhost:${port}/${database}?sslmode=require`;
  return {
    env: {
      DATABASE_URL: urlOf(bouncer.port),
      DIRECT_URL: urlOf(server.port),
      NODE_EXTRA_CA_CERTS: certFile,
    },
    async cut() {
      const { port } = bouncer;
      const ssl = { ca: certificate.cert };
      const admin = new Client({ host: "localhost", port, user: "postgres", database: "pgbouncer", ssl });
      await admin.connect();
      await admin.query("KILL postgres");
      await admin.query("RESUME postgres");
      await admin.end();
    },
    async stop() {
      await bouncer.stop();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
