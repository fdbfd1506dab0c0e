/**
 * Where a provider's endpoints are: as configured, or as its metadata says.
 *
 * @see [RFC 8414](https://www.rfc-editor.org/rfc/rfc8414.html) - authorization server metadata
 * @module
 */
import { checkedEndpoint } from "./endpoint.ts";
import type { ResolutionFailure } from "./json-documents.ts";
import type { OAuthProviderConfig } from "./provider-config.ts";
import type { ProviderProfile } from "./provider-profile.ts";
import type { JsonObject } from "./raw-answer.ts";
import { endpointIn, type ServerMetadata } from "./server-metadata.ts";

export type { ResolutionFailure };

/** The endpoints of an authorization server, in the normal form of URLs. */
export interface AuthorizationServer {
  /** The issuer of the metadata or of the configuration, where either names one. */
  readonly issuer?: string;
  readonly tokenEndpoint: string;
  readonly revocationEndpoint?: string;
  /** The client authentication methods that the metadata lists. */
  readonly tokenEndpointAuthMethods?: readonly string[];
}

/** Finds the endpoints of providers. Never rejects. */
export interface AuthorizationServers {
  resolve(
    config: OAuthProviderConfig,
    profile: ProviderProfile,
    signal: AbortSignal,
  ): Promise<AuthorizationServer | ResolutionFailure>;
}

/** Whether a resolution failed. */
export function isResolutionFailure(
  result: AuthorizationServer | ResolutionFailure,
): result is ResolutionFailure {
  return "kind" in result;
}

/** Makes a resolver. Metadata is asked for only where the token endpoint is not configured. */
export function createAuthorizationServers(metadata: ServerMetadata): AuthorizationServers {
  return {
    async resolve(config, profile, signal) {
      if (config.tokenEndpoint !== undefined) return staticServer(config, config.tokenEndpoint);
      const found = await metadata.of(config, profile, signal);
      return "failure" in found ? found.failure : serverFrom(found.metadata, config);
    },
  };
}

function staticServer(
  config: OAuthProviderConfig,
  endpoint: string,
): AuthorizationServer | ResolutionFailure {
  const tokenEndpoint = checkedEndpoint(endpoint, config.allowInsecureRequests);
  if (tokenEndpoint === undefined) return failure("insecure_endpoint", "the token endpoint must be https");
  return serverOf(config.issuer, tokenEndpoint, config.revocationEndpoint, config);
}

function serverFrom(
  metadata: JsonObject,
  config: OAuthProviderConfig,
): AuthorizationServer | ResolutionFailure {
  const { issuer, revocation_endpoint: revocation } = metadata;
  const tokenEndpoint = endpointIn(metadata, "token_endpoint", config);
  if (tokenEndpoint === undefined) {
    return failure("insecure_endpoint", "the metadata names no token endpoint that is https");
  }
  const named = typeof issuer === "string" ? issuer : config.issuer;
  const server = serverOf(named, tokenEndpoint, config.revocationEndpoint ?? revocation, config);
  const methods = metadata["token_endpoint_auth_methods_supported"];
  return Array.isArray(methods)
    ? { ...server, tokenEndpointAuthMethods: methods.filter((method) => typeof method === "string") }
    : server;
}

function serverOf(
  issuer: string | undefined,
  tokenEndpoint: string,
  revocation: unknown,
  { allowInsecureRequests }: OAuthProviderConfig,
): AuthorizationServer {
  const revocationEndpoint =
    typeof revocation === "string" ? checkedEndpoint(revocation, allowInsecureRequests) : undefined;
  return {
    tokenEndpoint,
    ...(issuer !== undefined && { issuer }),
    ...(revocationEndpoint !== undefined && { revocationEndpoint }),
  };
}

function failure(code: string, detail: string): ResolutionFailure {
  return { kind: "config", code, detail };
}
