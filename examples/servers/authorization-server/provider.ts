/**
 * The authorization server itself: `oidc-provider`, as strict as they come. Every refresh rotates the refresh
 * token, and an old one that comes back ends the whole grant.
 *
 * @module
 */
import { generateKeyPair, exportJWK } from "jose";
import { Provider, type Configuration, type Grant, type JWKS, type KoaContextWithOIDC } from "oidc-provider";

import { keptJson, newSecret } from "../lib/kept-json.ts";
import { findAccount } from "./accounts.ts";
import { errorPage, logoutPage, signedOutPage, type Page } from "./pages.ts";
import type { Storage } from "./storage.ts";
import { chooseLanguage } from "./texts.ts";

/** What the server needs to know. */
export interface ProviderOptions {
  /** The address that browsers and the application use, which may be a proxy's. */
  readonly issuer: string;
  readonly client: { readonly id: string; readonly secret: string; readonly redirectUris: readonly string[] };
  /** The API, which may ask whether a token is active and nothing else. */
  readonly api: { readonly id: string; readonly secret: string };
  /** Life of an access token, in seconds. */
  readonly tokenTtlSeconds: number;
  /** Signing and cookie keys, as {@link providerKeys} keeps them. */
  readonly keys: ProviderKeys;
  readonly storage: Storage;
}

/** Keys that have to be the same after a restart. */
export interface ProviderKeys {
  readonly jwks: JWKS;
  readonly cookieKeys: readonly string[];
}

const DAY_SECONDS = 24 * 60 * 60;
const SCOPES = ["openid", "profile", "email", "offline_access"];

/** The keys in the file, made at the first start. */
export function providerKeys(path: string): Promise<ProviderKeys> {
  return keptJson(path, async () => {
    const { privateKey } = await generateKeyPair("RS256", { extractable: true, modulusLength: 2048 });
    const key = { ...(await exportJWK(privateKey)), alg: "RS256", use: "sig", kid: newSecret().slice(0, 12) };
    return { jwks: { keys: [key] } as JWKS, cookieKeys: [newSecret()] };
  });
}

/** The provider, ready to be given requests. */
export function createProvider(options: ProviderOptions): Provider {
  const provider = new Provider(options.issuer, configuration(options));
  // Requests reach it with the issuer's host and protocol, see main.ts.
  provider.proxy = true;
  return provider;
}

/** Says yes in the user's name to whatever the client asked for: it is the same party's application. */
export async function grantEverythingAsked(
  provider: Provider,
  asked: { readonly accountId: string; readonly clientId: string; readonly scope: string },
): Promise<string> {
  const grant = new provider.Grant({ accountId: asked.accountId, clientId: asked.clientId });
  const scopes = asked.scope.split(" ").filter((scope) => SCOPES.includes(scope));
  grant.addOIDCScope(scopes.join(" ") || "openid");
  return grant.save();
}

function configuration(options: ProviderOptions): Configuration {
  return {
    adapter: options.storage.adapter,
    clients: clients(options),
    jwks: options.keys.jwks,
    cookies: { keys: [...options.keys.cookieKeys] },
    responseTypes: ["code"],
    scopes: SCOPES,
    claims: { openid: ["sub"], profile: ["name", "preferred_username"], email: ["email", "email_verified"] },
    // NextAuth reads the profile from the ID token.
    conformIdTokenClaims: false,
    clockTolerance: 0,
    pkce: { required: () => true },
    rotateRefreshToken: () => true,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed("refresh_token"),
    // As with offline_access: a sign-out at this server does not end what the application was allowed.
    expiresWithSession: () => false,
    loadExistingGrant: loadGrant,
    findAccount: (_ctx, id) => findAccount(id),
    clientBasedCORS: () => false,
    ttl: {
      AccessToken: options.tokenTtlSeconds,
      AuthorizationCode: 60,
      IdToken: 60 * 60,
      Interaction: 30 * 60,
      RefreshToken: 14 * DAY_SECONDS,
      Session: 14 * DAY_SECONDS,
      Grant: 15 * DAY_SECONDS,
    },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      introspection: { enabled: true, allowedPolicy: (_ctx, client) => client.clientId === options.api.id },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
      rpInitiatedLogout: { enabled: true, logoutSource, postLogoutSuccessSource },
    },
    renderError,
  };
}

function clients({ client, api }: ProviderOptions): NonNullable<Configuration["clients"]> {
  return [
    {
      client_id: client.id,
      client_secret: client.secret,
      client_name: "nolapse example",
      redirect_uris: [...client.redirectUris],
      post_logout_redirect_uris: [...new Set(client.redirectUris.map((uri) => `${new URL(uri).origin}/`))],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "client_secret_basic",
    },
    {
      client_id: api.id,
      client_secret: api.secret,
      redirect_uris: [],
      grant_types: [],
      response_types: [],
      token_endpoint_auth_method: "client_secret_basic",
    },
  ];
}

/**
 * Every sign-in gets a grant of its own, so that the end of one leaves the others alone. With `prompt=consent` it
 * comes from the interaction instead.
 */
async function loadGrant(ctx: KoaContextWithOIDC): Promise<Grant | undefined> {
  const { oidc } = ctx;
  const consented = oidc.result?.consent?.grantId;
  if (consented !== undefined) return oidc.provider.Grant.find(consented);
  const accountId = oidc.session?.accountId;
  const clientId = oidc.client?.clientId;
  if (accountId === undefined || clientId === undefined || oidc.prompts.has("consent")) return undefined;
  const scope = String(oidc.params?.["scope"] ?? "");
  return oidc.provider.Grant.find(await grantEverythingAsked(oidc.provider, { accountId, clientId, scope }));
}

const logoutSource = async (ctx: KoaContextWithOIDC, form: string): Promise<void> => {
  const next = ctx.oidc.params?.["post_logout_redirect_uri"];
  send(ctx, logoutPage(languageOf(ctx), form, typeof next === "string" ? new URL(next).origin : undefined));
};

const postLogoutSuccessSource = async (ctx: KoaContextWithOIDC): Promise<void> => {
  send(ctx, signedOutPage(languageOf(ctx)));
};

const renderError: NonNullable<Configuration["renderError"]> = async (ctx, out, error) => {
  const expired = error.name === "SessionNotFound";
  send(ctx, errorPage(languageOf(ctx), { expired, details: { ...out } }));
};

function send(ctx: KoaContextWithOIDC, page: Page): void {
  ctx.set({ ...page.headers });
  ctx.body = page.html;
}

function languageOf(ctx: KoaContextWithOIDC): "en" | "ko" {
  const asked = ctx.oidc?.params?.["ui_locales"];
  return chooseLanguage(typeof asked === "string" ? asked : undefined, ctx.get("accept-language"));
}
