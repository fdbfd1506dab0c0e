/**
 * The example's authorization server and API for a test: real processes on free ports with their own folder, each
 * behind a {@link FaultProxy} that is its public address.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { childServer, type ChildServer } from "./child-server.ts";
import { faultProxy, type FaultProxy } from "./fault-proxy.ts";

/** A line of a server's audit file. */
export interface AuditEntry {
  readonly atMs: number;
  readonly event: string;
  readonly grant?: string | null;
  readonly user?: string | null;
  readonly grantType?: string | null;
  readonly token?: string;
  readonly outcome?: string;
}

/** One server with what stands in front of it. */
export interface TestServer {
  /** The public address: the proxy's. */
  readonly origin: string;
  readonly proxy: FaultProxy;
  /** Its audit file so far, or only the lines with this event. */
  audit(event?: string): readonly AuditEntry[];
  /** Everything it printed. */
  output(): string;
  stop(): Promise<number | null>;
  kill(): Promise<void>;
  /** Starts it (again), on the same state and behind the same address. */
  start(): Promise<void>;
  /** {@link TestServer.stop} and {@link TestServer.start}. */
  restart(): Promise<void>;
}

/** Both servers. */
export interface Servers {
  readonly authorizationServer: TestServer;
  readonly api: TestServer;
  readonly issuer: string;
  readonly apiUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly tokenTtlSeconds: number;
  /** Folder with their state and audit files; the test's own files can lie there too. */
  readonly dataDir: string;
  /** What the example app needs in its environment, but for its own address and secrets. */
  appEnvironment(): Readonly<Record<string, string>>;
  /** Ends both and removes the folder if it was made here. */
  stop(): Promise<void>;
}

/** What {@link startServers} takes. */
export interface ServersOptions {
  /** Life of an access token, in seconds. */
  readonly tokenTtlSeconds: number;
  /** Where state is kept. Default: a new folder, removed at the end. */
  readonly dataDir?: string;
  /** Where the authorization server may send browsers back to. Default: {@link DEFAULT_REDIRECT_URI}. */
  readonly redirectUris?: readonly string[];
}

/** The redirect URI of tests that have no application. Nothing listens there. */
export const DEFAULT_REDIRECT_URI = "http://127.0.0.1:9/callback";

/** People who can sign in: alice and bob at the authorization server, carol and dave at the API. */
export const LOGINS: Readonly<Record<"alice" | "bob" | "carol" | "dave", Login>> = {
  alice: { username: "alice", password: "alice-demo" },
  bob: { username: "bob", password: "bob-demo" },
  carol: { username: "carol", password: "carol-demo" },
  dave: { username: "dave", password: "dave-demo" },
};

/** Name and password. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

const FOLDER = resolve(import.meta.dirname, "../../../examples/servers");

/** Starts both servers. */
export async function startServers(options: ServersOptions): Promise<Servers> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "nolapse-servers-"));
  const clientSecret = randomBytes(24).toString("base64url");
  const apiClientSecret = randomBytes(24).toString("base64url");
  const asProxy = await faultProxy((method, path) => method === "POST" && path === "/token");
  const apiProxy = await faultProxy((method, path) => method === "POST" && path === "/refresh");
  const shared = {
    PORT: "0",
    DATA_DIR: dataDir,
    ISSUER: asProxy.origin,
    API_CLIENT_SECRET: apiClientSecret,
    TOKEN_TTL_SECONDS: String(options.tokenTtlSeconds),
  };
  const redirectUris = (options.redirectUris ?? [DEFAULT_REDIRECT_URI]).join(",");

  const authorizationServer = testServer(
    childServer(join(FOLDER, "authorization-server/main.ts"), () => ({
      ...shared,
      CLIENT_SECRET: clientSecret,
      REDIRECT_URIS: redirectUris,
    })),
    asProxy,
    join(dataDir, "audit.jsonl"),
  );
  const api = testServer(
    childServer(join(FOLDER, "api/main.ts"), () => ({ ...shared, API_ORIGIN: apiProxy.origin })),
    apiProxy,
    join(dataDir, "api-audit.jsonl"),
  );
  const stop = async (): Promise<void> => {
    await Promise.all([authorizationServer.stop(), api.stop()]);
    await Promise.all([asProxy.close(), apiProxy.close()]);
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    await Promise.all([authorizationServer.start(), api.start()]);
  } catch (error) {
    await stop();
    throw error;
  }

  const clientId = "nolapse-example";
  return {
    authorizationServer,
    api,
    issuer: asProxy.origin,
    apiUrl: apiProxy.origin,
    clientId,
    clientSecret,
    tokenTtlSeconds: options.tokenTtlSeconds,
    dataDir,
    appEnvironment: () => ({
      OIDC_ISSUER: asProxy.origin,
      OIDC_CLIENT_ID: clientId,
      OIDC_CLIENT_SECRET: clientSecret,
      API_URL: apiProxy.origin,
      TOKEN_TTL_SECONDS: String(options.tokenTtlSeconds),
    }),
    stop,
  };
}

function testServer(child: ChildServer, proxy: FaultProxy, auditFile: string): TestServer {
  const start = async (): Promise<void> => {
    await child.start();
    proxy.targetPort = child.port();
  };
  return {
    origin: proxy.origin,
    proxy,
    audit: (event) => {
      const lines = readFileSync(auditFile, "utf8").split("\n").slice(0, -1);
      const entries = lines.map((line) => JSON.parse(line) as AuditEntry);
      return event === undefined ? entries : entries.filter((entry) => entry.event === event);
    },
    output: child.output,
    stop: child.stop,
    kill: child.kill,
    start,
    restart: async () => {
      await child.stop();
      await start();
    },
  };
}
