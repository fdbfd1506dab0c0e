import { randomBytes } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codeOf, createScene } from "./support/token-handler.ts";
import { LIFETIME_MS, pass, until } from "./support/world.ts";

describe("a compressed upload through a token handler", () => {
  it.each([
    ["kept", 100_000],
    ["streamed", 0],
  ])("goes on as it is, with its encoding (%s)", async (_what, maxReplayBytes) => {
    const { api, alice, call } = await createScene({ maxReplayBytes });
    api.answer = (request, response) => void request.on("end", () => response.end("stored"));
    const packed = gzipSync("long ".repeat(1_000));

    const answer = await call(alice, "/api/proxy/shop/open/file", {
      method: "PUT",
      body: new Blob([packed]).stream(),
      headers: { "content-encoding": "gzip", "content-length": String(packed.length) },
      duplex: "half",
    });

    expect(await answer.text()).toBe("stored");
    expect(api.seen[0]!.headers).toMatchObject({
      "content-encoding": "gzip",
      "content-length": String(packed.length),
    });
    expect(gunzipSync(Buffer.from(api.seen[0]!.body, "latin1")).toString()).toBe("long ".repeat(1_000));
  });

  it("is sent again with its encoding after a 401, byte by byte the same", async () => {
    const { world, api, alice, call } = await createScene();
    pass(LIFETIME_MS / 2);
    const { accessToken } = await world.getAccessToken(alice.pageRequest());
    api.accept = (token) => token !== accessToken;
    const packed = gzipSync("hello");

    const answer = await call(alice, "/api/proxy/shop/orders", {
      method: "POST",
      body: new Uint8Array(packed),
      headers: { "content-encoding": "gzip", "content-length": String(packed.length) },
    });

    expect(answer.status).toBe(200);
    expect(api.seen.map(({ body }) => body)).toEqual(Array(2).fill(packed.toString("latin1")));
    expect(api.seen.map(({ headers }) => headers["content-encoding"])).toEqual(["gzip", "gzip"]);
  });

  it("is bounded by the bytes that come, not by what they unpack to (SEC-54)", async () => {
    const { api, alice, call } = await createScene({ maxRequestBytes: 2_000 });
    const ask = async (body: Buffer): Promise<number> => {
      const headers = { "content-encoding": "gzip", "content-length": String(body.length) };
      const init = { method: "PUT", body: new Uint8Array(body), headers };
      return (await call(alice, "/api/proxy/shop/open/file", init)).status;
    };

    expect(await ask(gzipSync(Buffer.alloc(1_000_000)))).toBe(200);
    expect(await ask(gzipSync(randomBytes(3_000)))).toBe(413);
    expect(api.seen).toHaveLength(1);
  });
});

describe("an upload through a token handler", () => {
  it("is a whole one to the API if and only if it has the length that was told, in whatever pieces it comes", async () => {
    const { api, alice, call } = await createScene({ maxReplayBytes: 1_000 });
    api.answer = (request, response) => void request.on("end", () => response.end("stored"));
    const sizes = fc.array(fc.oneof(fc.constantFrom(0, 1), fc.nat(9_000)), { maxLength: 6 });

    await fc.assert(
      fc.asyncProperty(sizes, fc.constantFrom(-1_000, -1, 0, 0, 1, 1_000), async (pieces, tooMuch) => {
        const cameBytes = pieces.reduce((sum, size) => sum + size, 0);
        const toldBytes = Math.max(0, cameBytes + tooMuch);
        api.seen.length = 0;

        const answer = await call(alice, "/api/proxy/shop/open/file", {
          method: "PUT",
          body: inPieces(pieces),
          headers: { "content-length": String(toldBytes) },
          duplex: "half",
        });

        const isWhole = cameBytes === toldBytes;
        expect([answer.status, await codeOf(answer)]).toEqual(
          isWhole ? [200, undefined] : [400, "request_length_mismatch"],
        );
        if (isWhole) expect(api.seen).toMatchObject([{ headers: { "content-length": String(toldBytes) } }]);
        await until(() => api.seen.every(({ isCut }) => isCut !== isWhole));
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ["is kept", 1_000],
    ["is streamed", 100_000],
  ])(
    "that %s tells the API the length that the page has told, because some answer 411 without (%i bytes)",
    async (_what, bytes) => {
      const { api, alice, call } = await createScene({ maxReplayBytes: 10_000 });
      api.answer = (request, response) => void request.on("end", () => response.end("stored"));

      const answer = await call(alice, "/api/proxy/shop/open/file", {
        method: "PUT",
        body: new Blob([new Uint8Array(bytes)]).stream(),
        headers: { "content-length": String(bytes) },
        duplex: "half",
      });

      expect(await answer.text()).toBe("stored");
      expect(api.seen[0]!.headers["content-length"]).toBe(String(bytes));
      expect(api.seen[0]!.headers["transfer-encoding"]).toBeUndefined();
      expect(api.seen[0]!.body.length).toBe(bytes);
    },
  );

  it.each([
    ["ends before its length, kept", "900", [400, 400]],
    ["ends before its length, streamed", "90000", [40_000, 40_000]],
    ["has a length and no piece", "90000", []],
    ["has a length and is none", "9", null],
    ["goes on after its length, kept", "900", [900, 1]],
    ["goes on after its length, streamed", "90000", [40_000, 50_000, 1]],
    ["goes on within a piece, streamed", "90000", [40_000, 60_000]],
    ["has a length of 0 and a piece", "0", [1]],
    ["has two lengths", "90000, 90000", [90_000]],
    ["has a length that is no number", "9e4", [90_000]],
    ["has an empty length", "", [90_000]],
  ])(
    "that %s is never a whole one to the API, and the page is told (SEC-54)",
    async (_what, length, pieces) => {
      const { api, alice, call } = await createScene({ maxReplayBytes: 10_000 });
      const stored: number[] = [];
      api.answer = (request, response) =>
        void request.on("end", () => {
          stored.push(api.seen[0]!.body.length);
          response.end("stored");
        });

      const answer = await call(alice, "/api/proxy/shop/open/file", {
        method: "PUT",
        body: pieces === null ? null : inPieces(pieces),
        headers: { "content-length": length },
        duplex: "half",
      });

      expect([answer.status, await codeOf(answer)]).toEqual([400, "request_length_mismatch"]);
      await until(() => api.seen.every(({ isCut }) => isCut));
      expect(stored).toEqual([]);
    },
  );
});

/** A body that comes in pieces of these sizes, each a moment after the one before. */
function inPieces(sizes: readonly number[]): ReadableStream<Uint8Array> {
  const left = [...sizes];
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const size = left.shift();
      if (size === undefined) controller.close();
      else controller.enqueue(new Uint8Array(size));
    },
  });
}
