/**
 * A real authorization server (`oidc-provider`) behind a gate that sees each refresh request before and after the
 * server has acted on it: the two moments at which a crash or a cut connection matters.
 *
 * The gate keeps the truth: which refresh token came of which request, and what became of its answer.
 */
import { createHash } from "node:crypto";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { Provider } from "oidc-provider";

/** A refresh request that the server has committed. */
export interface Rotation {
  readonly chain: string;
  /** Hash of the refresh token that was spent. */
  readonly spent: string;
  /** Hash of the one that came of it. */
  readonly issued: string;
  readonly pid: number;
  readonly atMs: number;
}

/** A refresh request that arrived. */
export interface ArrivedRequest {
  readonly pid: number;
  readonly atMs: number;
}

/** An access token that was handed out, by its hash. */
export interface IssuedAccessToken {
  readonly chain: string;
  readonly expiresAtMs: number;
}

/** What the gate does with one request at one moment. */
export type GateVerdict = "pass" | "drop";

/** Asked at both moments. May take its time: that is latency. */
export interface Gate {
  /** The request has arrived whole; the server has not seen it. `drop`: it never will, and the connection is cut. */
  readonly before: (pid: number) => Promise<GateVerdict>;
  /** The server has committed; the process has heard nothing. `drop`: it never will. */
  readonly after: (pid: number) => Promise<GateVerdict>;
}

/** The server and what it knows. */
export interface AuthorizationServer {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly rotations: readonly Rotation[];
  readonly accessTokens: ReadonlyMap<string, IssuedAccessToken>;
  /** How many refresh requests arrived, and how many of them were refused. */
  readonly counts: { requests: number; refused: number; mostAtOnce: number };
  /** The refresh requests for a chain, in the order of arrival. */
  requestsOf(chain: string): readonly ArrivedRequest[];
  /** Signs a user in: a new chain with its first refresh token. */
  signIn(user: string): Promise<{ chain: string; refreshToken: string }>;
  stop(): Promise<void>;
}

/** What {@link startAuthorizationServer} takes. */
export interface AuthorizationServerOptions {
  readonly tokenTtlSeconds: number;
  /** False: refresh tokens are not rotated (P0). */
  readonly rotates: boolean;
  readonly gate: Gate;
}

const CLIENT_ID = "torture";
const CLIENT_SECRET = "torture-client-secret";
/** The header by which a process says who it is. */
export const PID_HEADER = "x-torture-pid";

/** Names a token in logs and maps. */
export function tokenHash(token: string): string {
  return createHash("sha256").update(token).digest("base64url").slice(0, 16);
}

/** Starts it on a free port. */
export async function startAuthorizationServer(
  options: AuthorizationServerOptions,
): Promise<AuthorizationServer> {
  const front = createServer();
  const issuer = `http://127.0.0.1:${await listen(front)}`;
  const provider = providerFor(issuer, options);
  const answer = provider.callback();
  const back = createServer((request, response) => void answer(request, response));
  const backPort = await listen(back);
  const truth = {
    rotations: [] as Rotation[],
    accessTokens: new Map<string, IssuedAccessToken>(),
    chains: new Map<string, string>(),
    counts: { requests: 0, refused: 0, mostAtOnce: 0 },
    open: new Map<string, number>(),
    arrived: new Map<string, ArrivedRequest[]>(),
  };
  front.on("request", (request: IncomingMessage, response: ServerResponse) => {
    void handle(request, response, backPort, options, truth);
  });
  let serial = 0;
  return {
    issuer,
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    rotations: truth.rotations,
    accessTokens: truth.accessTokens,
    counts: truth.counts,
    requestsOf: (chain) => truth.arrived.get(chain) ?? [],
    async signIn(user) {
      const chain = `${user}#${++serial}`;
      const refreshToken = await firstRefreshToken(provider, user);
      truth.chains.set(tokenHash(refreshToken), chain);
      return { chain, refreshToken };
    },
    async stop() {
      for (const server of [front, back]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

interface Truth {
  readonly rotations: Rotation[];
  readonly accessTokens: Map<string, IssuedAccessToken>;
  /** The chain of each refresh token ever issued. */
  readonly chains: Map<string, string>;
  readonly counts: { requests: number; refused: number; mostAtOnce: number };
  readonly open: Map<string, number>;
  readonly arrived: Map<string, ArrivedRequest[]>;
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  backPort: number,
  { gate, tokenTtlSeconds }: AuthorizationServerOptions,
  truth: Truth,
): Promise<void> {
  const body = await readAll(request);
  const form = new URLSearchParams(body.toString());
  const presented = form.get("grant_type") === "refresh_token" ? form.get("refresh_token") : null;
  if (presented === null) {
    const { status, headers, body: answer } = await forward(request, body, backPort);
    response.writeHead(status, headers).end(answer);
    return;
  }
  const pid = Number(request.headers[PID_HEADER] ?? 0);
  const spent = tokenHash(presented);
  const chain = truth.chains.get(spent) ?? "?";
  const { counts, open, arrived } = truth;
  counts.requests++;
  arrived.set(chain, [...(arrived.get(chain) ?? []), { pid, atMs: Date.now() }]);
  open.set(chain, (open.get(chain) ?? 0) + 1);
  counts.mostAtOnce = Math.max(counts.mostAtOnce, open.get(chain) ?? 0);
  try {
    if ((await gate.before(pid)) === "drop") {
      request.socket.destroy();
      return;
    }
    const { status, headers, body: answer } = await forward(request, body, backPort);
    if (status === 200) noteRotation(truth, answer, { chain, spent, pid }, tokenTtlSeconds);
    else counts.refused++;
    if ((await gate.after(pid)) === "drop") {
      request.socket.destroy();
      return;
    }
    response.writeHead(status, headers).end(answer);
  } catch {
    request.socket.destroy();
  } finally {
    open.set(chain, (open.get(chain) ?? 1) - 1);
  }
}

function noteRotation(
  { rotations, accessTokens, chains }: Truth,
  answer: Buffer,
  { chain, spent, pid }: Pick<Rotation, "chain" | "spent" | "pid">,
  tokenTtlSeconds: number,
): void {
  const tokens = JSON.parse(answer.toString()) as { access_token: string; refresh_token?: string };
  accessTokens.set(tokenHash(tokens.access_token), {
    chain,
    expiresAtMs: Date.now() + tokenTtlSeconds * 1000,
  });
  const issued = tokens.refresh_token === undefined ? spent : tokenHash(tokens.refresh_token);
  chains.set(issued, chain);
  rotations.push({ chain, spent, issued, pid, atMs: Date.now() });
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[]>;
  readonly body: Buffer;
}

function forward({ method, url, headers }: IncomingMessage, body: Buffer, port: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onward = httpRequest(
      { port, host: "127.0.0.1", method, path: url, headers: { ...headers, connection: "close" } },
      (answer) => {
        void readAll(answer).then((read) => {
          const { "transfer-encoding": _chunked, connection: _connection, ...rest } = answer.headers;
          const kept = Object.entries(rest).filter(
            (entry): entry is [string, string | string[]] => entry[1] !== undefined,
          );
          resolve({ status: answer.statusCode ?? 502, headers: Object.fromEntries(kept), body: read });
        }, reject);
      },
    );
    onward.on("error", reject);
    onward.end(body);
  });
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function listen(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

function providerFor(issuer: string, { tokenTtlSeconds, rotates }: AuthorizationServerOptions): Provider {
  return new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
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
}

async function firstRefreshToken(provider: Provider, accountId: string): Promise<string> {
  const client = await provider.Client.find(CLIENT_ID);
  if (client === undefined) throw new Error("the client of the torture run is not registered");
  const grant = new provider.Grant({ accountId, clientId: CLIENT_ID });
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
