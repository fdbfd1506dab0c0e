/**
 * The code of docs/browser-calls.md that outlives one call: an event stream's reader, and the server that takes WebSockets.
 */
import { transformSync } from "esbuild";
import { createServer, request as httpRequest, type IncomingMessage, type RequestListener } from "node:http";
import { connect, type AddressInfo, type Server, type Socket } from "node:net";
import { compileFunction } from "node:vm";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";

import { readDocument } from "../../scripts/lib/markdown.ts";

/** Runs the document's file of that title, and tells what it exports. */
function run(title: string, modules: Readonly<Record<string, unknown>>): unknown {
  const block = readDocument("docs/browser-calls.md").blocks.find((one) => one.title === title);
  const { code } = transformSync(block!.code, { loader: "ts", format: "cjs" });
  const module = { exports: {} };
  const file = compileFunction(code, ["require", "module", "setTimeout"]) as (...args: unknown[]) => void;
  file((name: string) => modules[name], module, setTimeout);
  return module.exports;
}

const silence = streamOf([], "open");

function streamOf(pieces: readonly string[], end: "end" | "cut" | "open" = "end"): () => Promise<Response> {
  return () => {
    const left = pieces.map((piece) => new TextEncoder().encode(piece));
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const piece = left.shift();
        if (piece !== undefined) return controller.enqueue(piece);
        if (end === "cut") return controller.error(new TypeError("network error"));
        if (end === "end") return controller.close();
        return new Promise(() => undefined);
      },
    });
    return Promise.resolve(new Response(body));
  };
}

describe("listen of docs/browser-calls.md", () => {
  type Listen = (path: string, onEvent: (data: string) => void, signal: AbortSignal) => Promise<void>;
  type CallApi = (path: string, init: { headers: Record<string, string> }) => Promise<Response>;

  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Listens to answers that come one after the other; the last one again and again. */
  function listenTo(...answers: (() => Promise<Response>)[]): {
    heard: string[];
    callApi: ReturnType<typeof vi.fn<CallApi>>;
    ended: ReturnType<typeof vi.fn>;
    leave: () => void;
  } {
    let calls = 0;
    const callApi = vi.fn<CallApi>(() => answers[Math.min(calls++, answers.length - 1)]!());
    const { listen } = run("lib/events.ts", { "@/lib/call-api": { callApi } }) as { listen: Listen };
    const heard: string[] = [];
    const ended = vi.fn();
    const leaving = new AbortController();
    listen("/events", (data) => void heard.push(data), leaving.signal).then(
      () => ended("left"),
      (error: unknown) => ended((error as Error).message),
    );
    onTestFinished(() => leaving.abort());
    return { heard, callApi, ended, leave: () => leaving.abort() };
  }

  it.each([
    ["LF", "\n"],
    ["CRLF", "\r\n"],
    ["CR", "\r"],
  ])("hears the same whatever ends a line, and wherever a piece is cut: %s", async (_name, end) => {
    const lines = [
      ":",
      "",
      "id: 7",
      "data: one\u2028 line",
      "data: two",
      "",
      "event: x",
      "data:three",
      "",
      "",
    ];
    const text = lines.join(end);

    const { heard, callApi } = listenTo(streamOf(Array.from(text)), streamOf([text]), silence);
    await vi.advanceTimersByTimeAsync(5_000);

    expect(heard).toEqual(["one\u2028 line\ntwo", "three", "one\u2028 line\ntwo", "three"]);
    expect(callApi.mock.calls.map(([, { headers }]) => headers["last-event-id"])).toEqual([
      undefined,
      "7",
      "7",
    ]);
  });

  it.each([
    ["a connection that is cut in the middle", streamOf(["data: 1\n\n", "data: 2"], "cut")],
    ["a network that is away", () => Promise.reject(new TypeError("Failed to fetch"))],
    ["a 503", () => Promise.resolve(new Response("away", { status: 503 }))],
    ["a 500", () => Promise.resolve(new Response(null, { status: 500 }))],
  ])("asks again after %s, as when a stream ends", async (_what, trouble) => {
    const { heard, ended } = listenTo(trouble, trouble, streamOf(["data: good\n\n"], "open"));

    await vi.advanceTimersByTimeAsync(10_000);

    expect(heard.at(-1)).toBe("good");
    expect(ended).not.toHaveBeenCalled();
  });

  it.each([
    ["no answer", (): Promise<Response> => Promise.reject(new TypeError("Failed to fetch"))],
    ["the comment that each stream begins with", streamOf([":\n\n"])],
  ])(
    "asks less and less often while all it gets is %s, and soon again after news (I10)",
    async (_what, away) => {
      const { callApi } = listenTo(...Array<typeof away>(30).fill(away), streamOf(["data: 1\n\n"]), silence);

      await vi.advanceTimersByTimeAsync(600_000);
      expect(callApi.mock.calls.length).toBeGreaterThan(15);
      expect(callApi.mock.calls.length).toBeLessThan(30);

      await vi.advanceTimersByTimeAsync(600_000);
      expect(callApi).toHaveBeenCalledTimes(32);
    },
  );

  it.each([401, 403, 404, 405])("gives up at a %i, which only the app can mend", async (status) => {
    const { callApi, ended } = listenTo(() => Promise.resolve(new Response(null, { status })));

    await vi.advanceTimersByTimeAsync(600_000);

    expect(ended).toHaveBeenCalledExactlyOnceWith(`The stream was refused: ${status}`);
    expect(callApi).toHaveBeenCalledTimes(1);
  });

  it("keeps no more of an event that never ends than it says", async () => {
    const { ended } = listenTo(streamOf(Array<string>(20).fill("x".repeat(100_000)), "open"));

    await vi.advanceTimersByTimeAsync(1_000);

    expect(ended).toHaveBeenCalledExactlyOnceWith("An event is too long");
  });

  it("ends without an error when its signal is aborted", async () => {
    const { ended, leave } = listenTo(streamOf(["data: 1\n\n"]));
    await vi.advanceTimersByTimeAsync(10);

    leave();
    await vi.advanceTimersByTimeAsync(60_000);

    expect(ended).toHaveBeenCalledExactlyOnceWith("left");
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("server.ts of docs/browser-calls.md", () => {
  it("takes both sides' messages on, with the token, to the last one", async () => {
    const { api, open } = await scene();
    const { socket, text } = open();
    const [request, other] = await api();
    expect(request.headers.authorization).toBe("Bearer alice-0");

    other.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nfirst `,
    );
    await vi.waitFor(() => expect(text()).toMatch(/first $/));
    socket.write("hello");
    other.once("data", (chunk: Buffer) => other.end(`${chunk.toString()} and good-bye`));

    await vi.waitFor(() => expect(socket.closed).toBe(true));
    expect(text()).toMatch(/first hello and good-bye$/);
  });

  it.each(["is reset", "ends"])("lets go of the other side when one of them %s", async (how) => {
    const { api, open, app } = await scene();
    for (const who of ["browser", "api"] as const) {
      const { socket, text } = open();
      const [, other] = await api();
      other.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n`);
      await vi.waitFor(() => expect(text()).toContain("101"));

      const leaving = who === "browser" ? socket : other;
      if (how === "ends") leaving.end();
      else leaving.resetAndDestroy();

      await vi.waitFor(() => expect([who, socket.closed, other.closed, app()]).toEqual([who, true, true, 0]));
    }
  });

  it.each(["is reset", "ends"])("lets go of the API when the browser %s before the upgrade", async (how) => {
    const { api, open, app } = await scene();
    const { socket } = open();
    const [, other] = await api();

    if (how === "ends") socket.end();
    else socket.resetAndDestroy();

    await vi.waitFor(() => expect([other.closed, app()]).toEqual([true, 0]));
  });

  it("lets go of both when the API refuses the upgrade", async () => {
    const { api, open, app } = await scene();
    const { socket } = open();
    const [, other] = await api();

    other.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 1000000\r\n\r\nno");

    await vi.waitFor(() => expect([socket.closed, other.closed, app()]).toEqual([true, true, 0]));
  });

  it("asks the API for nothing when the browser left while it waited for the token", async () => {
    let tell: (token: { accessToken: string }) => void = () => undefined;
    const token = new Promise<{ accessToken: string }>((resolve) => (tell = resolve));
    const { open, connections, app } = await scene(() => token);
    const { socket } = open();
    await vi.waitFor(() => expect(app()).toBe(1));
    socket.destroy();
    await vi.waitFor(() => expect(app()).toBe(0));

    tell({ accessToken: "alice-0" });
    await new Promise((resolve) => setTimeout(resolve, 50));

    expect(connections).toHaveLength(0);
  });

  /** The document's server between browsers and an API, which are plain sockets. */
  async function scene(getAccessToken = () => Promise.resolve({ accessToken: "alice-0" })): Promise<{
    open: () => { socket: Socket; text: () => string };
    api: () => Promise<[IncomingMessage, Socket]>;
    connections: [IncomingMessage, Socket][];
    app: () => number;
  }> {
    const connections: [IncomingMessage, Socket][] = [];
    const upstream = createServer().on("upgrade", (request, socket: Socket) => {
      socket.on("error", () => undefined).on("end", () => socket.end());
      socket.resume();
      connections.push([request, socket]);
    });
    const apiPort = await portOf(upstream);
    let ready: Promise<number> | undefined;
    const open = new Set<Socket>();
    run("server.ts", {
      "node:http": {
        createServer(listener: RequestListener) {
          const server = createServer(listener);
          server.on("connection", (socket) => void open.add(socket.on("close", () => open.delete(socket))));
          const start = server.listen.bind(server);
          return Object.assign(server, { listen: () => void (ready = portOf(server, start)) });
        },
      },
      "node:https": {
        request: (url: string, options: object) =>
          httpRequest(url.replace("https://api.example.com", `http://127.0.0.1:${apiPort}`), options),
      },
      "@/auth": { getAccessToken },
    });
    const port = await ready!;
    let taken = 0;
    return {
      connections,
      app: () => open.size,
      async api() {
        await vi.waitFor(() => expect(connections.length).toBeGreaterThan(taken));
        return connections[taken++]!;
      },
      open() {
        let text = "";
        const socket = connect(port, "127.0.0.1").on("error", () => undefined);
        socket.on("data", (chunk: Buffer) => void (text += chunk.toString()));
        socket.write("GET /socket HTTP/1.1\r\nHost: app.example.com\r\nOrigin: https://app.example.com\r\n");
        socket.write("Connection: Upgrade\r\nUpgrade: websocket\r\n");
        socket.write("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n");
        onTestFinished(() => void socket.destroy());
        return { socket, text: () => text };
      },
    };
  }

  /** Starts a server on a port of this machine. */
  async function portOf(
    server: Server,
    start: Server["listen"] = server.listen.bind(server),
  ): Promise<number> {
    await new Promise<void>((resolve) => void start(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    return (server.address() as AddressInfo).port;
  }
});
