import { describe, expect, it } from "vitest";
import { profileOf } from "../../src/oauth/profiles.ts";
import { startStrictAuthorizationServer } from "../../src/testing/strict-authorization-server.ts";
import { configOf, peer, scenario, tokenPeer, tokens, type Peer } from "./support.ts";

function revocationPeer(status = 200): Promise<Peer> {
  return peer((_request, response) => response.writeHead(status).end());
}

const both = (server: Peer, id = "custom"): ReturnType<typeof configOf> =>
  configOf({ id, tokenEndpoint: `${server.url}/token`, revocationEndpoint: `${server.url}/revoke` });

describe("revocation (RFC 7009, SEC-48)", () => {
  it("sends the refresh token, then the access token, with the client's proof", async () => {
    const server = await revocationPeer();

    expect(await scenario(both(server)).revoke()).toBe("revoked");
    expect(server.seen.map(({ path, form }) => [path, form])).toEqual([
      ["/revoke", { token: "R1", token_type_hint: "refresh_token" }],
      ["/revoke", { token: "A1", token_type_hint: "access_token" }],
    ]);
    expect(server.seen.every(({ headers }) => headers.authorization?.startsWith("Basic ") === true)).toBe(
      true,
    );
  });

  it("sends the access token alone where there is no refresh token", async () => {
    const server = await revocationPeer();
    const { refreshToken: _none, ...tokenSet } = tokens();

    expect(await scenario(both(server)).revoke({ tokenSet })).toBe("revoked");
    expect(server.seen.map(({ form }) => form["token"])).toEqual(["A1"]);
  });

  it("is not supported where there is no endpoint, and nothing is sent", async () => {
    const server = await tokenPeer();

    expect(await scenario(configOf({ tokenEndpoint: `${server.url}/token` })).revoke()).toBe("unsupported");
    expect(server.seen).toEqual([]);
  });

  it.each(["google", "discord", "auth0", "apple"])(
    "is not done at %s, where it would end other devices too",
    async (id) => {
      const server = await revocationPeer();

      expect(await scenario(both(server, id)).revoke()).toBe("unsupported");
      expect(server.seen).toEqual([]);
    },
  );

  it("is done there if the operator says so", async () => {
    const server = await revocationPeer();
    const config = { ...both(server, "google"), profile: { revocation: "token" as const } };

    expect(await scenario(config).revoke()).toBe("revoked");
  });

  it("fails, and may be tried again, when the server says so or is away", async () => {
    const broken = await revocationPeer(503);
    const away = await revocationPeer();
    await away.close();

    expect(await scenario(both(broken)).revoke()).toBe("failed");
    expect(await scenario(both(away)).revoke()).toBe("failed");
    expect(broken.seen).toHaveLength(1);
  });

  it("follows no redirect: the other host sees nothing (SEC-52)", async () => {
    const attacker = await revocationPeer();
    const server = await peer((_request, response) =>
      response.writeHead(307, { location: attacker.url }).end(),
    );

    expect(await scenario(both(server)).revoke()).toBe("failed");
    expect(attacker.seen).toEqual([]);
  });

  it("goes nowhere but to the server of the grant (SEC-35)", async () => {
    const server = await revocationPeer();

    expect(await scenario(both(server)).revoke({ issuer: "https://other.example" })).toBe("unsupported");
    expect(
      await scenario(both(server)).revoke({ tokenSet: tokens({ tokenEndpoint: "https://other.example/t" }) }),
    ).toBe("unsupported");
    expect(server.seen).toEqual([]);
  });

  it("ends at the deadline", async () => {
    const deadline = new AbortController();
    const server = await peer(() => deadline.abort());

    expect(await scenario(both(server)).revoke({ signal: deadline.signal })).toBe("failed");
  });

  it("ends one user's tokens and not another's", async () => {
    const server = await startStrictAuthorizationServer();
    const { revoke } = scenario(configOf({ issuer: server.issuer }));
    const alice = server.issue({ user: "alice" });
    const bob = server.issue({ user: "bob" });

    const outcome = await revoke({
      tokenSet: tokens({ accessToken: alice.access_token, refreshToken: alice.refresh_token }),
    });

    const users = [server.userOf(alice.access_token), server.userOf(bob.access_token)];
    await server.close();
    expect([outcome, ...users]).toEqual(["revoked", undefined, "bob"]);
  });

  it("is what the profile of an unknown provider allows", () => {
    expect(profileOf("custom").revocation).toBe("token");
  });
});
