/**
 * The backend's own access tokens: short-lived JWTs that name their sign-in.
 *
 * @module
 */
import { randomUUID } from "node:crypto";

import { exportJWK, generateKeyPair, importJWK, jwtVerify, SignJWT, type JWK } from "jose";

import { keptJson } from "../lib/kept-json.ts";

/** Issues and checks the backend's access tokens. */
export interface AccessTokens {
  /** Life of a token, in seconds. */
  readonly ttlSeconds: number;
  issue(session: { readonly id: string; readonly user: string }): Promise<string>;
  /** Whose token it is and when it ends, or `undefined` if it is not ours, was changed, or has expired. */
  check(
    token: string,
  ): Promise<{ readonly id: string; readonly user: string; readonly expiresAtMs: number } | undefined>;
}

const ALG = "ES256";
const TYPE = "at+jwt";

/** Access tokens signed with the key in the file, which is made at the first start. */
export async function accessTokens(options: {
  readonly keyFile: string;
  /** The API's address: issuer and audience. */
  readonly origin: string;
  readonly ttlSeconds: number;
}): Promise<AccessTokens> {
  const jwk = await keptJson<JWK>(options.keyFile, async () => {
    const { privateKey } = await generateKeyPair(ALG, { extractable: true });
    return exportJWK(privateKey);
  });
  const { d: _private, ...publicJwk } = jwk;
  const [signingKey, checkingKey] = await Promise.all([importJWK(jwk, ALG), importJWK(publicJwk, ALG)]);
  const { origin, ttlSeconds } = options;

  return {
    ttlSeconds,
    issue: (session) =>
      new SignJWT({ sid: session.id })
        .setProtectedHeader({ alg: ALG, typ: TYPE })
        .setIssuer(origin)
        .setAudience(origin)
        .setSubject(session.user)
        .setJti(randomUUID())
        .setIssuedAt()
        .setExpirationTime(`${ttlSeconds} s`)
        .sign(signingKey),
    check: async (token) => {
      try {
        const { payload } = await jwtVerify(token, checkingKey, {
          algorithms: [ALG],
          typ: TYPE,
          issuer: origin,
          audience: origin,
          requiredClaims: ["sub", "sid", "exp"],
        });
        const { sid, sub, exp } = payload;
        return { id: String(sid), user: String(sub), expiresAtMs: Number(exp) * 1000 };
      } catch {
        return undefined;
      }
    },
  };
}
