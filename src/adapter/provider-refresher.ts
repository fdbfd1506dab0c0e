/**
 * One refresher for all providers of an application: its own `refresh` function where it gave one, the OAuth refresh
 * grant everywhere else.
 *
 * @module
 */
import { systemClock } from "../core/clock.ts";
import type { Refresher } from "../core/refresher.ts";
import { createCustomRefresher } from "../oauth/custom-refresher.ts";
import type { JsonDocuments } from "../oauth/json-documents.ts";
import { createOAuthRefresher } from "../oauth/oauth-refresher.ts";
import type { AuthHost } from "./host.ts";
import type { FreshTokensOptions } from "./options.ts";

/** Builds the refresher of an application. */
export function createProviderRefresher(
  options: FreshTokensOptions,
  host: AuthHost,
  documents: JsonDocuments,
): Refresher {
  const oauth = createOAuthRefresher({
    resolveProvider: host.oauthProvider,
    documents,
    ...(options.fetch !== undefined && { fetch: options.fetch }),
  });
  const custom = new Map<string, Refresher>();
  for (const [id, provider] of Object.entries(options.providers ?? {})) {
    const { refresh, revoke, revokeOnSignOut, expiryFrom, defaultLifetimeMs, rejectedStatuses } = provider;
    if (refresh === undefined) continue;
    custom.set(
      id,
      createCustomRefresher({
        refresh,
        clock: systemClock,
        ...(revoke !== undefined && revokeOnSignOut !== false && { revoke }),
        ...(rejectedStatuses !== undefined && { rejectedStatuses }),
        ...(expiryFrom !== undefined && { expiryFrom }),
        ...(defaultLifetimeMs !== undefined && { defaultLifetimeMs }),
      }),
    );
  }
  const refresherFor = (provider: string): Refresher => custom.get(provider) ?? oauth;
  return {
    refresh: (request) => refresherFor(request.provider).refresh(request),
    revoke: (request) => refresherFor(request.provider).revoke(request),
  };
}
