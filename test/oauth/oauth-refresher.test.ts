import { readFileSync } from "node:fs";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createOAuthRefresher } from "../../src/oauth/oauth-refresher.ts";
import { grantIssuerOf, type OAuthProviderConfig } from "../../src/oauth/provider-config.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { faults, startStrictAuthorizationServer } from "../../src/testing/strict-authorization-server.ts";
import { brief, CLIENT, configOf, peer, scenario, sendJson, tokenPeer, tokens } from "./support.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("a refresh request", () => {
  it("is one form POST with the refresh token and HTTP Basic, and asks for JSON (SEC-38)", async () => {
    const server = await tokenPeer();
    const { refresh } = scenario(configOf({ tokenEndpoint: `${server.url}/token` }));

    const outcome = await refresh();

    expect(brief(outcome)).toBe("committed");
    expect(server.seen).toHaveLength(1);
    expect(server.seen[0]).toMatchObject({
      method: "POST",
      path: "/token",
      form: { grant_type: "refresh_token", refresh_token: "R1" },
      headers: {
        accept: "application/json",
        authorization: `Basic ${btoa("app:s3cret-of-the-app")}`,
        "user-agent": "nolapse",
      },
    });
    expect(server.seen[0]!.headers["content-type"]).toMatch(/^application\/x-www-form-urlencoded/);
    expect(Object.keys(server.seen[0]!.form)).toEqual(["refresh_token", "grant_type"]);
  });

  it("sends no access token and puts no token into the URL (SEC-05, SEC-51)", async () => {
    const server = await tokenPeer();
    const { refresh } = scenario(configOf({ tokenEndpoint: `${server.url}/token` }));

    await refresh({ tokenSet: tokens({ accessToken: "CANARY-AT", refreshToken: "CANARY-RT" }) });

    const { path, headers, body } = server.seen[0]!;
    expect(`${path} ${JSON.stringify(headers)}`).not.toMatch(/CANARY/);
    expect(body).not.toContain("CANARY-AT");
  });

  it("leaves on a connection of its own, so that it never meets a socket that is being closed (S3)", async () => {
    const server = await tokenPeer();
    const { refresh } = scenario(configOf({ tokenEndpoint: `${server.url}/token` }));

    await refresh();
    await refresh();

    expect(server.seen.map(({ headers }) => headers.connection)).toEqual(["close", "close"]);
    expect(server.seen[0]!.clientPort).not.toBe(server.seen[1]!.clientPort);
  });

  it("calls fetch with a string and one init that forbids caching and redirects (SEC-76, SEC-52)", async () => {
    const fetch = vi.fn(async () => Response.json({ access_token: "A2", token_type: "Bearer" }));
    vi.stubGlobal("fetch", fetch);
    const { refresh } = scenario(configOf({ tokenEndpoint: "https://as.example/token" }));

    await refresh();

    expect(fetch.mock.calls).toHaveLength(1);
    const [url, init] = fetch.mock.calls[0] as unknown as [unknown, RequestInit];
    expect(url).toBe("https://as.example/token");
    expect(init).toMatchObject({ method: "POST", cache: "no-store", redirect: "manual" });
  });

  it("carries the parameters that are configured, but no other grant type or refresh token", async () => {
    const server = await tokenPeer();
    const tokenParams = { resource: "https://api.example", grant_type: "password", refresh_token: "X" };
    const { refresh } = scenario(configOf({ tokenEndpoint: `${server.url}/token`, tokenParams }));

    await refresh();

    expect(server.seen[0]!.form).toEqual({
      resource: "https://api.example",
      grant_type: "refresh_token",
      refresh_token: "R1",
    });
  });

  it("never asks for more scope than was granted: a local error, and nothing is sent (SEC-38)", async () => {
    const server = await tokenPeer();
    const config = configOf({ tokenEndpoint: `${server.url}/token`, tokenParams: { scope: "read admin" } });
    const { refresh } = scenario(config);

    const wider = await refresh({ tokenSet: tokens({ scope: "read write" }) });
    const narrower = await refresh({ tokenSet: tokens({ scope: "admin read write" }) });

    expect(brief(wider)).toBe("config wider_scope");
    expect(brief(narrower)).toBe("committed");
    expect(server.seen).toHaveLength(1);
  });

  it("counts the lifetime from its start, not from its answer (M13)", async () => {
    const clock = new FakeClock();
    const startMs = clock.nowMs();
    const server = await peer((_request, response) => {
      clock.jump(30_000);
      sendJson(response, { access_token: "A2", token_type: "Bearer", expires_in: 60 });
    });
    const { refresh } = scenario(configOf({ tokenEndpoint: `${server.url}/token` }), { clock });

    expect(await refresh()).toMatchObject({
      tokenSet: { issuedAtMs: startMs, expiresAtMs: startMs + 60_000 },
    });
  });

  it("does not mix up two users who refresh at once (SEC-77)", async () => {
    const held: (() => void)[] = [];
    const server = await peer(({ form }, response) => {
      held.push(() =>
        sendJson(response, { access_token: `A-for-${form["refresh_token"]!}`, token_type: "Bearer" }),
      );
      if (held.length === 2) for (const answer of held.reverse()) answer();
    });
    const { refresh } = scenario(configOf({ tokenEndpoint: `${server.url}/token` }));

    const outcomes = await Promise.all([
      refresh({ tokenSet: tokens({ refreshToken: "alice" }) }),
      refresh({ tokenSet: tokens({ refreshToken: "bob" }) }),
    ]);

    expect(outcomes).toMatchObject([
      { tokenSet: { accessToken: "A-for-alice", refreshToken: "alice" } },
      { tokenSet: { accessToken: "A-for-bob", refreshToken: "bob" } },
    ]);
  });
});

describe("client authentication", () => {
  async function formAndHeaders(config: Partial<OAuthProviderConfig>): Promise<{
    form: Record<string, string>;
    authorization: string | undefined;
    outcome: string;
  }> {
    const server = await tokenPeer();
    const { refresh } = scenario(configOf({ tokenEndpoint: `${server.url}/token`, ...config }));
    const outcome = brief(await refresh());
    const seen = server.seen[0];
    return { form: seen?.form ?? {}, authorization: seen?.headers.authorization, outcome };
  }

  it("by client_secret_post puts both into the body, and nothing into the header", async () => {
    const { form, authorization } = await formAndHeaders({ tokenEndpointAuthMethod: "client_secret_post" });

    expect(form).toMatchObject({ client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret });
    expect(authorization).toBeUndefined();
  });

  it("without a secret names only the client", async () => {
    const { clientSecret: _secret, ...publicClient } = configOf({});
    const server = await tokenPeer();
    const { refresh } = scenario({ ...publicClient, tokenEndpoint: `${server.url}/token` });

    await refresh();

    expect(server.seen[0]!.form).toMatchObject({ client_id: "app" });
    expect(server.seen[0]!.headers.authorization).toBeUndefined();
  });

  it("spells HTTP Basic as NextAuth's sign-in does", async () => {
    const { authorization } = await formAndHeaders({ clientId: "my-app_1.x", clientSecret: "a b+c%~!" });

    expect(atob(authorization!.slice("Basic ".length))).toBe("my-app_1.x:a+b%2Bc%25~!");
  });

  it("asks a secret function anew for each request, as Apple's expiring secret needs it (Q23)", async () => {
    const server = await tokenPeer();
    let made = 0;
    const clientSecret = async (): Promise<string> => `secret-${++made}`;
    const { refresh } = scenario(
      configOf({
        tokenEndpoint: `${server.url}/token`,
        clientSecret,
        tokenEndpointAuthMethod: "client_secret_post",
      }),
    );

    await refresh();
    await refresh();

    expect(server.seen.map(({ form }) => form["client_secret"])).toEqual(["secret-1", "secret-2"]);
  });

  it("that cannot be made sends nothing, and says nothing of the secret", async () => {
    const { outcome, form } = await formAndHeaders({
      clientSecret: () => {
        throw new Error("cannot read CANARY");
      },
    });

    expect(outcome).toBe("not_sent client_authentication_failed");
    expect(form).toEqual({});
  });

  it.each(["RS256", "PS256", "ES256", "EdDSA"])(
    "by private_key_jwt signs a new assertion each time, from a JWK of %s (SEC-39)",
    async (alg) => {
      const { generateKeyPair, exportJWK, jwtVerify } = await import("jose");
      const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
      const clientPrivateKey = { ...(await exportJWK(privateKey)), alg, kid: "k1" } as JsonWebKey & {
        kid: string;
      };
      const server = await tokenPeer();
      const { refresh } = scenario(
        configOf({ tokenEndpoint: `${server.url}/token`, issuer: "https://as.example", clientPrivateKey }),
      );

      await refresh();
      await refresh();

      const verified = await Promise.all(
        server.seen.map(({ form }) =>
          jwtVerify(form["client_assertion"]!, publicKey, { audience: "https://as.example" }),
        ),
      );
      expect(verified.map(({ payload }) => payload.sub)).toEqual(["app", "app"]);
      expect(verified[0]!.protectedHeader).toMatchObject({ kid: "k1" });
      expect(verified[0]!.payload.jti).not.toBe(verified[1]!.payload.jti);
      expect(server.seen[0]!.form["client_secret"]).toBeUndefined();
    },
  );
});

describe("a grant", () => {
  it("is pinned to its token endpoint once known: moved metadata gets nothing (SEC-35)", async () => {
    const good = await tokenPeer();
    const evil = await tokenPeer();
    let endpoint = `${good.url}/token`;
    const metadata = await peer((_request, response) =>
      sendJson(response, { issuer: metadata.url, token_endpoint: endpoint }),
    );
    const config = configOf({ issuer: metadata.url });

    const first = await scenario(config).refresh();
    endpoint = `${evil.url}/token`;
    if (first.kind !== "committed") throw new Error(brief(first));
    const second = await scenario(config).refresh({ tokenSet: first.tokenSet });

    expect(first.tokenSet.tokenEndpoint).toBe(`${good.url}/token`);
    expect(brief(second)).toBe("config token_endpoint_changed");
    expect(evil.seen).toEqual([]);
  });

  it("of another client or another issuer is not sent (SEC-35)", async () => {
    const server = await tokenPeer();
    const { refresh } = scenario(
      configOf({ tokenEndpoint: `${server.url}/token`, issuer: "https://as.example" }),
    );

    const outcomes = [
      await refresh({ clientId: "other-app" }),
      await refresh({ issuer: "https://other.example" }),
      await refresh({ provider: "gone" }),
    ];

    expect(outcomes.map(brief)).toEqual([
      "config client_changed",
      "config issuer_changed",
      "config unknown_provider",
    ]);
    expect(server.seen).toEqual([]);
  });

  it("without a refresh token is refused before anything is sent", async () => {
    const { refreshToken: _none, ...tokenSet } = tokens();

    expect(
      brief(await scenario(configOf({ tokenEndpoint: "https://as.example" })).refresh({ tokenSet })),
    ).toBe("config no_refresh_token");
  });
});

describe("an endpoint", () => {
  it.each([
    ["http on another host", "http://as.example/token", true],
    ["http on the loopback without leave", "http://127.0.0.1:9/token", false],
    ["a host that only looks like the loopback", "http://127.0.0.1.evil.example/token", true],
    ["a host that ends in localhost without a dot", "http://evillocalhost/token", true],
    ["another protocol", "ftp://as.example/token", true],
    ["a user name in the URL", "https://user:pass@as.example/token", true],
    ["no URL", "as.example/token", true],
  ])("with %s is refused (SEC-37)", async (_name, tokenEndpoint, allowInsecureRequests) => {
    const fetch = vi.fn();
    const { refresh } = scenario(configOf({ tokenEndpoint, allowInsecureRequests }), { fetch });

    expect(brief(await refresh())).toBe("config insecure_endpoint");
    expect(fetch).not.toHaveBeenCalled();
  });

  it("with a certificate that nobody vouches for gets nothing (SEC-37)", async () => {
    const pem = readFileSync(new URL("./fixtures/self-signed.pem", import.meta.url));
    const seen: string[] = [];
    const server = createTlsServer({ key: pem, cert: pem }, (request, response) => {
      seen.push(request.url ?? "");
      response.end("{}");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const { refresh } = scenario(configOf({ tokenEndpoint: `https://127.0.0.1:${port}/token` }));

    const outcome = await refresh();
    server.close();

    expect(brief(outcome)).toBe("not_sent depth_zero_self_signed_cert");
    expect(seen).toEqual([]);
  });

  it.each([301, 302, 303, 307, 308])(
    "that answers %i is not followed: the other host sees nothing (SEC-52)",
    async (status) => {
      const attacker = await tokenPeer();
      const server = await peer((_request, response) =>
        response.writeHead(status, { location: `${attacker.url}/token` }).end(),
      );
      const { refresh } = scenario(configOf({ tokenEndpoint: `${server.url}/token` }));

      expect(brief(await refresh())).toBe("config redirect");
      expect(server.seen).toHaveLength(1);
      expect(attacker.seen).toEqual([]);
    },
  );
});

describe("a request that gets no answer", () => {
  it("was not sent when the connection is refused", async () => {
    const server = await tokenPeer();
    const tokenEndpoint = `${server.url}/token`;
    await server.close();

    expect(brief(await scenario(configOf({ tokenEndpoint })).refresh())).toBe("not_sent econnrefused");
  });

  it("was not sent when the name is not known", async () => {
    const outcome = await scenario(configOf({ tokenEndpoint: "https://as.invalid/token" })).refresh();

    expect(brief(outcome)).toMatch(/^not_sent (enotfound|eai_again)$/);
  });

  it("is unknown when the connection ends after it was sent", async () => {
    const server = await peer((_request, _response, raw) => raw.socket.destroy());
    const { refresh } = scenario(configOf({ tokenEndpoint: `${server.url}/token` }));

    expect(await refresh()).toMatchObject({ kind: "unknown", code: "reset", answered: false });
    expect(server.seen).toHaveLength(1);
  });

  it("is unknown when the signal ends it, at once and even if fetch ignores the signal (I11)", async () => {
    const deadline = new AbortController();
    const fetch = vi.fn(() => new Promise<Response>(() => undefined));
    const { refresh } = scenario(configOf({ tokenEndpoint: "https://as.example/token" }), { fetch });

    const outcome = refresh({ signal: deadline.signal });
    await vi.waitFor(() => expect(fetch).toHaveBeenCalled());
    deadline.abort();

    expect(await outcome).toEqual({ kind: "unknown", code: "timeout", answered: false });
  });

  it("was not sent when the signal had ended before", async () => {
    const fetch = vi.fn();
    const { refresh } = scenario(configOf({ tokenEndpoint: "https://as.example/token" }), { fetch });

    expect(brief(await refresh({ signal: AbortSignal.abort() }))).toBe("not_sent timeout");
    expect(fetch).not.toHaveBeenCalled();
  });
});

describe("an answer that does not end", () => {
  it("is read up to the cap and no further: a body of 1 GB (SEC-54)", async () => {
    const chunk = Buffer.alloc(64 * 1024, "x");
    let sentBytes = 0;
    const server = await peer((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const more = (): void => {
        while (sentBytes < 1024 ** 3 && !response.destroyed) {
          sentBytes += chunk.byteLength;
          if (!response.write(chunk)) return void response.once("drain", more);
        }
        response.end();
      };
      more();
    });
    const { refresh } = scenario(configOf({ tokenEndpoint: `${server.url}/token` }));

    expect(brief(await refresh())).toBe("committed_bad body_too_large");
    expect(sentBytes).toBeLessThan(64 * 1024 * 1024);
  });

  it("is not read at all when it announces more than the cap", async () => {
    const server = await peer((_request, response) => {
      response.writeHead(200, { "content-length": String(10 * 1024 * 1024) }).flushHeaders();
    });
    const { refresh } = scenario(configOf({ tokenEndpoint: `${server.url}/token` }));

    expect(brief(await refresh())).toBe("committed_bad body_too_large");
  });

  it("is given up at the deadline: a slow loris (SEC-54)", async () => {
    const deadline = new AbortController();
    const server = await peer((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" }).write('{"access_token":');
      setImmediate(() => deadline.abort());
    });
    const { refresh } = scenario(configOf({ tokenEndpoint: `${server.url}/token` }));

    expect(await refresh({ signal: deadline.signal })).toMatchObject({ kind: "unknown", code: "timeout" });
  });

  it("is unknown when it breaks off", async () => {
    const server = await peer((_request, response) => {
      response.writeHead(200, { "content-length": "100" }).write('{"access_token":');
      setImmediate(() => response.destroy());
    });
    const { refresh } = scenario(configOf({ tokenEndpoint: `${server.url}/token` }));

    expect(await refresh()).toEqual({ kind: "unknown", code: "reset", answered: true });
  });

  it("may be compressed, and the cap counts what comes out", async () => {
    const { gzipSync } = await import("node:zlib");
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024, " "));
    const server = await peer((_request, response) =>
      response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" }).end(bomb),
    );
    const { refresh } = scenario(configOf({ tokenEndpoint: `${server.url}/token` }));

    expect(bomb.byteLength).toBeLessThan(1024 * 1024);
    expect(brief(await refresh())).toBe("committed_bad body_too_large");
  });
});

describe("at a strict authorization server", () => {
  it("a chain of refreshes goes on for ever, for two users, and no refresh token is sent twice", async () => {
    const server = await startStrictAuthorizationServer();
    const config = configOf({ issuer: server.issuer });
    const { refresh } = scenario(config);
    const sent: string[] = [];

    for (const user of ["alice", "bob"]) {
      const first = server.issue({ user });
      let tokenSet = tokens({ accessToken: first.access_token, refreshToken: first.refresh_token });
      for (let turn = 0; turn < 5; turn++) {
        sent.push(tokenSet.refreshToken!);
        const outcome = await refresh({ tokenSet });
        if (outcome.kind !== "committed") throw new Error(brief(outcome));
        tokenSet = outcome.tokenSet;
      }
      expect(server.userOf(tokenSet.accessToken)).toBe(user);
    }

    await server.close();
    expect(new Set(sent).size).toBe(10);
    expect(
      server.requests.filter(({ endpoint }) => endpoint === "token").map(({ outcome }) => outcome),
    ).toEqual(Array(10).fill("rotated"));
  });

  it("each fault has its class, and the grant survives those that did not spend the token", async () => {
    const server = await startStrictAuthorizationServer();
    const { refresh } = scenario(configOf({ tokenEndpoint: server.tokenEndpoint }));
    const first = server.issue({ user: "alice" });
    const tokenSet = tokens({ accessToken: first.access_token, refreshToken: first.refresh_token });

    const outcomes: string[] = [];
    for (const fault of [
      faults.tooManyRequests(5),
      faults.htmlPage(),
      faults.refusedConnection(),
      faults.error("invalid_client", 401),
    ]) {
      server.faultNext(fault);
      outcomes.push(brief(await refresh({ tokenSet })));
    }
    outcomes.push(brief(await refresh({ tokenSet })));
    outcomes.push(brief(await refresh({ tokenSet })));

    await server.close();
    expect(outcomes).toEqual([
      "not_committed http_429",
      "unknown http_502",
      "unknown reset",
      "config invalid_client",
      "committed",
      "rejected invalid_grant",
    ]);
  });
});

describe("the refresher", () => {
  it("never rejects, whatever it is given", async () => {
    const throwing = createOAuthRefresher({
      clock: new FakeClock(),
      resolveProvider: () => {
        throw new Error("broken");
      },
    });
    const config = configOf({ tokenEndpoint: "https://as.example/token" });
    const oddFetches = [
      () => Promise.reject(new Error("odd")),
      () => Promise.reject(undefined),
      () => Promise.resolve(undefined as unknown as Response),
      (): Promise<Response> => {
        throw new TypeError("sync");
      },
    ];

    const request = scenario(config).request();
    const outcomes = [await throwing.refresh(request)];
    for (const fetch of oddFetches) outcomes.push(await scenario(config, { fetch }).refresh());

    expect(outcomes.map(({ kind }) => kind)).toEqual(["config", "unknown", "unknown", "unknown", "unknown"]);
    expect(await throwing.revoke(request)).toBe("failed");
  });

  it("has no effects when it is made", () => {
    const fetch = vi.fn();
    const resolveProvider = vi.fn();

    createOAuthRefresher({ fetch, resolveProvider });

    expect([fetch.mock.calls.length, resolveProvider.mock.calls.length]).toEqual([0, 0]);
  });

  it("names the authorization server of a grant by issuer, else metadata, else token endpoint", () => {
    const { issuer: _none, ...bare } = configOf({});

    expect([
      grantIssuerOf({ ...bare, issuer: "i", wellKnown: "w", tokenEndpoint: "t" }),
      grantIssuerOf({ ...bare, wellKnown: "w", tokenEndpoint: "t" }),
      grantIssuerOf({ ...bare, tokenEndpoint: "t" }),
      grantIssuerOf(bare),
    ]).toEqual(["i", "w", "t", "provider:custom"]);
  });
});
