import { randomBytes } from "node:crypto";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { getCloneableBody } from "next/dist/server/body-streams.js";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { TokenHandler } from "../../src/adapter/token-handler/index.ts";
import type { TokenHandlerApi } from "../../src/adapter/token-handler/options.ts";
import type { Browser } from "./support/browser.ts";
import { APP, createScene, type Scene } from "./support/token-handler.ts";
import { LIFETIME_MS, pass, until } from "./support/world.ts";

describe("a token handler as an API route of the Pages Router", () => {
  it("calls the API with each user's own token, and passes the answer back", async () => {
    const { alice, bob, api, call } = await pagesScene();

    const answers = await Promise.all([
      call(alice, "/api/proxy/shop/orders?a=b"),
      call(bob, "/api/proxy/shop/orders", { method: "POST", body: "hello" }),
    ]);

    expect(await Promise.all(answers.map((each) => each.json()))).toEqual([
      { user: "alice", asked: "GET /orders?a=b" },
      { user: "bob", asked: "POST /orders" },
    ]);
    expect(answers[0].headers.get("cache-control")).toBe("private, no-store");
    expect(api.seen.map(({ body }) => body).sort()).toEqual(["", "hello"]);
  });

  it("has the same guards and the same paths (SEC-25, SEC-29)", async () => {
    const { alice, api, call } = await pagesScene();

    const answers = await Promise.all([
      call(alice, "/api/proxy/shop/orders", { headers: { "x-nolapse-csrf": "" } }),
      call(alice, "/api/proxy/shop/orders", { headers: { origin: "https://evil.example" } }),
      call(alice, "/api/proxy/shop/orders%2fx"),
      call(alice, "//evil.example/api/proxy/shop/orders"),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([403, 403, 404, 200]);
    expect(api.seen.map(({ url }) => url)).toEqual(["/orders"]);
  });

  it("renews after a 401 and sends the body once more", async () => {
    const { world, alice, api, call } = await pagesScene();
    pass(LIFETIME_MS / 2);
    const { accessToken } = await world.getAccessToken(alice.nodeRequest());
    api.accept = (token) => token !== accessToken;

    const answer = await call(alice, "/api/proxy/shop/orders", { method: "POST", body: "hello" });

    expect(answer.status).toBe(200);
    expect(api.seen.map(({ body }) => body)).toEqual(["hello", "hello"]);
  });

  it("streams both ways, and ends at the API when the page leaves", async () => {
    const { alice, api, call } = await pagesScene();
    api.answer = (request, response) => {
      response.setHeader("content-type", "text/event-stream");
      request.on("data", (chunk: Buffer) => response.write(`data: ${chunk.length}\n\n`));
    };
    const leave = new AbortController();

    const answer = await call(alice, "/api/proxy/shop/open/events", {
      method: "POST",
      body: new Blob(["x".repeat(70_000)]).stream(),
      duplex: "half",
      signal: leave.signal,
    });
    const reader = answer.body!.getReader();
    const { value } = await reader.read();
    leave.abort();

    expect(Buffer.from(value!).toString()).toMatch(/^:\n\n/);
    await until(() => api.seen[0]!.isCut);
  });

  it("answers an upload that is too large, before its end, so that the page gets to read it", async () => {
    const { alice, api, call } = await pagesScene({ maxRequestBytes: 100_000 });
    for (const body of ["x".repeat(3_000_000), new Blob(["x".repeat(3_000_000)]).stream()]) {
      const answer = await call(alice, "/api/proxy/shop/open/file", { method: "PUT", body, duplex: "half" });

      expect([answer.status, answer.headers.get("x-nolapse-error")]).toEqual([413, "request_too_large"]);
    }
    await until(() => api.seen.every(({ isCut }) => isCut));
  });

  it("ends at the API when the page leaves before its answer", async () => {
    const { alice, api, call } = await pagesScene();
    api.answer = () => undefined;
    const leave = new AbortController();

    const answer = call(alice, "/api/proxy/shop/orders", { signal: leave.signal });
    await until(() => api.seen.length === 1);
    leave.abort();

    await expect(answer).rejects.toThrow();
    await until(() => api.seen[0]!.isCut);
  });

  it("breaks off at the page when the API breaks off", async () => {
    const { alice, api, call } = await pagesScene();
    api.answer = (_request, response) => {
      response.write("half of it");
      setTimeout(() => response.destroy(), 20);
    };

    const answer = await call(alice, "/api/proxy/shop/orders");

    await expect(answer.text()).rejects.toThrow();
  });

  it.each(["application/json", "text/plain", "text/event-stream"])(
    "passes each piece of %s on as it comes, though Next compresses it (F38)",
    async (type) => {
      const { alice, api, call } = await pagesScene({}, compressedByNext());
      const streams: ServerResponse[] = [];
      api.answer = (_request, response) => {
        response.writeHead(200, { "content-type": type }).flushHeaders();
        response.write("first");
        streams.push(response);
      };

      const answer = await call(alice, "/api/proxy/shop/open/pieces");
      const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();

      let text = "";
      for (const piece of ["first", "second", "third"]) {
        while (!text.endsWith(piece)) text += (await reader.read()).value ?? "";
        streams[0]!.write(piece === "first" ? "second" : "third");
      }
      expect(text).toBe(type === "text/event-stream" ? ":\n\nfirstsecondthird" : "firstsecondthird");
      expect(answer.headers.get("content-encoding")).toBe(type === "text/event-stream" ? null : "gzip");
      streams[0]!.end();
    },
  );

  it("waits for the page with one listener, however often, because none can be taken from Next's compression", async () => {
    const { alice, api, call } = await pagesScene({}, compressedByNext());
    api.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "text/plain" });
      response.end(randomBytes(4_000_000).toString("base64"));
    };
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    onTestFinished(() => void process.off("warning", onWarning));

    const answer = await call(alice, "/api/proxy/shop/open/large");

    expect((await answer.text()).length).toBeGreaterThan(5_000_000);
    expect(warnings).toEqual([]);
  });

  it("refuses an upload of which Next has kept only a part for a proxy.ts, whole or streamed (SEC-54)", async () => {
    const { alice, api, call } = await pagesScene({ maxReplayBytes: 150_000 }, cutByProxy(100_000));
    const warned = vi.spyOn(console, "warn").mockReturnValue();
    onTestFinished(() => warned.mockRestore());
    for (const bytes of [120_000, 300_000]) {
      const body = new Uint8Array(bytes);
      const answer = await call(alice, "/api/proxy/shop/open/file", { method: "PUT", body });

      expect([answer.status, answer.headers.get("x-nolapse-error")]).toEqual([
        400,
        "request_length_mismatch",
      ]);
    }
    expect(warned.mock.calls.flat().join()).toContain("Request body exceeded");
    await until(() => api.seen.every(({ isCut }) => isCut));
    const whole = await call(alice, "/api/proxy/shop/open/file", { method: "PUT", body: "x".repeat(90_000) });
    expect([whole.status, api.seen.at(-1)?.body.length]).toEqual([200, 90_000]);
  });

  it("says in the log what is missing where Next has read the body already", async () => {
    const { alice, api, call } = await pagesScene({}, (request) => {
      (request as IncomingMessage & { body: unknown }).body = { a: 1 };
    });
    const log = vi.spyOn(console, "error").mockReturnValue();
    onTestFinished(() => log.mockRestore());

    const answer = await call(alice, "/api/proxy/shop/orders", { method: "POST", body: "{}" });

    expect(answer.status).toBe(500);
    expect(log.mock.calls.flat().join()).toContain('"config.api.bodyParser" must be false');
    expect(api.seen).toEqual([]);
  });
});

interface PagesScene extends Omit<Scene, "call"> {
  readonly call: (
    browser: Browser,
    path: string,
    init?: Omit<RequestInit, "headers"> & {
      readonly duplex?: "half";
      readonly headers?: Readonly<Record<string, string>>;
    },
  ) => Promise<Response>;
}

/** The route on an HTTP server, as Next mounts it. */
async function pagesScene(
  given: Partial<TokenHandlerApi> = {},
  before: Before = () => undefined,
): Promise<PagesScene> {
  const scene = await createScene(given);
  const origin = await mounted(scene.handler, before);
  return {
    ...scene,
    call: (browser, path, { headers, ...init } = {}) => {
      const all = { cookie: browser.cookieHeader, "x-nolapse-csrf": "1", origin: APP, ...headers };
      // As it is, because fetch would read the two slashes of a path as a host.
      if (path.startsWith("//")) return rawGet(origin, path, all);
      return fetch(origin + path, { ...init, headers: all });
    },
  };
}

/** What happens to a request before the route gets it. */
type Before = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** What `next start` does with answers, unless `compress` is false. */
function compressedByNext(): Before {
  type Middleware = (...args: [...Parameters<Before>, next: () => void]) => void;
  const compression = createRequire(import.meta.url)("next/dist/compiled/compression") as () => Middleware;
  const middleware = compression();
  return (request, response) => new Promise((resolve) => middleware(request, response, resolve));
}

/** Next's own doing where a `proxy.ts` runs on the path. */
function cutByProxy(maxBytes: number): Before {
  return async (request) => {
    const body = getCloneableBody(request, maxBytes);
    body.cloneBodyStream().resume();
    await body.finalize();
  };
}

async function mounted(handler: TokenHandler, before: Before): Promise<string> {
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    void Promise.resolve(before(request, response)).then(() => handler.pages(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function rawGet(origin: string, path: string, headers: Record<string, string>): Promise<Response> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    httpRequest({ hostname, port, path, headers }, (answer) => {
      answer.resume();
      resolve(new Response(null, { status: answer.statusCode ?? 0 }));
    })
      .on("error", reject)
      .end();
  });
}
