/**
 * The app of a row and everything around it: authorization server and API, the proxy before it where there is one, and
 * the environment that the row's configuration means.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { freePort } from "../../scripts/lib/ports.ts";
import { nextProcess } from "../e2e/support/next-process.ts";
import { startServers, type Servers } from "../e2e/support/servers.ts";
import { tlsProxy } from "../e2e/support/tls-proxy.ts";
import { CONFIGURATIONS, type Configuration, type Environment, type Place } from "./configurations.ts";
import type { Row } from "./rows.ts";

/** A row's app, running. */
export interface RowApp {
  readonly place: Place;
  /** Origin and Next's base path: before the path of every page. */
  readonly url: string;
  /** What the session cookie has to be called. */
  readonly cookieName: string;
  readonly servers: Servers;
  /** What the app printed. */
  output(): string;
  /** Starts it again with what the configuration has for later. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** What has been built for a row. */
export interface Built {
  readonly folder: string;
  /** The executable of Node to run it with. */
  readonly node: string;
}

const USUAL_COOKIE = { 4: "next-auth.session-token", 5: "authjs.session-token" } as const;

/** Starts everything. */
export async function startRowApp(row: Row, built: Built, tokenTtlSeconds: number): Promise<RowApp> {
  const configuration: Configuration = CONFIGURATIONS[row.configuration];
  const { basePath = "", route = "/api/auth", behindTls = false } = configuration;
  const port = await freePort();
  const front = behindTls ? await tlsProxy() : undefined;
  if (front) front.targetPort = port;
  const place: Place = {
    nextAuth: row.nextAuth,
    port,
    origin: front?.origin ?? `http://localhost:${port}`,
    authPath: basePath + route,
  };
  const redirectUris = [`${place.origin}${place.authPath}/callback/demo`];
  const servers = await startServers({ tokenTtlSeconds, redirectUris });
  const secrets = { nextAuth: newSecret(), nolapse: newSecret(), next: newSecret() };
  const run = (own: Environment): ReturnType<typeof nextProcess> =>
    nextProcess({
      ...built,
      port,
      readyPath: `${place.authPath}/csrf`,
      env: {
        PATH: process.env["PATH"],
        HOME: process.env["HOME"],
        NODE_ENV: "production",
        NEXT_TELEMETRY_DISABLED: "1",
        NEXT_BASE_PATH: basePath,
        [row.nextAuth === 4 ? "NEXTAUTH_SECRET" : "AUTH_SECRET"]: secrets.nextAuth,
        NOLAPSE_SECRET: secrets.nolapse,
        NOLAPSE_DB: join(servers.dataDir, "grants.db"),
        // node:sqlite came with Node 22.
        MATRIX_STORE: row.node === 20 ? "memory" : "sqlite",
        MATRIX_COOKIE_NAME: configuration.cookieName,
        MATRIX_DATABASE: configuration.sessionsInDatabase ? join(servers.dataDir, "app.db") : undefined,
        // The usual route is what the provider takes by itself.
        MATRIX_CLIENT_BASE_PATH: place.authPath === "/api/auth" ? undefined : place.authPath,
        ...servers.appEnvironment(),
        ...own,
      },
    });
  const runs = [run(configuration.env(place, secrets))];
  const stop = async (): Promise<void> => {
    await runs.at(-1)?.stop();
    await servers.stop();
    await front?.close();
  };
  const output = (): string => runs.map((each) => each.output()).join("\n");
  try {
    await runs[0]?.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    place,
    url: place.origin + basePath,
    cookieName: configuration.cookieName ?? (behindTls ? "__Secure-" : "") + USUAL_COOKIE[row.nextAuth],
    servers,
    output,
    async restart() {
      await runs.at(-1)?.stop();
      const next = run((configuration.later ?? configuration.env)(place, secrets));
      runs.push(next);
      await next.start();
    },
    stop,
  };
}

function newSecret(): string {
  return randomBytes(32).toString("base64url");
}
