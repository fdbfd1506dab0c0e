/**
 * What the demonstration's three servers are told: ports, addresses, secrets. Everything can be set from outside.
 *
 * @module
 */
import { networkInterfaces } from "node:os";
import { join, resolve } from "node:path";

import { keptJson, newSecret } from "../../examples/servers/lib/kept-json.ts";
import { numberSetting, textSetting } from "../../examples/servers/lib/settings.ts";
import type { Example } from "./examples.ts";
import { ROOT } from "./paths.ts";

/** NextAuth's id of the provider that stands for the bundled authorization server. */
export const DEMO_PROVIDER_ID = "demo";

/** Where the demonstration runs. */
export interface Demo {
  /** What all three listen on: the loopback, unless `HOST` says otherwise. */
  readonly host: string;
  readonly appPort: number;
  readonly issuerPort: number;
  readonly apiPort: number;
  readonly tokenTtlSeconds: number;
  /** State: databases, keys and secrets. */
  readonly dataFolder: string;
  /** The address to open. */
  readonly appUrl: string;
  readonly issuer: string;
  readonly apiUrl: string;
}

/** Secrets that are made at the first start and kept in `secrets.json` of the data folder (0600). */
export interface DemoSecrets {
  readonly nextAuthSecret: string;
  readonly nolapseSecret: string;
  readonly clientSecret: string;
  readonly apiClientSecret: string;
}

const LOOPBACK = "127.0.0.1";

/**
 * Reads `PORT`, `AS_PORT`, `API_PORT`, `TOKEN_TTL_SECONDS`, `HOST`, `PUBLIC_HOST`, `DATA_DIR`, `OIDC_ISSUER`, and the
 * example's `NEXTAUTH_URL` or `AUTH_URL`.
 */
export function readDemo({ urlVariable }: Example): Demo {
  const host = textSetting("HOST", LOOPBACK);
  const appPort = numberSetting("PORT", 3000, 1, 65_535);
  const issuerPort = numberSetting("AS_PORT", 4001, 1, 65_535);
  const apiPort = numberSetting("API_PORT", 4002, 1, 65_535);
  const isLoopback = /^(localhost|127\..*|::1)$/.test(host);
  const name = textSetting("PUBLIC_HOST", isLoopback ? "localhost" : publicName(host));
  // Cookies know no ports: under another name than the app, neither gets the other's.
  const issuerName = name === "localhost" ? LOOPBACK : name;
  return {
    host,
    appPort,
    issuerPort,
    apiPort,
    tokenTtlSeconds: numberSetting("TOKEN_TTL_SECONDS", 60, 5, 86_400),
    dataFolder: resolve(ROOT, textSetting("DATA_DIR", ".data")),
    appUrl: textSetting(urlVariable, `http://${name}:${appPort}`),
    issuer: textSetting("OIDC_ISSUER", `http://${issuerName}:${issuerPort}`),
    apiUrl: `http://${LOOPBACK}:${apiPort}`,
  };
}

/** The kept secrets; next-auth's own and `NOLAPSE_SECRET` from outside come first. */
export async function demoSecrets({ secretVariable }: Example, { dataFolder }: Demo): Promise<DemoSecrets> {
  const kept = await keptJson<DemoSecrets>(join(dataFolder, "secrets.json"), () => ({
    nextAuthSecret: newSecret(),
    nolapseSecret: newSecret(),
    clientSecret: newSecret(),
    apiClientSecret: newSecret(),
  }));
  return {
    ...kept,
    nextAuthSecret: textSetting(secretVariable, kept.nextAuthSecret),
    nolapseSecret: textSetting("NOLAPSE_SECRET", kept.nolapseSecret),
  };
}

/** Environment of the authorization server, beside what it inherits. */
export function issuerEnvironment(demo: Demo, secrets: DemoSecrets): Readonly<Record<string, string>> {
  const base = new URL(demo.appUrl);
  const authPath = base.pathname === "/" ? "/api/auth" : base.pathname.replace(/\/$/, "");
  return {
    ...shared(demo, secrets),
    HOST: demo.host,
    PORT: String(demo.issuerPort),
    CLIENT_SECRET: secrets.clientSecret,
    REDIRECT_URIS: `${base.origin}${authPath}/callback/${DEMO_PROVIDER_ID}`,
  };
}

/** Environment of the API, beside what it inherits. It is for the app alone, so it stays on the loopback. */
export function apiEnvironment(demo: Demo, secrets: DemoSecrets): Readonly<Record<string, string>> {
  return {
    ...shared(demo, secrets),
    HOST: LOOPBACK,
    PORT: String(demo.apiPort),
    API_ORIGIN: demo.apiUrl,
    INTROSPECTION_URL: `http://${reachable(demo.host)}:${demo.issuerPort}/token/introspection`,
  };
}

/** Environment of the app, beside what it inherits. */
export function appEnvironment(
  { urlVariable, secretVariable }: Example,
  demo: Demo,
  secrets: DemoSecrets,
): Readonly<Record<string, string>> {
  return {
    NODE_ENV: "production",
    NEXT_TELEMETRY_DISABLED: "1",
    [urlVariable]: demo.appUrl,
    [secretVariable]: secrets.nextAuthSecret,
    NOLAPSE_SECRET: secrets.nolapseSecret,
    OIDC_ISSUER: demo.issuer,
    OIDC_CLIENT_ID: "nolapse-example",
    OIDC_CLIENT_SECRET: secrets.clientSecret,
    API_URL: demo.apiUrl,
    NOLAPSE_DB: textSetting("NOLAPSE_DB", join(demo.dataFolder, "grants.db")),
    TOKEN_TTL_SECONDS: String(demo.tokenTtlSeconds),
  };
}

function shared(demo: Demo, secrets: DemoSecrets): Readonly<Record<string, string>> {
  return {
    DATA_DIR: demo.dataFolder,
    ISSUER: demo.issuer,
    API_CLIENT_SECRET: secrets.apiClientSecret,
    TOKEN_TTL_SECONDS: String(demo.tokenTtlSeconds),
  };
}

/** How others reach this machine: the host itself, or for "all addresses" the first one that is not the loopback. */
function publicName(host: string): string {
  if (!isWildcard(host)) return host.includes(":") ? `[${host}]` : host;
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find((address) => !address.internal && address.family === "IPv4")?.address ?? "localhost";
}

function reachable(host: string): string {
  if (isWildcard(host)) return LOOPBACK;
  return host.includes(":") ? `[${host}]` : host;
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}
