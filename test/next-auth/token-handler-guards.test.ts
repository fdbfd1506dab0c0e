import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { APP, callRoute, codeOf, createScene, type PageInit } from "./support/token-handler.ts";
import { pass } from "./support/world.ts";

type Headers = NonNullable<PageInit["headers"]>;
/** What nolapse itself sets: no cookie of the API. */
const MARKER_ONLY: unknown = expect.stringMatching(/^nolapse\.marker=\d+; Path=\/; SameSite=Lax$/);
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const NO_METADATA: Headers = { "sec-fetch-site": null, "sec-fetch-mode": null, "sec-fetch-dest": null };

const FOREIGN: readonly (readonly [what: string, headers: Headers, code: string])[] = [
  ["without the header", { "x-nolapse-csrf": null }, "missing_header"],
  ["with an empty header", { "x-nolapse-csrf": "" }, "missing_header"],
  ["of another site", { "sec-fetch-site": "cross-site", origin: "https://evil.example" }, "cross_site"],
  [
    "of a sister domain",
    { "sec-fetch-site": "same-site", origin: "http://shop.localhost:3000" },
    "cross_site",
  ],
  ["of the address bar", { "sec-fetch-site": "none" }, "cross_site"],
  ["of an unknown kind of site", { "sec-fetch-site": "Same-Origin" }, "cross_site"],
  ["with another origin", { origin: "https://evil.example" }, "cross_site"],
  ["with another port", { origin: "http://localhost:3001" }, "cross_site"],
  ["with another scheme", { origin: "https://localhost:3000" }, "cross_site"],
  ["with an origin that begins alike", { origin: `${APP}.evil.example` }, "cross_site"],
  ["with user info in the origin", { origin: "http://localhost:3000@evil.example" }, "cross_site"],
  ["with the origin null", { origin: "null" }, "cross_site"],
  ["with an empty origin", { origin: "" }, "cross_site"],
  ["with two origins", { origin: `${APP}, https://evil.example` }, "cross_site"],
  ["with another origin and no metadata", { ...NO_METADATA, origin: "https://evil.example" }, "cross_site"],
  ["with nothing that says where from", { ...NO_METADATA, origin: null }, "cross_site"],
  [
    "with another page's address only",
    { ...NO_METADATA, origin: null, referer: `https://evil.example/?${APP}/` },
    "cross_site",
  ],
  ["with a broken address only", { ...NO_METADATA, origin: null, referer: "http://" }, "cross_site"],
  ["for a document", { "sec-fetch-dest": "document", "sec-fetch-mode": "navigate" }, "cross_site"],
  ["for a frame", { "sec-fetch-dest": "iframe", "sec-fetch-mode": "navigate" }, "cross_site"],
  ["for a script", { "sec-fetch-dest": "script", "sec-fetch-mode": "no-cors" }, "cross_site"],
  ["for an image", { "sec-fetch-dest": "image", "sec-fetch-mode": "no-cors" }, "cross_site"],
  ["for an object", { "sec-fetch-dest": "object" }, "cross_site"],
  ["without CORS rules", { "sec-fetch-mode": "no-cors" }, "cross_site"],
  ["for a WebSocket", { "sec-fetch-mode": "websocket", "sec-fetch-dest": "empty" }, "cross_site"],
];

describe("a token handler", () => {
  it.each(FOREIGN)(
    "refuses every method %s, and calls neither API nor authorization server (SEC-25, SEC-26, SEC-30)",
    async (_what, headers, code) => {
      const { world, api, alice, call } = await createScene();
      pass(55_000);

      for (const method of METHODS) {
        const answer = await call(alice, "/api/proxy/shop/orders", { method, headers });
        const seen = method === "HEAD" ? answer.headers.get("x-nolapse-error") : await codeOf(answer);
        expect([method, answer.status, seen]).toEqual([method, 403, code]);
      }

      expect(api.seen).toEqual([]);
      expect(world.refreshes()).toBe(0);
    },
  );

  it.each<[string, Headers]>([
    ["a modern browser", {}],
    ["its POST", { origin: APP }],
    ["a browser without fetch metadata, by Origin", { ...NO_METADATA, origin: APP }],
    ["its GET, by the page's address", { ...NO_METADATA, origin: null, referer: `${APP}/page?x=1` }],
    ["a worker in same-origin mode", { "sec-fetch-mode": "same-origin" }],
  ])("takes a page of the app in %s", async (_what, headers) => {
    const { alice, call } = await createScene();

    expect((await call(alice, "/api/proxy/shop/orders", { headers })).status).toBe(200);
  });

  it("takes the app's other origins, and the header by the name that were told", async () => {
    const { alice, call } = await createScene(
      {},
      { appOrigins: ["https://www.example.com"], csrfHeader: "X-Own" },
    );
    const headers = { "x-nolapse-csrf": null, "x-own": "yes", origin: "https://www.example.com" };

    expect((await call(alice, "/api/proxy/shop/orders", { method: "POST", headers })).status).toBe(200);
    expect((await call(alice, "/api/proxy/shop/orders", { method: "POST" })).status).toBe(403);
  });

  it("answers no preflight, and passes on no CORS header of the API (SEC-27)", async () => {
    const { api, alice, call, handler } = await createScene();
    api.answer = (_request, response) => {
      response.writeHead(200, {
        "access-control-allow-origin": "https://evil.example",
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "*",
      });
      response.end();
    };

    const answer = await call(alice, "/api/proxy/shop/orders");

    expect([...answer.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
    expect(Object.keys(handler).sort()).toEqual([...METHODS, "pages"].sort());
  });

  it("uses the listed methods only, and says which (SEC-26)", async () => {
    const { api, alice, call } = await createScene({ methods: ["GET", "POST"] });

    const answers = await Promise.all(
      ["PUT", "PATCH", "DELETE"].map((method) => call(alice, "/api/proxy/shop/orders", { method })),
    );

    for (const answer of answers) {
      expect(answer.status).toBe(405);
      expect(answer.headers.get("allow")).toBe("GET, POST, HEAD");
      expect(await codeOf(answer)).toBe("method_not_allowed");
    }
    expect(api.seen).toEqual([]);
  });

  it("is read-only unless told otherwise", async () => {
    const { world, api, alice } = await createScene();
    const handler = world.createTokenHandler({ apis: { shop: { origin: api.origin, paths: ["/orders"] } } });

    expect((await callRoute(handler, alice, "/api/proxy/shop/orders")).status).toBe(200);
    expect((await callRoute(handler, alice, "/api/proxy/shop/orders", { method: "POST" })).status).toBe(405);
  });
});

describe("the paths of a token handler", () => {
  it.each([
    "/api/proxy/shop/orders/x/y",
    "/api/proxy/shop/ORDERS",
    "/api/proxy/shop/Orders",
    "/api/proxy/shop/orders.css",
    "/api/proxy/shop/orders/17;.js",
    "/api/proxy/shop/orders;a=b",
    "/api/proxy/shop/orders/..;",
    "/api/proxy/shop/orders%2f17",
    "/api/proxy/shop/orders/%2F",
    "/api/proxy/shop/orders/a%2fb",
    "/api/proxy/shop/orders/a%5cb",
    "/api/proxy/shop/orders/a\\b",
    "/api/proxy/shop/orders/%252e%252e",
    "/api/proxy/shop/orders/a%252fb",
    "/api/proxy/shop/orders/%25",
    "/api/proxy/shop/orders/%3b",
    "/api/proxy/shop/orders/%3fadmin=1",
    "/api/proxy/shop/orders/%23x",
    "/api/proxy/shop/orders/%00",
    "/api/proxy/shop/orders/a%0d%0ab",
    "/api/proxy/shop/orders/%7f",
    "/api/proxy/shop/orders/%c2%85",
    "/api/proxy/shop/orders/%c0%af",
    "/api/proxy/shop/orders/%ff",
    "/api/proxy/shop/orders/%e",
    "/api/proxy/shop/orders/...",
    "/api/proxy/shop/orders/%20..",
    "/api/proxy/shop/orders/%20",
    "/api/proxy/shop/orders/%ef%bc%8f",
    "/api/proxy/shop/orders/%ef%bc%8e%ef%bc%8e",
    "/api/proxy/shop/orders/%e2%80%a5",
    "/api/proxy/shop/orders/%ef%bc%85",
    "/api/proxy/shop//orders",
    "/api/proxy/shop/orders//17",
    "/api/proxy/shop/orders//",
    "/api/proxy//shop/orders",
    "/api/proxy/shop/orders/../admin",
    "/api/proxy/shop/orders/%2e%2e/admin",
    "/api/proxy/shop/orders/.%2e/.%2e/other/orders",
    "/api/proxy/shop/open",
    "/api/proxy/shop/open/a/../../admin",
    "/api/proxy/shop/admin",
    "/api/proxy/shop",
    "/api/proxy/shop/",
    "/api/proxy/shop@evil.example/orders",
    "/api/proxy/SHOP/orders",
    "/api/proxy/sh%6fp/orders",
    "/api/proxy/constructor/orders",
    "/api/proxy/__proto__/orders",
    "/api/proxy/https:/evil.example/orders",
    "/api/proxy/evil.example/orders",
    "/api/proxy",
    "/api/proxyshop/orders",
    "/shop/orders",
  ])("are exactly those listed: %s is none, and nobody is called (SEC-29, SEC-53)", async (path) => {
    const { api, alice, call } = await createScene();
    const before = api.seen.length;

    const answer = await call(alice, path);

    expect([answer.status, await codeOf(answer)]).toEqual([404, "path_not_allowed"]);
    expect(api.seen.length).toBe(before);
  });

  it.each([
    ["/api/proxy/shop/orders", "/orders"],
    ["/api/proxy/shop/orders/", "/orders"],
    ["/api/proxy/shop/%6frders", "/orders"],
    ["/api/proxy/shop/orders/a%20b", "/orders/a%20b"],
    ["/api/proxy/shop/orders/a+b@c:d$e&f,g=h", "/orders/a+b@c:d$e&f,g=h"],
    ["/api/proxy/shop/orders/%EA%B9%80%EC%B9%98", "/orders/%EA%B9%80%EC%B9%98"],
    ["/api/proxy/shop/orders/v1.2..3", "/orders/v1.2..3"],
    ["/api/proxy/shop/open/a/b/c", "/open/a/b/c"],
    ["/api/proxy/shop/open/./a/x/../b", "/open/a/b"],
    ["/base/api/proxy/shop/orders", "/orders"],
    ["/api/proxy/shop/open/api/proxy/shop/admin", "/open/api/proxy/shop/admin"],
    ["/api/proxy/shop/orders?next=//evil.example/%2f..&x=%00", "/orders?next=//evil.example/%2f..&x=%00"],
  ])("take %s to %s", async (path, url) => {
    const { api, alice, call } = await createScene();

    expect((await call(alice, path)).status).toBe(200);
    expect(api.seen.at(-1)?.url).toBe(url);
  });

  it("send a slash at the end where the API wants one, however the page asks", async () => {
    const { api, alice, call } = await createScene({ paths: ["/orders/"] });

    await call(alice, "/api/proxy/shop/orders");
    await call(alice, "/api/proxy/shop/orders/");

    expect(api.seen.map(({ url }) => url)).toEqual(["/orders/", "/orders/"]);
  });

  it("are what is really asked for, whatever a page makes up (SEC-53)", async () => {
    const { api, alice, call } = await createScene({ paths: ["/orders/*"] });
    const pieces = fc.constantFrom(
      ..."shop orders api proxy admin a .. . / // \\ ? # @ : ; %2e %2f %5c %25 %252e %00 ／ ‥ é https: evil.example ..;".split(
        " ",
      ),
    );

    await fc.assert(
      fc.asyncProperty(fc.array(pieces, { maxLength: 7 }), async (list) => {
        const answers = await Promise.all([
          call(alice, `/api/proxy/shop/orders/${list.join("")}`),
          call(alice, `/api/proxy/${list.join("/")}`),
        ]);
        for (const answer of answers) expect([200, 404]).toContain(answer.status);
      }),
      { numRuns: 200 },
    );

    expect(api.seen.length).toBeGreaterThan(20);
    for (const { url } of api.seen) {
      const [path = ""] = url.split("?");
      expect(path).toMatch(/^\/orders\/[^/]+$/);
      expect(decodeURIComponent(path)).not.toMatch(/[\\;%?#\0]|\/.*\/.*\/|\/\.+$/);
    }
  });
});

describe("headers at a token handler", () => {
  it("of a page are passed on by a list: no cookie, no address, nothing a proxy would believe (SEC-75)", async () => {
    const { api, alice, call } = await createScene({ requestHeaders: ["X-Tenant"] });
    const passed = {
      accept: "application/json",
      "accept-language": "ko",
      "if-none-match": '"1"',
      range: "bytes=0-3",
      "last-event-id": "7",
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      "x-tenant": "blue",
    };
    const kept = {
      authorization: "Basic b2xk",
      forwarded: "for=1.2.3.4",
      "x-forwarded-for": "1.2.3.4",
      "x-forwarded-host": "localhost:3000",
      x_forwarded_for: "1.2.3.4",
      "x-real-ip": "1.2.3.4",
      "x-http-method-override": "DELETE",
      "x-original-url": "/admin",
      "x-middleware-subrequest": "src/middleware",
      "proxy-authorization": "Basic b2xk",
      te: "trailers",
      "x-own": "1",
      referer: `${APP}/secret-page`,
    };

    await call(alice, "/api/proxy/shop/orders", {
      headers: { ...passed, ...kept, "accept-encoding": "gzip" },
    });

    const { headers } = api.seen[0]!;
    expect(headers).toMatchObject({ ...passed, "accept-encoding": "identity" });
    expect(headers.authorization).toMatch(/^Bearer at-/);
    expect(headers.host).toBe(new URL(api.origin).host);
    const others = Object.keys(headers).filter((name) => !(name in passed));
    expect(others.sort()).toEqual(
      [
        "accept-encoding",
        "authorization",
        "cache-control",
        "connection",
        "host",
        "pragma",
        "sec-fetch-mode",
        "user-agent",
      ].sort(),
    );
  });

  it("ask the API for an answer that is not compressed, because an event would wait in the packer", async () => {
    const { api, alice, call } = await createScene();

    await call(alice, "/api/proxy/shop/orders", { headers: { "accept-encoding": "gzip, br" } });

    expect(api.seen[0]!.headers["accept-encoding"]).toBe("identity");
  });

  it("of the API are passed on by a list: no cookie, no redirect, nothing that acts on the app's origin", async () => {
    const { api, alice, call } = await createScene({ responseHeaders: ["X-Total-Count", "location"] });
    const passed = {
      "content-type": "application/json; charset=utf-8",
      "content-disposition": 'attachment; filename="a.json"',
      etag: '"1"',
      "retry-after": "7",
      "x-total-count": "12",
      location: "/orders/18",
    };
    api.answer = (_request, response) => {
      response.writeHead(201, {
        ...passed,
        "set-cookie": ["session=evil", "next-auth.session-token=evil"],
        "cache-control": "public, max-age=3600",
        expires: "Thu, 01 Jan 2099 00:00:00 GMT",
        vary: "*",
        "clear-site-data": '"*"',
        refresh: "0;url=https://evil.example",
        "service-worker-allowed": "/",
        "www-authenticate": 'Basic realm="give me"',
        "content-security-policy": "default-src *",
        "x-content-type-options": "maybe",
        "x-middleware-rewrite": "https://evil.example",
        "x-nolapse-error": "not_signed_in",
        "strict-transport-security": "max-age=0",
        link: "</x>; rel=preload",
      });
      response.end("{}");
    };

    const answer = await call(alice, "/api/proxy/shop/orders", { method: "POST" });

    expect(Object.fromEntries(answer.headers)).toEqual({
      ...passed,
      ...PROTECTED,
      "set-cookie": MARKER_ONLY,
    });
    expect(await answer.text()).toBe("{}");
  });

  it.each(["the API's answer", "a refusal", "an outage"])(
    "of %s keep it out of every cache, and from being run as a page (SEC-28, SEC-30)",
    async (what) => {
      const { world, api, alice, call } = await createScene();
      world.store.down = what === "an outage";
      api.answer = (_request, response) => {
        response.setHeader("content-type", "text/html");
        response.end("<script>alert(document.domain)</script>");
      };

      const answer = await call(alice, what === "a refusal" ? "/api/proxy/x" : "/api/proxy/shop/orders");

      expect(Object.fromEntries(answer.headers)).toMatchObject(PROTECTED);
      if (what !== "the API's answer")
        expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
      expect(answer.headers.get("set-cookie")).toEqual(what === "the API's answer" ? MARKER_ONLY : null);
    },
  );

  it("give an answer without a type one that no browser runs", async () => {
    const { api, alice, call } = await createScene();
    api.answer = (_request, response) => response.end("<h1>");

    expect((await call(alice, "/api/proxy/shop/orders")).headers.get("content-type")).toBe(
      "application/octet-stream",
    );
  });

  it.each([301, 302, 303, 307, 308])(
    "of a redirect (%i) are not passed on, and nobody follows it (SEC-52)",
    async (status) => {
      const { api, alice, call } = await createScene({ responseHeaders: ["location"] });
      const other = (await createScene()).api;
      api.answer = (_request, response) => {
        response.writeHead(status, { location: `${other.origin}/orders?stolen` }).end();
      };

      const answer = await call(alice, "/api/proxy/shop/orders", { method: "POST", body: "x" });

      expect([answer.status, await codeOf(answer)]).toEqual([502, "api_redirected"]);
      expect(answer.headers.get("location")).toBeNull();
      expect(other.seen).toEqual([]);
    },
  );

  it("give no origin to a request that an app without its own address would believe (SEC-75)", async () => {
    const { alice, call } = await createScene();
    const headers = {
      "x-forwarded-host": "evil.example",
      host: "evil.example",
      origin: "https://evil.example",
    };

    expect((await call(alice, "/api/proxy/shop/orders", { method: "POST", headers })).status).toBe(403);
  });
});

/** On every answer. */
const PROTECTED = {
  "cache-control": "private, no-store",
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "same-origin",
  "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
};
