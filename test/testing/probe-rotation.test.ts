import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import type { Clock } from "../../src/core/clock.ts";
import type { RotationPolicy } from "../../src/core/rotation.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { probeRotation, type ProbeRotationOptions } from "../../src/testing/probe-rotation.ts";
import {
  faults,
  startStrictAuthorizationServer,
  type Fault,
  type StrictAuthorizationServer,
} from "../../src/testing/strict-authorization-server.ts";

const CLIENT = { id: "probe", secret: "s:e/c ret" };
const WAITS_MS = [1_000, 5_000, 10_000, 30_000, 60_000, 660_000];

const open: StrictAuthorizationServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

interface Scene {
  readonly server: StrictAuthorizationServer;
  readonly given: readonly string[];
  probe(changes?: Partial<ProbeRotationOptions>): ReturnType<typeof probeRotation>;
}

/** A server with one rotation, and a clock on which waits pass at once and nothing else does. */
async function scene(rotation: RotationPolicy, planned: readonly Fault[] = []): Promise<Scene> {
  const clock = new FakeClock();
  const server = await startStrictAuthorizationServer({
    clock,
    rotation,
    client: CLIENT,
    accessTokenLifetimeMs: 3_600_000,
  });
  open.push(server);
  for (const fault of planned) server.faultNext(fault);
  const waiting: Clock = {
    nowMs: () => clock.nowMs(),
    sleep: (durationMs, signal) => {
      if (signal !== undefined) return clock.sleep(durationMs, signal);
      clock.jump(durationMs);
      return Promise.resolve();
    },
  };
  const given: string[] = [];
  return {
    server,
    given,
    probe: (changes = {}) =>
      probeRotation({
        testTenant: true,
        tokenEndpoint: server.tokenEndpoint,
        client: CLIENT,
        newGrant: () => {
          const tokens = server.issue({ user: `tester-${given.length}` });
          given.push(tokens.refresh_token, tokens.access_token);
          return Promise.resolve({ refreshToken: tokens.refresh_token });
        },
        accessTokenWorks: (token) => Promise.resolve(server.userOf(token) !== undefined),
        waitsMs: WAITS_MS,
        clock: waiting,
        ...changes,
      }),
  };
}

describe("a probe of how a server rotates", () => {
  it.each<[RotationPolicy, { atLeast: number; lessThan: number }]>([
    [
      { class: "none", graceMs: 0 },
      { atLeast: 0, lessThan: Infinity },
    ],
    [
      { class: "overlapping", graceMs: 0 },
      { atLeast: 660_000, lessThan: Infinity },
    ],
    [
      { class: "idempotent", graceMs: 30_000 },
      { atLeast: 30_000, lessThan: 60_000 },
    ],
    [
      { class: "idempotent", graceMs: Infinity },
      { atLeast: 660_000, lessThan: Infinity },
    ],
    [
      { class: "grace", graceMs: 12_000 },
      { atLeast: 10_000, lessThan: 30_000 },
    ],
    [
      { class: "last_wins", graceMs: 6_000 },
      { atLeast: 5_000, lessThan: 10_000 },
    ],
    [
      { class: "strict", graceMs: 0 },
      { atLeast: 0, lessThan: 0 },
    ],
  ])("finds %j", async (rotation, graceMs) => {
    const { probe } = await scene(rotation);

    const found = await probe();

    expect(found).toMatchObject({ class: rotation.class, conclusive: true, graceMs, accessTokensDie: false });
    const windowed = ["idempotent", "grace", "last_wins"].includes(rotation.class);
    expect(found.rotation).toEqual({
      class: rotation.class,
      graceMs: windowed ? graceMs.atLeast : 0,
      accessTokensDie: false,
    });
  });

  it.each(["none", "grace", "strict"] as const)(
    "finds that a refresh kills the access token before it (%s)",
    async (name) => {
      const { probe } = await scene({
        class: name,
        graceMs: name === "grace" ? 30_000 : 0,
        accessTokensDie: true,
      });

      expect(await probe()).toMatchObject({ class: name, accessTokensDie: true });
    },
  );

  it("says nothing of access tokens where nobody can tell", async () => {
    const { probe } = await scene({ class: "strict", graceMs: 0 });

    const blind = await probe({ accessTokenWorks: () => Promise.resolve(false) });
    const { accessTokenWorks: _none, ...rest } = { accessTokenWorks: undefined, waitsMs: WAITS_MS };
    const unasked = await probe(rest);

    expect("accessTokensDie" in blind).toBe(false);
    expect(unasked.class).toBe("strict");
  });

  it("does not call a window overlapping that merely outlasts its waits", async () => {
    const { probe } = await scene({ class: "overlapping", graceMs: 0 });

    const found = await probe({ waitsMs: [1_000, 10_000] });

    expect(found).toMatchObject({ class: "grace", rotation: { class: "grace", graceMs: 10_000 } });
    expect(found.warnings[0]).toMatch(/may be longer than 10000 ms/);
  });

  it("calls a window that is too short to use strict", async () => {
    const { probe } = await scene({ class: "grace", graceMs: 500 });

    const found = await probe();

    expect(found).toMatchObject({
      class: "strict",
      rotation: { class: "strict", graceMs: 0 },
      graceMs: { atLeast: 0, lessThan: 1_000 },
    });
    expect(found.warnings).toEqual([expect.stringMatching(/too short/)]);
  });

  it("warns that a server which did not rotate may do so later", async () => {
    const { probe } = await scene({ class: "none", graceMs: 0 });

    expect((await probe()).warnings).toEqual([expect.stringMatching(/keep class strict/)]);
  });

  it("keeps its evidence and spends a bounded number of grants", async () => {
    const { probe, server } = await scene({ class: "strict", graceMs: 0 });

    const found = await probe();

    expect(found.evidence).toEqual([
      { probe: "access tokens", step: "first use", outcome: "new refresh token" },
      { probe: "access tokens", step: "second refresh", outcome: "new refresh token" },
      { probe: "access tokens", step: "note", outcome: "the access token before a refresh lives on" },
      { probe: "rotates", step: "first use", outcome: "new refresh token" },
      { probe: "rotates", step: "used again at once", outcome: "invalid_grant" },
      { probe: "rotates", step: "first successor, after that", outcome: "invalid_grant" },
      { probe: "rotates", step: "note", outcome: "a second use ends the grant (P6)" },
    ]);
    expect(found.grants).toBe(2);
    expect(server.requests).toHaveLength(5);
  });

  it("has no token and no secret in what it finds (I14)", async () => {
    const { probe, server, given } = await scene({ class: "grace", graceMs: 12_000 });

    const found = JSON.stringify(await probe());

    expect(given.length).toBeGreaterThan(10);
    expect(given.filter((token) => found.includes(token))).toEqual([]);
    expect(found).not.toMatch(/\b[ar]t-|s:e\/c ret/);
    expect(server.requests.length).toBeGreaterThan(10);
  });

  it.each<[string, Fault, string]>([
    ["an outage", faults.htmlPage(503), "http_503"],
    ["a rate limit", faults.tooManyRequests(5), "http_429"],
    ["a lost answer", faults.lostAnswer(), "not_reached"],
    ["a client that is refused", faults.error("invalid_client", 401), "invalid_client"],
  ])("judges nothing by %s, and says strict", async (_what, fault, code) => {
    const { probe } = await scene({ class: "grace", graceMs: 30_000 }, [{}, {}, fault]);

    const found = await probe();

    expect(found).toMatchObject({
      class: "strict",
      conclusive: false,
      rotation: { class: "strict", graceMs: 0 },
    });
    expect(found.evidence.at(-1)).toMatchObject({ probe: "rotates", step: "first use", outcome: code });
  });

  it("sends in the application's own way where it is told to, and ends a request that takes too long", async () => {
    const { probe, server } = await scene({ class: "strict", graceMs: 0 });
    const signals: AbortSignal[] = [];
    const own = await probe({
      refresh: (refreshToken, signal) => {
        signals.push(signal);
        const body = new URLSearchParams({
          grant_type: "refresh_token",
          refresh_token: refreshToken,
          client_id: CLIENT.id,
          client_secret: CLIENT.secret,
        });
        return fetch(server.tokenEndpoint, { method: "POST", body });
      },
    });
    const slow = await probe({
      clock: { nowMs: () => 0, sleep: () => Promise.resolve() },
      refresh: (_token, signal) => {
        signals.push(signal);
        return new Promise(() => undefined);
      },
    });

    expect(own).toMatchObject({ class: "strict", conclusive: true });
    expect(slow).toMatchObject({ conclusive: false, evidence: [{ outcome: "timeout" }] });
    expect(signals.map(({ aborted }) => aborted)).toEqual([...Array<boolean>(5).fill(false), true]);
  });

  it.each<[string, object, RegExp]>([
    ["testTenant", { testTenant: undefined }, /ends the grants.*test tenants only/],
    ["tokenEndpoint", { tokenEndpoint: "nowhere" }, /or give refresh/],
    ["newGrant", { newGrant: "R1" }, /signs a test user in/],
    ["waitsMs", { waitsMs: [] }, /1 to 20 waits/],
    ["waitsMs", { waitsMs: [5_000, 1_000] }, /each longer.*got \[5000,1000\]/],
    ["waitsMs", { waitsMs: [Number.NaN] }, /got \[null\]/],
  ])("refuses options that make no sense: %s", async (option, changes, message) => {
    const { probe, server } = await scene({ class: "strict", graceMs: 0 });

    await expect(probe(changes)).rejects.toMatchObject({
      option,
      message: expect.stringMatching(message) as string,
    });
    expect(server.requests).toEqual([]);
  });
});

/** The little of oidc-provider that is used; it has no types of its own here. */
interface Provider {
  callback(): RequestListener;
  readonly Client: { find(id: string): Promise<object> };
  readonly Grant: new (values: object) => { addOIDCScope(scope: string): void; save(): Promise<string> };
  readonly RefreshToken: new (values: object) => { save(): Promise<string> };
}

describe("a real server (oidc-provider)", () => {
  it.each([
    ["rotates at each use", true, "strict"],
    ["does not rotate", false, "none"],
  ] as const)("that %s is found to be so, with access tokens that live on", async (_what, rotates, name) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const module: string = "oidc-provider";
    const { default: OidcProvider } = (await import(module)) as {
      default: new (issuer: string, configuration: object) => Provider;
    };
    const provider = new OidcProvider(issuer, {
      clients: [
        {
          client_id: CLIENT.id,
          client_secret: CLIENT.secret,
          grant_types: ["authorization_code", "refresh_token"],
          redirect_uris: ["https://app.example/callback"],
        },
      ],
      features: { devInteractions: { enabled: false } },
      rotateRefreshToken: rotates,
      ttl: { AccessToken: 60, Grant: 3_600, IdToken: 60, RefreshToken: 3_600 },
      findAccount: (_context: unknown, accountId: string) => ({
        accountId,
        claims: () => ({ sub: accountId }),
      }),
      interactions: { url: () => "/" },
    });
    server.on("request", provider.callback());
    const client = await provider.Client.find(CLIENT.id);
    let users = 0;

    const found = await probeRotation({
      testTenant: true,
      tokenEndpoint: `${issuer}/token`,
      client: CLIENT,
      async newGrant() {
        const accountId = `tester-${++users}`;
        const grant = new provider.Grant({ accountId, clientId: CLIENT.id });
        grant.addOIDCScope("openid offline_access");
        const grantId = await grant.save();
        const scope = "openid offline_access";
        const values = { accountId, client, grantId, scope, gty: "authorization_code" };
        return { refreshToken: await new provider.RefreshToken(values).save() };
      },
      accessTokenWorks: async (token) => {
        const answer = await fetch(`${issuer}/me`, { headers: { authorization: `Bearer ${token}` } });
        return answer.status === 200;
      },
      waitsMs: [1],
    });

    expect(found).toMatchObject({ class: name, conclusive: true, accessTokensDie: false });
  });
});
