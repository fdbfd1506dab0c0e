/** Two APIs of one sign-in at a real server with resource indicators (RFC 8707) and strict rotation: oidc-provider. */
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import type { TokenEvent } from "../../src/core/events.ts";
import { createTokenManager } from "../../src/core/token-manager.ts";
import { createOAuthRefresher } from "../../src/oauth/oauth-refresher.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createKeyRing } from "../../src/vault/key-ring.ts";
import { createSealer } from "../../src/vault/sealer.ts";

const ORDERS = "https://orders.example";
const BILLING = "https://billing.example";
const SCOPES: Readonly<Record<string, string>> = { [ORDERS]: "orders:read", [BILLING]: "billing:read" };
const CLIENT = { clientId: "app", clientSecret: "client-secret-of-app" };

/** The little of oidc-provider that is used; it has no types of its own here. */
interface Provider {
  callback(): RequestListener;
  on(event: string, listener: (...details: unknown[]) => void): void;
  readonly Client: { find(id: string): Promise<object> };
  readonly Grant: new (values: object) => {
    addOIDCScope(scope: string): void;
    addResourceScope(resource: string, scope: string): void;
    save(): Promise<string>;
  };
  readonly RefreshToken: new (values: object) => { save(): Promise<string> };
  readonly AccessToken: {
    find(token: string): Promise<{ accountId: string; aud?: string; scope?: string } | undefined>;
  };
}

async function startProvider(): Promise<{ provider: Provider; issuer: string; revoked: unknown[] }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const name: string = "oidc-provider";
  const { default: OidcProvider } = (await import(name)) as {
    default: new (issuer: string, configuration: object) => Provider;
  };
  const provider = new OidcProvider(issuer, {
    clients: [
      {
        client_id: CLIENT.clientId,
        client_secret: CLIENT.clientSecret,
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: ["https://app.example/callback"],
      },
    ],
    scopes: ["openid", "offline_access", ...Object.values(SCOPES)],
    rotateRefreshToken: true,
    ttl: { AccessToken: 60, Grant: 3_600, IdToken: 60, RefreshToken: 3_600 },
    findAccount: (_context: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId }),
    }),
    interactions: { url: () => "/" },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context: unknown, resource: string) => ({
          scope: SCOPES[resource] ?? "",
          accessTokenTTL: 60,
          accessTokenFormat: "opaque",
        }),
      },
    },
  });
  const revoked: unknown[] = [];
  provider.on("grant.revoked", (_context, grantId) => void revoked.push(grantId));
  server.on("request", provider.callback());
  return { provider, issuer, revoked };
}

it("two users' calls for two resources at once: one request at a time, all live, nobody signed out (M19, I1, I8)", async () => {
  const { provider, issuer, revoked } = await startProvider();
  const scope = `openid offline_access ${Object.values(SCOPES).join(" ")}`;
  const config = { id: "custom", issuer, ...CLIENT, scope, allowInsecureRequests: true };
  const events: TokenEvent[] = [];
  const ring = createKeyRing({ secrets: ["J4kq0mZ8cV1xT6yB3nR9wL5sD7fG2hQe"] });
  let made = 0;
  const manager = createTokenManager({
    store: memoryStore({ clock: systemClock }),
    sealer: createSealer(ring),
    refresher: createOAuthRefresher({ resolveProvider: () => config }),
    holder: "test",
    newId: () => `attempt-${++made}`,
    random: () => 0.5,
    onEvent: (event) => void events.push(event),
  });
  const client = await provider.Client.find(CLIENT.clientId);
  for (const accountId of ["alice", "bob"]) {
    const grant = new provider.Grant({ accountId, clientId: CLIENT.clientId });
    grant.addOIDCScope("openid offline_access");
    for (const [resource, each] of Object.entries(SCOPES)) grant.addResourceScope(resource, each);
    const grantId = await grant.save();
    const values = { accountId, client, grantId, scope, resource: Object.keys(SCOPES) };
    const refreshToken = await new provider.RefreshToken({ ...values, gty: "authorization_code" }).save();
    const tokenSet = {
      accessToken: "first",
      refreshToken,
      tokenType: "Bearer",
      issuedAtMs: 0,
      expiresAtMs: 1,
    };
    const refs = { sessionRef: `s-${accountId}`, subjectRef: null, sidRef: null };
    const place = { provider: "custom", issuer, clientId: CLIENT.clientId };
    await manager.saveGrant({ id: accountId, ...refs, ...place, tokenSet });
  }

  const asks = ["alice", "bob"].flatMap((user) =>
    Array.from({ length: 6 }, () => [ORDERS, BILLING])
      .flat()
      .map((resource) => ({ user, resource })),
  );
  const issued = await Promise.all(
    asks.map(({ user, resource }) => manager.getAccessToken(user, { target: { resource } })),
  );

  const found = await Promise.all(issued.map(({ accessToken }) => provider.AccessToken.find(accessToken)));
  expect(found.map((token) => [token?.accountId, token?.aud, token?.scope])).toEqual(
    asks.map(({ user, resource }) => [user, resource, SCOPES[resource]]),
  );
  expect(revoked).toEqual([]);
  for (const user of ["alice", "bob"]) {
    const own = events.filter((event) => event.grantRef === user.slice(0, 12));
    const sent = own.flatMap(({ type }) => (/^refresh_(started|ended)$/.test(type) ? [type] : []));
    expect(sent).toEqual(["refresh_started", "refresh_ended", "refresh_started", "refresh_ended"]);
    expect(await manager.getAccessToken(user, { target: { resource: ORDERS } })).toMatchObject({
      scope: SCOPES[ORDERS],
      version: 3,
    });
  }
  await manager.close();
});
