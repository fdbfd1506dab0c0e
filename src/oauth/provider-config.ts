/**
 * What has to be known about one provider in order to refresh at it. An adapter derives it from the provider entry
 * of NextAuth; nothing here depends on NextAuth.
 *
 * @module
 */
import type { ProfileOverrides } from "./provider-profile.ts";

/** How a client proves who it is at the token endpoint. */
export type TokenEndpointAuthMethod =
  "client_secret_basic" | "client_secret_post" | "client_secret_jwt" | "private_key_jwt" | "none";

/** A private key to sign client assertions with: a `CryptoKey`, one with its key id, or a JWK that names its `alg`. */
export type ClientPrivateKey =
  CryptoKey | { readonly key: CryptoKey; readonly kid?: string } | (JsonWebKey & { readonly kid?: string });

/** One provider. Give `tokenEndpoint`, or `wellKnown`, or an `issuer` that has metadata. */
export interface OAuthProviderConfig {
  /** NextAuth's provider id. It also chooses the profile. */
  readonly id: string;
  /** The metadata's issuer must be exactly this (SEC-36). */
  readonly issuer?: string;
  /** Where the metadata is. @defaultValue the issuer, followed by `/.well-known/openid-configuration` */
  readonly wellKnown?: string;
  /** Where to refresh. If it is given, metadata is never fetched. */
  readonly tokenEndpoint?: string;
  /** Where to revoke (RFC 7009), for a provider without metadata. */
  readonly revocationEndpoint?: string;
  readonly clientId: string;
  /** The secret, or a function that makes one for each request, as Apple needs it. */
  readonly clientSecret?: string | (() => string | Promise<string>);
  /** For `private_key_jwt`. */
  readonly clientPrivateKey?: ClientPrivateKey | (() => ClientPrivateKey | Promise<ClientPrivateKey>);
  /** @defaultValue `private_key_jwt` with a key, `none` without a secret, else the profile's, else `client_secret_basic` */
  readonly tokenEndpointAuthMethod?: TokenEndpointAuthMethod;
  /** Further parameters of a refresh request, such as `resource` or `scope`. They win over the profile's. */
  readonly tokenParams?: Readonly<Record<string, string>>;
  /** The scope that the authorization request asked for: repeated where the provider wants that, if none was told. */
  readonly scope?: string;
  /** The redirect URI of the authorization request: repeated where the provider wants that (GitLab). */
  readonly redirectUri?: string;
  /** The only `alg` of ID tokens that is accepted. @defaultValue every one but `none` */
  readonly idTokenSignedResponseAlg?: string;
  /** The key set that verifies logout tokens. @defaultValue that of the metadata */
  readonly jwksUri?: string;
  /** Where a user signs out at the server. @defaultValue that of the metadata */
  readonly endSessionEndpoint?: string;
  /** Whether logout tokens are accepted whose `typ` is `JWT` or not there. @defaultValue false */
  readonly acceptUntypedLogoutTokens?: boolean;
  /** Allows `http:`, for loopback hosts only (SEC-37). @defaultValue false */
  readonly allowInsecureRequests?: boolean;
  /** What the operator knows better than the profile. */
  readonly profile?: ProfileOverrides;
}

/**
 * The string that names the authorization server in a grant: the issuer, else the place of its metadata, else its
 * token endpoint. A grant is only ever sent to the server that bears the same name (SEC-35), so an adapter stores
 * this one.
 */
export function grantIssuerOf({ id, issuer, wellKnown, tokenEndpoint }: OAuthProviderConfig): string {
  return issuer ?? wellKnown ?? tokenEndpoint ?? `provider:${id}`;
}
