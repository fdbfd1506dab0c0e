/** A peer on the loopback that records what it is asked, and the requests that tests make of a refresher. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach } from "vitest";
import type { RefreshOutcome, RefreshRequest } from "../../src/core/refresher.ts";
import type { TokenSet } from "../../src/core/token-set.ts";
import { createOAuthRefresher, type OAuthRefresherOptions } from "../../src/oauth/oauth-refresher.ts";
import { grantIssuerOf, type OAuthProviderConfig } from "../../src/oauth/provider-config.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";

export interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly form: Record<string, string>;
  readonly clientPort: number | undefined;
}

export interface Peer {
  readonly url: string;
  readonly seen: Recorded[];
  close(): Promise<void>;
}

export type Handler = (request: Recorded, response: ServerResponse, raw: IncomingMessage) => void;

const open: Peer[] = [];
afterEach(async () => {
  for (const peer of open.splice(0)) await peer.close();
});

/** Starts a peer that ends with the test. */
export async function peer(handler: Handler): Promise<Peer> {
  const seen: Recorded[] = [];
  const server = createServer((raw, response) => {
    const chunks: Buffer[] = [];
    raw.on("data", (chunk: Buffer) => chunks.push(chunk));
    raw.on("error", () => undefined);
    raw.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const recorded: Recorded = {
        method: raw.method ?? "",
        path: raw.url ?? "",
        headers: raw.headers,
        body,
        form: Object.fromEntries(new URLSearchParams(body)),
        clientPort: raw.socket.remotePort,
      };
      seen.push(recorded);
      handler(recorded, response, raw);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const started: Peer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  open.push(started);
  return started;
}

export function sendJson(
  response: ServerResponse,
  body: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

/** A peer that answers every token request with new tokens. */
export function tokenPeer(
  body: object = { access_token: "A2", token_type: "Bearer", expires_in: 60 },
): Promise<Peer> {
  return peer((_request, response) => sendJson(response, body));
}

export const CLIENT = { clientId: "app", clientSecret: "s3cret-of-the-app" } as const;

export function configOf(overrides: Partial<OAuthProviderConfig> & { id?: string }): OAuthProviderConfig {
  return { id: "custom", ...CLIENT, allowInsecureRequests: true, ...overrides };
}

export function tokens(overrides: Partial<TokenSet> = {}): TokenSet {
  return { accessToken: "A1", refreshToken: "R1", tokenType: "Bearer", issuedAtMs: 0, ...overrides };
}

export interface Scenario {
  readonly clock: FakeClock;
  refresh(overrides?: Partial<RefreshRequest>): Promise<RefreshOutcome>;
  revoke(overrides?: Partial<RefreshRequest>): Promise<string>;
  request(overrides?: Partial<RefreshRequest>): RefreshRequest;
}

/** A refresher for one provider, on a fake clock. */
export function scenario(
  config: OAuthProviderConfig,
  options: Partial<Omit<OAuthRefresherOptions, "resolveProvider">> = {},
): Scenario {
  const clock = new FakeClock();
  const refresher = createOAuthRefresher({
    clock,
    ...options,
    resolveProvider: (id) => (id === config.id ? config : undefined),
  });
  const request = (overrides: Partial<RefreshRequest> = {}): RefreshRequest => ({
    provider: config.id,
    issuer: grantIssuerOf(config),
    clientId: config.clientId,
    tokenSet: tokens(),
    attemptId: "attempt-1",
    signal: new AbortController().signal,
    ...overrides,
  });
  return {
    clock,
    request,
    refresh: (overrides) => refresher.refresh(request(overrides)),
    revoke: (overrides) => refresher.revoke(request(overrides)),
  };
}

/** An unsigned JWT with a signature-like third part. */
export function jwt(claims: object, header: object = { alg: "RS256" }): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part(claims)}.c2lnbmF0dXJl`;
}

/** What an outcome says in short: `rejected invalid_grant`, or `committed`. */
export function brief(outcome: RefreshOutcome): string {
  return outcome.kind === "committed" ? "committed" : `${outcome.kind} ${outcome.code}`;
}
