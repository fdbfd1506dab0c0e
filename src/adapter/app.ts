/**
 * One application's nolapse: engine, vault, grants and refreshers, put together at first use. Construction has no
 * effects, because `next build` evaluates the module that calls it.
 *
 * @module
 */
import { randomBytes, randomUUID } from "node:crypto";
import { systemClock } from "../core/clock.ts";
import { DEFAULT_LIMITS } from "../core/engine.ts";
import { safeListener, type TokenEventListener } from "../core/events.ts";
import type { ResealReport } from "../core/reseal-grants.ts";
import { serverlessVariable } from "../core/serverless-hosts.ts";
import { processSharedState } from "../core/single-flight.ts";
import { createTokenManager, type TokenManager } from "../core/token-manager.ts";
import { isLoopback } from "../oauth/endpoint.ts";
import { createJsonDocuments } from "../oauth/json-documents.ts";
import { createLogoutTokenVerifier, type LogoutTokenVerifier } from "../oauth/logout-token-verifier.ts";
import { profileOf } from "../oauth/profiles.ts";
import { rotationPolicyOf, type ProviderProfile } from "../oauth/provider-profile.ts";
import { globalFetch } from "../oauth/send.ts";
import { createServerMetadata, type ServerMetadata } from "../oauth/server-metadata.ts";
import { createIndexer, type Indexer } from "../vault/indexer.ts";
import { createKeyRing } from "../vault/key-ring.ts";
import { createSealer } from "../vault/sealer.ts";
import { secretList } from "../vault/secrets.ts";
import { createBackground } from "./background.ts";
import { createDatabaseSessions, type DatabaseSessions } from "./database-sessions.ts";
import { createGrants, type Grants } from "./grants.ts";
import type { AuthHost } from "./host.ts";
import { loadAfter, nextAfter, platformWaitUntil } from "./next-modules.ts";
import type { FreshTokensOptions } from "./options.ts";
import { warnOnce } from "./report.ts";
import { createProviderRefresher } from "./provider-refresher.ts";

/** What the parts of the adapter share. */
export interface App {
  readonly options: FreshTokensOptions;
  readonly host: AuthHost;
  /** The grants of sessions that are rows of the adapter. */
  readonly databaseSessions: DatabaseSessions;
  /** Tells the application's listener. Never throws. */
  readonly emit: TokenEventListener;
  /** Ready to work, or rejects with `InvalidOptionError` if secrets, Node version or store do not do. */
  readonly ready: () => Promise<ReadyApp>;
  /** Brings everything to rest, and closes the store; nothing is put together for it. See `TokenManager.close`. */
  readonly close: (timeoutMs?: number) => Promise<void>;
}

/** An {@link App} at work. */
export interface ReadyApp {
  readonly manager: TokenManager;
  readonly grants: Grants;
  readonly indexer: Indexer;
  readonly metadata: ServerMetadata;
  readonly logoutTokens: LogoutTokenVerifier;
  readonly profileOf: (provider: string) => ProviderProfile;
  readonly resealGrants: () => Promise<ResealedGrants>;
}

/** What `resealGrants()` did, and by which names its keys go. */
export interface ResealedGrants extends ResealReport {
  /** The ids of the secrets in force, in their order: those of `NOLAPSE_SECRET` (or `secret`), then NextAuth's own. */
  readonly keyIds: readonly string[];
}

/**
 * NextAuth moves its cookie by `session.maxAge` at each session read, the engine a grant only where less than half of its
 * sliding life is left. With twice as much the half is a whole `maxAge`, so that a grant does not end before its cookie.
 */
const MAX_AGES_PER_SLIDE = 2;
const PROCESS_KEY = Symbol.for("nolapse.process-name.v1");

/** Puts an application together. */
export function createApp(options: FreshTokensOptions, host: AuthHost): App {
  let app: ReadyApp | undefined;
  const ready = async (): Promise<ReadyApp> => {
    await loadAfter();
    await host.prepare();
    return (app ??= assemble(options, host));
  };
  return {
    options,
    host,
    emit: safeListener(options.onEvent),
    databaseSessions: createDatabaseSessions({
      adapter: () => host.adapter(),
      providerIds: () => host.oauthProviderIds(),
      ready,
      nowMs: () => Date.now(),
    }),
    ready,
    close: async (timeoutMs) => (app === undefined ? options.store.close() : app.manager.close(timeoutMs)),
  };
}

function assemble(options: FreshTokensOptions, host: AuthHost): ReadyApp {
  const ring = createKeyRing({
    secrets: () => ownSecrets(options),
    extraSecrets: host.secrets,
    extraOption: host.secretName,
  });
  ring.keys();
  warnOfUnknownProviders(options, host);
  warnOfUnknownCallbacks(host);
  warnOfPlainHttp(options, host);
  const indexer = createIndexer(ring);
  const profile = (provider: string): ProviderProfile => {
    const settings = options.providers?.[provider];
    return profileOf(provider, {
      ...host.oauthProvider(provider)?.profile,
      ...(settings?.defaultLifetimeMs !== undefined && { defaultLifetimeMs: settings.defaultLifetimeMs }),
      ...(settings?.rotation !== undefined && { rotation: { graceMs: 0, ...settings.rotation } }),
    });
  };
  const documents = createJsonDocuments({ fetch: options.fetch ?? globalFetch, clock: systemClock });
  const manager = createTokenManager({
    ...options,
    slidingLifetimeMs: options.slidingLifetimeMs ?? MAX_AGES_PER_SLIDE * host.sessionMaxAgeMs,
    absoluteLifetimeMs:
      options.absoluteLifetimeMs ?? Math.max(DEFAULT_LIMITS.absoluteLifetimeMs, host.sessionMaxAgeMs),
    sealer: createSealer(ring),
    refresher: createProviderRefresher(options, host, documents),
    rotationOf: ({ provider }) => rotationPolicyOf(profile(provider)),
    holder: processName(),
    newId: () => randomUUID(),
    random: () => randomBytes(4).readUInt32BE() / 2 ** 32,
    clock: systemClock,
    shared: processSharedState(options.store.kind),
    background: createBackground({
      waitUntil: options.waitUntil,
      platformWaitUntil,
      after: nextAfter,
      serverless: () => serverlessVariable(process.env) !== undefined,
    }),
  });
  const grants = createGrants({
    options,
    host,
    manager,
    indexer,
    profileOf: profile,
    nowMs: () => Date.now(),
  });
  const metadata = createServerMetadata(documents);
  const logoutTokens = createLogoutTokenVerifier({
    providers: () => host.oauthProviderIds().flatMap((id) => host.oauthProvider(id) ?? []),
    documents,
    metadata,
    clock: systemClock,
  });
  const resealGrants = async (): Promise<ResealedGrants> => ({
    ...(await manager.resealGrants()),
    keyIds: indexer.keyIds(),
  });
  return { manager, grants, indexer, metadata, logoutTokens, profileOf: profile, resealGrants };
}

/** Settings of a provider that is not there may be a slip of the pen, or those of one that is only there in production. */
function warnOfUnknownProviders({ providers = {} }: FreshTokensOptions, host: AuthHost): void {
  const known = host.providerIds();
  for (const id of Object.keys(providers)) {
    if (known.includes(id)) continue;
    const others = known.map((each) => `"${each}"`).join(", ");
    warnOnce(
      `unknown-provider:${id}`,
      `The settings in providers.${id} have no effect: NextAuth has no provider of this id, only ${others}`,
    );
  }
}

/** A server that wants to see the redirect URI at a refresh may refuse one without it. */
function warnOfUnknownCallbacks(host: AuthHost): void {
  for (const id of host.oauthProviderIds()) {
    const config = host.oauthProvider(id);
    if (!profileOf(id, config?.profile).sendsRedirectUri) continue;
    if (config?.redirectUri !== undefined || config?.tokenParams?.["redirect_uri"] !== undefined) continue;
    warnOnce(
      `unknown-callback:${id}`,
      `"${id}" wants to see the callback URL at each refresh, and only a request tells it here. Set ${host.urlName}, or providers.${id}.refreshParams.redirect_uri`,
    );
  }
}

/** Signing in there works, because NextAuth speaks http to anybody; a refresh token is not sent in plain text (SEC-37). */
function warnOfPlainHttp({ providers = {} }: FreshTokensOptions, host: AuthHost): void {
  for (const id of host.oauthProviderIds()) {
    if (providers[id]?.refresh !== undefined) continue;
    const config = host.oauthProvider(id);
    const place = config?.tokenEndpoint ?? config?.wellKnown ?? config?.issuer ?? "";
    const url = URL.canParse(place) ? new URL(place) : undefined;
    if (url?.protocol !== "http:" || isLoopback(url.hostname)) continue;
    warnOnce(
      `plain-http:${id}`,
      `"${id}" is at ${url.origin}, and refresh tokens are sent over https only, or to this machine: users can sign in, but no refresh will be sent (insecure_endpoint). Put https in front of it, or see docs/providers.md for Docker Compose`,
    );
  }
}

function ownSecrets({ secret }: FreshTokensOptions): readonly string[] {
  if (secret === undefined) return secretList(process.env["NOLAPSE_SECRET"]);
  return typeof secret === "string" ? [secret] : secret;
}

/** One name for all copies of this module in the process: leases are the process's, not the bundle's. */
function processName(): string {
  const holder = globalThis as unknown as Record<symbol, string | undefined>;
  return (holder[PROCESS_KEY] ??= `${process.pid}-${randomUUID()}`);
}
