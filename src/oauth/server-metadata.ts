/**
 * What a provider's metadata says, believed only if it names the configured issuer (SEC-36).
 *
 * @see [RFC 8414](https://www.rfc-editor.org/rfc/rfc8414.html) - authorization server metadata
 * @module
 */
import { checkedEndpoint } from "./endpoint.ts";
import type { JsonDocuments, ResolutionFailure } from "./json-documents.ts";
import type { OAuthProviderConfig } from "./provider-config.ts";
import type { ProviderProfile } from "./provider-profile.ts";
import type { JsonObject } from "./raw-answer.ts";

/** The metadata of a provider, or why it is not known. */
export type MetadataAnswer = { readonly metadata: JsonObject } | { readonly failure: ResolutionFailure };

/** Finds the metadata of providers. Never rejects. */
export interface ServerMetadata {
  of(config: OAuthProviderConfig, profile: ProviderProfile, signal: AbortSignal): Promise<MetadataAnswer>;
}

const TTL_MS = 3_600_000;
const TENANT = "{tenantid}";

/**
 * Finds metadata in a cache of documents.
 *
 * @param ttlMs How long it is believed, in milliseconds; while the server cannot be asked, for as long as that lasts.
 *   @defaultValue 1 hour
 */
export function createServerMetadata(documents: JsonDocuments, ttlMs: number = TTL_MS): ServerMetadata {
  return {
    async of(config, profile, signal) {
      const location = config.wellKnown ?? wellKnownOf(config.issuer);
      if (location === undefined) {
        return failed("no_token_endpoint", "the provider has neither tokenEndpoint nor wellKnown nor issuer");
      }
      const url = checkedEndpoint(location, config.allowInsecureRequests);
      if (url === undefined) return failed("insecure_endpoint", "the metadata URL must be https");
      const fetched = await documents.get(url, {
        what: "metadata",
        freshForMs: ttlMs,
        staleForMs: Number.POSITIVE_INFINITY,
        signal,
      });
      if ("failure" in fetched) return fetched;
      if (config.issuer !== undefined && !issuerMatches(fetched.document["issuer"], config.issuer, profile)) {
        return failed(
          "issuer_mismatch",
          `the metadata names another issuer than the configured "${config.issuer}"`,
        );
      }
      return { metadata: fetched.document };
    },
  };
}

/**
 * The issuer that metadata and configuration name together: the one that signs tokens. `undefined` where neither names
 * one, or only as a template for many tenants.
 */
export function issuerOf(metadata: JsonObject | undefined, config: OAuthProviderConfig): string | undefined {
  const named = metadata?.["issuer"];
  return typeof named === "string" && !named.includes(TENANT) ? named : config.issuer;
}

/** A URL of metadata that may be asked; `undefined` where there is none, or none that is https. */
export function endpointIn(
  metadata: JsonObject | undefined,
  name: string,
  config: OAuthProviderConfig,
): string | undefined {
  const endpoint = metadata?.[name];
  return typeof endpoint === "string" ? checkedEndpoint(endpoint, config.allowInsecureRequests) : undefined;
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

function failed(code: string, detail: string): { readonly failure: ResolutionFailure } {
  return { failure: { kind: "config", code, detail } };
}
