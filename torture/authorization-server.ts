/**
 * A real authorization server behind a gate that sees each refresh request before and after the server has acted on it:
 * the two moments at which a crash or a cut connection matters.
 *
 * The gate keeps the truth: which refresh token came of which request, and what became of its answer.
 */
import { createHash } from "node:crypto";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";

import type { RotationPolicy } from "../src/core/rotation.ts";
import { CLIENT, listen, startBackend, stopServer, type Backend } from "./backends.ts";
import type { Overlap } from "./overlaps.ts";

/** A refresh request that the server has committed. */
export interface Rotation {
  readonly chain: string;
  /** Hash of the refresh token that was spent. */
  readonly spent: string;
  /** Hash of the one that came of it. */
  readonly issued: string;
  readonly pid: number;
  /** Names the request, as its process does. */
  readonly send: string;
  readonly atMs: number;
  /** When its process sent the request. */
  readonly sentAtMs: number;
  /** When the answer was written to the connection, for whoever still reads it. `undefined`: the gate kept it from everybody. */
  readonly writtenAtMs: number | undefined;
}

/** A refresh request that arrived. */
export interface ArrivedRequest {
  readonly pid: number;
  readonly attemptId: string;
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
  readonly counts: { requests: number; refused: number };
  /** Refresh requests of one chain that were out at the same time. */
  readonly overlaps: readonly Overlap[];
  /** The refresh requests for a chain, in the order of arrival. */
  requestsOf(chain: string): readonly ArrivedRequest[];
  /** Signs a user in: a new chain with its first refresh token. */
  signIn(user: string): Promise<{ chain: string; refreshToken: string }>;
  stop(): Promise<void>;
}

/** What {@link startAuthorizationServer} takes. */
export interface AuthorizationServerOptions {
  readonly tokenTtlSeconds: number;
  readonly rotation: RotationPolicy;
  readonly gate: Gate;
}

/** The headers by which a process says who it is, which of its requests this is, for which attempt, and when it was sent. */
export const PID_HEADER = "x-torture-pid";
export const SEND_HEADER = "x-torture-send";
export const ATTEMPT_HEADER = "x-torture-attempt";
export const SENT_AT_HEADER = "x-torture-sent-at";

/** Names a token in logs and maps. */
export function tokenHash(token: string): string {
  return createHash("sha256").update(token).digest("base64url").slice(0, 16);
}

interface Truth {
  readonly rotations: Rotation[];
  readonly accessTokens: Map<string, IssuedAccessToken>;
  /** The chain of each refresh token ever issued. */
  readonly chains: Map<string, string>;
  readonly counts: { requests: number; refused: number };
  readonly open: Map<string, Set<ArrivedRequest>>;
  readonly overlaps: Overlap[];
  readonly arrived: Map<string, ArrivedRequest[]>;
}

/** Starts it on a free port. */
export async function startAuthorizationServer(
  options: AuthorizationServerOptions,
): Promise<AuthorizationServer> {
  const front = createServer();
  const issuer = `http://127.0.0.1:${await listen(front)}`;
  const backend = await startBackend(issuer, options.rotation, options.tokenTtlSeconds);
  const truth: Truth = {
    rotations: [],
    accessTokens: new Map(),
    chains: new Map(),
    counts: { requests: 0, refused: 0 },
    open: new Map(),
    overlaps: [],
    arrived: new Map(),
  };
  front.on("request", (request: IncomingMessage, response: ServerResponse) => {
    handle(request, response, { issuer, backend, options, truth }).catch(() => request.socket.destroy());
  });
  let serial = 0;
  return {
    issuer,
    clientId: CLIENT.id,
    clientSecret: CLIENT.secret,
    rotations: truth.rotations,
    accessTokens: truth.accessTokens,
    counts: truth.counts,
    overlaps: truth.overlaps,
    requestsOf: (chain) => truth.arrived.get(chain) ?? [],
    async signIn(user) {
      const chain = `${user}#${++serial}`;
      const refreshToken = await backend.signIn(user);
      truth.chains.set(tokenHash(refreshToken), chain);
      return { chain, refreshToken };
    },
    async stop() {
      await stopServer(front);
      await backend.stop();
    },
  };
}

interface Surroundings {
  readonly issuer: string;
  readonly backend: Backend;
  readonly options: AuthorizationServerOptions;
  readonly truth: Truth;
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  { issuer, backend, options, truth }: Surroundings,
): Promise<void> {
  const body = await readAll(request);
  const form = new URLSearchParams(body.toString());
  const presented = form.get("grant_type") === "refresh_token" ? form.get("refresh_token") : null;
  if (presented === null) {
    const { status, headers, body: answer } = await forward(request, body, backend.port);
    // In its metadata the server gives its own address: nobody shall get past the gate.
    response.writeHead(status, headers).end(answer.toString().replaceAll(backend.issuer, issuer));
    return;
  }
  const { gate, tokenTtlSeconds } = options;
  const { arrived, ended } = noteArrival(request, tokenHash(presented), truth);
  const { pid } = arrived;
  try {
    // Nobody waits for it any more: a request that reached the server after the next one would be a fault of its own (X39).
    if ((await gate.before(pid)) === "drop" || request.socket.destroyed) {
      request.socket.destroy();
      return;
    }
    const { status, headers, body: answer } = await forward(request, body, backend.port);
    const rotated = status === 200 ? noteRotation(truth, answer, arrived, tokenTtlSeconds) : undefined;
    if (rotated === undefined) truth.counts.refused++;
    if ((await gate.after(pid)) === "drop") {
      request.socket.destroy();
      return;
    }
    if (rotated !== undefined) rotated.writtenAtMs = Date.now();
    response.writeHead(status, headers).end(answer);
  } finally {
    ended();
  }
}

interface Arrival extends ArrivedRequest {
  readonly chain: string;
  readonly spent: string;
  readonly send: string;
  readonly sentAtMs: number;
}

/** `ended` is also called by the end of the connection: nobody waits for this request then. */
function noteArrival(
  { headers, socket }: IncomingMessage,
  spent: string,
  { chains, counts, open, overlaps, arrived: all }: Truth,
): { arrived: Arrival; ended: () => void } {
  const text = (name: string): string => String(headers[name] ?? "");
  const chain = chains.get(spent) ?? "?";
  const arrived: Arrival = {
    ...{ chain, spent, pid: Number(text(PID_HEADER)), send: text(SEND_HEADER) },
    ...{ attemptId: text(ATTEMPT_HEADER), sentAtMs: Number(text(SENT_AT_HEADER)), atMs: Date.now() },
  };
  counts.requests++;
  all.set(chain, [...(all.get(chain) ?? []), arrived]);
  const others = open.get(chain) ?? new Set();
  for (const first of others) overlaps.push({ chain, first, second: arrived });
  open.set(chain, others.add(arrived));
  const ended = (): void => void others.delete(arrived);
  socket.once("close", ended);
  return { arrived, ended };
}

function noteRotation(
  { rotations, accessTokens, chains }: Truth,
  answer: Buffer,
  { chain, spent, pid, send, sentAtMs }: Arrival,
  tokenTtlSeconds: number,
): { writtenAtMs: number | undefined } {
  const tokens = JSON.parse(answer.toString()) as { access_token: string; refresh_token?: string };
  accessTokens.set(tokenHash(tokens.access_token), {
    chain,
    expiresAtMs: Date.now() + tokenTtlSeconds * 1000,
  });
  const issued = tokens.refresh_token === undefined ? spent : tokenHash(tokens.refresh_token);
  chains.set(issued, chain);
  const rotation = {
    ...{ chain, spent, issued, pid, send, sentAtMs, atMs: Date.now() },
    writtenAtMs: undefined as number | undefined,
  };
  rotations.push(rotation);
  return rotation;
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
          const {
            "transfer-encoding": _chunked,
            "content-length": _length,
            connection: _connection,
            ...rest
          } = answer.headers;
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
