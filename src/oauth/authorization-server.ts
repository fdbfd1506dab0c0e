/**
 * Where a provider's endpoints are: as configured, or as its metadata says. Metadata is fetched at first use, kept for
 * an hour under its full URL, and believed only if it names the configured issuer (SEC-36).
 *
 * @see [RFC 8414](https://www.rfc-editor.org/rfc/rfc8414.html) - authorization server metadata
 * @module
 */
import type { Clock } from "../core/clock.ts";
import type { RefreshOutcome } from "../core/refresher.ts";
import { classifyThrow } from "./classify-throw.ts";
import { checkedEndpoint } from "./endpoint.ts";
import type { OAuthProviderConfig } from "./provider-config.ts";
import type { ProviderProfile } from "./provider-profile.ts";
import { parseBody, retryAfterMsFrom, type JsonObject } from "./raw-answer.ts";
import { discardBody, readBody } from "./read-body.ts";
import { send, untilAborted, type FetchLike } from "./send.ts";

/** The endpoints of an authorization server, in the normal form of URLs. */
export interface AuthorizationServer {
  /** The issuer of the metadata or of the configuration, where either names one. */
  readonly issuer?: string;
  readonly tokenEndpoint: string;
  readonly revocationEndpoint?: string;
  /** The client authentication methods that the metadata lists. */
  readonly tokenEndpointAuthMethods?: readonly string[];
}

/** Why the endpoints are not known. Nothing that could be spent has been sent. */
export type ResolutionFailure = Exclude<RefreshOutcome, { kind: "committed" }> & {
  readonly kind: "config" | "not_sent";
};

/** Finds the endpoints of providers. Never rejects. */
export interface AuthorizationServers {
  resolve(
    config: OAuthProviderConfig,
    profile: ProviderProfile,
    signal: AbortSignal,
  ): Promise<AuthorizationServer | ResolutionFailure>;
}

/** What {@link createAuthorizationServers} is given. */
export interface AuthorizationServersOptions {
  readonly fetch: FetchLike;
  readonly clock: Clock;
  /** How long metadata is believed, in milliseconds. @defaultValue 1 hour */
  readonly metadataTtlMs?: number;
}

const METADATA_TTL_MS = 3_600_000;
const METADATA_TIMEOUT_MS = 10_000;
const MAX_ENTRIES = 100;
const TENANT = "{tenantid}";

type Fetched = { readonly metadata: JsonObject } | { readonly failure: ResolutionFailure };

interface Entry {
  /** The last good metadata, which outlives its time while the server cannot be asked. */
  readonly good?: { readonly metadata: JsonObject; readonly untilMs: number };
  readonly pending?: Promise<Fetched>;
}

/** Whether a resolution failed. */
export function isResolutionFailure(
  result: AuthorizationServer | ResolutionFailure,
): result is ResolutionFailure {
  return "kind" in result;
}

/** Makes a resolver with a cache of its own. */
export function createAuthorizationServers(options: AuthorizationServersOptions): AuthorizationServers {
  const { fetch, clock, metadataTtlMs = METADATA_TTL_MS } = options;
  const entries = new Map<string, Entry>();

  async function metadataAt(url: string): Promise<Fetched> {
    const entry = entries.get(url);
    if (entry?.good !== undefined && clock.nowMs() < entry.good.untilMs) return entry.good;
    if (entry?.pending !== undefined) return entry.pending;
    const pending = refetch(url, entry?.good);
    remember(url, { ...entry, pending });
    return pending;
  }

  async function refetch(url: string, previous: Entry["good"]): Promise<Fetched> {
    const fetched = await fetchMetadata(url, fetch, clock);
    if ("metadata" in fetched) {
      remember(url, { good: { metadata: fetched.metadata, untilMs: clock.nowMs() + metadataTtlMs } });
      return fetched;
    }
    if (fetched.failure.kind === "not_sent" && previous !== undefined) {
      remember(url, { good: previous });
      return previous;
    }
    entries.delete(url);
    return fetched;
  }

  function remember(url: string, entry: Entry): void {
    entries.delete(url);
    entries.set(url, entry);
    const [oldest] = entries.keys();
    if (entries.size > MAX_ENTRIES && oldest !== undefined) entries.delete(oldest);
  }

  return {
    async resolve(config, profile, signal) {
      if (config.tokenEndpoint !== undefined) return staticServer(config, config.tokenEndpoint);
      const location = config.wellKnown ?? wellKnownOf(config.issuer);
      if (location === undefined) {
        return failure(
          "no_token_endpoint",
          "the provider has neither tokenEndpoint nor wellKnown nor issuer",
        );
      }
      const url = checkedEndpoint(location, config.allowInsecureRequests);
      if (url === undefined) return failure("insecure_endpoint", "the metadata URL must be https");
      try {
        const found = await untilAborted(metadataAt(url), signal);
        return "failure" in found ? found.failure : serverFrom(found.metadata, config, profile);
      } catch {
        return { kind: "not_sent", code: "metadata_timeout" };
      }
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
  profile: ProviderProfile,
): AuthorizationServer | ResolutionFailure {
  const { issuer, token_endpoint: endpoint, revocation_endpoint: revocation } = metadata;
  if (config.issuer !== undefined && !issuerMatches(issuer, config.issuer, profile)) {
    return failure(
      "issuer_mismatch",
      `the metadata names another issuer than the configured "${config.issuer}"`,
    );
  }
  const tokenEndpoint =
    typeof endpoint === "string" ? checkedEndpoint(endpoint, config.allowInsecureRequests) : undefined;
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

function issuerMatches(issuer: unknown, configured: string, { issuerMatch }: ProviderProfile): boolean {
  if (issuerMatch === "unchecked" || issuer === configured) return true;
  if (typeof issuer === "string" && issuer.includes(TENANT)) {
    // Entra's metadata for many tenants leaves the tenant open.
    const [before = "", after = ""] = issuer.split(TENANT);
    const tenant = configured.slice(before.length, configured.length - after.length);
    return configured === `${before}${tenant}${after}` && /^[A-Za-z0-9.-]+$/.test(tenant);
  }
  return issuerMatch === "trailing-slash" && issuer === `${configured}/`;
}

function wellKnownOf(issuer: string | undefined): string | undefined {
  return issuer === undefined ? undefined : `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
}

async function fetchMetadata(url: string, fetch: FetchLike, clock: Clock): Promise<Fetched> {
  const deadline = new AbortController();
  const finished = new AbortController();
  void clock.sleep(METADATA_TIMEOUT_MS, finished.signal).then(() => deadline.abort());
  try {
    const init = { method: "GET", headers: { accept: "application/json" } };
    const response = await send(fetch, url, init, deadline.signal);
    const { status, headers } = response;
    if (status !== 200) {
      discardBody(response);
      return { failure: metadataRefused(status, retryAfterMsFrom(headers, clock.nowMs())) };
    }
    const parsed = parseBody({
      status,
      headers,
      body: await readBody(response, { signal: deadline.signal }),
    });
    if (parsed.kind === "object") return { metadata: parsed.members };
    return { failure: { kind: "not_sent", code: "metadata_unreadable" } };
  } catch (error) {
    return { failure: { kind: "not_sent", code: `metadata_${classifyThrow(error).code}` } };
  } finally {
    finished.abort();
  }
}

function metadataRefused(status: number, retryAfterMs: number | undefined): ResolutionFailure {
  const transient = status === 408 || status === 429 || status >= 500;
  return {
    kind: transient ? "not_sent" : "config",
    code: `metadata_http_${status}`,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

function failure(code: string, detail: string): ResolutionFailure {
  return { kind: "config", code, detail };
}
