import { createHmac } from "node:crypto";
import { exportSPKI, importJWK, type CryptoKey } from "jose";
import { describe, expect, it, vi } from "vitest";
import { createJsonDocuments } from "../../src/oauth/json-documents.ts";
import { createLogoutTokenVerifier, type LogoutTokenVerdict } from "../../src/oauth/logout-token-verifier.ts";
import { CLOCK_TOLERANCE_S, LOGOUT_EVENT, MAX_AGE_S } from "../../src/oauth/logout-token.ts";
import type { OAuthProviderConfig } from "../../src/oauth/provider-config.ts";
import type { FetchLike } from "../../src/oauth/send.ts";
import { createServerMetadata } from "../../src/oauth/server-metadata.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { issuerKey, logoutIssuer, type LogoutClaims, type LogoutIssuer } from "../support/logout-issuer.ts";

const ISSUER = "https://as.example";
const MINUTE_MS = 60_000;

interface Scene {
  readonly clock: FakeClock;
  readonly as: LogoutIssuer;
  readonly verify: (token: string) => Promise<LogoutTokenVerdict>;
  readonly verdictOn: (given?: LogoutClaims) => Promise<string>;
}

const FIRST = await issuerKey("first");
const MALLORY = await issuerKey("mallory");

/** One app with one client at one issuer, unless a test says otherwise. */
function scene(
  config: Partial<OAuthProviderConfig> = {},
  others: readonly OAuthProviderConfig[] = [],
): Scene {
  const clock = new FakeClock();
  const as = logoutIssuer(ISSUER, FIRST, () => clock.nowMs());
  const documents = createJsonDocuments({ clock, fetch: as.fetch });
  const verifier = createLogoutTokenVerifier({
    providers: () => [{ id: "custom", clientId: "app", issuer: ISSUER, ...config }, ...others],
    documents,
    metadata: createServerMetadata(documents),
    clock,
  });
  const verify = (token: string): Promise<LogoutTokenVerdict> =>
    verifier.verify(token, new AbortController().signal);
  const verdictOn = async (given?: LogoutClaims): Promise<string> => {
    const verdict = await verify(await as.sign(given));
    return verdict.kind === "verified" ? "verified" : `${verdict.kind} ${verdict.code}`;
  };
  return { clock, as, verify, verdictOn };
}

/** A verifier of other providers, whose documents come from `fetch`. */
function verifierOf(
  providers: readonly OAuthProviderConfig[],
  fetch: FetchLike,
): (token: string) => Promise<LogoutTokenVerdict> {
  const clock = new FakeClock();
  const documents = createJsonDocuments({ clock, fetch });
  const metadata = createServerMetadata(documents);
  const verifier = createLogoutTokenVerifier({ providers: () => providers, documents, metadata, clock });
  return (token) => verifier.verify(token, new AbortController().signal);
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("a logout token that holds", () => {
  it("says who it is about, and until when it could be used", async () => {
    const { as, verify, clock } = scene();
    const issuedAtMs = Math.floor(clock.nowMs() / 1000) * 1000;

    const verdict = await verify(await as.sign({ claims: { sid: "s1", jti: "j1" } }));

    expect(verdict).toEqual({
      kind: "verified",
      token: {
        ...{ provider: "custom", issuer: ISSUER, clientId: "app" },
        ...{ id: "j1", subject: "alice", sid: "s1", issuedAtMs },
        unusableFromMs: issuedAtMs + (MAX_AGE_S + 2 * CLOCK_TOLERANCE_S) * 1000,
      },
    });
  });

  it.each([
    ["names a session only", { claims: { sub: undefined, sid: "s1" } }],
    ["names a user only", {}],
    ["has several audiences", { claims: { aud: ["other", "app"] } }],
    ["has a type with its prefix", { header: { typ: "application/logout+jwt" } }],
    ["has claims that nobody knows", { claims: { trace_id: "x", acr: "1" } }],
  ] satisfies [string, LogoutClaims][])("%s", async (_name, given) => {
    expect(await scene().verdictOn(given)).toBe("verified");
  });

  it("is one of the provider whose client and issuer it names, of several", async () => {
    const tenant: OAuthProviderConfig = { id: "other", clientId: "app", issuer: "https://other.example" };
    const { as, verify } = scene({}, [tenant]);

    expect(await verify(await as.sign())).toMatchObject({ token: { provider: "custom" } });
  });

  it("costs two requests, and then none for ten minutes", async () => {
    const { as, verdictOn, clock } = scene();

    for (let minute = 0; minute < 10; minute++) {
      expect(await verdictOn()).toBe("verified");
      await clock.advance(MINUTE_MS);
    }
    expect(as.fetched).toEqual([`${ISSUER}/.well-known/openid-configuration`, `${ISSUER}/jwks`]);
    await verdictOn();

    expect(as.fetched).toHaveLength(3);
  });

  it("needs no metadata where issuer and key set are configured", async () => {
    const { as, verdictOn } = scene({ jwksUri: `${ISSUER}/keys` });

    expect(await verdictOn()).toBe("verified");
    expect(as.fetched).toEqual([`${ISSUER}/keys`]);
  });
});

describe("a logout token is refused (SEC-44, SEC-49)", () => {
  it.each([
    ["for another client", { claims: { aud: "other" } }, "aud"],
    ["for nobody", { claims: { aud: undefined } }, "aud"],
    ["of another issuer", { claims: { iss: "https://evil.example" } }, "iss"],
    ["of an issuer with a slash more", { claims: { iss: `${ISSUER}/` } }, "iss"],
    ["of no issuer", { claims: { iss: undefined } }, "iss"],
    ["with the type of an ID token", { header: { typ: "JWT" } }, "typ"],
    ["with the type of an access token", { header: { typ: "at+jwt" } }, "typ"],
    ["without a type", { header: { typ: undefined } }, "typ"],
    ["without events", { claims: { events: undefined } }, "events"],
    ["with another event", { claims: { events: { "http://example/other": {} } } }, "events"],
    ["with events that are no object", { claims: { events: [LOGOUT_EVENT] } }, "events"],
    ["with an event that is no object", { claims: { events: { [LOGOUT_EVENT]: true } } }, "events"],
    ["with a nonce, as an ID token has", { claims: { nonce: "n" } }, "nonce"],
    ["with an empty nonce", { claims: { nonce: null } }, "nonce"],
    ["without a name", { claims: { jti: undefined } }, "jti"],
    ["with an odd name", { claims: { jti: 7 } }, "jti"],
    ["about nobody", { claims: { sub: undefined } }, "subject"],
    ["about an odd user", { claims: { sub: { $ne: "" } } }, "subject"],
    ["about an odd session", { claims: { sid: ["s1"] } }, "subject"],
    ["about a user with an endless name", { claims: { sub: "x".repeat(1_001) } }, "subject"],
    ["that has expired", { claims: { exp: 1 } }, "time"],
    ["with an odd expiry", { claims: { exp: "tomorrow" } }, "time"],
    ["without an expiry, as drafts had it", { claims: { exp: undefined } }, "time"],
    ["without the time it was made", { claims: { iat: undefined } }, "time"],
    ["that nobody has signed for years, though it has not expired", { claims: { iat: 1 } }, "time"],
    ["of the future", { claims: { iat: 4_000_000_000, exp: 4_000_000_100 } }, "time"],
    ["not valid yet", { claims: { nbf: 4_000_000_000 } }, "time"],
    ["with a header that has to be understood", { header: { crit: ["x"], x: 1 } }, "malformed"],
  ] satisfies [string, LogoutClaims, string][])("%s", async (_name, given, code) => {
    expect(await scene().verdictOn(given)).toBe(`refused ${code}`);
  });

  it.each([
    ["that is no JWT", "logout"],
    ["that is empty", ""],
    ["whose parts are no JSON", "a.b.c"],
    ["with three parts more", `${encoded({ alg: "RS256" })}.${encoded({})}.x.y.z.z`],
    ["whose claims are a list", `${encoded({ alg: "RS256" })}.${encoded([])}.x`],
    ["that is longer than any", "x".repeat(40_000)],
  ])("%s, and nothing is fetched for it", async (_name, token) => {
    const { verify, as } = scene();

    expect(await verify(token)).toEqual({ kind: "refused", code: "malformed" });
    expect(as.fetched).toEqual([]);
  });

  it("that is encrypted", async () => {
    expect(await scene().verify("a.b.c.d.e")).toEqual({ kind: "refused", code: "encrypted" });
  });

  it("that nobody signed (alg none), however it is spelled, and nothing is fetched for it", async () => {
    const { as, verify } = scene();
    const [, claims = ""] = (await as.sign()).split(".");

    for (const alg of ["none", "None", "NONE", "nOnE", ""]) {
      const token = `${encoded({ alg, typ: "logout+jwt" })}.${claims}.`;
      expect(await verify(token)).toEqual({ kind: "refused", code: "alg" });
    }
    expect(as.fetched).toEqual([]);
  });

  it("that was signed with the public key as if it were a secret (RS/HS confusion)", async () => {
    const { as, verify } = scene();
    const [, claims = ""] = (await as.sign()).split(".");
    const publicKey = (await importJWK(FIRST.publicJwk, "RS256", { extractable: true })) as CryptoKey;
    const secrets = [await exportSPKI(publicKey), FIRST.publicJwk.n ?? "", JSON.stringify(FIRST.publicJwk)];

    for (const secret of secrets) {
      for (const [alg, hash] of [
        ["HS256", "sha256"],
        ["HS512", "sha512"],
      ] as const) {
        const input = `${encoded({ alg, kid: "first", typ: "logout+jwt" })}.${claims}`;
        const signature = createHmac(hash, secret).update(input).digest("base64url");
        expect(await verify(`${input}.${signature}`)).toEqual({ kind: "refused", code: "alg" });
      }
    }
  });

  it.each([
    ["in its header", { jwk: MALLORY.publicJwk }],
    ["at an address in its header", { jku: "https://evil.example/jwks" }],
    ["in a certificate's address", { x5u: "https://evil.example/cert" }],
    ["under the name of the issuer's key", {}],
  ])("that brings a key of its own %s, which is not even looked at", async (_name, header) => {
    const { as, verdictOn } = scene();

    expect(await verdictOn({ key: MALLORY, header: { ...header, kid: "first" } })).toBe("refused signature");
    expect(as.fetched.filter((url) => url.includes("evil"))).toEqual([]);
  });

  it("whose claims were changed after it was signed", async () => {
    const { as, verify } = scene();
    const [header, claims = "", signature] = (await as.sign()).split(".");
    const changed = { ...(JSON.parse(atob(claims)) as object), sub: "bob" };

    expect(await verify(`${header}.${encoded(changed)}.${signature}`)).toEqual({
      kind: "refused",
      code: "signature",
    });
  });

  it("that was signed by an algorithm that neither server nor client uses", async () => {
    const [ps, es] = [await issuerKey("ps", "PS256"), await issuerKey("es", "ES256")];
    const served = scene();
    const registered = scene({ idTokenSignedResponseAlg: "ES256" });
    for (const { as } of [served, registered]) as.keys = [FIRST, ps, es];

    expect(await served.verdictOn({ key: ps })).toBe("refused alg");
    expect(await served.verdictOn({ key: es })).toBe("verified");
    expect(await registered.verdictOn({ key: FIRST })).toBe("refused alg");
    expect(await registered.verdictOn({ key: es })).toBe("verified");
  });

  it("that does not name its key where several fit", async () => {
    const { as, verdictOn } = scene();
    as.keys = [FIRST, MALLORY];

    expect(await verdictOn({ header: { kid: undefined } })).toBe("refused unknown_key");
  });

  it("a moment after its time, and not a moment before", async () => {
    const { as, verify, clock } = scene();
    const iat = Math.floor(clock.nowMs() / 1000);
    const token = await as.sign({ claims: { exp: iat + 120 } });
    const lasting = await as.sign({ claims: { exp: iat + 86_400 } });

    await clock.advance((120 + CLOCK_TOLERANCE_S - 1) * 1000);
    expect(await verify(token)).toMatchObject({ kind: "verified" });
    await clock.advance(1_000);
    expect(await verify(token)).toEqual({ kind: "refused", code: "time" });
    await clock.advance((MAX_AGE_S - 120) * 1000);
    expect(await verify(lasting)).toMatchObject({ kind: "verified" });
    await clock.advance(1_000);
    expect(await verify(lasting)).toEqual({ kind: "refused", code: "time" });
  });
});

describe("a client of a server that does not type its logout tokens", () => {
  it("accepts those without a type, and still none of another", async () => {
    const { verdictOn } = scene({ acceptUntypedLogoutTokens: true });

    for (const typ of [undefined, "JWT", "jwt", "logout+jwt"])
      expect(await verdictOn({ header: { typ } })).toBe("verified");
    for (const typ of ["at+jwt", "dpop+jwt", "", 1])
      expect(await verdictOn({ header: { typ } })).toBe("refused typ");
  });

  it("takes no ID token for one, whose nonce and missing event give it away", async () => {
    const { verdictOn } = scene({ acceptUntypedLogoutTokens: true });
    const header = { typ: "JWT" };

    expect(await verdictOn({ header, claims: { events: undefined, nonce: "n" } })).toBe("refused events");
    expect(await verdictOn({ header, claims: { nonce: "n" } })).toBe("refused nonce");
  });
});

describe("the keys of an issuer", () => {
  it("are asked for again when it has changed them, at most twice a minute", async () => {
    const { as, verdictOn, clock } = scene();
    const second = await issuerKey("second");
    await verdictOn();
    as.keys = [second];
    await clock.advance(1_000);

    expect(await verdictOn({ key: second }), "the server is to try again").toBe("unavailable keys_too_new");
    await clock.advance(MINUTE_MS / 2);
    expect(await verdictOn({ key: second })).toBe("verified");
    expect(await verdictOn()).toBe("refused unknown_key");
    const before = as.fetched.length;
    for (let flood = 0; flood < 50; flood++) {
      expect(await verdictOn({ header: { kid: `kid ${flood}` } })).toBe("refused unknown_key");
    }
    await clock.advance(MINUTE_MS / 2);
    for (let flood = 0; flood < 50; flood++) await verdictOn({ header: { kid: `kid ${flood}` } });

    expect(as.fetched.length).toBe(before + 1);
  });

  it("that are new within half a minute make the server try again, and a key that nobody has is refused then", async () => {
    const { as, verdictOn, clock } = scene();
    await verdictOn();
    await clock.advance(1_000);
    expect(await verdictOn({ header: { kid: "nobody's" } })).toBe("unavailable keys_too_new");

    await clock.advance(MINUTE_MS / 2);
    expect(await verdictOn({ header: { kid: "nobody's" } })).toBe("refused unknown_key");
    expect(as.fetched.filter((url) => url.includes("jwks"))).toHaveLength(2);
  });

  it("that it has withdrawn are good for ten minutes at most, and for an hour while it is away", async () => {
    const { as, verdictOn, clock } = scene();
    await verdictOn();
    as.failsWith = 503;
    await clock.advance(59 * MINUTE_MS);
    expect(await verdictOn()).toBe("verified");
    await clock.advance(2 * MINUTE_MS);
    expect(await verdictOn()).toBe("unavailable keys_http_503");

    as.failsWith = undefined;
    as.keys = [await issuerKey("second")];
    expect(await verdictOn()).toBe("refused unknown_key");
  });

  it("cannot be had: then nobody can tell, and the server is to try again", async () => {
    const { as, verdictOn, clock } = scene();

    as.failsWith = 500;
    expect(await verdictOn()).toBe("unavailable metadata_http_500");
    as.failsWith = undefined;
    expect(await verdictOn()).toBe("verified");
    as.failsWith = 500;
    await clock.advance(MINUTE_MS);

    expect(await verdictOn({ header: { kid: "newer" } })).toBe("unavailable keys_http_500");
    expect(await verdictOn()).toBe("verified");
  });

  it("are no keys at all", async () => {
    const { as } = scene();
    const verify = verifierOf(
      [{ id: "custom", clientId: "app", issuer: ISSUER, jwksUri: `${ISSUER}/jwks` }],
      () => Promise.resolve(Response.json({ keys: 1 })),
    );

    expect(await verify(await as.sign())).toEqual({ kind: "unavailable", code: "keys_unreadable" });
  });

  it("are never fetched without https, nor for a provider that has no issuer (SEC-37)", async () => {
    const plain = scene({ jwksUri: "http://as.example/jwks" });
    expect(await plain.verdictOn()).toBe("unavailable no_jwks_uri");
    expect(plain.as.fetched).toEqual([]);

    const fetch = vi.fn(() => Promise.reject(new Error("nobody is asked")));
    const verify = verifierOf(
      [{ id: "github", clientId: "app", tokenEndpoint: "https://x.example/t" }],
      fetch,
    );
    expect(await verify(await plain.as.sign())).toEqual({ kind: "refused", code: "aud" });
    expect(fetch).not.toHaveBeenCalled();
  });
});
