import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RefreshOutcome } from "../../src/core/refresher.ts";
import { classify, type ClassifyContext } from "../../src/oauth/classify.ts";
import { profileOf } from "../../src/oauth/profiles.ts";
import type { RawAnswer } from "../../src/oauth/raw-answer.ts";
import type { BodyText } from "../../src/oauth/read-body.ts";
import { brief, jwt, tokens } from "./support.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const HTML = "<html><body>invalid_grant</body></html>";
const GOOD = { access_token: "A2", refresh_token: "R2", token_type: "Bearer", expires_in: 60 };

interface Answer {
  readonly status?: number;
  readonly json?: unknown;
  readonly text?: string;
  readonly body?: BodyText;
  readonly headers?: Record<string, string>;
}

function rawAnswer({ status = 200, json, text, body, headers = {} }: Answer): RawAnswer {
  const complete: BodyText = {
    kind: "complete",
    text: json === undefined ? (text ?? "") : JSON.stringify(json),
  };
  return { status, headers: new Headers(headers), body: body ?? complete };
}

function outcomeOf(
  answer: Answer,
  provider = "custom",
  context: Partial<ClassifyContext> = {},
): RefreshOutcome {
  return classify(rawAnswer(answer), {
    profile: profileOf(provider),
    clientId: "app",
    previous: tokens(),
    requestedAtMs: NOW_MS,
    nowMs: NOW_MS + 500,
    ...context,
  });
}

interface Row {
  readonly name: string;
  readonly answer: Answer;
  readonly expected: string;
  readonly provider?: string;
}

const rows: readonly Row[] = [
  { name: "200 with a valid body", answer: { json: GOOD }, expected: "committed" },
  { name: "201 with a valid body", answer: { status: 201, json: GOOD }, expected: "committed" },
  {
    name: "200 form-encoded tokens",
    answer: {
      text: "access_token=A2&token_type=bearer",
      headers: { "content-type": "application/x-www-form-urlencoded" },
    },
    expected: "committed",
  },
  {
    name: "200 JSON as text/html",
    answer: { json: GOOD, headers: { "content-type": "text/html" } },
    expected: "committed",
  },
  {
    name: "200 tokens with an error beside them",
    answer: { json: { ...GOOD, error: "warning" } },
    expected: "committed",
  },
  {
    name: "200 with a WWW-Authenticate header",
    answer: { json: GOOD, headers: { "www-authenticate": "Bearer" } },
    expected: "committed",
  },
  { name: "200 without a body", answer: {}, expected: "committed_bad invalid_json" },
  {
    name: "200 with broken JSON",
    answer: { text: '{"access_token":"A2","refr' },
    expected: "committed_bad invalid_json",
  },
  { name: "200 with a JSON array", answer: { json: [GOOD] }, expected: "committed_bad invalid_json" },
  {
    name: "200 without an access token",
    answer: { json: { token_type: "Bearer" } },
    expected: "committed_bad no_access_token",
  },
  {
    name: "200 with an empty access token",
    answer: { json: { ...GOOD, access_token: "" } },
    expected: "committed_bad no_access_token",
  },
  {
    name: "200 with a number as access token",
    answer: { json: { ...GOOD, access_token: 7 } },
    expected: "committed_bad no_access_token",
  },
  {
    name: "200 with a body above the cap",
    answer: { body: { kind: "too_large" } },
    expected: "committed_bad body_too_large",
  },
  {
    name: "200 with an HTML page",
    answer: { text: HTML, headers: { "content-type": "text/html" } },
    expected: "unknown html",
  },
  { name: "200 whose body breaks off", answer: { body: { kind: "cut" } }, expected: "unknown reset" },
  {
    name: "200 whose body does not end in time",
    answer: { body: { kind: "timeout" } },
    expected: "unknown timeout",
  },
  {
    name: "200 with error invalid_grant",
    answer: { json: { error: "invalid_grant" } },
    expected: "rejected invalid_grant",
  },
  {
    name: "200 with another error",
    answer: { json: { error: "incorrect_client_credentials" } },
    expected: "config incorrect_client_credentials",
  },
  { name: "204", answer: { status: 204 }, expected: "committed_bad invalid_json" },
  { name: "301", answer: { status: 301 }, expected: "config redirect" },
  { name: "307", answer: { status: 307, json: { error: "invalid_grant" } }, expected: "config redirect" },
  { name: "a redirect that fetch hides", answer: { status: 0 }, expected: "config redirect" },
  {
    name: "400 invalid_grant",
    answer: { status: 400, json: { error: "invalid_grant" } },
    expected: "rejected invalid_grant",
  },
  {
    name: "401 invalid_grant",
    answer: { status: 401, json: { error: "invalid_grant" } },
    expected: "rejected invalid_grant",
  },
  {
    name: "403 invalid_grant (Auth0, Atlassian)",
    answer: { status: 403, json: { error: "invalid_grant" } },
    expected: "rejected invalid_grant",
  },
  {
    name: "400 invalid_grant only in the text of an HTML page",
    answer: { status: 400, text: HTML },
    expected: "unknown html_400",
  },
  {
    name: "400 invalid_grant only in the description",
    answer: { status: 400, json: { error: "oops", error_description: "invalid_grant" } },
    expected: "config oops",
  },
  {
    name: "400 invalid_grant as plain text",
    answer: { status: 400, text: "invalid_grant" },
    expected: "unknown http_400",
  },
  {
    name: "400 invalid_grant in broken JSON",
    answer: { status: 400, text: '{"error":"invalid_grant"' },
    expected: "unknown http_400",
  },
  {
    name: "400 invalid_grant only in WWW-Authenticate",
    answer: { status: 400, headers: { "www-authenticate": 'Bearer error="invalid_grant"' } },
    expected: "unknown http_400",
  },
  {
    name: "400 invalid_grant with a WWW-Authenticate header",
    answer: {
      status: 400,
      json: { error: "invalid_grant" },
      headers: { "www-authenticate": 'Bearer error="invalid_token"' },
    },
    expected: "rejected invalid_grant",
  },
  {
    name: "401 invalid_client with a WWW-Authenticate header",
    answer: {
      status: 401,
      json: { error: "invalid_client" },
      headers: { "www-authenticate": "Basic realm=x" },
    },
    expected: "config invalid_client",
  },
  {
    name: "401 with nothing but a Basic challenge",
    answer: { status: 401, headers: { "www-authenticate": 'Basic realm="staging"' } },
    expected: "config invalid_client",
  },
  {
    name: "401 with the error in the challenge",
    answer: { status: 401, headers: { "www-authenticate": 'Bearer realm="x", error="unauthorized_client"' } },
    expected: "config unauthorized_client",
  },
  ...[
    "invalid_client",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
    "access_denied",
  ].map((error) => ({
    name: `400 ${error}`,
    answer: { status: 400, json: { error } },
    expected: `config ${error}`,
  })),
  ...["interaction_required", "consent_required", "mfa_required", "login_required"].map((error) => ({
    name: `400 ${error}: only the user can help (Q17)`,
    answer: { status: 400, json: { error } },
    expected: `rejected ${error}`,
  })),
  {
    name: 'Hydra: 400 invalid_request "Please retry" (Q17)',
    answer: {
      status: 400,
      json: {
        error: "invalid_request",
        error_description: "multiple concurrent requests using the same token. Please retry the request.",
      },
    },
    expected: "not_committed invalid_request",
  },
  {
    name: "400 use_dpop_nonce",
    answer: { status: 400, json: { error: "use_dpop_nonce" } },
    expected: "config use_dpop_nonce",
  },
  {
    name: "400 slow_down",
    answer: { status: 400, json: { error: "slow_down" } },
    expected: "not_committed slow_down",
  },
  {
    name: "400 server_error",
    answer: { status: 400, json: { error: "server_error" } },
    expected: "unknown server_error",
  },
  {
    name: "400 with JSON that says nothing",
    answer: { status: 400, json: { message: "Bad Request", error: 400 } },
    expected: "config http_400",
  },
  {
    name: "400 with an error object",
    answer: { status: 400, json: { error: { code: 400, status: "INVALID_ARGUMENT" } } },
    expected: "config INVALID_ARGUMENT",
  },
  {
    name: "403 with a pause to keep",
    answer: { status: 403, json: { message: "secondary rate limit" }, headers: { "retry-after": "60" } },
    expected: "not_committed http_403",
  },
  { name: "404 with an HTML page", answer: { status: 404, text: HTML }, expected: "unknown html_404" },
  { name: "408", answer: { status: 408, json: { error: "invalid_grant" } }, expected: "unknown http_408" },
  {
    name: "429",
    answer: { status: 429, json: { error: "invalid_grant" } },
    expected: "not_committed http_429",
  },
  { name: "429 with an HTML page", answer: { status: 429, text: HTML }, expected: "not_committed http_429" },
  ...[500, 501, 502, 503, 504, 520, 599].flatMap((status) => [
    { name: `${status}`, answer: { status }, expected: `unknown http_${status}` },
    {
      name: `${status} with invalid_grant`,
      answer: { status, json: { error: "invalid_grant" } },
      expected: `unknown http_${status}`,
    },
    {
      name: `${status} with an HTML page`,
      answer: { status, text: HTML },
      expected: `unknown http_${status}`,
    },
  ]),
  {
    name: "400 with a body above the cap",
    answer: { status: 400, body: { kind: "too_large" } },
    expected: "unknown body_too_large",
  },
  {
    name: "400 whose body breaks off",
    answer: { status: 400, body: { kind: "cut" } },
    expected: "unknown reset",
  },
  {
    name: "400 whose body does not end in time",
    answer: { status: 400, body: { kind: "timeout" } },
    expected: "unknown timeout",
  },
];

describe("the outcome table", () => {
  it.each(rows)("$name → $expected", ({ answer, expected, provider }) => {
    expect(brief(outcomeOf(answer, provider))).toBe(expected);
  });

  it("says of every unknown outcome that an answer came, so that nobody waits for one", () => {
    const unknown = rows.map(({ answer }) => outcomeOf(answer)).filter(({ kind }) => kind === "unknown");

    expect(unknown.length).toBeGreaterThan(20);
    expect(unknown.every((outcome) => "answered" in outcome && outcome.answered)).toBe(true);
  });

  it("tells the Retry-After of any refusal as it was asked for, in seconds or as an HTTP date (F33)", () => {
    const pauseOf = (value: string, status = 503): unknown => {
      const outcome = outcomeOf({ status, headers: { "retry-after": value } });
      return outcome.kind === "committed" ? undefined : outcome.retryAfterMs;
    };

    expect(pauseOf("7", 429)).toBe(7_000);
    expect(pauseOf("7")).toBe(7_000);
    expect(pauseOf(new Date(NOW_MS + 30_000).toUTCString())).toBe(29_500);
    expect(pauseOf(new Date(NOW_MS - 30_000).toUTCString())).toBe(0);
    expect(pauseOf("86400")).toBe(86_400_000);
    expect(pauseOf("9".repeat(400))).toBeUndefined();
    expect(pauseOf("soon")).toBeUndefined();
    expect(pauseOf("-5")).toBeUndefined();
  });
});

describe("a 200 that carries a refresh token", () => {
  const odd: readonly (readonly [string, Record<string, unknown>])[] = [
    ["no token_type", { token_type: undefined }],
    ["token_type null", { token_type: null }],
    ["an unknown token_type", { token_type: "mac" }],
    ["token_type as a list", { token_type: ["Bearer"] }],
    ["scope as a list", { scope: ["openid", "email"] }],
    ["scope as a number", { scope: 3 }],
    ["no expires_in", { expires_in: undefined }],
    ["expires_in as a string", { expires_in: "60" }],
    ["expires_in as nonsense", { expires_in: "soon" }],
    ["expires_in zero", { expires_in: 0 }],
    ["expires_in negative", { expires_in: -1 }],
    ["expires_in absurd", { expires_in: 1e300 }],
    ["expires_in as an object", { expires_in: {} }],
    ["an id_token that is no JWT", { id_token: "nonsense" }],
    ["an id_token that is a number", { id_token: 7 }],
    ["an error beside the tokens", { error: "warning" }],
    ["unknown members", { extra: { deep: [1] }, constructor: "x", toString: 1 }],
  ];

  it.each(odd)("is never dropped for %s (F7, SEC-41)", (_name, member) => {
    const outcome = outcomeOf({ json: { ...GOOD, ...member } });

    if (outcome.kind !== "committed") throw new Error(brief(outcome));
    expect(outcome.tokenSet.accessToken).toBe("A2");
    expect(outcome.tokenSet.refreshToken).toBe("R2");
    expect(outcome.tokenSet.expiresAtMs).toBeGreaterThan(NOW_MS);
    expect(Number.isFinite(outcome.tokenSet.expiresAtMs)).toBe(true);
  });

  it("records an unknown token type as it came, and a missing one as Bearer (SEC-42)", () => {
    const typeOf = (token_type: unknown): unknown => {
      const outcome = outcomeOf({ json: { ...GOOD, token_type } });
      return outcome.kind === "committed" ? outcome.tokenSet.tokenType : brief(outcome);
    };

    expect([typeOf("mac"), typeOf(undefined), typeOf("bEaReR")]).toEqual(["mac", "Bearer", "bEaReR"]);
  });

  it("counts its lifetime from when the request was sent", () => {
    const outcome = outcomeOf({ json: GOOD });

    expect(outcome).toMatchObject({ tokenSet: { expiresAtMs: NOW_MS + 60_000, issuedAtMs: NOW_MS } });
  });

  it("replaces the old refresh token, and one that is left out is kept (F6, SEC-40)", () => {
    const refreshTokenOf = (refresh_token: unknown): unknown => {
      const outcome = outcomeOf({ json: { ...GOOD, refresh_token } });
      return outcome.kind === "committed" ? outcome.tokenSet.refreshToken : brief(outcome);
    };

    expect([
      refreshTokenOf("R2"),
      refreshTokenOf(undefined),
      refreshTokenOf(null),
      refreshTokenOf(""),
    ]).toEqual(["R2", "R1", "R1", "R1"]);
  });
});

describe("a 200 without a refresh token", () => {
  it.each(["mac", "N_A", "user"])("is refused for the token type %s (SEC-42)", (token_type) => {
    expect(brief(outcomeOf({ json: { access_token: "A2", token_type } }))).toBe("committed_bad token_type");
  });

  it("is accepted for Bearer and DPoP in any case, and for what the provider calls a bearer token", () => {
    const accepted = (token_type: string, provider?: string): string =>
      brief(outcomeOf({ json: { access_token: "A2", token_type } }, provider));

    expect([accepted("BEARER"), accepted("dpop"), accepted("user", "slack")]).toEqual(
      Array(3).fill("committed"),
    );
  });

  it("is refused as Bearer where the token was bound to a key before (SEC-42)", () => {
    const outcome = outcomeOf({ json: { access_token: "A2", token_type: "Bearer" } }, "custom", {
      previous: tokens({ tokenType: "DPoP" }),
    });

    expect(brief(outcome)).toBe("committed_bad token_type");
  });
});

describe("the ID token of a refresh (SEC-43)", () => {
  const claims = {
    iss: "https://as.example",
    sub: "alice",
    aud: "app",
    exp: NOW_MS / 1000 + 60,
    auth_time: 1,
  };
  const previousIdToken = jwt({ ...claims, exp: 1 });

  function withIdToken(idToken: string, context: Partial<ClassifyContext> = {}): RefreshOutcome {
    return outcomeOf({ json: { ...GOOD, id_token: idToken } }, "custom", {
      previous: tokens({ idToken: previousIdToken }),
      ...context,
    });
  }

  it.each([
    ["another sub", { sub: "mallory" }],
    ["no sub", { sub: undefined }],
    ["another iss", { iss: "https://evil.example" }],
    ["another aud", { aud: "other-app" }],
    ["more audiences and no azp", { aud: ["app", "other"] }],
    ["more audiences and another azp", { aud: ["app", "other"], azp: "other" }],
  ])("with %s is somebody else's, so nothing is stored", (_name, member) => {
    const outcome = withIdToken(jwt({ ...claims, ...member }));

    expect(outcome).toEqual({ kind: "committed_bad", code: "subject_mismatch" });
  });

  it("of the same person replaces the previous one", () => {
    const fresh = jwt({ ...claims, aud: ["app"], nonce: "n" });

    expect(withIdToken(fresh)).toMatchObject({ kind: "committed", tokenSet: { idToken: fresh } });
  });

  it.each([
    ["that is encrypted", "a.b.c.d.e"],
    ["that cannot be read", "a.b.c"],
    ["that is not signed", jwt(claims, { alg: "none" })],
    ["that has expired", jwt({ ...claims, exp: NOW_MS / 1000 - 3_600 })],
    ["that claims a later authentication", jwt({ ...claims, auth_time: 2 })],
  ])("%s is left out, and the tokens are kept", (_name, idToken) => {
    expect(withIdToken(idToken)).toMatchObject({
      kind: "committed",
      tokenSet: { accessToken: "A2", refreshToken: "R2", idToken: previousIdToken },
    });
  });

  it("is held against the server's issuer where there was none before, with Entra's placeholder filled in", () => {
    const first = (iss: string, issuer: string): string =>
      brief(withIdToken(jwt({ ...claims, iss, tid: "t1" }), { previous: tokens(), issuer }));

    expect(first("https://as.example", "https://as.example")).toBe("committed");
    expect(first("https://evil.example", "https://as.example")).toBe("committed_bad subject_mismatch");
    expect(first("https://login.example/t1/v2.0", "https://login.example/{tenantid}/v2.0")).toBe("committed");
  });

  it("may spell Google's issuer in both ways", () => {
    const outcome = outcomeOf(
      { json: { ...GOOD, id_token: jwt({ ...claims, iss: "accounts.google.com" }) } },
      "google",
      { previous: tokens({ idToken: jwt({ ...claims, iss: "https://accounts.google.com" }) }) },
    );

    expect(brief(outcome)).toBe("committed");
  });

  it("must be of the configured algorithm, where one is", () => {
    const es256 = jwt(claims, { alg: "ES256" });

    const kept = withIdToken(es256, { idTokenSignedResponseAlg: "RS256" });

    expect(kept).toMatchObject({ kind: "committed", tokenSet: { idToken: previousIdToken } });
  });
});

describe("an odd answer", () => {
  it("never throws, never loses a refresh token and never ends a grant without an OAuth error (SEC-41)", () => {
    fc.assert(
      fc.property(
        fc.record({
          status: fc.constantFrom(0, 200, 201, 204, 302, 400, 401, 403, 404, 418, 429, 500, 503),
          text: fc.oneof(
            fc.string(),
            fc.json(),
            fc.object().map((value) => JSON.stringify(value)),
          ),
          header: fc.constantFrom("", "Bearer", 'Basic realm="x"', 'Bearer error="x"', '"'),
        }),
        ({ status, text, header }) => {
          const outcome = outcomeOf({
            status,
            text,
            headers: header === "" ? {} : { "www-authenticate": header },
          });

          expect(outcome.kind).not.toBe("rejected");
        },
      ),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (members) => {
        const outcome = outcomeOf({
          json: { ...members, access_token: "A2", refresh_token: "R2", id_token: undefined },
        });

        expect(outcome).toMatchObject({
          kind: "committed",
          tokenSet: { accessToken: "A2", refreshToken: "R2" },
        });
      }),
      { numRuns: 500 },
    );
  });

  it("may hold tokens of 100 KB and a member named __proto__ (SEC-41, SEC-72)", () => {
    const long = "t".repeat(100_000);

    const outcome = outcomeOf({
      text: `{"access_token":"${long}","refresh_token":"${long}x","__proto__":{"polluted":"yes"},"expires_in":60}`,
    });

    expect(outcome).toMatchObject({
      kind: "committed",
      tokenSet: { accessToken: long, refreshToken: `${long}x` },
    });
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("what an outcome tells of a refusal", () => {
  const said = (json: object, status = 400, context: Partial<ClassifyContext> = {}): RefreshOutcome =>
    outcomeOf({ status, json }, "custom", context);

  it("is one short line without control characters (SEC-86)", () => {
    const outcome = said({
      error: "oops",
      error_description: `first\r\nSet-Cookie: a=b\u001b[31m\u202e ${"x ".repeat(500)}`,
    });

    if (outcome.kind === "committed") throw new Error("committed");
    expect(outcome.detail).toMatch(/^first Set-Cookie: a=b \[31m/);

    expect(outcome.detail).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
    expect(outcome.detail!.length).toBeLessThanOrEqual(200);
  });

  it("holds no token or secret that the server echoes (SEC-83)", () => {
    const secrets = ["app-secret"];
    const previous = tokens({ accessToken: "short-at", refreshToken: "short-rt", idToken: "short-id" });
    const echo = "short-at short-rt short-id app-secret eyJhbGciOiJSUzI1NiJ9 0123456789abcdef0123 end";

    const outcomes = [
      said({ error: "invalid_grant", error_description: echo }, 400, { previous, secrets }),
      said({ error: "short-rt" }, 400, { previous, secrets }),
      said({ error: "server_error", error_description: echo }, 503, { previous, secrets }),
      outcomeOf({ json: { access_token: "A2", token_type: echo } }, "custom", { previous, secrets }),
    ];

    const text = JSON.stringify(outcomes.map((outcome) => ({ ...outcome, tokenSet: undefined })));
    for (const canary of [...echo.split(" ").slice(0, -1)]) expect(text).not.toContain(canary);
    expect(text).toContain("end");
  });

  it("keeps GUIDs, by which Entra names a request", () => {
    const guid = "1f0ec0de-0000-4000-8000-0123456789ab";

    expect(
      said({ error: "invalid_grant", error_description: `AADSTS70043 Trace ID: ${guid}` }),
    ).toMatchObject({
      detail: `AADSTS70043 Trace ID: ${guid}`,
    });
  });

  it("has a code of code characters only", () => {
    expect(brief(said({ error: "no\r\ncode" }))).toBe("config unknown_error");
    expect(brief(said({ error: "x".repeat(100) }))).toBe("config unknown_error");
  });
});
