import { gzipSync } from "node:zlib";
import type { ServerResponse } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { codeOf, createScene, type Api } from "./support/token-handler.ts";
import { LIFETIME_MS, pass, until } from "./support/world.ts";

describe("an event stream through a token handler", () => {
  it("comes event by event and goes on over three lifetimes of its token, while other calls get new ones (F38)", async () => {
    const { world, api, alice, bob, call } = await createScene();
    const streams = eventStream(api);
    const [mine, his] = await Promise.all(
      [alice, bob].map((each) => call(each, "/api/proxy/shop/open/events")),
    );
    const [read, readHis] = [eventsOf(mine!), eventsOf(his!)];
    await until(() => streams.length === 2);
    const users = streams.map(({ user }) => user);

    for (let life = 1; life <= 3; life++) {
      streams.forEach(({ response, user }) => response.write(`data: ${user} ${life}\n\n`));
      expect([await read(), await readHis()]).toEqual([`data: alice ${life}`, `data: bob ${life}`]);
      pass(LIFETIME_MS);
      expect((await call(alice, "/api/proxy/shop/orders")).status).toBe(200);
    }

    expect(users.sort()).toEqual(["alice", "bob"]);
    expect(world.refreshes()).toBeGreaterThanOrEqual(3);
    expect(mine?.headers.get("cache-control")).toBe("private, no-store, no-transform");
    expect(mine?.headers.get("x-accel-buffering")).toBe("no");
    expect(mine?.headers.get("content-length")).toBeNull();
  });

  it("begins with a comment, so that its headers reach the page before its first event", async () => {
    const { api, alice, call } = await createScene();
    eventStream(api);

    const answer = await call(alice, "/api/proxy/shop/open/events");
    const { value } = (await answer.body!.getReader().read()) as { value: Uint8Array };

    expect(Buffer.from(value).toString()).toBe(":\n\n");
  });

  it("is closed, not cut, when its time is over, so that its reader asks again", async () => {
    const { api, alice, call } = await createScene({ maxDurationMs: 150 });
    eventStream(api);

    const answer = await call(alice, "/api/proxy/shop/open/events");

    expect(await answer.text()).toBe(":\n\n");
    await until(() => api.seen[0]!.isCut);
  });

  it("ends at the API when the page leaves it", async () => {
    const { api, alice, call } = await createScene();
    const streams = eventStream(api);
    const answer = await call(alice, "/api/proxy/shop/open/events");
    await until(() => streams.length === 1);

    await answer.body!.cancel();

    await until(() => api.seen[0]!.isCut);
  });

  it("ends at the API when the page's request is aborted, before and after its first event", async () => {
    const { api, alice, call } = await createScene();
    api.answer = () => undefined;
    const [before, after] = [new AbortController(), new AbortController()];
    const waiting = call(alice, "/api/proxy/shop/open/slow", { signal: before.signal });
    await until(() => api.seen.length === 1);
    before.abort();
    await waiting;
    await until(() => api.seen[0]!.isCut);

    const streams = eventStream(api);
    const answer = await call(alice, "/api/proxy/shop/open/events", { signal: after.signal });
    await until(() => streams.length === 1);
    const text = answer.text();
    after.abort();

    await expect(text).rejects.toMatchObject({ name: "AbortError" });
    await until(() => api.seen[1]!.isCut);
  });

  it("breaks off at the page when the API breaks off", async () => {
    const { api, alice, call } = await createScene();
    const streams = eventStream(api);
    const answer = await call(alice, "/api/proxy/shop/open/events");
    await until(() => streams.length === 1);
    streams[0]!.response.write("data: 1\n\n");
    setTimeout(() => streams[0]!.response.destroy(), 20);

    await expect(answer.text()).rejects.toThrow("cut off (api_unavailable)");
  });
});

describe("an upload through a token handler", () => {
  it("is streamed piece by piece, however large, and never kept (SEC-54)", async () => {
    const { api, alice, call } = await createScene({ maxReplayBytes: 1_000 });
    let inFlight = 0;
    const pieces = 200;
    let given = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          given += 1;
          controller.enqueue(new Uint8Array(10_000).fill(65));
          inFlight = Math.max(inFlight, given * 10_000 - (api.seen[0]?.body.length ?? 0));
          if (given === pieces) controller.close();
          await new Promise((resolve) => setImmediate(resolve));
        },
      },
      { highWaterMark: 0 },
    );
    api.answer = (request, response) => void request.on("end", () => response.end("stored"));

    const answer = await call(alice, "/api/proxy/shop/open/file", { method: "PUT", body, duplex: "half" });

    expect(await answer.text()).toBe("stored");
    expect(api.seen[0]!.body.length).toBe(pieces * 10_000);
    expect(api.seen[0]!.headers["transfer-encoding"]).toBe("chunked");
    expect(inFlight).toBeLessThan(pieces * 10_000);
  });

  it.each([
    ["says so", "200001"],
    ["does not say so", null],
  ])("is refused where it is larger than it may be and %s", async (_what, length) => {
    const { api, alice, call } = await createScene({ maxRequestBytes: 200_000, maxReplayBytes: 100_000 });
    api.answer = (request, response) => void request.on("end", () => response.end("stored"));

    const answer = await call(alice, "/api/proxy/shop/open/file", {
      method: "PUT",
      body: new Blob([new Uint8Array(200_001)]).stream(),
      headers: { "content-length": length },
      duplex: "half",
    });

    expect([answer.status, await codeOf(answer)]).toEqual([413, "request_too_large"]);
    await until(() => api.seen.every(({ isCut }) => isCut));
  });

  it("that stands still is given up, and the page is told whose fault it is (SEC-54)", async () => {
    const { alice, call } = await createScene({ responseTimeoutMs: 60 });
    for (const length of [null, "8"]) {
      const answer = await call(alice, "/api/proxy/shop/open/file", {
        method: "PUT",
        body: new ReadableStream({ pull: () => new Promise(() => undefined) }),
        headers: { "content-length": length },
        duplex: "half",
      });

      expect([answer.status, await codeOf(answer)]).toEqual([408, "request_timeout"]);
    }
  });

  it("may take longer than an answer may, as long as it moves", async () => {
    const { api, alice, call } = await createScene({ responseTimeoutMs: 120 });
    api.answer = (request, response) => void request.on("end", () => response.end("stored"));
    let left = 8;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 30));
        controller.enqueue(new Uint8Array(10));
        if (--left === 0) controller.close();
      },
    });

    const answer = await call(alice, "/api/proxy/shop/open/file", { method: "PUT", body, duplex: "half" });

    expect(await answer.text()).toBe("stored");
  });

  it("that has arrived is not the one to blame when the API says nothing", async () => {
    const { api, alice, call } = await createScene({ responseTimeoutMs: 60 });
    api.answer = () => undefined;

    const answer = await call(alice, "/api/proxy/shop/open/file", {
      method: "PUT",
      body: new Blob(["all of it"]).stream(),
      duplex: "half",
    });

    expect([answer.status, await codeOf(answer)]).toEqual([504, "api_timeout"]);
  });

  it.each([
    ["unknown", null],
    ["known", "3000000"],
  ])(
    "of %s length gets the API's answer also before its end, and is taken to its end, because a page reads only then",
    async (_what, length) => {
      const { api, alice, call } = await createScene();
      api.answer = (_request, response) => response.writeHead(507).end("no room");
      let left = 300;
      let wasCancelled = false;
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await new Promise((resolve) => setImmediate(resolve));
          controller.enqueue(new Uint8Array(10_000));
          if (--left === 0) controller.close();
        },
        cancel: () => void (wasCancelled = true),
      });

      const headers = { "content-length": length };
      const init = { method: "PUT", body, headers, duplex: "half" } as const;
      const answer = await call(alice, "/api/proxy/shop/open/file", init);

      expect([answer.status, await answer.text()]).toEqual([507, "no room"]);
      await until(() => left === 0);
      expect(wasCancelled).toBe(false);
    },
  );

  it("that the page breaks off ends at the API", async () => {
    const { api, alice, call } = await createScene();
    api.answer = () => undefined;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (api.seen.length === 0) return controller.enqueue(new Uint8Array(10));
        controller.error(new Error("gone"));
      },
    });

    await call(alice, "/api/proxy/shop/open/file", { method: "PUT", body, duplex: "half" });

    await until(() => api.seen[0]!.isCut);
  });
});

describe("an answer through a token handler", () => {
  it("comes piece by piece, and its source is asked for no more than the page takes", async () => {
    const { api, alice, call } = await createScene();
    let written = 0;
    api.answer = (request, response) => {
      const more = (): void => {
        while (written < 400) {
          written += 1;
          if (!response.write(Buffer.alloc(100_000))) return void response.once("drain", more);
        }
        response.end();
      };
      more();
    };

    const answer = await call(alice, "/api/proxy/shop/open/large");
    const reader = answer.body!.getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(written).toBeLessThan(300);

    let bytes = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes += value.byteLength;
    }
    expect(written).toBe(400);
    expect(bytes).toBeGreaterThan(39_000_000);
  });

  it.each([
    ["says so", true],
    ["does not say so", false],
  ])("is refused or cut where it is larger than it may be and %s (SEC-54)", async (_what, said) => {
    const { api, alice, call } = await createScene({ maxResponseBytes: 1_000 });
    api.answer = (_request, response) => {
      if (said) response.setHeader("content-length", 1_000_000);
      const timer = setInterval(() => response.write(Buffer.alloc(500)), 5);
      response.on("close", () => clearInterval(timer));
    };

    const answer = await call(alice, "/api/proxy/shop/open/large");

    if (said) expect([answer.status, await codeOf(answer)]).toEqual([502, "api_answer_too_large"]);
    else await expect(answer.arrayBuffer()).rejects.toThrow("cut off (answer_too_large)");
    await until(() => api.seen.every(({ isCut }) => isCut));
  });

  it.each([
    ["HEAD", 200],
    ["GET", 304],
  ])(
    "to %s with %i may tell a length that would be too large, because no body comes",
    async (method, status) => {
      const { api, alice, call } = await createScene({ maxResponseBytes: 1_000 });
      const headers = { "content-length": 5_000, "accept-ranges": "bytes" };
      api.answer = (_request, response) => void response.writeHead(status, headers).end();

      const answer = await call(alice, "/api/proxy/shop/open/large", { method });

      expect([answer.status, answer.body, answer.headers.get("accept-ranges")]).toEqual([
        status,
        null,
        "bytes",
      ]);
      expect(answer.headers.get("content-length")).toBe(method === "HEAD" ? "5000" : null);
    },
  );

  it("that does not come in time is a 504", async () => {
    const { api, alice, call } = await createScene({ responseTimeoutMs: 60 });
    api.answer = () => undefined;

    const answer = await call(alice, "/api/proxy/shop/orders");

    expect([answer.status, await codeOf(answer)]).toEqual([504, "api_timeout"]);
    await until(() => api.seen[0]!.isCut);
  });

  it.each([
    ["pauses too long", { idleTimeoutMs: 60 }, "api_timeout"],
    ["takes too long in all", { maxDurationMs: 60 }, "duration"],
  ])("that %s is cut off, and does not look whole", async (_what, bounds, why) => {
    const { api, alice, call } = await createScene(bounds);
    api.answer = (_request, response) => response.write("half of it");

    const answer = await call(alice, "/api/proxy/shop/orders");

    await expect(answer.text()).rejects.toThrow(`cut off (${why})`);
    await until(() => api.seen[0]!.isCut);
  });

  it("that is compressed all the same is unpacked, and loses the length it had", async () => {
    const { api, alice, call } = await createScene();
    api.answer = (_request, response) => {
      const packed = gzipSync("long ".repeat(1_000));
      response.writeHead(200, { "content-encoding": "gzip", "content-length": packed.length }).end(packed);
    };

    const answer = await call(alice, "/api/proxy/shop/orders");

    expect([answer.headers.get("content-encoding"), answer.headers.get("content-length")]).toEqual([
      null,
      null,
    ]);
    expect(await answer.text()).toBe("long ".repeat(1_000));
  });

  it("that is a part of a compressed one is no part of what it unpacks to, and is refused", async () => {
    const { api, alice, call } = await createScene();
    api.answer = (_request, response) => {
      const part = gzipSync("long ".repeat(1_000)).subarray(0, 20);
      response
        .writeHead(206, {
          "content-encoding": "gzip",
          "content-range": "bytes 0-19/60",
          "content-length": 20,
        })
        .end(part);
    };

    const answer = await call(alice, "/api/proxy/shop/orders", { headers: { range: "bytes=0-19" } });

    expect([answer.status, answer.headers.get("x-nolapse-error")]).toEqual([502, "api_unavailable"]);
  });

  it.each(["identity", "aws-chunked", "utf-8"])(
    "that is a part of a file is passed on with a coding that packs nothing: %s",
    async (coding) => {
      const { api, alice, call } = await createScene();
      api.answer = (_request, response) => {
        response.writeHead(206, { "content-encoding": coding, "content-range": "bytes 0-3/60" }).end("part");
      };

      const answer = await call(alice, "/api/proxy/shop/orders", { headers: { range: "bytes=0-3" } });

      expect([answer.status, answer.headers.get("content-range"), await answer.text()]).toEqual([
        206,
        "bytes 0-3/60",
        "part",
      ]);
    },
  );

  it("leaves nothing running behind: no timer, no listener", async () => {
    const { api, alice, call } = await createScene();
    const timers = (): number => process.getActiveResourcesInfo().filter((each) => each === "Timeout").length;
    const signal = new AbortController().signal;
    await (await call(alice, "/api/proxy/shop/orders", { signal })).text();
    const before = timers();

    for (let time = 0; time < 5; time++) {
      await (await call(alice, "/api/proxy/shop/orders", { signal })).text();
      await (await call(alice, "/api/proxy/shop/orders", { method: "HEAD", signal })).text();
      await (await call(alice, "/api/proxy/shop/orders", { method: "POST", body: "x", signal })).text();
      await (await call(alice, "/api/proxy/nothing", { signal })).text();
    }
    for (let time = 0; time < 5; time++) {
      const left = await call(alice, "/api/proxy/shop/open/large", { signal });
      await left.body!.cancel();
    }
    api.accept = () => false;
    await (await call(alice, "/api/proxy/shop/orders", { signal })).text();

    expect(timers()).toBeLessThanOrEqual(before + 2);
  });
});

interface Stream {
  readonly response: ServerResponse;
  readonly user: string;
}

/** Lets the API answer with an event stream, and tells of every one. */
function eventStream(api: Api): readonly Stream[] {
  const streams: Stream[] = [];
  const plain = api.answer;
  api.answer = (request, response, user) => {
    if (!request.url?.endsWith("/events")) return plain(request, response, user);
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    streams.push({ response, user });
  };
  onTestFinished(() => streams.forEach(({ response }) => response.destroy()));
  return streams;
}

/** Reads one event after the other, comments passed over. */
function eventsOf(answer: Response): () => Promise<string> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return async () => {
    for (;;) {
      const at = text.indexOf("\n\n");
      const event = text.slice(0, at);
      if (at !== -1) text = text.slice(at + 2);
      if (at !== -1 && !event.startsWith(":")) return event;
      if (at !== -1) continue;
      const { done, value } = await reader.read();
      if (done) throw new Error("The stream has ended");
      text += value;
    }
  };
}
