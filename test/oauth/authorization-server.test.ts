import { describe, expect, it, vi } from "vitest";
import {
  createAuthorizationServers,
  type AuthorizationServers,
} from "../../src/oauth/authorization-server.ts";
import { createJsonDocuments, type JsonDocumentsOptions } from "../../src/oauth/json-documents.ts";
import { profileOf } from "../../src/oauth/profiles.ts";
import type { OAuthProviderConfig } from "../../src/oauth/provider-config.ts";
import { createServerMetadata } from "../../src/oauth/server-metadata.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { configOf, peer, sendJson } from "./support.ts";

const HOUR_MS = 3_600_000;

type Metadata = Record<string, unknown>;

const resolverOf = (options: JsonDocumentsOptions): AuthorizationServers =>
  createAuthorizationServers(createServerMetadata(createJsonDocuments(options)));

/** A resolver whose metadata comes from a table by URL. A function is called at each fetch. */
function servers(table: Record<string, Metadata | (() => Response | Promise<Response>)>): {
  fetched: string[];
  clock: FakeClock;
  resolve(config: Partial<OAuthProviderConfig>, provider?: string): Promise<unknown>;
} {
  const clock = new FakeClock();
  const fetched: string[] = [];
  const resolver = resolverOf({
    clock,
    fetch: async (url) => {
      fetched.push(url);
      const answer = table[url];
      if (answer === undefined) return new Response("", { status: 404 });
      return typeof answer === "function" ? answer() : Response.json(answer);
    },
  });
  return {
    fetched,
    clock,
    resolve: (config, provider = "custom") =>
      resolver.resolve(configOf(config), profileOf(provider), new AbortController().signal),
  };
}

const METADATA_URL = "https://as.example/.well-known/openid-configuration";
const metadata = { issuer: "https://as.example", token_endpoint: "https://as.example/token" };

describe("metadata", () => {
  it("is found under the issuer, and gives the endpoints", async () => {
    const { resolve } = servers({
      [METADATA_URL]: { ...metadata, revocation_endpoint: "https://as.example/revoke" },
    });

    expect(await resolve({ issuer: "https://as.example" })).toEqual({
      issuer: "https://as.example",
      tokenEndpoint: "https://as.example/token",
      revocationEndpoint: "https://as.example/revoke",
    });
  });

  it.each([
    ["has a slash more", "https://as.example", "https://as.example/"],
    ["has a slash less", "https://as.example/", "https://as.example"],
    ["is in other letters", "https://as.example", "https://AS.example"],
    ["is another", "https://as.example", "https://evil.example"],
    ["is missing", "https://as.example", undefined],
  ])("whose issuer %s is not believed (SEC-36)", async (_name, configured, issuer) => {
    const { resolve } = servers({ [METADATA_URL]: { ...metadata, issuer } });

    expect(await resolve({ issuer: configured })).toMatchObject({ kind: "config", code: "issuer_mismatch" });
  });

  it("of Auth0 and authentik ends in the slash that NextAuth's documentation leaves out; nothing else may differ", async () => {
    const withSlash = servers({ [METADATA_URL]: { ...metadata, issuer: "https://as.example/" } });
    const other = servers({ [METADATA_URL]: { ...metadata, issuer: "https://evil.example/" } });

    for (const provider of ["auth0", "authentik"]) {
      expect(await withSlash.resolve({ issuer: "https://as.example" }, provider)).toHaveProperty(
        "tokenEndpoint",
      );
      expect(await other.resolve({ issuer: "https://as.example" }, provider)).toHaveProperty(
        "code",
        "issuer_mismatch",
      );
    }
  });

  it("of Entra leaves the tenant open, and only the tenant", async () => {
    const matches = async (issuer: string): Promise<boolean> => {
      const { resolve } = servers({
        [`${issuer}/.well-known/openid-configuration`]: {
          issuer: "https://login.example/{tenantid}/v2.0",
          token_endpoint: "https://login.example/token",
        },
      });
      return "tokenEndpoint" in ((await resolve({ issuer })) as object);
    };

    expect(await matches("https://login.example/common/v2.0")).toBe(true);
    expect(await matches("https://login.example/a/b/v2.0")).toBe(false);
    expect(await matches("https://login.example//v2.0")).toBe(false);
    expect(await matches("https://evil.example/common/v2.0")).toBe(false);
    expect(await matches("https://login.example/v2.0")).toBe(false);
  });

  it("is kept by its full URL: two issuers on one host do not share it (SEC-36)", async () => {
    const tenant = (name: string): Metadata => ({
      issuer: `https://as.example/${name}`,
      token_endpoint: `https://as.example/${name}/token`,
    });
    const { resolve, fetched } = servers({
      "https://as.example/a/.well-known/openid-configuration": tenant("a"),
      "https://as.example/b/.well-known/openid-configuration": tenant("b"),
    });

    const found = await Promise.all([
      resolve({ issuer: "https://as.example/a" }),
      resolve({ issuer: "https://as.example/b" }),
      resolve({ issuer: "https://as.example/a" }),
    ]);

    expect(found).toMatchObject([
      { tokenEndpoint: "https://as.example/a/token" },
      { tokenEndpoint: "https://as.example/b/token" },
      { tokenEndpoint: "https://as.example/a/token" },
    ]);
    expect(fetched).toHaveLength(2);
  });

  it("is asked for once by any number of callers, and again after an hour", async () => {
    const { resolve, fetched, clock } = servers({ [METADATA_URL]: metadata });

    await Promise.all(Array.from({ length: 20 }, () => resolve({ issuer: "https://as.example" })));
    await clock.advance(HOUR_MS - 1);
    await resolve({ issuer: "https://as.example" });
    expect(fetched).toHaveLength(1);
    await clock.advance(2);
    await resolve({ issuer: "https://as.example" });

    expect(fetched).toHaveLength(2);
  });

  it("that failed is asked for again at once, and old metadata outlives an outage of its server", async () => {
    const answers = [503, 200, 503, 404];
    const { resolve, fetched, clock } = servers({
      [METADATA_URL]: () => {
        const status = answers.shift()!;
        return status === 200
          ? Response.json(metadata)
          : new Response("", { status, headers: { "retry-after": "3" } });
      },
    });
    const ask = (): Promise<unknown> => resolve({ issuer: "https://as.example" });

    expect(await ask()).toEqual({ kind: "not_sent", code: "metadata_http_503", retryAfterMs: 3_000 });
    expect(await ask()).toHaveProperty("tokenEndpoint");
    await clock.advance(2 * HOUR_MS);
    expect(await ask()).toHaveProperty("tokenEndpoint");
    expect(await ask()).toMatchObject({ kind: "config", code: "metadata_http_404" });
    expect(fetched).toHaveLength(4);
  });

  it.each([
    [
      "an HTML page",
      () => new Response("<html>", { headers: { "content-type": "text/html" } }),
      "not_sent metadata_unreadable",
    ],
    ["broken JSON", () => new Response("{"), "not_sent metadata_unreadable"],
    [
      "a redirect",
      () => new Response(null, { status: 302, headers: { location: "https://evil.example" } }),
      "config metadata_http_302",
    ],
    ["a network error", () => Promise.reject(new TypeError("fetch failed")), "not_sent metadata_reset"],
    [
      "an http token endpoint",
      () => Response.json({ ...metadata, token_endpoint: "http://as.example/token" }),
      "config insecure_endpoint",
    ],
    ["no token endpoint", () => Response.json({ issuer: "https://as.example" }), "config insecure_endpoint"],
    [
      "a body above the cap",
      () => new Response(`{"x":"${"x".repeat(2_000_000)}"}`),
      "not_sent metadata_unreadable",
    ],
  ])("that is %s sends nobody anywhere", async (_name, answer, expected) => {
    const { resolve } = servers({ [METADATA_URL]: answer });

    const failure = (await resolve({ issuer: "https://as.example" })) as { kind: string; code: string };

    expect(`${failure.kind} ${failure.code}`).toBe(expected);
  });

  it("that does not come is given up after 10 s", async () => {
    const { resolve, clock } = servers({ [METADATA_URL]: () => new Promise<Response>(() => undefined) });

    const found = resolve({ issuer: "https://as.example" });
    await clock.advance(10_000);

    expect(await found).toEqual({ kind: "not_sent", code: "metadata_timeout" });
  });

  it("that one caller gives up is still there for the others (M6)", async () => {
    const clock = new FakeClock();
    const impatient = new AbortController();
    let answer: (response: Response) => void = () => undefined;
    const fetch = vi.fn(() => new Promise<Response>((resolve) => (answer = resolve)));
    const resolver = resolverOf({ clock, fetch });
    const config = configOf({ issuer: "https://as.example" });

    const givenUp = resolver.resolve(config, profileOf("custom"), impatient.signal);
    const patient = resolver.resolve(config, profileOf("custom"), new AbortController().signal);
    impatient.abort();
    answer(Response.json(metadata));

    expect(await givenUp).toEqual({ kind: "not_sent", code: "metadata_timeout" });
    expect(await patient).toHaveProperty("tokenEndpoint");
    expect(fetch).toHaveBeenCalledTimes(1);
  });

  it("of more than 100 places is not kept all at once", async () => {
    const table = Object.fromEntries(
      Array.from({ length: 101 }, (_each, index) => [`https://as.example/${index}`, metadata] as const),
    );
    const { resolve, fetched } = servers(table);

    for (const wellKnown of Object.keys(table)) await resolve({ wellKnown });
    await resolve({ wellKnown: "https://as.example/100" });
    expect(fetched).toHaveLength(101);
    await resolve({ wellKnown: "https://as.example/0" });

    expect(fetched).toHaveLength(102);
  });

  it("redirects are not followed over the wire (SEC-52)", async () => {
    const attacker = await peer((_request, response) => sendJson(response, metadata));
    const server = await peer((_request, response) =>
      response.writeHead(302, { location: attacker.url }).end(),
    );
    const resolver = resolverOf({
      clock: new FakeClock(),
      fetch: (url, init) => globalThis.fetch(url, init),
    });

    const found = await resolver.resolve(
      configOf({ issuer: server.url }),
      profileOf("custom"),
      new AbortController().signal,
    );

    expect(found).toMatchObject({ kind: "config", code: "metadata_http_302" });
    expect(attacker.seen).toEqual([]);
  });
});

describe("a configured token endpoint", () => {
  it("needs no metadata", async () => {
    const { resolve, fetched } = servers({});

    expect(
      await resolve({
        tokenEndpoint: "https://as.example/token",
        revocationEndpoint: "https://as.example/revoke",
      }),
    ).toEqual({ tokenEndpoint: "https://as.example/token", revocationEndpoint: "https://as.example/revoke" });
    expect(fetched).toEqual([]);
  });

  it("that is nowhere is a matter of configuration", async () => {
    expect(await servers({}).resolve({})).toMatchObject({ kind: "config", code: "no_token_endpoint" });
  });
});
