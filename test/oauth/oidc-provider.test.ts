import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TokenSet } from "../../src/core/token-set.ts";
import { createOAuthRefresher } from "../../src/oauth/oauth-refresher.ts";
import type { Refresher, RefreshOutcome, RefreshRequest } from "../../src/core/refresher.ts";
import { jwtExp } from "../../src/oauth/jwt-exp.ts";
import { brief, jwt, tokens } from "./support.ts";

/** The little of oidc-provider that is used; it has no types of its own. */
interface Provider {
  callback(): RequestListener;
  readonly Client: { find(id: string): Promise<object> };
  readonly Grant: new (values: object) => { addOIDCScope(scope: string): void; save(): Promise<string> };
  readonly RefreshToken: new (values: object) => { save(): Promise<string> };
}

const CLIENT_ID = "nolapse-app_1";
const CLIENT_SECRET = "a secret: with/odd+characters%";

let server: Server;
let issuer: string;
let provider: Provider;
let refresher: Refresher;

beforeAll(async () => {
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const name: string = "oidc-provider";
  const { default: OidcProvider } = (await import(name)) as {
    default: new (issuer: string, configuration: object) => Provider;
  };
  provider = new OidcProvider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: ["https://app.example/callback"],
      },
    ],
    features: { revocation: { enabled: true }, devInteractions: { enabled: false } },
    rotateRefreshToken: true,
    ttl: { AccessToken: 60, Grant: 3_600, IdToken: 60, RefreshToken: 3_600 },
    findAccount: (_context: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId }),
    }),
    interactions: { url: () => "/" },
  });
  server.on("request", provider.callback());
  refresher = createOAuthRefresher({
    resolveProvider: () => ({
      id: "custom",
      issuer,
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      allowInsecureRequests: true,
    }),
  });
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** Signs a user in, as an interaction would: a grant, and its first refresh token. */
async function signIn(accountId: string, grantId?: string): Promise<{ tokenSet: TokenSet; grantId: string }> {
  const client = await provider.Client.find(CLIENT_ID);
  const grant = new provider.Grant({ accountId, clientId: CLIENT_ID });
  grant.addOIDCScope("openid offline_access");
  const savedGrantId = grantId ?? (await grant.save());
  const refreshToken = await new provider.RefreshToken({
    accountId,
    client,
    grantId: savedGrantId,
    gty: "authorization_code",
    scope: "openid offline_access",
    authTime: 1_700_000_000,
  }).save();
  return { tokenSet: tokens({ refreshToken }), grantId: savedGrantId };
}

const requestFor = (tokenSet: TokenSet): RefreshRequest => ({
  provider: "custom",
  issuer,
  clientId: CLIENT_ID,
  tokenSet,
  attemptId: "attempt",
  signal: AbortSignal.timeout(10_000),
});
const refresh = (tokenSet: TokenSet): Promise<RefreshOutcome> => refresher.refresh(requestFor(tokenSet));

async function refreshed(tokenSet: TokenSet): Promise<TokenSet> {
  const outcome = await refresh(tokenSet);
  if (outcome.kind !== "committed") throw new Error(brief(outcome));
  return outcome.tokenSet;
}

describe("a real authorization server (oidc-provider, strict rotation)", () => {
  it("renews again and again, with an ID token of the same user", async () => {
    const { tokenSet } = await signIn("alice");
    const previous = { iss: issuer, sub: "alice", aud: CLIENT_ID, exp: 1, auth_time: 1_700_000_000 };

    const second = await refreshed({ ...tokenSet, idToken: jwt(previous) });
    const third = await refreshed(second);

    expect(new Set([tokenSet.refreshToken, second.refreshToken, third.refreshToken]).size).toBe(3);
    expect(third.expiresAtMs).toBeGreaterThan(Date.now());
    expect(third.tokenEndpoint).toBe(`${issuer}/token`);
    expect(third.tokenType).toBe("Bearer");
    expect(jwtExp(third.idToken!)).toBeGreaterThan(1_700_000_000);
  });

  it("is found out when it hands over the tokens of another user (SEC-43)", async () => {
    const { tokenSet } = await signIn("mallory");
    const previous = { iss: issuer, sub: "alice", aud: CLIENT_ID, exp: 1 };

    const outcome = await refresh({ ...tokenSet, idToken: jwt(previous) });

    expect(outcome).toEqual({ kind: "committed_bad", code: "subject_mismatch" });
  });

  it("refuses a used refresh token for good, and the family with it, but not another user's", async () => {
    const { tokenSet } = await signIn("alice");
    const bob = await signIn("bob");
    const second = await refreshed(tokenSet);

    expect(brief(await refresh(tokenSet))).toBe("rejected invalid_grant");
    expect(brief(await refresh(second))).toBe("rejected invalid_grant");
    expect(brief(await refresh(bob.tokenSet))).toBe("committed");
  });

  it("knows a revoked refresh token no more", async () => {
    const { tokenSet } = await signIn("alice");

    expect(await refresher.revoke(requestFor(tokenSet))).toBe("revoked");
    expect(brief(await refresh(tokenSet))).toBe("rejected invalid_grant");
  });

  it("revokes with one refresh token every other of the same grant, a newer sign-in's too", async () => {
    const first = await signIn("alice");
    const newer = await signIn("alice", first.grantId);

    await refresher.revoke(requestFor(first.tokenSet));

    expect(brief(await refresh(newer.tokenSet))).toBe("rejected invalid_grant");
  });

  it("refuses a wrong secret without ending anything", async () => {
    const { tokenSet } = await signIn("alice");
    const wrong = createOAuthRefresher({
      resolveProvider: () => ({
        id: "custom",
        issuer,
        clientId: CLIENT_ID,
        clientSecret: "wrong",
        allowInsecureRequests: true,
      }),
    });

    expect(brief(await wrong.refresh(requestFor(tokenSet)))).toBe("config invalid_client");
    expect(brief(await refresh(tokenSet))).toBe("committed");
  });
});
