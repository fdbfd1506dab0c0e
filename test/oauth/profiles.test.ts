import { describe, expect, it } from "vitest";
import type { TokenSet } from "../../src/core/token-set.ts";
import { PROFILED_PROVIDERS, profileOf } from "../../src/oauth/profiles.ts";
import type { OAuthProviderConfig } from "../../src/oauth/provider-config.ts";
import { rotationPolicyOf } from "../../src/oauth/provider-profile.ts";
import { brief, CLIENT, configOf, peer, scenario, sendJson, tokens } from "./support.ts";

const BASIC = `Basic ${btoa(`${CLIENT.clientId}:${CLIENT.clientSecret}`)}`;
const AS_BODY = { client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret };
const PLAIN = { refresh_token: "R1", grant_type: "refresh_token" };

interface Fixture {
  readonly id: string;
  readonly config?: Partial<OAuthProviderConfig>;
  readonly previous?: Partial<TokenSet>;
  /** The body of the request; HTTP Basic is expected unless the client is in it. */
  readonly request: Record<string, string>;
  /** A successful answer, as documented. */
  readonly answer: Record<string, unknown>;
  readonly expected: Partial<TokenSet> & { readonly lifetimeMs: number };
  /** A refusal of a dead refresh token, as documented or reported. */
  readonly dead?: readonly [status: number, body: unknown];
  /** Refusals that must not end the grant. */
  readonly alive?: readonly (readonly [status: number, body: unknown, expected: string])[];
}

const bearer = { access_token: "A2", token_type: "Bearer", expires_in: 3600 };
const rotated = { ...bearer, refresh_token: "R2" };
const HOUR_MS = 3_600_000;
const invalidGrant = (error_description: string): readonly [number, unknown] => [
  400,
  { error: "invalid_grant", error_description },
];

const fixtures: readonly Fixture[] = [
  {
    id: "google",
    request: PLAIN,
    answer: { access_token: "A2", expires_in: 3599, scope: "openid", token_type: "Bearer" },
    expected: { refreshToken: "R1", lifetimeMs: 3_599_000 },
    dead: invalidGrant("Token has been expired or revoked."),
  },
  {
    id: "kakao",
    request: { ...PLAIN, ...AS_BODY },
    answer: { access_token: "A2", token_type: "bearer", expires_in: 21599 },
    expected: { refreshToken: "R1", tokenType: "bearer", lifetimeMs: 21_599_000 },
    dead: [
      400,
      { error: "invalid_grant", error_code: "KOE322", error_description: "expired_or_invalid_refresh_token" },
    ],
    alive: [[400, { error: "invalid_request", error_code: "KOE003" }, "unknown KOE003"]],
  },
  {
    id: "naver",
    request: PLAIN,
    answer: { access_token: "A2", token_type: "bearer", expires_in: "3600" },
    expected: { refreshToken: "R1", lifetimeMs: HOUR_MS },
    alive: [
      [200, { error: "invalid_request", error_description: "no valid data" }, "config invalid_request"],
    ],
  },
  {
    id: "line",
    request: PLAIN,
    answer: { ...bearer, refresh_token: "R1", expires_in: 2_591_977, scope: "profile" },
    expected: { refreshToken: "R1", lifetimeMs: 2_591_977_000 },
    dead: invalidGrant("invalid refresh token"),
  },
  {
    id: "apple",
    config: { clientSecret: async () => CLIENT.clientSecret, tokenEndpointAuthMethod: "client_secret_post" },
    request: { ...PLAIN, ...AS_BODY },
    answer: bearer,
    expected: { refreshToken: "R1", lifetimeMs: HOUR_MS },
    dead: [400, { error: "invalid_grant" }],
  },
  {
    id: "github",
    request: PLAIN,
    answer: {
      access_token: "ghu_2",
      expires_in: 28800,
      refresh_token: "ghr_2",
      refresh_token_expires_in: 15811200,
      scope: "",
      token_type: "bearer",
    },
    expected: { accessToken: "ghu_2", refreshToken: "ghr_2", lifetimeMs: 28_800_000 },
    dead: [
      200,
      { error: "bad_refresh_token", error_description: "The refresh token passed is incorrect or expired." },
    ],
    alive: [[200, { error: "incorrect_client_credentials" }, "config incorrect_client_credentials"]],
  },
  {
    id: "gitlab",
    config: { redirectUri: "https://app.example/api/auth/callback/gitlab" },
    request: { ...PLAIN, redirect_uri: "https://app.example/api/auth/callback/gitlab" },
    answer: { ...rotated, expires_in: 7200, created_at: 1607635748 },
    expected: { refreshToken: "R2", lifetimeMs: 7_200_000, extra: { created_at: 1607635748 } },
    dead: invalidGrant("The provided authorization grant is invalid, expired, revoked …"),
  },
  ...["azure-ad", "microsoft-entra-id"].map((id): Fixture => ({
    id,
    previous: { scope: "openid profile User.Read" },
    request: { ...PLAIN, scope: "openid profile User.Read offline_access" },
    answer: { ...rotated, expires_in: 3599, ext_expires_in: 3599 },
    expected: { refreshToken: "R2", lifetimeMs: 3_599_000 },
    dead: [
      400,
      {
        error: "invalid_grant",
        error_description: "AADSTS700082: The refresh token has expired",
        error_codes: [700082],
      },
    ],
    alive: [
      [
        401,
        { error: "invalid_client", error_description: "AADSTS7000222: expired secret" },
        "config invalid_client",
      ],
    ],
  })),
  {
    id: "azure-ad-b2c",
    config: { scope: "https://tenant.example/api/read" },
    request: { ...PLAIN, scope: "https://tenant.example/api/read openid offline_access" },
    answer: { ...rotated, expires_in: "3600", not_before: "1442340812" },
    expected: { refreshToken: "R2", lifetimeMs: HOUR_MS },
  },
  {
    id: "okta",
    previous: { scope: "openid offline_access" },
    request: { ...PLAIN, scope: "openid offline_access" },
    answer: { ...bearer, refresh_token: "R1" },
    expected: { refreshToken: "R1", lifetimeMs: HOUR_MS },
    dead: invalidGrant("The refresh token is invalid or expired."),
  },
  {
    id: "auth0",
    request: PLAIN,
    answer: { ...bearer, expires_in: 86400 },
    expected: { refreshToken: "R1", lifetimeMs: 86_400_000 },
    dead: [403, { error: "invalid_grant", error_description: "Unknown or invalid refresh token." }],
  },
  {
    id: "cognito",
    request: PLAIN,
    answer: bearer,
    expected: { refreshToken: "R1", lifetimeMs: HOUR_MS },
    dead: invalidGrant("Refresh Token has been revoked"),
  },
  {
    id: "keycloak",
    request: PLAIN,
    answer: {
      ...rotated,
      expires_in: 300,
      refresh_expires_in: 1800,
      "not-before-policy": 0,
      session_state: "s",
    },
    expected: { refreshToken: "R2", lifetimeMs: 300_000 },
    dead: invalidGrant("Token is not active"),
  },
  {
    id: "authentik",
    request: PLAIN,
    answer: { ...bearer, expires_in: 300 },
    expected: { refreshToken: "R1", lifetimeMs: 300_000 },
    dead: [400, { error: "invalid_grant" }],
  },
  {
    id: "zitadel",
    request: PLAIN,
    answer: { ...rotated, expires_in: 43199 },
    expected: { refreshToken: "R2", lifetimeMs: 43_199_000 },
    dead: [400, { error: "invalid_grant" }],
  },
  ...["hydra", "ory-hydra"].map((id): Fixture => ({
    id,
    request: PLAIN,
    answer: rotated,
    expected: { refreshToken: "R2", lifetimeMs: HOUR_MS },
    dead: invalidGrant("The refresh token has already been used."),
    alive: [
      [
        400,
        {
          error: "invalid_request",
          error_hint:
            "Failed because of multiple concurrent requests using the same token. Please retry the request.",
        },
        "not_committed invalid_request",
      ],
      [503, { error: "temporarily_unavailable" }, "unknown http_503"],
    ],
  })),
  {
    id: "fusionauth",
    request: PLAIN,
    answer: { ...bearer, userId: "u1" },
    expected: { refreshToken: "R1", lifetimeMs: HOUR_MS },
  },
  {
    id: "logto",
    request: PLAIN,
    answer: { ...bearer, refresh_token: "R1" },
    expected: { refreshToken: "R1", lifetimeMs: HOUR_MS },
    dead: [400, { error: "invalid_grant" }],
  },
  ...["duende-identity-server6", "duende-identityserver6", "identity-server4"].map((id): Fixture => ({
    id,
    request: PLAIN,
    answer: rotated,
    expected: { refreshToken: "R2", lifetimeMs: HOUR_MS },
    dead: [400, { error: "invalid_grant" }],
  })),
  {
    id: "discord",
    request: PLAIN,
    answer: { ...rotated, expires_in: 604800, scope: "identify" },
    expected: { refreshToken: "R2", lifetimeMs: 604_800_000 },
    dead: [400, { error: "invalid_grant" }],
  },
  {
    id: "slack",
    request: PLAIN,
    answer: {
      ok: true,
      authed_user: { access_token: "A2", refresh_token: "R2", token_type: "user", expires_in: 43200 },
    },
    expected: { refreshToken: "R2", tokenType: "user", lifetimeMs: 43_200_000 },
    dead: [200, { ok: false, error: "invalid_refresh_token" }],
    alive: [
      [200, { ok: false, error: "fatal_error" }, "unknown fatal_error"],
      [200, { ok: false, error: "ratelimited" }, "not_committed ratelimited"],
      [200, { ok: false, error: "bad_client_secret" }, "config bad_client_secret"],
    ],
  },
  {
    id: "spotify",
    request: PLAIN,
    answer: bearer,
    expected: { refreshToken: "R1", lifetimeMs: HOUR_MS },
    dead: invalidGrant("Refresh token revoked"),
  },
  {
    id: "twitch",
    request: { ...PLAIN, ...AS_BODY },
    answer: {
      access_token: "A2",
      refresh_token: "R2",
      scope: ["channel:read:subscriptions", "user:read"],
      token_type: "bearer",
    },
    expected: { refreshToken: "R2", scope: "channel:read:subscriptions user:read", lifetimeMs: HOUR_MS },
    dead: [400, { error: "Bad Request", status: 400, message: "Invalid refresh token" }],
    alive: [[403, { status: 403, message: "invalid client secret" }, "config twitch_error"]],
  },
  {
    id: "twitter",
    request: PLAIN,
    answer: { ...rotated, expires_in: 7200, token_type: "bearer", scope: "tweet.read" },
    expected: { refreshToken: "R2", lifetimeMs: 7_200_000 },
    dead: [400, { error: "invalid_grant" }],
    alive: [
      [
        401,
        { error: "unauthorized_client", error_description: "Missing valid authorization header" },
        "config unauthorized_client",
      ],
    ],
  },
  {
    id: "facebook",
    request: PLAIN,
    answer: { access_token: "A2", token_type: "bearer", expires_in: 5183944 },
    expected: { lifetimeMs: 5_183_944_000 },
    dead: [400, { error: { message: "Error validating access token", type: "OAuthException", code: 190 } }],
    alive: [
      [
        400,
        { error: { message: "Missing client_id", type: "OAuthException", code: 101 } },
        "config OAuthException",
      ],
    ],
  },
  {
    id: "linkedin",
    request: { ...PLAIN, ...AS_BODY },
    answer: {
      access_token: "A2",
      expires_in: 5184000,
      refresh_token: "R1",
      refresh_token_expires_in: 439200,
    },
    expected: { tokenType: "Bearer", refreshToken: "R1", lifetimeMs: 5_184_000_000 },
  },
  {
    id: "zoom",
    request: PLAIN,
    answer: rotated,
    expected: { refreshToken: "R2", lifetimeMs: HOUR_MS },
    dead: [400, { reason: "Invalid Token!", error: "invalid_grant" }],
    alive: [[400, { code: 4700, message: "Exception message" }, "unknown zoom_4700"]],
  },
  {
    id: "salesforce",
    request: PLAIN,
    answer: {
      access_token: "A2",
      instance_url: "https://eu1.salesforce.example",
      issued_at: "1684852342341",
      token_type: "Bearer",
    },
    expected: {
      refreshToken: "R1",
      lifetimeMs: 900_000,
      extra: { instance_url: "https://eu1.salesforce.example", issued_at: "1684852342341" },
    },
    dead: invalidGrant("expired access/refresh token"),
  },
  {
    id: "hubspot",
    request: { ...PLAIN, ...AS_BODY },
    answer: { ...bearer, refresh_token: "R1", expires_in: 1800 },
    expected: { refreshToken: "R1", lifetimeMs: 1_800_000 },
    dead: [400, { status: "BAD_REFRESH_TOKEN", message: "missing or invalid refresh token" }],
    alive: [[400, { status: "BAD_CLIENT_SECRET", message: "no" }, "config BAD_CLIENT_SECRET"]],
  },
  {
    id: "atlassian",
    request: PLAIN,
    answer: rotated,
    expected: { refreshToken: "R2", lifetimeMs: HOUR_MS },
    dead: [403, { error: "unauthorized_client", error_description: "refresh_token is invalid" }],
    alive: [
      [401, { error: "access_denied", error_description: "Unauthorized" }, "config access_denied"],
      [
        403,
        { error: "unauthorized_client", error_description: "the app has no rights" },
        "config unauthorized_client",
      ],
    ],
  },
  {
    id: "dropbox",
    request: PLAIN,
    answer: { ...bearer, expires_in: 14400 },
    expected: { refreshToken: "R1", lifetimeMs: 14_400_000 },
  },
  {
    id: "reddit",
    request: PLAIN,
    answer: { ...bearer, expires_in: 86400 },
    expected: { refreshToken: "R1", lifetimeMs: 86_400_000 },
    alive: [[400, { message: "Bad Request", error: 400 }, "config http_400"]],
  },
  {
    id: "strava",
    request: { ...PLAIN, ...AS_BODY },
    answer: { ...bearer, refresh_token: "R1", expires_at: 1568775134, expires_in: 20566 },
    expected: { refreshToken: "R1", lifetimeMs: 20_566_000 },
    dead: [
      400,
      {
        message: "Bad Request",
        errors: [{ resource: "RefreshToken", field: "refresh_token", code: "invalid" }],
      },
    ],
    alive: [
      [
        400,
        {
          message: "Bad Request",
          errors: [{ resource: "Application", field: "client_id", code: "invalid" }],
        },
        "config strava_error",
      ],
    ],
  },
  {
    id: "notion",
    request: PLAIN,
    answer: { access_token: "A2", refresh_token: "R2", token_type: "bearer", workspace_name: "W" },
    expected: { refreshToken: "R2", lifetimeMs: HOUR_MS, extra: { workspace_name: "W" } },
    dead: [400, { error: "invalid_grant" }],
  },
  {
    id: "workos",
    request: { ...PLAIN, ...AS_BODY },
    answer: bearer,
    expected: { refreshToken: "R1", lifetimeMs: HOUR_MS },
  },
];

async function exchange(
  fixture: Fixture,
  status: number,
  body: unknown,
): Promise<{
  outcome: Awaited<ReturnType<ReturnType<typeof scenario>["refresh"]>>;
  seen: Awaited<ReturnType<typeof peer>>["seen"];
  startMs: number;
}> {
  const server = await peer((_request, response) => sendJson(response, body, status));
  const { refresh, clock } = scenario(
    configOf({ id: fixture.id, tokenEndpoint: `${server.url}/token`, ...fixture.config }),
  );
  const startMs = clock.nowMs();
  const outcome = await refresh({ tokenSet: tokens(fixture.previous) });
  return { outcome, seen: server.seen, startMs };
}

describe.each(fixtures)("a refresh at $id", (fixture) => {
  it("is asked for as the provider wants it, and its answer is understood (F45)", async () => {
    const { outcome, seen, startMs } = await exchange(fixture, 200, fixture.answer);
    const { lifetimeMs, ...expected } = fixture.expected;

    expect(outcome).toMatchObject({
      kind: "committed",
      tokenSet: { ...expected, expiresAtMs: startMs + lifetimeMs },
    });
    const { body, headers } = seen[0]!;
    const asJson = fixture.id === "notion";
    expect(asJson ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(body))).toEqual(
      fixture.request,
    );
    expect(headers.authorization).toBe("client_secret" in fixture.request ? undefined : BASIC);
    expect(headers.accept).toBe("application/json");
    expect(headers["content-type"]).toMatch(
      asJson ? /^application\/json$/ : /^application\/x-www-form-urlencoded/,
    );
  });
});

const withDead = fixtures.flatMap(({ dead, ...fixture }) =>
  dead === undefined ? [] : [{ ...fixture, dead }],
);
const withAlive = fixtures.flatMap((fixture) =>
  (fixture.alive ?? []).map(([status, body, expected]) => ({
    id: fixture.id,
    fixture,
    status,
    body,
    expected,
  })),
);

describe("a refusal", () => {
  it.each(withDead)("of a dead refresh token by $id ends the grant (Q15, Q16)", async (fixture) => {
    const [status, body] = fixture.dead;

    expect((await exchange(fixture, status, body)).outcome.kind).toBe("rejected");
  });

  it.each(withAlive)(
    "of $id for another reason is $expected and does not end it (I6)",
    async ({ fixture, status, body, expected }) => {
      const { outcome } = await exchange(fixture, status, body);

      expect(brief(outcome)).toBe(expected);
    },
  );
});

describe("provider profiles", () => {
  it("each have a fixture", () => {
    expect([...PROFILED_PROVIDERS].sort()).toEqual(fixtures.map(({ id }) => id).sort());
  });

  it("do not leak into each other: another provider's words for a dead token end nothing", async () => {
    const words = fixtures.flatMap(({ id, dead }) =>
      dead !== undefined && !JSON.stringify(dead[1]).includes('"invalid_grant"') ? [{ id, dead }] : [],
    );

    expect(words.map(({ id }) => id)).toEqual([
      "github",
      "slack",
      "twitch",
      "facebook",
      "hubspot",
      "atlassian",
      "strava",
    ]);
    for (const { dead } of words) {
      const { outcome } = await exchange({ ...fixtures[0]!, id: "custom" }, dead[0], dead[1]);
      expect(outcome.kind).toBe("config");
    }
  });

  it("know where a refresh kills the access token in hand (Q7)", () => {
    const dying = PROFILED_PROVIDERS.filter((id) => profileOf(id).accessTokenDiesOnRefresh);

    expect(dying).toEqual(["github", "gitlab", "zitadel", "hydra", "ory-hydra"]);
  });

  it("know where there is no refresh grant at all (Q21)", () => {
    expect(PROFILED_PROVIDERS.filter((id) => !profileOf(id).hasRefreshGrant)).toEqual(["facebook", "workos"]);
  });

  it.each([
    ["google", "access_type"],
    ["azure-ad", "offline_access"],
    ["okta", "offline_access"],
    ["auth0", "Allow Offline Access"],
    ["github", "User-to-server token expiration"],
    ["logto", "prompt"],
    ["twitter", "offline.access"],
    ["dropbox", "token_access_type"],
    ["reddit", "duration"],
    ["salesforce", "refresh_token"],
    ["slack", "token rotation"],
    ["something-else", "offline_access"],
  ])("say what is missing when %s brought no refresh token: %s (F45)", (id, parameter) => {
    expect(profileOf(id).refreshTokenHint).toContain(parameter);
  });

  it("give way to the operator", () => {
    const profile = profileOf("github", { accessTokenDiesOnRefresh: false, defaultLifetimeMs: 1 });

    expect(profile).toMatchObject({
      accessTokenDiesOnRefresh: false,
      defaultLifetimeMs: 1,
      revocation: "none",
    });
  });
});

describe("how a provider rotates", () => {
  it("is known only where the vendor says it of every account; everybody else is strict", () => {
    const known = PROFILED_PROVIDERS.map((id) => [id, profileOf(id).rotation.class] as const).filter(
      ([, name]) => name !== "strict",
    );

    expect(Object.fromEntries(known)).toEqual({
      google: "none",
      line: "none",
      apple: "none",
      hubspot: "none",
      dropbox: "none",
      "azure-ad": "overlapping",
      "microsoft-entra-id": "overlapping",
      atlassian: "grace",
    });
    expect(profileOf("atlassian").rotation.graceMs).toBe(600_000);
    expect(profileOf("my-own").rotation).toEqual({ class: "strict", graceMs: 0 });
  });

  it("says that access tokens die where the profile does (Q7), unless the operator knows better", () => {
    expect(rotationPolicyOf(profileOf("github"))).toEqual({
      class: "strict",
      graceMs: 0,
      accessTokensDie: true,
    });
    expect(rotationPolicyOf(profileOf("google"))).toEqual({
      class: "none",
      graceMs: 0,
      accessTokensDie: false,
    });
    const rotation = { class: "grace", graceMs: 5_000, accessTokensDie: false } as const;
    expect(rotationPolicyOf(profileOf("hydra", { rotation }))).toEqual(rotation);
  });
});
