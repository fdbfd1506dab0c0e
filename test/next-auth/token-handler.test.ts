import { describe, expect, it, onTestFinished, vi } from "vitest";
import { findLeaks } from "../e2e/support/secret-scan.ts";
import { APP, callRoute, codeOf, createScene, pageRequest, shopOf } from "./support/token-handler.ts";
import { LIFETIME_MS, pass, quiet, sessionCookieOf } from "./support/world.ts";

describe("a token handler", () => {
  it("calls the API with each user's own token, and passes the answer back (SEC-01, I8)", async () => {
    const { api, alice, bob, call } = await createScene();

    const answers = await Promise.all([
      call(alice, "/api/proxy/shop/orders?page=2&q=%2F"),
      call(bob, "/api/proxy/shop/orders/17"),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual([
      { user: "alice", asked: "GET /orders?page=2&q=%2F" },
      { user: "bob", asked: "GET /orders/17" },
    ]);
    expect(api.seen).toHaveLength(2);
  });

  it.each(["POST", "PUT", "PATCH", "DELETE"])("passes on %s with its body", async (method) => {
    const { api, alice, call } = await createScene();
    const headers = { "content-type": "text/plain" };

    const answer = await call(alice, "/api/proxy/shop/orders", { method, body: "hello", headers });

    expect(await answer.json()).toEqual({ user: "alice", asked: `${method} /orders` });
    expect(api.seen).toMatchObject([{ method, body: "hello", headers: { "content-type": "text/plain" } }]);
  });

  it.each(["POST", "PUT", "PATCH", "DELETE"])(
    "passes on the body of a %s that neither has a length nor is chunked, as in HTTP/2",
    async (method) => {
      const { api, alice, call } = await createScene();
      api.answer = (request, response) => void request.on("end", () => response.end("stored"));
      const headers = { "content-length": null, "transfer-encoding": null };
      const streamed = { body: new Blob(["hello"]).stream(), duplex: "half" } as const;

      const answers = await Promise.all(
        [{ body: "hello" }, streamed].map((body) =>
          call(alice, "/api/proxy/shop/orders", { method, headers, ...body }),
        ),
      );

      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect(api.seen).toMatchObject([
        { method, body: "hello" },
        { method, body: "hello" },
      ]);
    },
  );

  it("passes on HEAD where GET may be used, without a body", async () => {
    const { api, alice, call } = await createScene({ methods: ["GET"] });

    const answer = await call(alice, "/api/proxy/shop/orders", { method: "HEAD" });

    expect(answer.status).toBe(200);
    expect(answer.body).toBeNull();
    expect(Number(answer.headers.get("content-length"))).toBeGreaterThan(10);
    expect(api.seen).toMatchObject([{ method: "HEAD" }]);
  });

  it.each([204, 205, 304])("passes on a %i, which has no body", async (status) => {
    const { api, alice, call } = await createScene();
    const headers = { etag: '"1"', ...(status === 304 && { "content-length": 17 }) };
    api.answer = (_request, response) => response.writeHead(status, headers).end();

    const answer = await call(alice, "/api/proxy/shop/orders");

    expect([answer.status, answer.body, answer.headers.get("etag")]).toEqual([status, null, '"1"']);
    expect(answer.headers.get("content-length")).toBeNull();
  });

  it.each([400, 403, 404, 409, 422, 500, 503])("passes on the API's own %i as it is", async (status) => {
    const { api, alice, call } = await createScene();
    api.answer = (_request, response) => response.writeHead(status).end("its own words");

    const answer = await call(alice, "/api/proxy/shop/orders");

    expect(answer.status).toBe(status);
    expect(answer.headers.get("x-nolapse-error")).toBeNull();
    expect(await answer.text()).toBe("its own words");
  });

  it("asks for the token that is meant for the API: its provider, resource, audience or scope", async () => {
    const { world, alice, call } = await createScene({ resource: "https://shop.example.com" });

    const answer = await call(alice, "/api/proxy/shop/orders");

    expect(answer.status).toBe(200);
    const refreshes = world.server.requests.filter(({ endpoint }) => endpoint === "token");
    expect(refreshes).toHaveLength(1);
    expect(JSON.stringify(refreshes)).toContain("https://shop.example.com");
  });

  it("is asked by several APIs, each at its own origin", async () => {
    const { world, api, alice } = await createScene();
    const other = (await createScene()).api;
    const handler = world.createTokenHandler({
      mountedAt: "/bff",
      apis: { shop: shopOf(api), billing: { ...shopOf(other), paths: ["/invoices"] } },
    });

    await callRoute(handler, alice, "/bff/shop/orders");
    await callRoute(handler, alice, "/bff/billing/invoices");
    const wrong = await callRoute(handler, alice, "/bff/billing/orders");

    expect(await codeOf(wrong)).toBe("path_not_allowed");
    expect([api.seen.map(({ url }) => url), other.seen.map(({ url }) => url)]).toEqual([
      ["/orders"],
      ["/invoices"],
    ]);
  });
});

describe("a token handler without a token", () => {
  it("answers 401 where nobody is signed in, and calls nobody (SEC-74)", async () => {
    const { world, api, call } = await createScene();

    const answer = await call(world.browser(), "/api/proxy/shop/orders");

    expect([answer.status, await codeOf(answer)]).toEqual([401, "not_signed_in"]);
    expect(api.seen).toEqual([]);
  });

  it("answers 401 after a sign-out, to the old cookie too (I7)", async () => {
    const { api, alice, call } = await createScene();
    const old = alice.copy();
    await alice.signOut();

    const answer = await call(old, "/api/proxy/shop/orders");

    expect([answer.status, await codeOf(answer)]).toEqual([401, "not_signed_in"]);
    expect(api.seen).toEqual([]);
  });

  it("answers 401 with the reason where only a new sign-in helps", async () => {
    const { world, alice, call } = await createScene();
    world.server.revokeUser("alice");
    pass(LIFETIME_MS * 2);

    const answer = await call(alice, "/api/proxy/shop/orders");

    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ error: "reauthentication_required", reason: "rejected" });
  });

  it("answers 503 with Retry-After while the store is away, and signs nobody out (I6)", async () => {
    const { world, alice, call } = await createScene();
    world.store.down = true;

    const answer = await call(alice, "/api/proxy/shop/orders");

    expect([answer.status, await codeOf(answer)]).toEqual([503, "store_failed"]);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    world.store.down = false;
    expect((await call(alice, "/api/proxy/shop/orders")).status).toBe(200);
  });

  it("answers 503 with Retry-After while the authorization server is away", async () => {
    const { world, alice, call } = await createScene({ maxWaitMs: 50 });
    await world.server.close();
    pass(LIFETIME_MS * 2);

    const answer = await call(alice, "/api/proxy/shop/orders");

    expect([answer.status, await codeOf(answer)]).toEqual([503, "refresh_unavailable"]);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  });

  it("answers 500 to a page and tells the log where the app is not set up right", async () => {
    const { alice, call } = await createScene({ provider: "nobody" });
    const log = vi.spyOn(console, "error").mockReturnValue();
    onTestFinished(() => log.mockRestore());

    const answer = await call(alice, "/api/proxy/shop/orders");

    expect([answer.status, await codeOf(answer)]).toEqual([500, "invalid_option"]);
    expect(log.mock.calls.flat().join("\n")).toContain('"provider" must be the id of one of NextAuth');
  });

  it("answers 502 where the API cannot be reached", async () => {
    const { alice, call } = await createScene({ origin: "http://127.0.0.1:9" });

    const answer = await call(alice, "/api/proxy/shop/orders");

    expect([answer.status, await codeOf(answer)]).toEqual([502, "api_unavailable"]);
  });
});

describe("an API's 401 at a token handler", () => {
  it("renews the token once for many calls of two users, and each is sent once more (F39, SEC-71)", async () => {
    const { world, api, alice, bob, call } = await createScene();
    pass(LIFETIME_MS / 2);
    const old = new Set(
      await Promise.all(
        [alice, bob].map(async (each) => (await world.getAccessToken(each.pageRequest())).accessToken),
      ),
    );
    api.accept = (token) => !old.has(token);

    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const init = { method: "POST", body: `body ${index}` };
        const answer = await call(index % 2 ? bob : alice, "/api/proxy/shop/orders", init);
        return [answer.status, ((await answer.json()) as { user: string }).user];
      }),
    );

    expect(answers).toEqual(Array.from({ length: 20 }, (_, index) => [200, index % 2 ? "bob" : "alice"]));
    expect(world.refreshes()).toBe(2);
    expect(api.seen).toHaveLength(40);
    expect(api.seen.every(({ body }) => body.startsWith("body "))).toBe(true);
  });

  it.each([
    ["POST", { "content-length": "0" }],
    ["POST", {}],
    ["DELETE", {}],
  ] as const)(
    "is followed by a second try of a %s without a body, though Next gives a stream for it: %j",
    async (method, length) => {
      const { world, api, alice, handler } = await createScene();
      pass(LIFETIME_MS / 2);
      const { accessToken } = await world.getAccessToken(alice.pageRequest());
      api.accept = (token) => token !== accessToken;
      const { headers } = pageRequest(alice, "/api/proxy/shop/orders", { method, headers: length });
      const body = new ReadableStream({ start: (controller) => controller.close() });
      const init = { method, headers, body, duplex: "half" };

      const answer = await handler[method](new Request(`${APP}/api/proxy/shop/orders`, init));

      expect(answer.status).toBe(200);
      expect(api.seen.map((each) => each.headers["transfer-encoding"])).toEqual([undefined, undefined]);
    },
  );

  it.each([
    ["one of unknown length", { maxReplayBytes: 1_000 }, null],
    ["one that is larger than is kept", { maxReplayBytes: 4 }, "8"],
  ])("is passed on where the body cannot be sent again: %s", async (_what, bounds, length) => {
    const { world, api, alice, call } = await createScene(bounds);
    pass(LIFETIME_MS / 2);
    api.accept = () => false;

    const answer = await call(alice, "/api/proxy/shop/orders", {
      method: "POST",
      body: new Blob(["streamed"]).stream(),
      headers: { "content-length": length },
      duplex: "half",
    });

    expect([answer.status, answer.headers.get("x-nolapse-error"), await answer.text()]).toEqual([
      401,
      null,
      "no",
    ]);
    expect(api.seen).toMatchObject([{ body: "streamed" }]);
    expect(world.refreshes()).toBe(0);
  });

  it.each([
    'Bearer error="insufficient_scope", scope="admin"',
    "Bearer realm=x, error=insufficient_user_authentication, acr_values=mfa",
  ])("is passed on where a fresh token would change nothing: %s", async (challenge) => {
    const { world, api, alice, call } = await createScene();
    pass(LIFETIME_MS / 2);
    api.accept = () => false;
    api.challenge = challenge;

    const answer = await call(alice, "/api/proxy/shop/orders");

    expect(answer.status).toBe(401);
    expect(api.seen).toHaveLength(1);
    expect(world.refreshes()).toBe(0);
  });

  it("again and again makes no loop and no refresh each (SEC-71)", async () => {
    const { world, api, alice, call } = await createScene();
    api.accept = () => false;

    for (let time = 0; time < 10; time++) {
      pass(2_000);
      const answer = await call(alice, "/api/proxy/shop/orders");
      expect([answer.status, await answer.text()]).toEqual([401, "no"]);
    }

    expect(world.refreshes()).toBeLessThanOrEqual(2);
    expect(api.seen.length).toBeLessThanOrEqual(12);
  });

  it("starts no renewal for a prefetch (SEC-26)", async () => {
    const { world, api, alice, call } = await createScene();
    pass(LIFETIME_MS * 0.7);
    api.accept = () => false;

    const answer = await call(alice, "/api/proxy/shop/orders", { headers: { "sec-purpose": "prefetch" } });

    expect(answer.status).toBe(401);
    await quiet();
    expect(world.refreshes()).toBe(0);
  });
});

describe("two users over a renewal", () => {
  it("never get each other's answers, and no answer holds a token (SEC-01, SEC-77, I8)", async () => {
    const { world, api, alice, bob, call } = await createScene();
    const places: { where: string; text: string }[] = [];
    const log = (["log", "info", "warn", "error"] as const).map((level) =>
      vi.spyOn(console, level).mockReturnValue(),
    );
    onTestFinished(() => log.forEach((spy) => spy.mockRestore()));
    const owners: boolean[] = [];
    const ask = async (index: number): Promise<void> => {
      const [browser, name] = index % 2 ? ([bob, "bob"] as const) : ([alice, "alice"] as const);
      const answer = await call(browser, `/api/proxy/shop/orders/${index}`);
      const text = await answer.text();
      places.push({ where: "body", text });
      places.push({ where: "headers", text: JSON.stringify([...answer.headers]) });
      if (answer.ok) owners.push((JSON.parse(text) as { user: string }).user === name);
    };
    const tokens = new Set<string>();
    api.answer = (request, response, user) => {
      const given = request.headers.authorization ?? "";
      tokens.add(given.replace("Bearer ", ""));
      // An API that repeats the token in a header is not repeated.
      response.setHeader("x-request-id", given);
      response.end(JSON.stringify({ user }));
    };

    for (let round = 0; round < 4; round++) {
      await Promise.all(Array.from({ length: 10 }, (_, index) => ask(index)));
      pass(LIFETIME_MS * 0.9);
    }
    api.accept = () => false;
    await ask(1);
    world.store.down = true;
    pass(LIFETIME_MS * 3);
    await ask(2);

    expect(owners).toHaveLength(40);
    expect(new Set(owners)).toEqual(new Set([true]));
    expect(tokens.size).toBeGreaterThanOrEqual(6);
    const canaries = [
      ...[...tokens].map((value) => ({ name: "access token", value })),
      { name: "cookie", value: sessionCookieOf(alice) },
      { name: "client secret", value: "client-secret-of-app" },
    ];
    places.push({ where: "log", text: log.flatMap((spy) => spy.mock.calls.flat().map(String)).join("\n") });
    places.push({ where: "events", text: JSON.stringify(world.events) });
    expect(findLeaks(canaries, places)).toEqual([]);
  });
});
