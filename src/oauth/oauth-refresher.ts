/**
 * The {@link Refresher} for authorization servers: finds the endpoint, proves who the client is, sends one request and
 * says what the answer means.
 *
 * `oauth4webapi` builds and authenticates the requests. What comes back is read once, up to a cap, and classified by
 * {@link classify}, not by the library, which drops an answer with a refresh token in it for any odd member.
 *
 * @module
 */
import * as oauth from "oauth4webapi";
import { systemClock, type Clock } from "../core/clock.ts";
import type { Refresher, RefreshOutcome, RefreshRequest } from "../core/refresher.ts";
import { createAuthorizationServers } from "./authorization-server.ts";
import { classify } from "./classify.ts";
import { classifyThrow } from "./classify-throw.ts";
import { createJsonDocuments, type JsonDocuments } from "./json-documents.ts";
import { prepare, refused, type Prepared, type RefresherContext } from "./prepare.ts";
import type { OAuthProviderConfig } from "./provider-config.ts";
import { readBody } from "./read-body.ts";
import { refreshParameters } from "./refresh-parameters.ts";
import { revokeTokens } from "./revoke.ts";
import { globalFetch, insecureAllowed, send, SendAborted, type FetchLike } from "./send.ts";
import { createServerMetadata } from "./server-metadata.ts";

/** What {@link createOAuthRefresher} is given. */
export interface OAuthRefresherOptions {
  /** The provider with this id, looked up at each request, or `undefined` if there is none. */
  readonly resolveProvider: (providerId: string) => OAuthProviderConfig | undefined;
  /** @defaultValue the global `fetch`, looked up at each request */
  readonly fetch?: FetchLike;
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
  /** How much of an answer is read, in bytes. @defaultValue 1 MiB */
  readonly maxBodyBytes?: number;
  /** How long a server's metadata is believed, in milliseconds. @defaultValue 1 hour */
  readonly metadataTtlMs?: number;
  /** Where metadata is found, if others ask for it, too. @defaultValue a cache of its own */
  readonly documents?: JsonDocuments;
}

/**
 * Makes a refresher. Construction has no effects: metadata is fetched at first use. Neither of its methods rejects,
 * and both settle as soon as the request's signal is aborted. Nothing is sent once its `sendBy` is.
 */
export function createOAuthRefresher(options: OAuthRefresherOptions): Refresher {
  const { resolveProvider, fetch = globalFetch, clock = systemClock, maxBodyBytes, metadataTtlMs } = options;
  const { documents = createJsonDocuments({ fetch, clock }) } = options;
  const servers = createAuthorizationServers(createServerMetadata(documents, metadataTtlMs));
  const context: RefresherContext = { resolveProvider, fetch, clock, servers, maxBodyBytes };
  return {
    refresh: (request) => refresh(context, request),
    revoke: (request) => revokeTokens(context, request),
  };
}

async function refresh(context: RefresherContext, request: RefreshRequest): Promise<RefreshOutcome> {
  const { refreshToken } = request.tokenSet;
  if (refreshToken === undefined) return { kind: "config", code: "no_refresh_token" };
  const trace: Trace = { sent: false };
  try {
    const prepared = await prepare(context, request);
    if ("outcome" in prepared) return prepared.outcome;
    return await sendRefresh(context, prepared, request, refreshToken, trace);
  } catch (error) {
    if (trace.sent) return classifyThrow(error);
    return error instanceof SendAborted
      ? { kind: "not_sent", code: "timeout" }
      : { kind: "config", code: "request_not_built" };
  }
}

interface Trace {
  sent: boolean;
}

async function sendRefresh(
  context: RefresherContext,
  { config, profile, server, as, client, authentication }: Prepared,
  { tokenSet, target, signal, sendBy = signal }: RefreshRequest,
  refreshToken: string,
  trace: Trace,
): Promise<RefreshOutcome> {
  const { clock, maxBodyBytes } = context;
  const parameters = refreshParameters(config, profile, tokenSet, target);
  if (parameters === "wider_scope") {
    return refused("wider_scope", "the scope asks for more than the user granted").outcome;
  }
  const requestedAtMs = clock.nowMs();
  const response = await oauth.refreshTokenGrantRequest(
    as,
    client,
    authentication.authenticate,
    refreshToken,
    {
      additionalParameters: parameters,
      signal,
      ...insecureAllowed,
      [oauth.customFetch]: (url, { body, headers }) => {
        const asJson = profile.bodyFormat === "json";
        const init = {
          method: "POST",
          body: asJson ? JSON.stringify(Object.fromEntries(body)) : body,
          headers: asJson ? { ...headers, "content-type": "application/json" } : headers,
        };
        if (sendBy.aborted) return Promise.reject(new SendAborted());
        trace.sent = true;
        return send(context.fetch, url, init, signal);
      },
    },
  );
  const body = await readBody(response, {
    signal,
    ...(maxBodyBytes !== undefined && { maxBytes: maxBodyBytes }),
  });
  const issuer = server.issuer ?? config.issuer;
  return classify(
    { status: response.status, headers: response.headers, body },
    {
      profile,
      clientId: config.clientId,
      previous: tokenSet,
      requestedAtMs,
      nowMs: clock.nowMs(),
      tokenEndpoint: server.tokenEndpoint,
      secrets: authentication.secrets,
      ...(target !== undefined && { target }),
      ...(issuer !== undefined && { issuer }),
      ...(config.idTokenSignedResponseAlg !== undefined && {
        idTokenSignedResponseAlg: config.idTokenSignedResponseAlg,
      }),
    },
  );
}
