/** An issuer of logout tokens, honest or not: keys, metadata, and tokens of any shape. */
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose";
import { LOGOUT_EVENT } from "../../src/oauth/logout-token.ts";

/** One key of an issuer. */
export interface IssuerKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

/** Claims and header of a token; what is given replaces or, as `undefined`, takes away what it usually has. */
export interface LogoutClaims {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly key?: IssuerKey;
}

/** An issuer. */
export interface LogoutIssuer {
  readonly issuer: string;
  readonly key: IssuerKey;
  /** The keys that it publishes now. */
  keys: IssuerKey[];
  /** What it answers: metadata and key set. Counted in `fetched`. */
  readonly fetch: (url: string) => Promise<Response>;
  readonly fetched: string[];
  /** A status to answer with in place of the documents. */
  failsWith: number | undefined;
  sign(given?: LogoutClaims): Promise<string>;
}

/** Makes a key. */
export async function issuerKey(kid: string, alg = "RS256"): Promise<IssuerKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } };
}

/**
 * Makes an issuer.
 *
 * @param nowMs Its clock. @defaultValue the real one
 */
export function logoutIssuer(
  issuer: string,
  key: IssuerKey,
  nowMs: () => number = () => Date.now(),
): LogoutIssuer {
  let tokens = 0;
  const made: LogoutIssuer = {
    issuer,
    key,
    keys: [key],
    fetched: [],
    failsWith: undefined,
    fetch(url) {
      made.fetched.push(url);
      if (made.failsWith !== undefined) return Promise.resolve(new Response("", { status: made.failsWith }));
      if (url.endsWith("/.well-known/openid-configuration")) {
        return Promise.resolve(
          Response.json({
            issuer,
            token_endpoint: `${issuer}/token`,
            jwks_uri: `${issuer}/jwks`,
            id_token_signing_alg_values_supported: ["RS256", "ES256", "HS256"],
          }),
        );
      }
      return Promise.resolve(Response.json({ keys: made.keys.map(({ publicJwk }) => publicJwk) }));
    },
    async sign({ claims, header, key: signer = key } = {}) {
      const iat = Math.floor(nowMs() / 1000);
      const payload = {
        ...{ iss: issuer, aud: "app", iat, exp: iat + 120, jti: `token ${++tokens}`, sub: "alice" },
        events: { [LOGOUT_EVENT]: {} },
        ...claims,
      };
      const { kid, publicJwk } = signer;
      return new SignJWT(payload)
        .setProtectedHeader({ alg: publicJwk.alg ?? "RS256", kid, typ: "logout+jwt", ...header })
        .sign(signer.privateKey, { crit: { x: true } });
    },
  };
  return made;
}
