/**
 * What both servers need around `node:http`: bounded bodies, answers, and a start and an end that a parent process
 * can rely on.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

import { SettingError } from "./settings.ts";

/** An answer that ends the request: thrown by whoever reads it, turned into a response at the edge. */
export class HttpProblem extends Error {
  override readonly name = "HttpProblem";
  readonly status: number;
  /** OAuth-style `error` member. */
  readonly code: string;
  constructor(status: number, code: string, description: string) {
    super(description);
    this.status = status;
    this.code = code;
  }
}

/** The request's body as text. Rejects with a 413 {@link HttpProblem} above `limitBytes`. */
export function readBody(request: IncomingMessage, limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  // Not `for await`: leaving it early destroys the socket, and the 413 could not be sent.
  return new Promise((resolve, reject) => {
    request.on("data", (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes <= limitBytes) return void chunks.push(chunk);
      chunks.length = 0;
      reject(new HttpProblem(413, "invalid_request", `The body is over ${limitBytes} bytes`));
    });
    request.once("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    request.once("error", reject);
    request.once("close", () => reject(new HttpProblem(400, "invalid_request", "The body ended too early")));
  });
}

/** Answers with JSON that nobody may store. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...headers,
  });
  response.end(text);
}

/** A server that listens, and how to end it. */
export interface RunningServer {
  readonly port: number;
  /** Lets open answers finish for at most `graceMs` milliseconds, then cuts what is left. */
  close(graceMs?: number): Promise<void>;
}

/**
 * Listens on `host:port` (port 0: any free one). Rejects with a {@link SettingError} if the port is taken. `upgrade` takes over
 * requests for another protocol, and ends what it took over itself.
 */
export function listen(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  host: string,
  port: number,
  upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
): Promise<RunningServer> {
  const server = createServer(
    { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 65_000 },
    handle,
  );
  server.maxConnections = 1_000;
  if (upgrade) server.on("upgrade", upgrade);
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const taken = error.code === "EADDRINUSE";
      reject(taken ? new SettingError(`Port ${port} of ${host} is taken: set PORT to a free one`) : error);
    });
    server.listen(port, host, () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        close: (graceMs = 1_000) => closeServer(server, graceMs),
      });
    });
  });
}

function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
