/**
 * A token handler as an API route of the Pages Router: Node's request in, Node's response out.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { InvalidOptionError } from "../../core/errors.ts";
import { tellHeaders, type NodeRequestLike } from "../request-source.ts";
import { answerOf, answerOfError } from "./answers.ts";
import type { PageCall } from "./index.ts";
import type { Bytes } from "./streams.ts";

/** Answers one request. Never rejects. */
export async function nodeCall(
  request: IncomingMessage,
  response: ServerResponse,
  answerTo: (call: PageCall) => Promise<Response>,
): Promise<void> {
  const gone = new AbortController();
  const onClose = (): void => gone.abort();
  response.once("close", onClose);
  try {
    const call = callOf(request, gone.signal);
    await write(call === undefined ? answerOfError(parsedBody()) : await answerTo(call), response);
  } catch {
    // The answer broke off: what the page has got of it must not look whole.
    if (response.headersSent) response.destroy();
    else await write(answerOf("internal"), response).catch(() => response.destroy());
  } finally {
    response.off("close", onClose);
  }
}

/** `undefined` where Next has read the body already. */
function callOf(request: IncomingMessage, signal: AbortSignal): PageCall | undefined {
  const { method = "GET", url = "/" } = request;
  const headers = headersOf(request.headers);
  const hasBody = method !== "GET" && method !== "HEAD";
  if (hasBody && (request as { body?: unknown }).body !== undefined) return undefined;
  return {
    method,
    url: new URL(url, "http://localhost").href,
    headers,
    request: request as NodeRequestLike,
    body: () => (hasBody ? (Readable.toWeb(request) as unknown as Bytes) : null),
    signal,
  };
}

/** Node's headers as the web has them. */
export function headersOf(given: NodeRequestLike["headers"]): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) {
    for (const each of [value ?? []].flat()) headers.append(name, each);
  }
  return headers;
}

function parsedBody(): InvalidOptionError {
  return new InvalidOptionError(
    "config.api.bodyParser",
    "must be false in the file of the route: export const config = { api: { bodyParser: false } }",
  );
}

async function write(answer: Response, response: ServerResponse & { flush?: () => void }): Promise<void> {
  response.statusCode = answer.status;
  tellHeaders(answer, response);
  if (answer.body === null) return void response.end();
  const reader = answer.body.getReader();
  let goOn = (): void => undefined;
  // One for all of it: Next's compression takes it to a stream of its own, where `off` does not reach.
  const onDrain = (): void => goOn();
  const onClose = (): void => {
    void reader.cancel().catch(() => undefined);
    goOn();
  };
  response.on("drain", onDrain);
  response.once("close", onClose);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return void response.end();
      const hasRoom = response.write(value);
      // Of Next's compression, which would keep what is small until the end.
      response.flush?.();
      if (!hasRoom && !response.destroyed) await new Promise<void>((resolve) => (goOn = resolve));
    }
  } finally {
    response.off("drain", onDrain);
    response.off("close", onClose);
  }
}
