/** The app of docs/serverless.md on a platform of this machine: store, authorization server and API are real. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { holdPort } from "../../../../scripts/lib/ports.ts";
import { browserless, signInWithProvider, type Browserless } from "../browserless.ts";
import { LOGINS, startServers, type AuditEntry, type Servers } from "../servers.ts";
import { bundleFunction } from "./bundle-function.ts";
import { startFunctionHost, type FunctionHost } from "./function-host.ts";
import { startHosted, type HostedKind, type HostedStore } from "./hosted-stores.ts";

/** A platform that keeps a process awake for what is handed to it, and one that does not. */
export const PLATFORMS = {
  waits: { VERCEL: "1", PLATFORM_WAITS: "1" },
  freezes: { AWS_LAMBDA_FUNCTION_NAME: "shop" },
} as const;

/** What is deployed where. */
export interface DeploymentPlan {
  /** The version of next-auth. */
  readonly version: 4 | 5;
  readonly kind: HostedKind;
  readonly platform: keyof typeof PLATFORMS;
  readonly tokenTtlSeconds: number;
  /** How many connections the store gives its clients. */
  readonly maxConnections: number;
}

/** A deployment at work. */
export interface Deployment {
  readonly servers: Servers;
  readonly store: HostedStore;
  readonly host: FunctionHost;
  /** A browser in which somebody has signed in, and seen their orders. */
  signedIn(user: "alice" | "bob"): Promise<Browserless>;
  /** The refresh requests for this user's tokens, as the authorization server saw them. */
  refreshes(user: string): readonly AuditEntry[];
  stop(): Promise<void>;
}

const PAGE = "docs/serverless.md";
const PROVIDER = "keycloak";

/** Starts everything. Rejects if there is no such store on this machine. */
export async function deploy(plan: DeploymentPlan): Promise<Deployment> {
  const folder = mkdtempSync(join(tmpdir(), "nolapse-serverless-"));
  const stops = [(): unknown => rmSync(folder, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    // The app's own build takes a while, and each process of it takes a port.
    const { port, release } = await holdPort();
    let isHeld = true;
    const letGo = async (): Promise<void> => {
      if (isHeld) await release();
      isHeld = false;
    };
    stops.push(letGo);
    const url = `http://localhost:${port}`;
    const store = await startHosted(plan.kind, plan);
    stops.push(store.stop);
    const redirectUris = [`${url}/api/auth/callback/${PROVIDER}`];
    const servers = await startServers({ tokenTtlSeconds: plan.tokenTtlSeconds, redirectUris });
    stops.push(servers.stop);
    const file = await bundled(plan, folder);
    if (plan.kind === "postgres") await migrate(store, folder);
    const env = { ...store.env, ...PLATFORMS[plan.platform], ...appEnvironment(url, servers) };
    await letGo();
    const host = await startFunctionHost({ port, file, env });
    stops.push(host.stop);
    return {
      servers,
      store,
      host,
      async signedIn(user) {
        const browser = browserless();
        const app = { url, providerId: PROVIDER, callbackUrl: `${url}/orders` };
        const page = await signInWithProvider(browser, app, LOGINS[user]);
        if (page.status === 200 && page.url === app.callbackUrl) return browser;
        throw new Error(`${user} got to ${page.url} (${page.status}):\n${page.body}\n${host.output()}`);
      },
      refreshes: (user) =>
        servers.authorizationServer
          .audit("token_request")
          .filter((entry) => entry.grantType === "refresh_token" && entry.user === user),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The page's app as one file. Each quick start has one of the two stores; either version goes with both. */
async function bundled({ version, kind }: DeploymentPlan, folder: string): Promise<string> {
  const outfile = join(folder, "function.mjs");
  const auth = version === 4 ? "auth.ts" : "authjs/auth.ts";
  const files = { auth, "lib/redis": `lib/${kind}.ts`, "lib/postgres": `lib/${kind}.ts` };
  const entry = join(import.meta.dirname, `function-v${version}.ts`);
  await bundleFunction({ page: PAGE, version, files, entry, outfile });
  return outfile;
}

function appEnvironment(url: string, servers: Servers): Readonly<Record<string, string>> {
  const { clientId, clientSecret, issuer, apiUrl } = servers;
  const secret = randomBytes(32).toString("base64");
  return {
    ...{ NEXTAUTH_URL: url, NEXTAUTH_SECRET: secret },
    ...{ AUTH_URL: url, AUTH_SECRET: secret },
    ...{ KEYCLOAK_ID: clientId, KEYCLOAK_SECRET: clientSecret, KEYCLOAK_ISSUER: issuer },
    ...{ AUTH_KEYCLOAK_ID: clientId, AUTH_KEYCLOAK_SECRET: clientSecret, AUTH_KEYCLOAK_ISSUER: issuer },
    NOLAPSE_SECRET: randomBytes(32).toString("base64"),
    API_URL: apiUrl,
  };
}

/** Makes the table as the page says, before the first request. */
async function migrate({ env }: HostedStore, folder: string): Promise<void> {
  const file = join(folder, "migrate.mjs");
  const files = { migrate: "scripts/migrate.ts" };
  await bundleFunction({ page: PAGE, files, version: 5, entry: "@/migrate", outfile: file });
  await promisify(execFile)(process.execPath, [file], { env: { ...env, NODE_ENV: "production" } });
}
