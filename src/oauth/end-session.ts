/**
 * Where a user signs out at the authorization server, and the address that takes a browser there.
 *
 * @see [OpenID Connect RP-Initiated Logout 1.0, section 2](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout)
 * @module
 */
import { checkedEndpoint } from "./endpoint.ts";
import type { ResolutionFailure } from "./json-documents.ts";
import { profileOf } from "./profiles.ts";
import type { OAuthProviderConfig } from "./provider-config.ts";
import { endpointIn, type ServerMetadata } from "./server-metadata.ts";

/** What goes along to the end session endpoint. */
export interface EndSessionRequest {
  readonly clientId: string;
  /** The last ID token. Without it the server asks the user whether to sign out. */
  readonly idTokenHint?: string | undefined;
  /** Where the server sends the user afterwards. It has to be registered there. */
  readonly postLogoutRedirectUri?: string | undefined;
}

/** The longest address that is made, in characters: servers and proxies refuse longer ones. */
export const MAX_END_SESSION_URL_LENGTH = 8_000;

/**
 * The end session endpoint of a provider: as configured, or as its metadata says. Never rejects.
 *
 * @returns The URL, or why there is none.
 */
export async function endSessionEndpointOf(
  config: OAuthProviderConfig,
  metadata: ServerMetadata,
  signal: AbortSignal,
): Promise<{ readonly endpoint: string } | Pick<ResolutionFailure, "code">> {
  if (config.endSessionEndpoint !== undefined) {
    const endpoint = checkedEndpoint(config.endSessionEndpoint, config.allowInsecureRequests);
    return endpoint === undefined ? { code: "insecure_endpoint" } : { endpoint };
  }
  const found = await metadata.of(config, profileOf(config.id, config.profile), signal);
  if ("failure" in found) return found.failure;
  const endpoint = endpointIn(found.metadata, "end_session_endpoint", config);
  return endpoint === undefined ? { code: "no_end_session_endpoint" } : { endpoint };
}

/** The address. A hint that would make it too long for the way there is left out. Pure. */
export function endSessionUrl(endpoint: string, request: EndSessionRequest): string {
  const { clientId, idTokenHint, postLogoutRedirectUri } = request;
  const url = new URL(endpoint);
  url.searchParams.set("client_id", clientId);
  if (postLogoutRedirectUri !== undefined)
    url.searchParams.set("post_logout_redirect_uri", postLogoutRedirectUri);
  const withoutHint = url.href;
  if (idTokenHint === undefined) return withoutHint;
  url.searchParams.set("id_token_hint", idTokenHint);
  return url.href.length > MAX_END_SESSION_URL_LENGTH ? withoutHint : url.href;
}
