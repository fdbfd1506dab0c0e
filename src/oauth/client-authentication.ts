/**
 * How the client proves who it is, by `oauth4webapi`.
 *
 * @module
 */
import * as oauth from "oauth4webapi";
import type { AuthorizationServer } from "./authorization-server.ts";
import type { ClientPrivateKey, OAuthProviderConfig, TokenEndpointAuthMethod } from "./provider-config.ts";
import type { ProviderProfile } from "./provider-profile.ts";

/**
 * The authentication method of a provider: configured, else what its credentials and its profile suggest. HTTP Basic,
 * which is the default, gives way to the body where the metadata lists only that, as at NextAuth v4's sign-in.
 */
export function authMethodOf(
  config: OAuthProviderConfig,
  profile: ProviderProfile,
  supported?: readonly string[],
): TokenEndpointAuthMethod {
  if (config.tokenEndpointAuthMethod !== undefined) return config.tokenEndpointAuthMethod;
  if (config.clientPrivateKey !== undefined) return "private_key_jwt";
  if (config.clientSecret === undefined || config.clientSecret === "") return "none";
  if (profile.tokenEndpointAuthMethod !== undefined) return profile.tokenEndpointAuthMethod;
  const onlyInBody = supported?.includes("client_secret_post") && !supported.includes("client_secret_basic");
  return onlyInBody ? "client_secret_post" : "client_secret_basic";
}

/** The client's proof, and the secret in it, which must never be logged. */
export interface ClientAuthentication {
  readonly authenticate: oauth.ClientAuth;
  readonly secrets: readonly string[];
}

/**
 * Makes the proof for one request; a client assertion is new each time (SEC-39). Rejects when the application's secret
 * function does, or when what it needs is not configured.
 */
export async function clientAuthentication(
  config: OAuthProviderConfig,
  profile: ProviderProfile,
  { issuer, tokenEndpoint, tokenEndpointAuthMethods }: AuthorizationServer,
): Promise<ClientAuthentication> {
  const method = authMethodOf(config, profile, tokenEndpointAuthMethods);
  const assertion: oauth.ModifyAssertionOptions = {
    [oauth.modifyAssertion]: (_header, payload) => {
      if (profile.clientAssertionAudience === "token_endpoint" || issuer === undefined)
        payload["aud"] = tokenEndpoint;
    },
  };
  switch (method) {
    case "none":
      return { authenticate: oauth.None(), secrets: [] };
    case "private_key_jwt": {
      const key = await privateKeyOf(config);
      return { authenticate: oauth.PrivateKeyJwt(key, assertion), secrets: [] };
    }
    case "client_secret_basic":
    case "client_secret_post":
    case "client_secret_jwt": {
      const secret = await secretOf(config);
      if (method === "client_secret_basic") return { authenticate: basic(secret), secrets: [secret] };
      if (method === "client_secret_post")
        return { authenticate: oauth.ClientSecretPost(secret), secrets: [secret] };
      return { authenticate: oauth.ClientSecretJwt(secret, assertion), secrets: [secret] };
    }
  }
}

/**
 * `client_secret_basic` in the spelling of NextAuth v4's sign-in. `oauth4webapi` also encodes `-`, `_` and `.`, as the
 * RFC's appendix asks, and servers that do not decode then refuse a client at whose sign-in they saw nothing wrong;
 * one that does decode reads both alike.
 */
function basic(secret: string): oauth.ClientAuth {
  return (_server, client, _body, headers) => {
    const credentials = `${formEncoded(client.client_id)}:${formEncoded(secret)}`;
    headers.set("authorization", `Basic ${btoa(credentials)}`);
  };
}

function formEncoded(value: string): string {
  return encodeURIComponent(value).replaceAll("%20", "+");
}

async function secretOf({ clientSecret, id }: OAuthProviderConfig): Promise<string> {
  const secret = typeof clientSecret === "function" ? await clientSecret() : clientSecret;
  if (typeof secret !== "string" || secret === "")
    throw new TypeError(`Provider "${id}" has no client secret`);
  return secret;
}

async function privateKeyOf({
  clientPrivateKey,
  id,
}: OAuthProviderConfig): Promise<CryptoKey | oauth.PrivateKey> {
  const given = typeof clientPrivateKey === "function" ? await clientPrivateKey() : clientPrivateKey;
  if (given === undefined) throw new TypeError(`Provider "${id}" has no private key`);
  if ("kty" in given && typeof given.kty === "string") return importJwk(given, id);
  return given as Exclude<ClientPrivateKey, JsonWebKey>;
}

async function importJwk(jwk: JsonWebKey & { readonly kid?: string }, id: string): Promise<oauth.PrivateKey> {
  const algorithm = importAlgorithm(jwk);
  if (algorithm === undefined) {
    throw new TypeError(
      `The private key of provider "${id}" needs an "alg", such as RS256, PS256, ES256 or EdDSA`,
    );
  }
  const { key_ops: _ops, use: _use, ...bare } = jwk;
  const key = await crypto.subtle.importKey("jwk", bare, algorithm, false, ["sign"]);
  return { key, ...(jwk.kid !== undefined && { kid: jwk.kid }) };
}

function importAlgorithm({
  alg = "",
  crv,
}: JsonWebKey): RsaHashedImportParams | EcKeyImportParams | Algorithm | undefined {
  const hash = `SHA-${alg.slice(2)}`;
  if (/^RS(256|384|512)$/.test(alg)) return { name: "RSASSA-PKCS1-v1_5", hash };
  if (/^PS(256|384|512)$/.test(alg)) return { name: "RSA-PSS", hash };
  if (/^ES(256|384|512)$/.test(alg) && crv !== undefined) return { name: "ECDSA", namedCurve: crv };
  if (alg === "EdDSA" || alg === "Ed25519") return { name: "Ed25519" };
  return undefined;
}
