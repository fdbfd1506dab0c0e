/**
 * A proxy in front of a server, in the test's own process. It passes everything on, keeps a log of the requests to
 * one watched endpoint, and can hold those, answer in the server's place, stall, or cut the connection before or
 * after the server has done its work.
 */
import { createHash } from "node:crypto";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

/** What happens to a watched request instead of being passed on. */
export type Fault =
  /** The proxy answers; the server never hears of it. */
  | {
      readonly kind: "respond";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** No answer ever; the server never hears of it. */
  | { readonly kind: "stall" }
  /** The connection is cut; the server never hears of it. */
  | { readonly kind: "cut_before" }
  /** The server does its work, and its answer is lost: the connection is cut instead. */
  | { readonly kind: "cut_after" };

/** One request to the watched endpoint. Grows as things happen. */
export interface WatchedRequest {
  /** `grant_type` of a form; `refresh_token` where a JSON body has that member. */
  readonly grantType: string | undefined;
  /** Prefix of the refresh token's SHA-256, as in the servers' audit files. */
  readonly refreshTokenHash: string | undefined;
  /** The same of the refresh token that the server answered with. */
  issuedHash?: string | undefined;
  readonly startedAtMs: number;
  endedAtMs?: number;
  /** Status that the client got. `undefined` while it waits, or where it got none. */
  status?: number;
  /** Status that the server answered with, whether or not the client got it. */
  serverStatus?: number;
  readonly fault?: Fault["kind"];
}

/** One request and its answer, as they passed. */
export interface Exchange {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  /** The answer's body. */
  readonly answer: string;
}

/** The proxy. */
export interface FaultProxy {
  readonly origin: string;
  /** Where requests go; can change while it runs. */
  targetPort: number;
  /** The watched requests so far, in the order of their arrival. */
  readonly log: readonly WatchedRequest[];
  /** Told of every exchange with the server, watched or not, once it has ended. */
  onExchange?: (exchange: Exchange) => void;
  /**
   * Does this to the next `count` watched requests, or only to those of that grant type, or with those refresh tokens.
   * Returns what takes back the faults that have not happened, and cuts the requests that stall.
   */
  next(count: number, fault: Fault, only?: Only): () => void;
  /** Takes back all of them. */
  clear(): void;
  /** From now on, watched requests wait: before the server hears of them, or with its answer in hand. */
  hold(where?: "request" | "answer"): void;
  /** Lets everything go on that is held. */
  release(): void;
  /** Resolves once `count` requests are held; rejects after `limitMs` milliseconds. */
  untilHeld(count: number, limitMs?: number): Promise<void>;
  close(): Promise<void>;
}

/** Which watched requests a fault is for. */
export interface Only {
  readonly grantType?: string;
  /** Hashes, as in {@link WatchedRequest.refreshTokenHash}. */
  readonly refreshTokens?: ReadonlySet<string>;
}

interface Planned {
  readonly fault: Fault;
  readonly only: Only;
  left: number;
  readonly stalled: Set<ServerResponse>;
}

const MAX_BODY_BYTES = 256 * 1024;

/** Starts a proxy on a free port of the loopback. `watches` says which requests are logged and can be disturbed. */
export async function faultProxy(watches: (method: string, path: string) => boolean): Promise<FaultProxy> {
  const log: WatchedRequest[] = [];
  const plan = new Set<Planned>();
  let holding: "request" | "answer" | undefined;
  let held: (() => void)[] = [];

  const takeFault = (
    request: Pick<WatchedRequest, "grantType" | "refreshTokenHash">,
  ): Planned | undefined => {
    const found = [...plan].find(({ left, only }) => left > 0 && isMeant(only, request));
    if (found) found.left -= 1;
    return found;
  };
  const holdAt = (where: "request" | "answer"): Promise<void> =>
    holding === where ? new Promise((resolve) => void held.push(resolve)) : Promise.resolve();

  const handleWatched = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readAll(request);
    const described = describeBody(body, request.headers["content-type"] ?? "");
    const planned = takeFault(described);
    const fault = planned?.fault;
    const entry: WatchedRequest = {
      ...described,
      startedAtMs: Date.now(),
      ...(fault && { fault: fault.kind }),
    };
    log.push(entry);
    response.once("close", () => {
      entry.endedAtMs = Date.now();
      if (response.writableFinished) entry.status = response.statusCode;
      planned?.stalled.delete(response);
    });

    if (fault?.kind === "respond")
      return void response.writeHead(fault.status, fault.headers).end(fault.body);
    if (fault?.kind === "stall") return void planned?.stalled.add(response);
    if (fault?.kind === "cut_before") return void response.destroy();
    await holdAt("request");
    const answer = await forward(request, proxy.targetPort, body);
    const content = await readAll(answer);
    proxy.onExchange?.(exchangeOf(request, content));
    entry.serverStatus = answer.statusCode ?? 0;
    entry.issuedHash = hashOf(jsonMember(content, "refresh_token"));
    await holdAt("answer");
    if (fault?.kind === "cut_after") return void response.destroy();
    const { "transfer-encoding": _dropped, ...headers } = answer.headers;
    response.writeHead(entry.serverStatus, { ...headers, "content-length": content.length }).end(content);
  };

  const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    const handled = watches(request.method ?? "GET", path)
      ? handleWatched(request, response)
      : passOn(request, response, proxy);
    handled.catch(() => response.destroy());
  });
  const upgraded = new Set<Duplex>();
  server.on("upgrade", (request, socket, head) => {
    upgraded.add(socket);
    socket.once("close", () => upgraded.delete(socket));
    passUpgrade(request, socket, head, proxy.targetPort);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  const release = (): void => {
    holding = undefined;
    const waiting = held;
    held = [];
    for (const go of waiting) go();
  };
  const takeBack = (planned: Planned): void => {
    plan.delete(planned);
    for (const response of planned.stalled) response.destroy();
  };

  const clear = (): void => plan.forEach(takeBack);

  const proxy: FaultProxy = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    targetPort: 0,
    log,
    next(count, fault, only = {}) {
      const planned: Planned = { fault, only, left: count, stalled: new Set() };
      plan.add(planned);
      return () => takeBack(planned);
    },
    clear,
    hold: (where = "request") => {
      holding = where;
    },
    release,
    untilHeld: async (count, limitMs = 10_000) => {
      const endMs = Date.now() + limitMs;
      while (held.length < count) {
        if (Date.now() > endMs)
          throw new Error(`${held.length} of ${count} requests held after ${limitMs} ms`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    close: () => {
      clear();
      release();
      for (const socket of upgraded) socket.destroy();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return proxy;
}

function describeBody(
  body: Buffer,
  contentType: string,
): Pick<WatchedRequest, "grantType" | "refreshTokenHash"> {
  const form = new URLSearchParams(contentType.includes("json") ? "" : body.toString("utf8"));
  const refreshToken = form.get("refresh_token") ?? jsonMember(body, "refresh_token");
  return {
    grantType: form.get("grant_type") ?? (refreshToken === undefined ? undefined : "refresh_token"),
    refreshTokenHash: hashOf(refreshToken),
  };
}

function isMeant(
  { grantType, refreshTokens }: Only,
  request: Pick<WatchedRequest, "grantType" | "refreshTokenHash">,
): boolean {
  return (
    (grantType ?? request.grantType) === request.grantType &&
    refreshTokens?.has(request.refreshTokenHash ?? "") !== false
  );
}

function hashOf(token: string | undefined): string | undefined {
  return token && createHash("sha256").update(token).digest("hex").slice(0, 16);
}

function jsonMember(body: Buffer, name: string): string | undefined {
  try {
    const value = (JSON.parse(body.toString("utf8")) as Record<string, unknown>)[name];
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_BODY_BYTES) throw new Error(`Over ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function forward(request: IncomingMessage, port: number, body: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const upstream = httpRequest({ ...upstreamOf(request, port) }, resolve);
    upstream.once("error", reject);
    upstream.end(body);
  });
}

function exchangeOf({ method = "GET", url = "/", headers }: IncomingMessage, answer: Buffer): Exchange {
  return { method, url, headers, answer: answer.toString("utf8") };
}

function passOn(request: IncomingMessage, response: ServerResponse, proxy: FaultProxy): Promise<void> {
  return new Promise((resolve, reject) => {
    const upstream = httpRequest(upstreamOf(request, proxy.targetPort), (answer) => {
      const chunks: Buffer[] = [];
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      if (proxy.onExchange) answer.on("data", (chunk: Buffer) => void chunks.push(chunk));
      answer.once("error", reject);
      response.once("close", () => {
        proxy.onExchange?.(exchangeOf(request, Buffer.concat(chunks)));
        answer.destroy();
        resolve();
      });
    });
    upstream.once("error", reject);
    request.pipe(upstream);
  });
}

/** A WebSocket: its bytes, both ways, until one side ends. */
function passUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, port: number): void {
  const upstream = connect(port, "127.0.0.1", () => {
    const lines = request.rawHeaders.flatMap((name, index, all) =>
      index % 2 === 0 ? [`${name}: ${all[index + 1] ?? ""}`] : [],
    );
    upstream.write([`GET ${request.url ?? "/"} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
    upstream.write(head);
    upstream.pipe(socket).pipe(upstream);
  });
  for (const [one, other] of [
    [upstream, socket],
    [socket, upstream],
  ] as const)
    one.once("error", () => other.destroy()).once("close", () => other.destroy());
}

function upstreamOf(request: IncomingMessage, port: number): import("node:http").RequestOptions {
  const { connection: _connection, ...headers } = request.headers;
  return {
    host: "127.0.0.1",
    port,
    method: request.method ?? "GET",
    path: request.url ?? "/",
    headers,
    agent: false,
  };
}
