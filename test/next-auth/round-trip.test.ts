import { generateKeyPairSync } from "node:crypto";
import type { AuthOptions } from "next-auth";
import { describe, expect, it } from "vitest";
import type { Browser } from "./support/browser.ts";
import { captureConsole } from "./support/console.ts";
import { startOidcServer, type ClientMetadata, type OidcServer } from "./support/oidc.ts";
import { createWorld, jwtOf, pass, quiet, until, type World } from "./support/world.ts";

const LIFETIME_MS = 60_000;
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwk = { kid: "client-key", use: "sig", alg: "ES256" };
const ODD_SECRET = "odd secret with % + : / & = ~!*'() and _-.";

/** Ways in which a client proves who it is: for the server, and for NextAuth's provider entry. */
const CLIENTS: readonly [string, ClientMetadata, object][] = [
  ["client_secret_basic", {}, {}],
  ["client_secret_basic and an odd secret", { client_secret: ODD_SECRET }, { clientSecret: ODD_SECRET }],
  [
    "client_secret_post",
    { token_endpoint_auth_method: "client_secret_post" },
    { client: { token_endpoint_auth_method: "client_secret_post" } },
  ],
  [
    "private_key_jwt",
    {
      token_endpoint_auth_method: "private_key_jwt",
      jwks: { keys: [{ ...publicKey.export({ format: "jwk" }), ...jwk }] },
    },
    {
      client: { token_endpoint_auth_method: "private_key_jwt", token_endpoint_auth_signing_alg: "ES256" },
      jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), ...jwk }] },
    },
  ],
  [
    "none, with PKCE",
    { token_endpoint_auth_method: "none", client_secret: undefined },
    { client: { token_endpoint_auth_method: "none" }, clientSecret: undefined },
  ],
];

describe.each(CLIENTS)("a round trip to a strict OpenID Connect server with %s", (_method, client, entry) => {
  it("signs in by code and PKCE, and lives through lifetime after lifetime without a replay", async () => {
    const { server, world } = await scene(client, entry);
    const [alice, bob] = [world.browser("pages"), world.browser("app")];
    await signIn(server, alice, "alice");
    await signIn(server, bob, "bob");

    for (let lifetime = 0; lifetime < 3; lifetime++) {
      pass(LIFETIME_MS * 0.7);
      const tokens = await Promise.all(
        [alice, bob, alice, bob].map((browser) => world.getAccessToken(browser.pageRequest())),
      );
      await quiet();
      expect(tokens[0]?.accessToken).toBe(tokens[2]?.accessToken);
      expect(await alice.session()).toMatchObject({ user: { name: "alice" }, accessTokenExpiresIn: 60 });
      expect(await bob.session()).toMatchObject({ user: { name: "bob" }, accessTokenExpiresIn: 60 });
    }

    expect(server.log.filter((each) => each === "refresh_token ok")).toHaveLength(6);
    expect(server.log.every((each) => each.endsWith(" ok"))).toBe(true);
    expect(server.revoked).toEqual([]);
    for (const [browser, sub] of [
      [alice, "alice"],
      [bob, "bob"],
    ] as const) {
      const { accessToken } = await world.getAccessToken(browser.pageRequest());
      expect(await userinfo(server, accessToken)).toMatchObject({ sub });
    }
  });
});

describe("a sign-out from an OpenID Connect server", () => {
  it("revokes at the endpoint that its metadata names (RFC 7009)", async () => {
    const { server, world } = await scene();
    const alice = world.browser();
    await signIn(server, alice, "alice");
    const { accessToken } = await world.getAccessToken(alice.pageRequest());
    expect(await userinfo(server, accessToken)).toMatchObject({ sub: "alice" });

    await alice.signOut();

    await until(() => world.eventsOf("revocation_ended").length === 1);
    expect(world.eventsOf("revocation_ended")).toMatchObject([{ outcome: "revoked" }]);
    expect(await userinfo(server, accessToken)).toBeUndefined();
  });
});

describe("a new sign-in at an OpenID Connect server", () => {
  it("ends the session's grant and leaves the new one's chain alive", async () => {
    const { server, world } = await scene();
    const alice = world.browser();
    await signIn(server, alice, "alice");
    const before = (await jwtOf(alice))?.["nolapse"];

    await signIn(server, alice, "alice");
    await quiet();
    pass(LIFETIME_MS);

    expect((await jwtOf(alice))?.["nolapse"]).not.toEqual(before);
    expect(await alice.session()).toMatchObject({ accessTokenExpiresIn: 60 });
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "replaced" }]);
  });
});

async function scene(
  client: ClientMetadata = {},
  entry: object = {},
): Promise<{ server: OidcServer; world: World }> {
  // oidc-provider recommends on the console what it would do differently in production.
  captureConsole();
  const bare = await createWorld();
  const server = await startOidcServer(client);
  const provider = {
    id: "oidc",
    name: "OIDC",
    type: "oauth",
    wellKnown: `${server.issuer}/.well-known/openid-configuration`,
    issuer: server.issuer,
    authorization: { params: { scope: "openid profile email offline_access" } },
    checks: ["pkce", "state"],
    idToken: true,
    profile: ({ sub, name, email }: Record<string, string>) => ({ id: sub, name, email }),
    clientId: "app",
    clientSecret: "client-secret-of-app",
    ...entry,
  };
  return {
    server,
    world: bare.copy({ auth: { providers: [provider] as unknown as AuthOptions["providers"] } }),
  };
}

async function signIn(server: OidcServer, browser: Browser, user: string): Promise<void> {
  const started = await browser.submit(
    "signin/oidc",
    { callbackUrl: "http://localhost:3000/" },
    { login_hint: user },
  );
  const query = await server.authorize(String(started.json()["url"]));
  const answer = await browser.get("callback/oidc", { query });
  expect(answer.headers.get("location")).toBe("http://localhost:3000/");
}

async function userinfo(server: OidcServer, accessToken: string): Promise<unknown> {
  const answer = await fetch(`${server.issuer}/me`, { headers: { authorization: `Bearer ${accessToken}` } });
  return answer.ok ? answer.json() : undefined;
}
