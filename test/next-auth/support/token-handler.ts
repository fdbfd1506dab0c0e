/**
 * A token handler in front of a real API: pages call the route, the route calls an HTTP server of this process.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type { TokenHandler } from "../../../src/adapter/token-handler/index.ts";
import type { TokenHandlerApi, TokenHandlerOptions } from "../../../src/adapter/token-handler/options.ts";
import type { Browser } from "./browser.ts";
import { createWorld, type World, type WorldOptions } from "./world.ts";

/** Where browsers find the app of a world. */
export const APP = "http://localhost:3000";

/** One request that the API has seen. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Complete once the request is. */
  body: string;
  /** Whether the other side broke off. */
  isCut: boolean;
}

/** An API on a port of this machine. */
export interface Api {
  readonly origin: string;
  readonly seen: Seen[];
  /** What it does with a request whose token is good. @defaultValue answers who is asking, and what for */
  answer: (request: IncomingMessage, response: ServerResponse, user: string) => void;
  /** Says no to a good token. */
  accept: (token: string) => boolean;
  /** The `WWW-Authenticate` of that. */
  challenge: string;
}

/** A token handler, its API, and two users. */
export interface Scene {
  readonly world: World;
  readonly api: Api;
  readonly handler: TokenHandler;
  readonly alice: Browser;
  readonly bob: Browser;
  /** Calls the route as a page of the app does. */
  readonly call: (browser: Browser, path: string, init?: PageInit) => Promise<Response>;
}

/** What a page may change; headers of `null` are left out. */
export interface PageInit extends Omit<RequestInit, "headers"> {
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly duplex?: "half";
}

/** Starts all of it. The API is called `shop`, and all of its paths below `/open` and `/orders` may be called. */
export async function createScene(
  given: Partial<TokenHandlerApi> = {},
  options: Partial<TokenHandlerOptions> = {},
  worldOptions: WorldOptions = {},
): Promise<Scene> {
  const world = await createWorld(worldOptions);
  const api = await startApi((token) => world.server.userOf(token));
  const handler = world.createTokenHandler({
    apis: { shop: { ...shopOf(api), ...given } },
    ...options,
  });
  const [alice, bob] = [world.browser(), world.browser()];
  await alice.signIn("alice");
  await bob.signIn("bob");
  return { world, api, handler, alice, bob, call: (...args) => callRoute(handler, ...args) };
}

/** Settings that let everything of the tests through. */
export function shopOf({ origin }: Api): TokenHandlerApi {
  return {
    origin,
    paths: ["/orders", "/orders/*", "/open/**"],
    methods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
  };
}

/** A request as a page of the app sends it. */
export function pageRequest(browser: Browser, path: string, { headers, ...init }: PageInit = {}): Request {
  const method = init.method ?? "GET";
  const sent = new Headers();
  const all: Record<string, string | null> = {
    cookie: browser.cookieHeader,
    "x-nolapse-csrf": "1",
    "sec-fetch-site": "same-origin",
    "sec-fetch-mode": "cors",
    "sec-fetch-dest": "empty",
    ...(method !== "GET" && method !== "HEAD" && { origin: APP }),
    ...headers,
  };
  for (const [name, value] of Object.entries(all)) if (value !== null) sent.set(name, value);
  // As in HTTP/1.1.
  if (typeof init.body === "string" && headers?.["content-length"] === undefined)
    sent.set("content-length", String(Buffer.byteLength(init.body)));
  const isChunked = init.body instanceof ReadableStream && !sent.has("content-length");
  if (isChunked && headers?.["transfer-encoding"] === undefined) sent.set("transfer-encoding", "chunked");
  return new Request(APP + path, { ...init, headers: sent });
}

/** Calls a route. */
export function callRoute(
  handler: TokenHandler,
  browser: Browser,
  path: string,
  init: PageInit = {},
): Promise<Response> {
  const method = (init.method ?? "GET") as keyof Omit<TokenHandler, "pages">;
  return handler[method](pageRequest(browser, path, init));
}

/** Starts an API that knows users by their tokens. */
export async function startApi(whoIs: (token: string) => string | undefined): Promise<Api> {
  const api: Api & { origin: string } = {
    origin: "",
    seen: [],
    accept: () => true,
    challenge: "Bearer",
    answer: (request, response, user) => {
      const text = JSON.stringify({ user, asked: `${request.method ?? ""} ${request.url ?? ""}` });
      response.setHeader("content-type", "application/json");
      response.setHeader("content-length", text.length);
      response.end(text);
    },
  };
  const server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    const seen: Seen = { method, url, headers, body: "", isCut: false };
    api.seen.push(seen);
    request.on("data", (chunk: Buffer) => (seen.body += chunk.toString("latin1")));
    response.on("close", () => (seen.isCut = !response.writableFinished));
    request.on("error", () => undefined);
    const token = headers.authorization?.replace(/^Bearer /, "") ?? "";
    const user = api.accept(token) ? whoIs(token) : undefined;
    if (user !== undefined) return api.answer(request, response, user);
    // An answer before the end of the body is one that a client may not get to see.
    request.on("end", () => response.writeHead(401, { "www-authenticate": api.challenge }).end("no"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  api.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return api;
}

/** The code of an answer of the route's own; `undefined` for one of the API. */
export async function codeOf(answer: Response): Promise<string | undefined> {
  const code = answer.headers.get("x-nolapse-error");
  if (code === null) return undefined;
  const body = (await answer.json()) as { error?: unknown };
  return body.error === code ? code : `${code} but ${String(body.error)}`;
}
