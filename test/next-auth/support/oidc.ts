/**
 * A real OpenID Connect server in this process: `oidc-provider`, with rotation, whose login page says yes at once to
 * whoever `login_hint` names.
 */
import { generateKeyPairSync } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A client as `oidc-provider` registers it. */
export type ClientMetadata = Readonly<Record<string, unknown>>;

/** The part of `oidc-provider` that is used here; it brings no types of its own. */
interface Provider {
  readonly Grant: new (of: { accountId: string; clientId: string }) => {
    addOIDCScope(scope: string): void;
    addResourceScope(resource: string, scope: string): void;
    save(): Promise<string>;
  };
  readonly AccessToken: { find(token: string): Promise<IssuedToken | undefined> };
  callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  on(event: string, listener: (context: Context, detail: unknown) => void): void;
  interactionDetails(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<{ params: Record<string, unknown> }>;
  interactionFinished(request: IncomingMessage, response: ServerResponse, result: object): Promise<void>;
}

interface Context {
  readonly oidc: {
    readonly provider: Provider;
    readonly params?: Record<string, unknown>;
    readonly session?: { accountId?: string };
    readonly client?: { clientId: string };
  };
}

const MODULE: string = "oidc-provider";
const { Provider: ProviderClass } = (await import(MODULE)) as {
  Provider: new (issuer: string, configuration: object) => Provider;
};

/** What the server knows of an access token. */
export interface IssuedToken {
  readonly accountId: string;
  /** The resource that it is for. Without one it is for the user info endpoint. */
  readonly aud?: string;
  readonly scope?: string;
}

/** The scope of each resource (RFC 8707) that the server gives tokens for, by the resource's URI. */
export type Resources = Readonly<Record<string, string>>;

/** A running server. */
export interface OidcServer {
  readonly issuer: string;
  /** What it granted or refused, oldest first: `refresh_token ok`, `refresh_token invalid_grant`, ... */
  readonly log: readonly string[];
  /** Grants that were ended: by a replay or a revocation. */
  readonly revoked: readonly string[];
  /** Keeps token requests waiting from now on, and lets them go. */
  hold(): void;
  release(): void;
  readonly heldRequests: number;
  /** What came of its back-channel logouts, oldest first: `ok`, or what the app answered. */
  readonly logouts: readonly string[];
  /** Whose an access token is, and for what. `undefined` for one that it does not know. */
  find(token: string): Promise<IssuedToken | undefined>;
  /** Follows an authorization request to its end, in a new browser. Resolves with the callback's parameters. */
  authorize(url: string): Promise<Record<string, string>>;
}

/** One browser at the server: whoever signs in with it has a session there. */
export class OidcVisitor {
  readonly #jar = new Map<string, string>();

  /** Follows an authorization request to its end. Resolves with the callback's parameters. */
  async authorize(url: string): Promise<Record<string, string>> {
    const end = await this.#follow(url, (at) => at.startsWith(APP_ORIGIN));
    return Object.fromEntries(new URL(end.url).searchParams);
  }

  /** Signs out at the server, whose page asks for it. Resolves with the address at which that ends. */
  async signOut(url: string): Promise<string> {
    const { text } = await this.#follow(url, () => false);
    const [, action = ""] = /<form[^>]* action="([^"]+)"/.exec(text) ?? [];
    const [, xsrf = ""] = /name="xsrf" value="([^"]+)"/.exec(text) ?? [];
    if (xsrf === "") throw new Error(`No page to sign out: ${text}`);
    const form = new URLSearchParams({ xsrf, logout: "yes" });
    return (await this.#follow(action, (at) => at.startsWith(APP_ORIGIN), form)).url;
  }

  async #follow(
    first: string,
    isEnd: (url: string) => boolean,
    form?: URLSearchParams,
  ): Promise<{ readonly url: string; readonly text: string }> {
    let [url, body] = [first, form];
    for (let hop = 0; hop < 10; hop++) {
      const cookie = [...this.#jar].map(([name, value]) => `${name}=${value}`).join("; ");
      const init = body === undefined ? {} : { method: "POST", body };
      const answer = await fetch(url, { ...init, redirect: "manual", headers: { cookie } });
      body = undefined;
      for (const line of answer.headers.getSetCookie()) this.#keep(line);
      const location = answer.headers.get("location");
      if (location === null) {
        if (answer.ok) return { url, text: await answer.text() };
        throw new Error(`No redirect: ${answer.status} ${await answer.text()}`);
      }
      url = new URL(location, url).href;
      if (isEnd(url)) return { url, text: "" };
    }
    throw new Error("Too many redirects");
  }

  #keep(line: string): void {
    const [pair = "", ...attributes] = line.split(";");
    const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
    const isDead = attributes.some((each) => /^\s*expires=.*1970/i.test(each));
    if (isDead) this.#jar.delete(name);
    else this.#jar.set(name, value);
  }
}

const SCOPES = "openid profile email offline_access";
const TTL_S = 60;
const APP_ORIGIN = "http://localhost:3000/";

/** Starts a server that knows one client, and perhaps some APIs. It ends with the test. */
export async function startOidcServer(
  client: ClientMetadata,
  resources: Resources = {},
): Promise<OidcServer> {
  let handle: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;
  const server = createServer((request, response) => handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = buildProvider(issuer, client, resources);
  const log: string[] = [];
  const revoked: string[] = [];
  provider.on("grant.success", ({ oidc }) => void log.push(`${String(oidc.params?.["grant_type"])} ok`));
  provider.on("grant.error", ({ oidc }, error) => {
    log.push(`${String(oidc.params?.["grant_type"])} ${(error as { error: string }).error}`);
  });
  provider.on("grant.revoked", (_context, grantId) => void revoked.push(String(grantId)));
  const logouts: string[] = [];
  provider.on("backchannel.success", () => void logouts.push("ok"));
  provider.on("backchannel.error", (_context, error) => void logouts.push((error as Error).message));
  const callback = provider.callback();
  let held: (() => void)[] | undefined;
  handle = (request, response) => {
    const answer = (): void => void callback(request, response);
    if (request.url?.startsWith("/interaction/")) void signIn(provider, request, response);
    else if (request.url === "/token" && held !== undefined) held.push(answer);
    else answer();
  };
  return {
    ...{ issuer, log, revoked, logouts },
    find: (token) => provider.AccessToken.find(token),
    authorize: (url) => new OidcVisitor().authorize(url),
    hold: () => void (held = []),
    release() {
      for (const answer of held ?? []) answer();
      held = undefined;
    },
    get heldRequests() {
      return held?.length ?? 0;
    },
  };
}

async function signIn(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { params } = await provider.interactionDetails(request, response);
  await provider.interactionFinished(request, response, {
    login: { accountId: String(params["login_hint"]) },
  });
}

function buildProvider(issuer: string, client: ClientMetadata, resources: Resources): Provider {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: "test" };
  return new ProviderClass(issuer, {
    clients: [
      {
        client_id: "app",
        client_secret: "client-secret-of-app",
        redirect_uris: ["http://localhost:3000/api/auth/callback/oidc"],
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        ...client,
      },
    ],
    jwks: { keys: [key] },
    cookies: { keys: ["cookie-key-of-the-test-server"] },
    scopes: SCOPES.split(" "),
    claims: { openid: ["sub"], profile: ["name"], email: ["email"] },
    conformIdTokenClaims: false,
    rotateRefreshToken: true,
    issueRefreshToken: () => true,
    expiresWithSession: () => false,
    async loadExistingGrant({ oidc }: Context) {
      const grant = new oidc.provider.Grant({
        accountId: oidc.session?.accountId ?? "",
        clientId: oidc.client?.clientId ?? "",
      });
      grant.addOIDCScope(SCOPES);
      for (const [resource, scope] of Object.entries(resources)) grant.addResourceScope(resource, scope);
      await grant.save();
      return grant;
    },
    findAccount: (_context: Context, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId, name: accountId, email: `${accountId}@example.com` }),
    }),
    ttl: {
      AccessToken: TTL_S,
      RefreshToken: 3_600,
      Grant: 7_200,
      Session: 7_200,
      Interaction: 600,
      IdToken: 600,
    },
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (context: { body: string }, form: string) => void (context.body = form),
      },
      resourceIndicators: {
        enabled: Object.keys(resources).length > 0,
        getResourceServerInfo: (_context: Context, resource: string) => ({
          scope: resources[resource] ?? "",
          accessTokenTTL: TTL_S,
          accessTokenFormat: "opaque",
        }),
      },
    },
    // By itself it calls nobody on the loopback.
    fetch: (url: string, init: object) => fetch(url, { ...init, dispatcher: undefined } as RequestInit),
  });
}
