/**
 * Everything that has to be settled before a token leaves: which provider, which endpoint, which client, and that all
 * three are those that the grant was made at (SEC-35).
 *
 * @module
 */
import type * as oauth from "oauth4webapi";
import type { Clock } from "../core/clock.ts";
import type { RefreshOutcome, RefreshRequest } from "../core/refresher.ts";
import {
  isResolutionFailure,
  type AuthorizationServer,
  type AuthorizationServers,
} from "./authorization-server.ts";
import { clientAuthentication, type ClientAuthentication } from "./client-authentication.ts";
import { profileOf } from "./profiles.ts";
import { grantIssuerOf, type OAuthProviderConfig } from "./provider-config.ts";
import type { ProviderProfile } from "./provider-profile.ts";
import { SendAborted, untilAborted, type FetchLike } from "./send.ts";

/** What the parts of a refresher share. */
export interface RefresherContext {
  /** The provider with this id, or `undefined` if there is none. */
  readonly resolveProvider: (providerId: string) => OAuthProviderConfig | undefined;
  readonly fetch: FetchLike;
  readonly clock: Clock;
  readonly servers: AuthorizationServers;
  readonly maxBodyBytes: number | undefined;
}

/** A request whose provider, server and client are known and belong to its grant. */
export interface Prepared {
  readonly config: OAuthProviderConfig;
  readonly profile: ProviderProfile;
  readonly server: AuthorizationServer;
  /** The server as `oauth4webapi` wants it. */
  readonly as: oauth.AuthorizationServer;
  readonly client: oauth.Client;
  readonly authentication: ClientAuthentication;
}

/** A failure before anything that could be spent was sent. */
export interface Refused {
  readonly outcome: Exclude<RefreshOutcome, { kind: "committed" }>;
}

/** Finds provider, endpoint and client of a request, and checks that the grant was made there (SEC-35). */
export async function prepare(
  context: RefresherContext,
  request: RefreshRequest,
): Promise<Prepared | Refused> {
  const { tokenSet, signal, sendBy = signal } = request;
  const config = context.resolveProvider(request.provider);
  if (config === undefined)
    return refused("unknown_provider", "no provider with this id is configured any more");
  if (config.clientId !== request.clientId)
    return refused("client_changed", "the grant was made for another client id than the configured one");
  if (grantIssuerOf(config) !== request.issuer)
    return refused("issuer_changed", "the grant was made at another issuer than the configured one");
  const profile = profileOf(config.id, config.profile);
  const server = await context.servers.resolve(config, profile, sendBy);
  if (isResolutionFailure(server)) return { outcome: server };
  if (tokenSet.tokenEndpoint !== undefined && tokenSet.tokenEndpoint !== server.tokenEndpoint)
    return refused("token_endpoint_changed", "the grant is pinned to another token endpoint");
  const authentication = await authenticationOf(config, profile, server, sendBy);
  if ("outcome" in authentication) return authentication;
  const { issuer = server.tokenEndpoint, tokenEndpoint, revocationEndpoint } = server;
  const as: oauth.AuthorizationServer = {
    issuer,
    token_endpoint: tokenEndpoint,
    ...(revocationEndpoint !== undefined && { revocation_endpoint: revocationEndpoint }),
  };
  return { config, profile, server, as, client: { client_id: config.clientId }, authentication };
}

async function authenticationOf(
  config: OAuthProviderConfig,
  profile: ProviderProfile,
  server: AuthorizationServer,
  signal: AbortSignal,
): Promise<ClientAuthentication | Refused> {
  try {
    return await untilAborted(clientAuthentication(config, profile, server), signal);
  } catch (error) {
    if (error instanceof SendAborted) return { outcome: { kind: "not_sent", code: "timeout" } };
    // The message stays out: it is the application's, and may hold its secret.
    return { outcome: { kind: "not_sent", code: "client_authentication_failed" } };
  }
}

/** A refusal that only a change of configuration can lift. */
export function refused(code: string, detail: string): Refused {
  return { outcome: { kind: "config", code, detail } };
}
