/**
 * The HTTP side of the strict authorization server.
 *
 * @module
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Fault } from "./faults.ts";

const MAX_REQUEST_BYTES = 1024 * 1024;

/** Lets requests through, or keeps them until it is opened. */
export class Gate {
  #waiting: (() => void)[] = [];
  #closed = false;

  get waiting(): number {
    return this.#waiting.length;
  }

  close(): void {
    this.#closed = true;
  }

  open(): void {
    this.#closed = false;
    for (const pass of this.#waiting.splice(0)) pass();
  }

  passed(): Promise<void> {
    if (!this.#closed) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** Listens on 127.0.0.1. Rejects if the port is taken. */
export function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** A request's body as text, at most 1 MiB of it. */
export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let readBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    readBytes += chunk.byteLength;
    if (readBytes > MAX_REQUEST_BYTES) throw new RangeError("The request body is larger than 1 MiB");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Whether a request proves to come from this client, in its header or its body. */
export function isClient(
  request: IncomingMessage,
  form: URLSearchParams,
  client: { readonly id: string; readonly secret: string },
): boolean {
  const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  const [id = "", secret = ""] =
    basic === undefined
      ? [form.get("client_id") ?? "", form.get("client_secret") ?? ""]
      : Buffer.from(basic, "base64").toString().split(":").map(formDecoded);
  return id === client.id && secret === client.secret;
}

function formDecoded(text: string): string {
  return new URLSearchParams(`value=${text}`).get("value") ?? "";
}

/** Answers as a fault wants it. */
export function fail(response: ServerResponse, { cut, status = 500, headers = {}, body = "" }: Fault): void {
  if (cut !== undefined) {
    response.destroy();
    return;
  }
  response.writeHead(status, headers).end(body);
}

/** Answers with JSON that must not be cached. */
export function json(response: ServerResponse, status: number, body: object): void {
  answer(response, status, JSON.stringify(body), {
    "content-type": "application/json",
    "cache-control": "no-store",
  });
}

/** Answers. */
export function answer(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, headers).end(body);
}
