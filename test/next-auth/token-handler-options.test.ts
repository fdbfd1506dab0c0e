import { describe, expect, it } from "vitest";
import type { TokenHandlerApi, TokenHandlerOptions } from "../../src/adapter/token-handler/options.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { systemClock } from "../../src/core/clock.ts";
import { withFreshTokens } from "../../src/next-auth/index.ts";

const GOOD: TokenHandlerApi = { origin: "https://api.example.com", paths: ["/orders"] };

const { createTokenHandler } = withFreshTokens(
  { providers: [] },
  { store: memoryStore({ clock: systemClock }) },
);

describe("the options of a token handler", () => {
  it("are taken where they can work, without an effect", () => {
    const handler = createTokenHandler({
      apis: {
        shop: {
          ...GOOD,
          paths: ["/", "/orders", "/orders/*/items", "/files/**", "/django/", "/김치"],
          methods: ["GET", "POST"],
          requestHeaders: ["X-Tenant", "x-requested-with"],
          responseHeaders: ["X-Total-Count", "location", "link"],
          provider: "keycloak",
          resource: "https://api.example.com",
          audience: "orders",
          scope: "orders:read orders:write",
          minValidityMs: 60_000,
          maxWaitMs: 0,
          responseTimeoutMs: 300_000,
          maxDurationMs: 3_600_000,
          maxRequestBytes: 0,
        },
        "other-api_2": { origin: "http://localhost:4002", paths: ["/**"] },
      },
      mountedAt: "/api/bff.v1",
      csrfHeader: "X-CSRF",
      appOrigins: ["https://www.example.com", "http://intranet:8080"],
    });

    expect(Object.keys(handler)).toEqual(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "pages"]);
  });

  it.each<[option: string, given: unknown]>([
    ["createTokenHandler", undefined],
    ["createTokenHandler", []],
    ["apis", {}],
    ["apis", { apis: [] }],
    ["apis", { apis: {} }],
    ["mountedAt", { mountedAt: "api/proxy" }],
    ["mountedAt", { mountedAt: "/api/proxy/" }],
    ["mountedAt", { mountedAt: "/" }],
    ["mountedAt", { mountedAt: "/api/[...path]" }],
    ["csrfHeader", { csrfHeader: "accept" }],
    ["csrfHeader", { csrfHeader: "content-type" }],
    ["csrfHeader", { csrfHeader: "last-event-id" }],
    ["csrfHeader", { csrfHeader: "if-none-match" }],
    ["csrfHeader", { csrfHeader: "sec-own" }],
    ["csrfHeader", { csrfHeader: "x-forwarded-host" }],
    ["csrfHeader", { csrfHeader: "x csrf" }],
    ["csrfHeader", { csrfHeader: "" }],
    ["appOrigins", { appOrigins: "https://app.example.com" }],
    ["appOrigins", { appOrigins: ["https://app.example.com/"] }],
    ["appOrigins", { appOrigins: ["https://APP.example.com"] }],
    ["appOrigins", { appOrigins: ["null"] }],
    ["appOrigins", { appOrigins: ["*"] }],
    ["cors", { cors: true }],
  ])("are refused at the start, by name: %s of %j", (option, given) => {
    const options = (
      typeof given === "object" && !Array.isArray(given) && option !== "apis"
        ? { apis: { shop: GOOD }, ...given }
        : given
    ) as TokenHandlerOptions;

    expect(() => createTokenHandler(options)).toThrow(
      expect.objectContaining({ code: "invalid_option", option }) as Error,
    );
  });

  it.each<[option: string, given: Record<string, unknown>]>([
    ["origin", { origin: undefined }],
    ["origin", { origin: "" }],
    ["origin", { origin: "api.example.com" }],
    ["origin", { origin: "//api.example.com" }],
    ["origin", { origin: "http://api.example.com" }],
    ["origin", { origin: "https://api.example.com/v1" }],
    ["origin", { origin: "https://api.example.com?x" }],
    ["origin", { origin: "https://user@api.example.com" }],
    ["origin", { origin: "https://api.example.com@evil.example" }],
    ["origin", { origin: "https://API.example.com" }],
    ["origin", { origin: "https://аpi.example.com" }],
    ["origin", { origin: "https://api.example.com:443" }],
    ["origin", { origin: "https://api.example.com%2f.evil.example" }],
    ["origin", { origin: "https://api.example.com\\.evil.example" }],
    ["origin", { origin: "file:///etc" }],
    ["origin", { origin: "blob:https://api.example.com" }],
    ["origin", { origin: new URL("https://api.example.com") }],
    ["paths", { paths: undefined }],
    ["paths", { paths: "/orders" }],
    ["paths", { paths: [] }],
    ["paths", { paths: ["orders"] }],
    ["paths", { paths: [""] }],
    ["paths", { paths: ["/orders//x"] }],
    ["paths", { paths: ["/orders/.."] }],
    ["paths", { paths: ["/orders/."] }],
    ["paths", { paths: ["/orders?x=1"] }],
    ["paths", { paths: ["/orders#x"] }],
    ["paths", { paths: ["/a%20b"] }],
    ["paths", { paths: ["/a;b"] }],
    ["paths", { paths: ["/a\\b"] }],
    ["paths", { paths: ["/ord*"] }],
    ["paths", { paths: ["/**/orders"] }],
    ["paths", { paths: ["/files/**/"] }],
    ["paths", { paths: [/orders/] }],
    ["methods", { methods: "GET" }],
    ["methods", { methods: [] }],
    ["methods", { methods: ["get"] }],
    ["methods", { methods: ["TRACE"] }],
    ["methods", { methods: ["OPTIONS"] }],
    ...["authorization", "Cookie", "host", "X-Forwarded-For", "x_forwarded_for", "forwarded", "x-real-ip"]
      .concat([
        "proxy-authorization",
        "connection",
        "transfer-encoding",
        "content-length",
        "origin",
        "referer",
      ])
      .concat([
        "sec-fetch-site",
        "x-http-method-override",
        "accept-encoding",
        "x-middleware-subrequest",
        ...["X-Forwarded", "x-host", "x-scheme", "x-http-host-override", "front-end-https"],
        ...["remote-user", "x-remote-user", "x-ms-client-principal-name"],
        "a b",
        "",
      ])
      .map((name): [string, Record<string, unknown>] => ["requestHeaders", { requestHeaders: [name] }]),
    ...["set-cookie", "Access-Control-Allow-Origin", "content-encoding", "cache-control", "refresh", "vary"]
      .concat(["clear-site-data", "service-worker-allowed", "www-authenticate", "x-middleware-rewrite"])
      .concat([
        ...["set-login", "login-status", "secure-session-registration", "sec-session-registration"],
        ...["accept-ch", "document-policy", "attribution-reporting-register-source"],
        "content-security-policy",
        "cross-origin-resource-policy",
        "x-nolapse-error",
        "connection",
        "\n",
      ])
      .map((name): [string, Record<string, unknown>] => ["responseHeaders", { responseHeaders: [name] }]),
    ["requestHeaders", { requestHeaders: "x-tenant" }],
    ["responseTimeoutMs", { responseTimeoutMs: 0 }],
    ["responseTimeoutMs", { responseTimeoutMs: 300_001 }],
    ["idleTimeoutMs", { idleTimeoutMs: 300_001 }],
    ["idleTimeoutMs", { idleTimeoutMs: "60" }],
    ["maxDurationMs", { maxDurationMs: Number.POSITIVE_INFINITY }],
    ["maxDurationMs", { maxDurationMs: 2 ** 31 }],
    ["maxRequestBytes", { maxRequestBytes: -1 }],
    ["maxResponseBytes", { maxResponseBytes: "1 MB" }],
    ["maxReplayBytes", { maxReplayBytes: 1.5 }],
    ["provider", { provider: 7 }],
    ["resource", { resource: "orders" }],
    ["audience", { audience: "" }],
    ["scope", { scope: ["a"] }],
    ["minValidityMs", { minValidityMs: -1 }],
    ["maxWaitMs", { maxWaitMs: Number.NaN }],
    ["timeoutMs", { timeoutMs: 5 }],
    ["pathes", { pathes: [] }],
  ])("are refused at the start, by the API's name, too: %s of %j (SEC-53)", (option, given) => {
    const apis = { shop: { ...GOOD, ...given } } as TokenHandlerOptions["apis"];

    expect(() => createTokenHandler({ apis })).toThrow(
      expect.objectContaining({ code: "invalid_option", option: `apis.shop.${option}` }) as Error,
    );
  });

  it.each(["", "a/b", "a b", "..", "%41", "-a", "x".repeat(65)])(
    "are refused where an API could not be named by a path: %j",
    (name) => {
      expect(() => createTokenHandler({ apis: { [name]: GOOD } })).toThrow(
        expect.objectContaining({ code: "invalid_option", option: `apis.${name}` }) as Error,
      );
    },
  );
});
