/**
 * The authorization servers behind the gate: `oidc-provider` for strict rotation and for none, and for the classes that
 * it does not know the server of `nolapse/testing`.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { Provider } from "oidc-provider";

import type { RotationPolicy } from "../src/core/rotation.ts";
import { startStrictAuthorizationServer } from "../src/testing/index.ts";
import { createOidcMemory } from "./oidc-adapter.ts";

/** A server that the gate forwards to. */
export interface Backend {
  readonly port: number;
  /** What it calls itself in its metadata. */
  readonly issuer: string;
  /** The first refresh token of a new chain. */
  signIn(user: string): Promise<string>;
  stop(): Promise<void>;
}

/** The client that all processes are. */
export const CLIENT = { id: "torture", secret: "torture-client-secret" } as const;

/** Starts the server for a class. `issuer`: the gate's, for a server that takes on a name. */
export function startBackend(
  issuer: string,
  rotation: RotationPolicy,
  tokenTtlSeconds: number,
): Promise<Backend> {
  return rotation.class === "strict" || rotation.class === "none"
    ? startOidcProvider(issuer, rotation.class === "strict", tokenTtlSeconds)
    : startServerOfClass(rotation, tokenTtlSeconds);
}

async function startServerOfClass(rotation: RotationPolicy, tokenTtlSeconds: number): Promise<Backend> {
  const accessTokenLifetimeMs = tokenTtlSeconds * 1000;
  const server = await startStrictAuthorizationServer({ rotation, accessTokenLifetimeMs, client: CLIENT });
  return {
    port: Number(new URL(server.issuer).port),
    issuer: server.issuer,
    signIn: (user) => Promise.resolve(server.issue({ user }).refresh_token),
    stop: () => server.close(),
  };
}

async function startOidcProvider(
  issuer: string,
  rotates: boolean,
  tokenTtlSeconds: number,
): Promise<Backend> {
  const provider = new Provider(issuer, {
    adapter: createOidcMemory(),
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: ["https://app.example/callback"],
      },
    ],
    features: { revocation: { enabled: true }, devInteractions: { enabled: false } },
    rotateRefreshToken: rotates,
    ttl: { AccessToken: tokenTtlSeconds, Grant: 86_400, IdToken: tokenTtlSeconds, RefreshToken: 86_400 },
    findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    interactions: { url: () => "/" },
  });
  const answer = provider.callback();
  const server = createServer((request, response) => void answer(request, response));
  return {
    port: await listen(server),
    issuer,
    signIn: (user) => firstRefreshToken(provider, user),
    stop: () => stopServer(server),
  };
}

async function firstRefreshToken(provider: Provider, accountId: string): Promise<string> {
  const client = await provider.Client.find(CLIENT.id);
  if (client === undefined) throw new Error("the client of the torture run is not registered");
  const grant = new provider.Grant({ accountId, clientId: CLIENT.id });
  grant.addOIDCScope("openid offline_access");
  const grantId = await grant.save();
  const token = new provider.RefreshToken({
    accountId,
    client,
    grantId,
    gty: "authorization_code",
    scope: "openid offline_access",
    authTime: Math.floor(Date.now() / 1000),
  });
  return token.save();
}

/** Listens on a free port of the loopback interface. */
export function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

/** Ends a server and all its connections. */
export async function stopServer(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
