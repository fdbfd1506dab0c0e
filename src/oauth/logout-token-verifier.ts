/**
 * Verifies logout tokens with `jose`: keys come from the key set of the issuer that is configured, never from the token
 * (SEC-44).
 *
 * @see [OpenID Connect Back-Channel Logout 1.0, section 2.6](https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation)
 * @module
 */
import { createLocalJWKSet, errors, jwtVerify, type JSONWebKeySet, type JWTPayload } from "jose";
import type { Clock } from "../core/clock.ts";
import type { DocumentAsk, JsonDocuments } from "./json-documents.ts";
import {
  CLOCK_TOLERANCE_S,
  isLogoutType,
  logoutTokenFrom,
  MAX_AGE_S,
  readUnverified,
  type LogoutToken,
  type LogoutTokenRefusal,
} from "./logout-token.ts";
import { checkedEndpoint } from "./endpoint.ts";
import { profileOf } from "./profiles.ts";
import type { OAuthProviderConfig } from "./provider-config.ts";
import type { JsonObject } from "./raw-answer.ts";
import { endpointIn, issuerOf, type ServerMetadata } from "./server-metadata.ts";

/** What became of a logout token. */
export type LogoutTokenVerdict =
  | { readonly kind: "verified"; readonly token: LogoutToken }
  | { readonly kind: "refused"; readonly code: LogoutTokenRefusal }
  /** It could not be told: metadata or keys are not to be had right now. */
  | { readonly kind: "unavailable"; readonly code: string };

/** Verifies logout tokens. */
export interface LogoutTokenVerifier {
  /** Never rejects. `signal` ends the waiting for metadata and keys. */
  verify(token: string, signal: AbortSignal): Promise<LogoutTokenVerdict>;
}

/** What {@link createLogoutTokenVerifier} is given. */
export interface LogoutTokenVerifierOptions {
  /** The providers of the application, asked at each token. */
  readonly providers: () => readonly OAuthProviderConfig[];
  readonly documents: JsonDocuments;
  readonly metadata: ServerMetadata;
  readonly clock: Clock;
}

/** Signatures by a secret that both sides have are not among them: whoever knows a public key could make one (RS/HS mix-up). */
const ALGORITHMS: readonly string[] = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

/** How long keys are taken without asking for newer ones, in milliseconds; while the server is away, at most an hour. */
const KEYS_FRESH_MS = 600_000;
const KEYS_STALE_MS = 3_600_000;
/** A key that is not there may have come since, but is not asked for more often than this, in milliseconds. */
const KEYS_COOLDOWN_MS = 30_000;

interface Addressee {
  readonly config: OAuthProviderConfig;
  readonly issuer: string;
  readonly keysUrl: string;
  readonly algorithms: readonly string[];
}

type Unverified = Exclude<LogoutTokenVerdict, { kind: "verified" }>;

/** Makes a verifier. Construction has no effects. */
export function createLogoutTokenVerifier(options: LogoutTokenVerifierOptions): LogoutTokenVerifier {
  return {
    async verify(token, signal) {
      try {
        const read = readUnverified(token);
        if (typeof read === "string") return refused(read);
        // Nothing is fetched for a token that could not be ours whatever its signature says.
        if (!ALGORITHMS.includes(String(read.header["alg"]))) return refused("alg");
        const addressee = await addresseeOf(options, read.claims, signal);
        if ("kind" in addressee) return addressee;
        if (!isLogoutType(read.header["typ"], addressee.config.acceptUntypedLogoutTokens === true))
          return refused("typ");
        return await verifyFor(options, addressee, token, signal);
      } catch (error) {
        return verdictOn(error);
      }
    },
  };
}

/** The provider that a token claims to come from. The signature then shows whether that is true. */
async function addresseeOf(
  { providers, metadata }: LogoutTokenVerifierOptions,
  { iss, aud }: JsonObject,
  signal: AbortSignal,
): Promise<Addressee | Unverified> {
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  const configs = providers().filter(
    ({ clientId, issuer, wellKnown }) =>
      clientId !== "" && audiences.includes(clientId) && (issuer ?? wellKnown) !== undefined,
  );
  let answer: Unverified = refused(configs.length === 0 ? "aud" : "iss");
  for (const config of configs) {
    const needsMetadata = config.jwksUri === undefined || config.issuer === undefined;
    const found = needsMetadata
      ? await metadata.of(config, profileOf(config.id, config.profile), signal)
      : { metadata: undefined };
    if ("failure" in found) {
      answer = { kind: "unavailable", code: found.failure.code };
      continue;
    }
    const issuer = issuerOf(found.metadata, config);
    if (issuer === undefined || iss !== issuer) continue;
    const keysUrl =
      config.jwksUri === undefined
        ? endpointIn(found.metadata, "jwks_uri", config)
        : checkedEndpoint(config.jwksUri, config.allowInsecureRequests);
    if (keysUrl === undefined) return { kind: "unavailable", code: "no_jwks_uri" };
    return { config, issuer, keysUrl, algorithms: algorithmsOf(found.metadata, config) };
  }
  return answer;
}

/** What the client was registered for, else what the server says that it signs with. */
function algorithmsOf(metadata: JsonObject | undefined, config: OAuthProviderConfig): readonly string[] {
  const listed = metadata?.["id_token_signing_alg_values_supported"];
  const given =
    config.idTokenSignedResponseAlg !== undefined
      ? [config.idTokenSignedResponseAlg]
      : Array.isArray(listed)
        ? listed
        : ALGORITHMS;
  return ALGORITHMS.filter((algorithm) => given.includes(algorithm));
}

async function verifyFor(
  { documents, clock }: LogoutTokenVerifierOptions,
  addressee: Addressee,
  token: string,
  signal: AbortSignal,
): Promise<LogoutTokenVerdict> {
  const { config, issuer, keysUrl, algorithms } = addressee;
  const cameAtMs = clock.nowMs();
  let hasOldKeys = false;
  const claimsBy = async (ages: Pick<DocumentAsk, "freshForMs" | "staleForMs">): Promise<JWTPayload> => {
    const fetched = await documents.get(keysUrl, { what: "keys", signal, ...ages });
    if ("failure" in fetched) throw new KeysUnavailable(fetched.failure.code);
    hasOldKeys = fetched.fetchedAtMs !== undefined && fetched.fetchedAtMs < cameAtMs;
    const { payload } = await jwtVerify(
      token,
      createLocalJWKSet(fetched.document as unknown as JSONWebKeySet),
      {
        algorithms: [...algorithms],
        issuer,
        audience: config.clientId,
        requiredClaims: ["exp"],
        maxTokenAge: MAX_AGE_S,
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: new Date(clock.nowMs()),
      },
    );
    return payload;
  };
  let claims: JWTPayload;
  try {
    claims = await claimsBy({ freshForMs: KEYS_FRESH_MS, staleForMs: KEYS_STALE_MS });
  } catch (error) {
    if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    // The server may have changed its keys since they were fetched.
    claims = await claimsBy({ freshForMs: KEYS_COOLDOWN_MS, staleForMs: 0 }).catch((again: unknown) => {
      // And again within the last half minute: the server is to send its token once more when they may be asked for.
      throw again instanceof errors.JWKSNoMatchingKey && hasOldKeys
        ? new KeysUnavailable("keys_too_new")
        : again;
    });
  }
  const told = logoutTokenFrom(claims, { provider: config.id, issuer, clientId: config.clientId });
  return typeof told === "string" ? refused(told) : { kind: "verified", token: told };
}

class KeysUnavailable extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

function verdictOn(error: unknown): Unverified {
  if (error instanceof KeysUnavailable) return { kind: "unavailable", code: error.code };
  if (error instanceof errors.JWKSInvalid) return { kind: "unavailable", code: "keys_unreadable" };
  if (error instanceof errors.JOSEAlgNotAllowed) return refused("alg");
  if (error instanceof errors.JWSSignatureVerificationFailed) return refused("signature");
  // Several keys that fit, and no `kid` to choose by: the server has to name the key then (OpenID Connect Core 10.1).
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return refused("unknown_key");
  if (error instanceof errors.JWTExpired) return refused("time");
  if (error instanceof errors.JWTClaimValidationFailed) {
    return refused(error.claim === "iss" || error.claim === "aud" ? error.claim : "time");
  }
  return refused("malformed");
}

function refused(code: LogoutTokenRefusal): Unverified {
  return { kind: "refused", code };
}
