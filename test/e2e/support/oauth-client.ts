/**
 * The least an application does at an authorization server, for tests of the server itself: sign a person in by
 * the form, exchange the code, refresh, revoke. Checks nothing.
 */
import { createHash, randomBytes } from "node:crypto";

import { submitLogin, type Browserless } from "./browserless.ts";
import { DEFAULT_REDIRECT_URI, type Login, type Servers } from "./servers.ts";

/** An answer of the token endpoint. */
export interface TokenAnswer {
  readonly status: number;
  readonly access_token: string;
  readonly refresh_token: string;
  readonly id_token: string;
  readonly expires_in: number;
  readonly scope: string;
  readonly error?: string;
}

/** The address that starts a sign-in, and the verifier that ends it. */
export function authorizationRequest(
  servers: Servers,
  extra: Readonly<Record<string, string>> = {},
): { readonly url: string; readonly verifier: string } {
  const verifier = randomBytes(32).toString("base64url");
  const url = new URL("/auth", servers.issuer);
  url.search = new URLSearchParams({
    client_id: servers.clientId,
    response_type: "code",
    scope: "openid profile email offline_access",
    redirect_uri: DEFAULT_REDIRECT_URI,
    state: "state",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    ...extra,
  }).toString();
  return { url: url.href, verifier };
}

/** Signs in by the form (or without it, where the browser is still signed in) and exchanges the code. */
export async function signIn(
  servers: Servers,
  browser: Browserless,
  login: Login,
  extra: Readonly<Record<string, string>> = {},
): Promise<TokenAnswer> {
  const { url, verifier } = authorizationRequest(servers, extra);
  const stop = { follow: { until: DEFAULT_REDIRECT_URI } };
  const first = await browser.visit(url, stop);
  const last = first.url.startsWith(DEFAULT_REDIRECT_URI)
    ? first
    : await submitLogin(browser, first, login, stop);
  const code = new URL(last.url).searchParams.get("code") ?? "";
  return tokenRequest(servers, {
    grant_type: "authorization_code",
    code,
    redirect_uri: DEFAULT_REDIRECT_URI,
    code_verifier: verifier,
  });
}

/** One refresh request. */
export function refresh(servers: Servers, refreshToken: string): Promise<TokenAnswer> {
  return tokenRequest(servers, { grant_type: "refresh_token", refresh_token: refreshToken });
}

/** Revokes a token at the server. Resolves with the status. */
export async function revoke(servers: Servers, token: string): Promise<number> {
  const response = await post(servers, "/token/revocation", { token });
  return response.status;
}

async function tokenRequest(
  servers: Servers,
  fields: Readonly<Record<string, string>>,
): Promise<TokenAnswer> {
  const response = await post(servers, "/token", fields);
  return { status: response.status, ...((await response.json()) as Omit<TokenAnswer, "status">) };
}

function post(servers: Servers, path: string, fields: Readonly<Record<string, string>>): Promise<Response> {
  const credentials = Buffer.from(`${servers.clientId}:${servers.clientSecret}`).toString("base64");
  return fetch(`${servers.issuer}${path}`, {
    method: "POST",
    headers: { authorization: `Basic ${credentials}`, accept: "application/json" },
    body: new URLSearchParams(fields),
    signal: AbortSignal.timeout(20_000),
  });
}
