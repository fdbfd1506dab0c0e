/**
 * What the provider entries of NextAuth v4 and Auth.js v5 have in common: what the user gave lies in `options` and wins.
 *
 * @module
 */
import { profileOf } from "../oauth/profiles.ts";
import type {
  ClientPrivateKey,
  OAuthProviderConfig,
  TokenEndpointAuthMethod,
} from "../oauth/provider-config.ts";
import type { ProfileOverrides } from "../oauth/provider-profile.ts";
import type { ProviderOptions } from "./options.ts";

/** A provider entry as NextAuth keeps it: what the user gave lies in `options` and wins. */
export type ProviderEntry = Readonly<Record<string, unknown>> & {
  readonly id: string;
  readonly type: string;
  readonly options?: Readonly<Record<string, unknown>> | undefined;
};

/** The id under which NextAuth knows a provider. */
export function providerIdOf({ id, options }: ProviderEntry): string {
  return textOf(options?.["id"]) ?? id;
}

/** What the application gave for a member of the entry, else what the entry has by itself. */
export function memberOf(entry: ProviderEntry, name: string): unknown {
  return entry.options?.[name] ?? entry[name];
}

/** The profile of a provider as far as entry and settings know it better than its id. */
function entryProfileOf(entry: ProviderEntry, settings: ProviderOptions | undefined): ProfileOverrides {
  return {
    // A provider that the application has given another id is still the same provider.
    ...(providerIdOf(entry) !== entry.id && profileOf(entry.id)),
    ...profileOverridesOf(settings ?? {}),
  };
}

/** What NextAuth's versions read from different places of an entry; `undefined` where there is none. */
export interface OwnReading {
  /** The token endpoint that counts for this version. */
  readonly tokenUrl: string | undefined;
  /** What the entry wants to see in the body of each token request. */
  readonly tokenParams: Readonly<Record<string, string>>;
  readonly wellKnown: string | undefined;
  readonly scope: string | undefined;
  /** The key of a client that proves itself by `private_key_jwt`; for others it does not count. */
  readonly privateKey: ClientPrivateKey | undefined;
}

/**
 * What {@link OAuthProviderConfig} asks for, taken from a provider entry and nolapse's own settings of it.
 *
 * @param callbackUrl `undefined` where only a request could tell: none is better than a wrong one, which would be refused.
 */
export function configFromEntry(
  entry: ProviderEntry,
  settings: ProviderOptions | undefined,
  callbackUrl: string | undefined,
  own: OwnReading,
): OAuthProviderConfig {
  const { wellKnown, scope } = own;
  const client = { ...recordOf(entry["client"]), ...recordOf(entry.options?.["client"]) };
  const issuer = textOf(memberOf(entry, "issuer"));
  const tokenEndpoint = settings?.tokenEndpoint ?? own.tokenUrl;
  const clientSecret = textOf(memberOf(entry, "clientSecret"));
  const method = textOf(client["token_endpoint_auth_method"]);
  const algorithm = textOf(client["id_token_signed_response_alg"]);
  // Without this method the keys serve to decrypt ID tokens.
  const clientPrivateKey = method === "private_key_jwt" ? own.privateKey : undefined;
  const tokenParams = { ...own.tokenParams, ...settings?.refreshParams };
  const { revocationEndpoint, endSessionEndpoint, acceptUntypedLogoutTokens } = settings ?? {};
  const jwksUri = settings?.jwksUri ?? textOf(memberOf(entry, "jwks_endpoint"));
  const profile = entryProfileOf(entry, settings);
  return {
    id: providerIdOf(entry),
    clientId: textOf(memberOf(entry, "clientId")) ?? "",
    // Loopback only, whatever this says (SEC-37): a local server in development, the example, tests.
    allowInsecureRequests: true,
    ...(callbackUrl !== undefined && { redirectUri: callbackUrl }),
    ...(issuer !== undefined && { issuer }),
    ...(wellKnown !== undefined && { wellKnown }),
    ...(tokenEndpoint !== undefined && { tokenEndpoint }),
    ...(revocationEndpoint !== undefined && { revocationEndpoint }),
    ...(endSessionEndpoint !== undefined && { endSessionEndpoint }),
    ...(jwksUri !== undefined && { jwksUri }),
    ...(acceptUntypedLogoutTokens !== undefined && { acceptUntypedLogoutTokens }),
    ...(clientSecret !== undefined && { clientSecret }),
    ...(clientPrivateKey !== undefined && { clientPrivateKey }),
    ...(method !== undefined && { tokenEndpointAuthMethod: method as TokenEndpointAuthMethod }),
    ...(algorithm !== undefined && { idTokenSignedResponseAlg: algorithm }),
    ...(scope !== undefined && { scope }),
    ...(Object.keys(tokenParams).length > 0 && { tokenParams }),
    ...(Object.keys(profile).length > 0 && { profile }),
  };
}

/** What an application knows better than the profile of its provider. */
function profileOverridesOf({ defaultLifetimeMs, revokeOnSignOut }: ProviderOptions): ProfileOverrides {
  return {
    ...(defaultLifetimeMs !== undefined && { defaultLifetimeMs }),
    ...(revokeOnSignOut !== undefined && { revocation: revokeOnSignOut ? "token" : "none" }),
  };
}

/** An endpoint of a provider entry. */
export interface Endpoint {
  readonly url?: string;
  readonly params: Readonly<Record<string, string>>;
  /** The application makes the request itself. */
  readonly ownRequest: boolean;
}

/** An endpoint of a provider, with what the user gave merged in, as NextAuth does it. */
export function endpointOf(entry: ProviderEntry, name: string): Endpoint {
  const [own, given] = [entry[name], entry.options?.[name]].map(readEndpoint) as [Endpoint, Endpoint];
  return {
    ...own,
    ...given,
    params: { ...own.params, ...given.params },
    ownRequest: own.ownRequest || given.ownRequest,
  };
}

/** NextAuth takes an endpoint as an URL, whose query are its parameters, or as `{ url, params, request }`. */
function readEndpoint(value: unknown): Endpoint {
  if (typeof value === "string" && URL.canParse(value)) {
    const url = new URL(value);
    return {
      url: `${url.origin}${url.pathname}`,
      params: Object.fromEntries(url.searchParams),
      ownRequest: false,
    };
  }
  const { url, params, request } = recordOf(value);
  const texts = Object.entries(recordOf(params)).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return {
    ...(typeof url === "string" && { url }),
    params: Object.fromEntries(texts),
    ownRequest: typeof request === "function",
  };
}

/** An object to read members of; an empty one for anything else. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** A text that is not empty. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
