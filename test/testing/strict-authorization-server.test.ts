import { afterEach, describe, expect, it, vi } from "vitest";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import {
  faults,
  startStrictAuthorizationServer,
  tokenRef,
  type IssuedTokens,
  type StrictAuthorizationServer,
  type StrictAuthorizationServerOptions,
} from "../../src/testing/strict-authorization-server.ts";

const open: StrictAuthorizationServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function start(options: StrictAuthorizationServerOptions = {}): Promise<StrictAuthorizationServer> {
  const server = await startStrictAuthorizationServer(options);
  open.push(server);
  return server;
}

async function refresh(
  server: StrictAuthorizationServer,
  refreshToken: string,
  more: Record<string, string> = {},
): Promise<Response> {
  return fetch(server.tokenEndpoint, {
    method: "POST",
    body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: refreshToken, ...more }),
  });
}

async function refreshed(server: StrictAuthorizationServer, refreshToken: string): Promise<IssuedTokens> {
  const response = await refresh(server, refreshToken);
  expect(response.status).toBe(200);
  return (await response.json()) as IssuedTokens;
}

const outcomes = (server: StrictAuthorizationServer): string[] =>
  server.requests.map(({ outcome }) => outcome);

describe("the strict authorization server", () => {
  it("rotates: every refresh brings a new pair, for each user their own", async () => {
    const server = await start();
    const alice = await refreshed(server, server.issue({ user: "alice" }).refresh_token);
    const bob = await refreshed(server, server.issue({ user: "bob" }).refresh_token);

    await refreshed(server, alice.refresh_token);

    expect([server.userOf(alice.access_token), server.userOf(bob.access_token)]).toEqual(["alice", "bob"]);
    expect(server.issuedAccessTokens).toBe(5);
    expect(outcomes(server)).toEqual(["rotated", "rotated", "rotated"]);
  });

  it("takes a second use for theft: the family ends, access tokens included, and nobody else's", async () => {
    const server = await start();
    const first = server.issue({ user: "alice" });
    const otherDevice = server.issue({ user: "alice" });
    const second = await refreshed(server, first.refresh_token);

    const reuse = await refresh(server, first.refresh_token);
    const after = await refresh(server, second.refresh_token);

    expect([reuse.status, after.status]).toEqual([400, 400]);
    expect(await reuse.json()).toMatchObject({ error: "invalid_grant" });
    expect(server.userOf(second.access_token)).toBeUndefined();
    expect(server.userOf(otherDevice.access_token)).toBe("alice");
    expect(outcomes(server)).toEqual(["rotated", "reused", "revoked"]);
  });

  it("lets access tokens expire by its clock", async () => {
    const clock = new FakeClock();
    const server = await start({ clock, accessTokenLifetimeMs: 5_000 });
    const { access_token: accessToken, expires_in: expiresIn } = server.issue({ user: "alice" });
    const userinfo = (): Promise<Response> =>
      fetch(server.userinfoEndpoint, { headers: { authorization: `Bearer ${accessToken}` } });

    const before = await userinfo();
    clock.jump(5_000);
    const after = await userinfo();

    expect(expiresIn).toBe(5);
    expect([before.status, await before.json(), after.status]).toEqual([200, { sub: "alice" }, 401]);
  });

  it("revokes a family by its refresh token, one access token by itself, and answers 200 to anything (RFC 7009)", async () => {
    const server = await start();
    const alice = server.issue({ user: "alice" });
    const bob = server.issue({ user: "bob" });
    const revoke = (token: string): Promise<Response> =>
      fetch(server.revocationEndpoint, { method: "POST", body: new URLSearchParams({ token }) });

    const statuses = [
      await revoke(alice.refresh_token),
      await revoke(bob.access_token),
      await revoke("unknown"),
    ];

    expect(statuses.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(server.userOf(alice.access_token)).toBeUndefined();
    expect(server.userOf(bob.access_token)).toBeUndefined();
    expect((await refresh(server, bob.refresh_token)).status).toBe(200);
    expect((await refresh(server, alice.refresh_token)).status).toBe(400);
  });

  it("ends all families of a user when an administrator says so", async () => {
    const server = await start();
    const devices = [
      server.issue({ user: "alice" }),
      server.issue({ user: "alice" }),
      server.issue({ user: "bob" }),
    ];

    server.revokeUser("alice");

    expect(devices.map(({ access_token }) => server.userOf(access_token))).toEqual([
      undefined,
      undefined,
      "bob",
    ]);
  });

  it("asks for the client's secret where one is set, in the header or the body", async () => {
    const server = await start({ client: { id: "my-app", secret: "s:e/c ret" } });
    const { refresh_token: refreshToken } = server.issue({ user: "alice" });

    const without = await refresh(server, refreshToken);
    const inBody = await refresh(server, refreshToken, { client_id: "my-app", client_secret: "s:e/c ret" });

    expect([without.status, inBody.status]).toEqual([401, 200]);
    expect(outcomes(server)).toEqual(["refused", "rotated"]);
  });

  it("commits or not, as the fault says", async () => {
    const server = await start();
    const { refresh_token: refreshToken } = server.issue({ user: "alice" });
    const answers: (number | string)[] = [];

    const planned = [
      faults.tooManyRequests(7),
      faults.htmlPage(),
      faults.error("invalid_grant"),
      faults.refusedConnection(),
      faults.lostAnswer(),
    ];
    for (const fault of planned) server.faultNext(fault);
    for (let each = 0; each < 6; each++) {
      answers.push(
        await refresh(server, refreshToken).then(
          ({ status }) => status,
          () => "cut",
        ),
      );
    }

    expect(answers).toEqual([429, 502, 400, "cut", "cut", 400]);
    expect(outcomes(server)).toEqual(["fault", "fault", "fault", "fault", "rotated", "reused"]);
  });

  it("can spend the token and answer 503 (P7), for as many requests as asked for", async () => {
    const server = await start();
    server.faultNext({ status: 503, committed: true }, 2);

    const statuses = [
      (await refresh(server, server.issue({ user: "alice" }).refresh_token)).status,
      (await refresh(server, server.issue({ user: "bob" }).refresh_token)).status,
      (await refresh(server, server.issue({ user: "carol" }).refresh_token)).status,
    ];

    expect(statuses).toEqual([503, 503, 200]);
    expect(outcomes(server)).toEqual(["rotated", "rotated", "rotated"]);
  });

  it("holds requests, undecided, until it is told to release them", async () => {
    const server = await start();
    const { refresh_token: refreshToken } = server.issue({ user: "alice" });
    server.hold();

    const held = refresh(server, refreshToken);
    await vi.waitFor(() => expect(server.heldRequests).toBe(1));
    expect(outcomes(server)).toEqual(["pending"]);
    server.release();

    expect((await held).status).toBe(200);
    expect(server.heldRequests).toBe(0);
    expect((await refresh(server, server.issue({ user: "bob" }).refresh_token)).status).toBe(200);
  });

  it("is slow by its own clock", async () => {
    const clock = new FakeClock();
    const server = await start({ clock });
    server.faultNext(faults.slow(30_000));

    const slow = refresh(server, server.issue({ user: "alice" }).refresh_token);
    await vi.waitFor(() => expect(clock.pendingSleeps).toBe(1));
    await clock.advance(30_000);

    expect((await slow).status).toBe(200);
  });

  it("logs no token, only its name", async () => {
    const server = await start();
    const { refresh_token: refreshToken } = server.issue({ user: "alice" });

    await refresh(server, refreshToken, { client_secret: "CANARY", scope: "openid" });

    expect(server.requests[0]).toMatchObject({ user: "alice", tokenRef: tokenRef(refreshToken) });
    expect(server.requests[0]!.parameters).toEqual({ grant_type: "refresh_token", scope: "openid" });
    expect(JSON.stringify(server.requests)).not.toMatch(new RegExp(`CANARY|${refreshToken}`));
  });

  it("has metadata, and 404 for what it does not know", async () => {
    const server = await start();

    const metadata = await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json();

    expect(metadata).toMatchObject({ issuer: server.issuer, token_endpoint: server.tokenEndpoint });
    expect((await fetch(`${server.issuer}/nothing`)).status).toBe(404);
    expect((await fetch(server.tokenEndpoint)).status).toBe(404);
  });

  it("refuses other grant types and unknown refresh tokens", async () => {
    const server = await start();

    const password = await fetch(server.tokenEndpoint, {
      method: "POST",
      body: new URLSearchParams({ grant_type: "password" }),
    });

    expect(await password.json()).toEqual({ error: "unsupported_grant_type" });
    expect(await (await refresh(server, "nobody's")).json()).toMatchObject({ error: "invalid_grant" });
  });

  it("closes although requests are held and connections open", async () => {
    const server = await startStrictAuthorizationServer();
    server.hold();
    const held = refresh(server, server.issue({ user: "alice" }).refresh_token).catch(() => "cut");
    await vi.waitFor(() => expect(server.heldRequests).toBe(1));

    await server.close();

    expect(await held).toBe("cut");
  });

  it("says so when its port is taken", async () => {
    const server = await start();

    await expect(
      startStrictAuthorizationServer({ port: Number(new URL(server.issuer).port) }),
    ).rejects.toThrow(/EADDRINUSE/);
  });
});

describe("the authorization server with another rotation", () => {
  type Pair = IssuedTokens | number;
  const used = async (server: StrictAuthorizationServer, token: string): Promise<Pair> => {
    const response = await refresh(server, token);
    return response.status === 200 ? ((await response.json()) as IssuedTokens) : response.status;
  };
  const refreshTokenOf = (pair: Pair): string => (typeof pair === "number" ? "" : pair.refresh_token);

  it("none: gives the same refresh token each time, for each user their own", async () => {
    const server = await start({ rotation: { class: "none", graceMs: 0 } });
    const [alice, bob] = [server.issue({ user: "alice" }), server.issue({ user: "bob" })];

    const pairs = [await used(server, alice.refresh_token), await used(server, bob.refresh_token)];

    expect(pairs.map(refreshTokenOf)).toEqual([alice.refresh_token, bob.refresh_token]);
    expect(outcomes(server)).toEqual(["rotated", "rotated"]);
  });

  it("overlapping: the old one and every new one work, at any time", async () => {
    const clock = new FakeClock();
    const server = await start({ clock, rotation: { class: "overlapping", graceMs: 0 } });
    const first = server.issue({ user: "alice" });

    const one = await used(server, first.refresh_token);
    clock.jump(86_400_000);
    const two = await used(server, first.refresh_token);

    expect(new Set([first.refresh_token, refreshTokenOf(one), refreshTokenOf(two)]).size).toBe(3);
    expect(await used(server, refreshTokenOf(one))).not.toBe(400);
    expect(outcomes(server)).toEqual(["rotated", "repeated", "rotated"]);
  });

  it.each(["idempotent", "grace", "last_wins"] as const)(
    "%s: what the old one brings within the window, and theft after it",
    async (name) => {
      const clock = new FakeClock();
      const server = await start({ clock, rotation: { class: name, graceMs: 10_000 } });
      const first = server.issue({ user: "alice" });
      const bob = server.issue({ user: "bob" });

      const one = await used(server, first.refresh_token);
      clock.jump(10_000);
      const two = await used(server, first.refresh_token);

      expect(refreshTokenOf(one) === refreshTokenOf(two)).toBe(name === "idempotent");
      if (name !== "idempotent") {
        // A pair that was replaced is refused, and ends nothing.
        expect(await used(server, refreshTokenOf(one))).toEqual(name === "grace" ? expect.anything() : 400);
        expect(typeof (await used(server, refreshTokenOf(one)))).toBe(name === "grace" ? "object" : "number");
      }
      clock.jump(1);
      expect(await used(server, first.refresh_token)).toBe(400);
      expect(await used(server, refreshTokenOf(two))).toBe(400);
      expect(outcomes(server).slice(-2)).toEqual(["reused", "revoked"]);
      expect(typeof (await used(server, bob.refresh_token))).toBe("object");
    },
  );

  it("kills the family's access tokens at a refresh where it is told to, and nobody else's", async () => {
    const server = await start({ rotation: { class: "strict", graceMs: 0, accessTokensDie: true } });
    const [alice, bob] = [server.issue({ user: "alice" }), server.issue({ user: "bob" })];

    const second = await refreshed(server, alice.refresh_token);

    const owners = [alice, second, bob].map(({ access_token }) => server.userOf(access_token));
    expect(owners).toEqual([undefined, "alice", "bob"]);
  });
});

describe("the authorization server, asked for a part", () => {
  it("names the API of each access token, and never gives more scope than was granted", async () => {
    const server = await start();
    const alice = server.issue({ user: "alice", scope: "openid a b" });

    const ask = { resource: "https://orders.example", scope: "a" };
    const response = await refresh(server, alice.refresh_token, ask);
    const orders = (await response.json()) as IssuedTokens;
    const wider = await refresh(server, orders.refresh_token, { scope: "a admin" });
    const crm = await refreshed(server, orders.refresh_token);

    expect(orders.scope).toBe("a");
    expect(server.audienceOf(orders.access_token)).toBe("https://orders.example");
    expect(await wider.json()).toEqual({ error: "invalid_scope" });
    expect([crm.scope, server.audienceOf(crm.access_token)]).toEqual(["openid a b", undefined]);
    expect(outcomes(server)).toEqual(["rotated", "refused", "rotated"]);
  });
});
