import { describe, expect, it } from "vitest";
import type { Browser } from "../next-auth/support/browser.ts";
import { captureConsole } from "../next-auth/support/console.ts";
import { startOidcServer, type ClientMetadata, type OidcServer } from "../next-auth/support/oidc.ts";
import { LIFETIME_MS, createWorld, pass, quiet, until, type World } from "./support/world.ts";

const { privateKey, publicKey } = await crypto.subtle.generateKey(
  { name: "ECDSA", namedCurve: "P-256" },
  true,
  ["sign", "verify"],
);
const jwks = { keys: [{ ...(await crypto.subtle.exportKey("jwk", publicKey)), kid: "of-app", use: "sig" }] };
const signing = { client: { token_endpoint_auth_method: "private_key_jwt" }, clientSecret: undefined };
const ODD_SECRET = "odd secret with % + : / & = ~!*'() and _-.";
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
    { token_endpoint_auth_method: "private_key_jwt", jwks, client_secret: undefined },
    { ...signing, token: { clientPrivateKey: { key: privateKey, kid: "of-app" } } },
  ],
  [
    "private_key_jwt by a key without an id",
    { token_endpoint_auth_method: "private_key_jwt", jwks, client_secret: undefined },
    { ...signing, token: { clientPrivateKey: privateKey } },
  ],
  [
    "none, with PKCE",
    { token_endpoint_auth_method: "none", client_secret: undefined },
    { client: { token_endpoint_auth_method: "none" }, clientSecret: undefined },
  ],
];

describe.each(CLIENTS)(
  "a v5 round trip to a strict OpenID Connect server with %s",
  (_method, client, entry) => {
    it("signs in by discovery and PKCE, and lives through lifetime after lifetime without a replay", async () => {
      const { server, world } = await scene(client, entry);
      const [alice, bob] = [world.browser(), world.browser()];
      await signIn(server, alice, "alice");
      await signIn(server, bob, "bob");

      for (let lifetime = 0; lifetime < 3; lifetime++) {
        pass(LIFETIME_MS * 0.7);
        await Promise.all(
          [alice, bob, alice, bob].map((browser) => world.getAccessToken(browser.pageRequest())),
        );
        await quiet();
        expect(await alice.session()).toMatchObject({ accessTokenExpiresIn: 60 });
        expect(await bob.session()).toMatchObject({ accessTokenExpiresIn: 60 });
      }

      expect(server.log.filter((each) => each === "refresh_token ok")).toHaveLength(6);
      expect(server.log.every((each) => each.endsWith(" ok"))).toBe(true);
      expect(server.revoked).toEqual([]);
    });
  },
);

describe("a v5 sign-out from an OpenID Connect server", () => {
  it("revokes at the endpoint that its metadata names (RFC 7009)", async () => {
    const { world, server } = await scene();
    const alice = world.browser();
    await signIn(server, alice, "alice");

    await alice.signOut();

    await until(() => world.eventsOf("revocation_ended").length === 1);
    expect(world.eventsOf("revocation_ended")).toMatchObject([{ outcome: "revoked" }]);
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
    type: "oidc",
    issuer: server.issuer,
    authorization: { params: { scope: "openid profile email offline_access" } },
    clientId: "app",
    clientSecret: "client-secret-of-app",
    ...entry,
  };
  return { server, world: bare.copy({ auth: { providers: [provider as never] } }) };
}

async function signIn(server: OidcServer, browser: Browser, user: string): Promise<void> {
  const started = await browser.submit(
    "signin/oidc",
    { callbackUrl: "http://localhost:3000/" },
    { login_hint: user },
  );
  const query = await server.authorize(String(started.json()["url"]));
  const answer = await browser.get("callback/oidc", { query });
  expect(answer.json()).toEqual({ url: "http://localhost:3000/" });
}
