import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { Browser } from "./support/browser.ts";
import { LIFETIME_MS, createWorld, pass, quiet, type World, type WorldOptions } from "./support/world.ts";

/** An API that answers who is asking, for tokens that the authorization server knows. */
interface Api {
  readonly origin: string;
  readonly seen: {
    readonly authorization: string | undefined;
    readonly url: string;
    readonly body: string;
  }[];
  /** Rejects every token but those it is told of. */
  accept: (token: string) => boolean;
  redirectTo?: string;
}

describe("fetchWithToken", () => {
  it("sends each user's own token to a listed origin, from every kind of request (SEC-51, I8)", async () => {
    const { world, api, alice, bob } = await scene();

    for (const [browser, name] of [
      [alice, "alice"],
      [bob, "bob"],
    ] as const) {
      const request = browser.pageRequest();
      const url = `${api.origin}/who`;
      const answers = [
        await world.fetchWithToken(url, {}, { request }),
        await world.fetchWithToken(new URL(url), {}, { request: browser.nodeRequest() }),
        await world.fetchWithToken(new Request(url), undefined, { request }),
        await browser.inServerComponent(() => world.fetchWithToken(url)),
      ];
      for (const answer of answers) expect(await answer.text()).toBe(name);
    }
  });

  it("keeps method, headers and body, and replaces an Authorization header", async () => {
    const { world, api, alice } = await scene();
    const request = alice.pageRequest();
    const given = new Request(`${api.origin}/post`, {
      method: "POST",
      body: "hello",
      headers: { authorization: "Basic old", "x-own": "1" },
    });

    await world.fetchWithToken(given, undefined, { request });
    await world.fetchWithToken(
      `${api.origin}/put`,
      { method: "PUT", body: new URLSearchParams({ a: "b" }) },
      { request },
    );

    expect(api.seen).toMatchObject([
      { url: "POST /post", body: "hello", authorization: expect.stringMatching(/^Bearer at-/) as string },
      { url: "PUT /put", body: "a=b" },
    ]);
  });

  it("never stores an answer in a cache unless the caller says so (F41, SEC-76)", async () => {
    const { world, api, alice } = await scene();
    const spy = vi.spyOn(globalThis, "fetch");
    onTestFinished(() => spy.mockRestore());

    await world.fetchWithToken(`${api.origin}/who`, {}, { request: alice.pageRequest() });

    expect(spy.mock.calls.at(-1)?.[1]).toMatchObject({ cache: "no-store" });
  });

  it("rejects as getAccessToken does where nobody is signed in, and sends nothing", async () => {
    const { world, api } = await scene();

    await expect(
      world.fetchWithToken(`${api.origin}/who`, {}, { request: world.browser().pageRequest() }),
    ).rejects.toMatchObject({ code: "not_signed_in" });
    expect(api.seen).toEqual([]);
  });

  it("starts no refresh while the browser prefetches (SEC-26)", async () => {
    const { world, api, alice } = await scene();
    pass(LIFETIME_MS * 0.7);

    const request = alice.pageRequest({ "sec-purpose": "prefetch" });
    const answer = await world.fetchWithToken(`${api.origin}/who`, {}, { request });
    api.accept = () => false;
    const rejected = await world.fetchWithToken(`${api.origin}/who`, {}, { request });

    expect(await answer.text()).toBe("alice");
    expect(rejected.status).toBe(401);
    await quiet();
    expect(world.refreshes()).toBe(0);
  });
});

describe("the origins of fetchWithToken", () => {
  it.each([
    ["another host", "https://evil.example/"],
    ["a host that begins alike", "https://api.example.evil.example/"],
    ["a host that ends alike", "https://evilapi.example/"],
    ["another port", "https://api.example:8443/"],
    ["plain http", "http://api.example/"],
    ["user info before another host", "https://api.example@evil.example/"],
    ["user info with a colon", "https://api.example:443@evil.example/"],
    ["backslashes", "https:\\\\evil.example\\@api.example/"],
    ["an encoded slash", "https://evil.example%2f@api.example.evil.example/"],
    ["a full stop at the end of the host", "https://api.example./"],
    ["a look-alike host", "https://аpi.example/"],
    ["a relative address", "/api/orders"],
    ["an address without scheme", "//api.example/"],
    ["a blob of the same origin", "blob:https://api.example/0c2b5c8e"],
    ["a file", "file:///etc/passwd"],
    ["nothing", ""],
    ["text", "api.example"],
  ])("are exactly those listed: not %s (SEC-53)", async (_what, url) => {
    const { world, alice } = await scene({ options: { allowedOrigins: ["https://api.example"] } });
    const spy = vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response());
    onTestFinished(() => spy.mockRestore());

    await expect(world.fetchWithToken(url, {}, { request: alice.pageRequest() })).rejects.toMatchObject({
      code: "invalid_option",
      option: "allowedOrigins",
    });
    expect(spy).not.toHaveBeenCalled();
  });

  it("are none where the application listed none", async () => {
    const { world, api, alice } = await scene({ options: {} }, false);

    await expect(
      world.fetchWithToken(`${api.origin}/who`, {}, { request: alice.pageRequest() }),
    ).rejects.toMatchObject({ code: "invalid_option" });
  });

  it("are compared with what fetch really asks, for any address (SEC-53)", async () => {
    const { world, alice } = await scene({ options: { allowedOrigins: ["https://api.example"] } });
    const asked: string[] = [];
    const spy = vi.spyOn(globalThis, "fetch").mockImplementation((input, init) => {
      const { url, headers } = new Request(input, init);
      if (headers.has("authorization")) asked.push(new URL(url).origin);
      return Promise.resolve(new Response());
    });
    onTestFinished(() => spy.mockRestore());
    const piece = fc.constantFrom(
      ..."https:// http:// api.example evil.example @ : / \\ ? # . .. %2f %40 443 8443 user \t \n é API.EXAMPLE blob: //".split(
        " ",
      ),
    );
    const request = alice.pageRequest();

    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        await world.fetchWithToken(pieces.join(""), {}, { request }).catch(() => undefined);
        await world
          .fetchWithToken(`https://api.example${pieces.join("")}`, {}, { request })
          .catch(() => undefined);
      }),
      { numRuns: 300 },
    );

    expect(asked.length).toBeGreaterThan(50);
    expect(new Set(asked)).toEqual(new Set(["https://api.example"]));
  });

  it("cannot be changed by changing the address while the token is fetched", async () => {
    const { world, api, alice } = await scene();
    const other = await startApi();
    const url = new URL(`${api.origin}/who`);

    const asking = world.fetchWithToken(url, {}, { request: alice.pageRequest() });
    url.href = `${other.origin}/who`;
    await asking;

    expect(other.seen).toEqual([]);
    expect(api.seen).toHaveLength(1);
  });

  it("do not pass the token on when the API redirects to another origin", async () => {
    const { world, api, alice } = await scene();
    const other = await startApi();
    api.redirectTo = `${other.origin}/stolen`;

    await world.fetchWithToken(`${api.origin}/who`, {}, { request: alice.pageRequest() });

    expect(other.seen).toMatchObject([{ url: "GET /stolen", authorization: undefined }]);
  });
});

describe("a call that the API rejects with 401", () => {
  it("is renewed once and sent once more, for 20 calls at once, of two users (F39, SEC-71)", async () => {
    const { world, api, alice, bob } = await scene();
    pass(LIFETIME_MS / 2);
    const old = new Set(
      await Promise.all(
        [alice, bob].map(async (each) => (await world.getAccessToken(each.pageRequest())).accessToken),
      ),
    );
    api.accept = (token) => !old.has(token);

    const answers = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const answer = await world.fetchWithToken(
          `${api.origin}/who`,
          { method: "POST", body: `body ${index}` },
          { request: (index % 2 ? bob : alice).pageRequest() },
        );
        return [answer.status, await answer.text()];
      }),
    );

    expect(answers).toEqual(Array.from({ length: 40 }, (_, index) => [200, index % 2 ? "bob" : "alice"]));
    expect(world.refreshes()).toBe(2);
    expect(api.seen).toHaveLength(80);
    expect(api.seen.every(({ body }) => body.startsWith("body "))).toBe(true);
  });

  it("again and again stays a 401, without a loop and without a refresh each (SEC-71)", async () => {
    const { world, api, alice } = await scene();
    api.accept = () => false;

    for (let call = 0; call < 10; call++) {
      pass(2_000);
      const answer = await world.fetchWithToken(`${api.origin}/who`, {}, { request: alice.pageRequest() });
      expect(answer.status).toBe(401);
      expect(await answer.text()).toBe("no");
    }

    expect(world.refreshes()).toBeLessThanOrEqual(2);
    expect(api.seen.length).toBeLessThanOrEqual(12);
  });

  it("stays a 401 where the token cannot be renewed", async () => {
    const { world, api, alice } = await scene();
    pass(LIFETIME_MS / 2);
    world.server.revokeUser("alice");
    api.accept = () => false;

    const answer = await world.fetchWithToken(`${api.origin}/who`, {}, { request: alice.pageRequest() });

    expect(answer.status).toBe(401);
    expect(api.seen).toHaveLength(1);
  });

  it.each([
    ["a ReadableStream", (): BodyInit => new Blob(["streamed"]).stream()],
    [
      "an async iterable",
      (): BodyInit =>
        (async function* () {
          await Promise.resolve();
          yield new TextEncoder().encode("streamed");
        })() as unknown as BodyInit,
    ],
  ])("is not sent again when its body was %s: that is gone", async (_what, body) => {
    const { world, api, alice } = await scene();
    pass(LIFETIME_MS / 2);
    api.accept = () => false;

    const answer = await world.fetchWithToken(
      `${api.origin}/who`,
      { method: "POST", body: body(), duplex: "half" } as RequestInit,
      { request: alice.pageRequest() },
    );

    expect(answer.status).toBe(401);
    expect(api.seen).toMatchObject([{ body: "streamed" }]);
  });

  it("is sent again when it was a Request with a body", async () => {
    const { world, api, alice } = await scene();
    pass(LIFETIME_MS / 2);
    const { accessToken } = await world.getAccessToken(alice.pageRequest());
    api.accept = (token) => token !== accessToken;
    const given = new Request(`${api.origin}/who`, { method: "POST", body: "once more" });

    const answer = await world.fetchWithToken(given, undefined, { request: alice.pageRequest() });

    expect(await answer.text()).toBe("alice");
    expect(api.seen.map(({ body }) => body)).toEqual(["once more", "once more"]);
  });
});

async function scene(
  given: WorldOptions = {},
  listed = true,
): Promise<{ world: World; api: Api; alice: Browser; bob: Browser }> {
  const api = await startApi();
  const world = await createWorld({
    ...given,
    options: { ...(listed && { allowedOrigins: [api.origin] }), ...given.options },
  });
  whoIs = (token) => world.server.userOf(token);
  const [alice, bob] = [world.browser(), world.browser()];
  await alice.signIn("alice");
  await bob.signIn("bob");
  return { world, api, alice, bob };
}

let whoIs: (token: string) => string | undefined = () => undefined;

async function startApi(): Promise<Api> {
  const api = { seen: [], accept: () => true } as unknown as Api & { origin: string };
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const { authorization } = request.headers;
      api.seen.push({ authorization, url: `${request.method ?? ""} ${request.url ?? ""}`, body });
      if (api.redirectTo !== undefined) return response.writeHead(307, { location: api.redirectTo }).end();
      const token = authorization?.replace(/^Bearer /, "") ?? "";
      const user = api.accept(token) ? whoIs(token) : undefined;
      return response.writeHead(user === undefined ? 401 : 200).end(user ?? "no");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  api.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return api;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
