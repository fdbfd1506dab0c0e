import type { AuthOptions } from "next-auth";
import { describe, expect, it, vi } from "vitest";
import type { GrantStore } from "../../src/core/grant-store.ts";
import { withFreshTokens } from "../../src/next-auth/index.ts";
import { captureConsole } from "./support/console.ts";
import { createWorld } from "./support/world.ts";
import { memoryStore } from "../../src/stores/memory.ts";

const KEYCLOAK = {
  id: "keycloak",
  name: "Keycloak",
  type: "oauth",
} as unknown as AuthOptions["providers"][number];
const AUTH: AuthOptions = { providers: [KEYCLOAK] };

function build(options: object, auth: object | null = AUTH): unknown {
  return withFreshTokens(auth as AuthOptions, { store: memoryStore(), ...options });
}

describe("withFreshTokens", () => {
  it.each([
    ["store", { store: undefined }, /sqliteStore/],
    ["store", { store: {} }, /sqliteStore/],
    ["store", { store: "redis://localhost" }, /sqliteStore/],
    ["leadTimeMs", { leadTimeMs: -1 }, /0 or more; got -1/],
    ["leadTimeMs", { leadTimeMs: "10m" }, /milliseconds.*got string/],
    ["leadTimeMs", { leadTimeMs: Number.NaN }, /got NaN/],
    ["leadTimeMs", { leadTimeMs: Infinity }, /got Infinity/],
    [
      "idleLeadTimeMs",
      { leadTimeMs: 1_000, idleLeadTimeMs: 2_000 },
      /at most "leadTimeMs" \(1000\).*got 2000/,
    ],
    ["minValidityMs", { leadTimeMs: 1_000, minValidityMs: 2_000 }, /got 2000/],
    ["maxWaitMs", { maxWaitMs: -5 }, /got -5/],
    ["staleIfStoreDownMs", { staleIfStoreDownMs: null }, /got object/],
    ["leaseMs", { leaseMs: 0 }, /1 or more; got 0/],
    ["refreshDeadlineMs", { refreshDeadlineMs: 0 }, /got 0/],
    ["storeTimeoutMs", { storeTimeoutMs: false }, /got boolean/],
    ["slidingLifetimeMs", { slidingLifetimeMs: 0 }, /got 0/],
    ["absoluteLifetimeMs", { absoluteLifetimeMs: -1 }, /got -1/],
    ["secret", { secret: 42 }, /text or a list of texts; got number/],
    ["secret", { secret: ["a", undefined] }, /text or a list of texts/],
    ["allowedOrigins", { allowedOrigins: "https://api.example" }, /list.*got string/],
    ["allowedOrigins", { allowedOrigins: ["api.example"] }, /got "api\.example"/],
    [
      "allowedOrigins",
      { allowedOrigins: ["https://api.example/v1"] },
      /without a path; got "https:\/\/api\.example\/v1"/,
    ],
    ["allowedOrigins", { allowedOrigins: ["http://api.example"] }, /plain text; got "http:\/\/api\.example"/],
    ["allowedOrigins", { allowedOrigins: ["*"] }, /got "\*"/],
    ["exposeAccessToken", { exposeAccessToken: "yes" }, /true, false or "on-request"; got string/],
    ["exposeAccessToken", { exposeAccessToken: 1 }, /true, false or "on-request"; got number/],
    ["tokenMarker", { tokenMarker: "no" }, /true or false; got string/],
    ["keepAccountTokens", { keepAccountTokens: 1 }, /true or false; got number/],
    ["isSameUser", { isSameUser: true }, /a function; got boolean/],
    ["adoptSession", { adoptSession: true }, /false or a function; got boolean/],
    ["waitUntil", { waitUntil: {} }, /function; got object/],
    ["onEvent", { onEvent: "log" }, /function; got string/],
    ["fetch", { fetch: "undici" }, /function; got string/],
    ["providers", { providers: [] }, /settings by provider id/],
    ["providers.keycloak", { providers: { keycloak: null } }, /settings.*got null/],
    [
      "providers.keycloak.refresh",
      { providers: { keycloak: { refresh: "/refresh" } } },
      /function; got string/,
    ],
    ["providers.keycloak.revoke", { providers: { keycloak: { revoke: true } } }, /function; got boolean/],
    [
      "providers.keycloak.userTokens",
      { providers: { keycloak: { userTokens: "tokens" } } },
      /function; got string/,
    ],
    ["providers.keycloak.expiryFrom", { providers: { keycloak: { expiryFrom: "exp" } } }, /"jwt-exp"/],
    [
      "providers.keycloak.rejectedStatuses",
      { providers: { keycloak: { rejectedStatuses: 401 } } },
      /list of HTTP statuses/,
    ],
    [
      "providers.keycloak.rejectedStatuses",
      { providers: { keycloak: { rejectedStatuses: ["401"] } } },
      /list of HTTP statuses/,
    ],
    [
      "providers.keycloak.rejectedStatuses",
      { providers: { keycloak: { rejectedStatuses: [200] } } },
      /400 to 499/,
    ],
    [
      "providers.keycloak.defaultLifetimeMs",
      { providers: { keycloak: { defaultLifetimeMs: 60 } } },
      /1000 or more; got 60/,
    ],
    [
      "providers.keycloak.revokeOnSignOut",
      { providers: { keycloak: { revokeOnSignOut: "no" } } },
      /true or false; got string/,
    ],
    [
      "providers.keycloak.acceptUntypedLogoutTokens",
      { providers: { keycloak: { acceptUntypedLogoutTokens: "JWT" } } },
      /true or false; got string/,
    ],
    [
      "providers.keycloak.rpInitiatedLogout",
      { providers: { keycloak: { rpInitiatedLogout: "https://id.example/logout" } } },
      /true, false, or settings .* got string/,
    ],
    [
      "providers.keycloak.rpInitiatedLogout.idTokenHint",
      { providers: { keycloak: { rpInitiatedLogout: { idTokenHint: "never" } } } },
      /true or false; got string/,
    ],
    [
      "providers.keycloak.rpInitiatedLogout.postLogoutRedirectUri",
      { providers: { keycloak: { rpInitiatedLogout: { postLogoutRedirectUri: "/bye" } } } },
      /https address/,
    ],
    [
      "providers.keycloak.endSessionEndpoint",
      { providers: { keycloak: { endSessionEndpoint: "http://id.example/logout" } } },
      /https address/,
    ],
    ["providers.keycloak.jwksUri", { providers: { keycloak: { jwksUri: "keys" } } }, /https address/],
    ["providers.keycloak.refreshParams", { providers: { keycloak: { refreshParams: "scope=x" } } }, /texts/],
    [
      "providers.keycloak.refreshParams",
      { providers: { keycloak: { refreshParams: { scope: 1 } } } },
      /texts/,
    ],
    [
      "providers.keycloak.tokenEndpoint",
      { providers: { keycloak: { tokenEndpoint: "http://id.example/token" } } },
      /https/,
    ],
    [
      "providers.keycloak.revocationEndpoint",
      { providers: { keycloak: { revocationEndpoint: "/revoke" } } },
      /https/,
    ],
  ])("refuses a wrong %s at once, with what was given and the fix", (option, options, message) => {
    expect(() => build(options)).toThrow(
      expect.objectContaining({ code: "invalid_option", option }) as Error,
    );
    expect(() => build(options)).toThrow(message);
    expect(() => build(options)).toThrow(`"${option}"`);
  });

  it("says at first use that settings belong to no provider, and works", async () => {
    const said = captureConsole();
    const world = await createWorld({ options: { providers: { keyclaok: { revokeOnSignOut: false } } } });
    const alice = world.browser();

    await alice.signIn("alice");
    await alice.session();

    expect(said.own()).toHaveLength(1);
    expect(said.own()[0]).toContain(
      'providers.keyclaok have no effect: NextAuth has no provider of this id, only "strict"',
    );
  });

  it("never repeats a secret that it refuses", () => {
    expect(() => build({ secret: { value: "secret-canary" } })).not.toThrow(/canary/);
    expect(() => build({ secret: ["secret-canary", 7] })).not.toThrow(/canary/);
  });

  it.each([
    ["nothing", null, "providers"],
    ["no providers", {}, "providers"],
    [
      "database sessions without an adapter",
      { ...AUTH, session: { strategy: "database" } },
      "session.strategy",
    ],
    ["a strategy that nobody has", { ...AUTH, session: { strategy: "cookie" } }, "session.strategy"],
  ])("refuses NextAuth options with %s", (_what, auth, option) => {
    expect(() => build({}, auth)).toThrow(
      expect.objectContaining({ code: "invalid_option", option }) as Error,
    );
  });

  it.each([undefined, "jwt", "database"])("accepts an adapter with the strategy %s", (strategy) => {
    expect(() =>
      build({}, { ...AUTH, adapter: {}, ...(strategy && { session: { strategy } }) }),
    ).not.toThrow();
  });

  it("accepts everything that makes sense", () => {
    expect(() =>
      build(
        {
          leadTimeMs: 0,
          idleLeadTimeMs: 0,
          minValidityMs: 0,
          maxWaitMs: 0,
          staleIfStoreDownMs: 0,
          secret: ["x"],
          allowedOrigins: [
            "https://api.example",
            "https://api.example:8443/",
            "http://localhost:4000",
            "http://[::1]:4000",
          ],
          adoptSession: false,
          exposeAccessToken: "on-request",
          tokenMarker: false,
          keepAccountTokens: true,
          isSameUser: () => false,
          providers: {
            keycloak: {
              tokenEndpoint: "https://id.example/token",
              revocationEndpoint: "http://127.0.0.1:9000/revoke",
              rejectedStatuses: [401, 410],
              refreshParams: { scope: "openid" },
              revokeOnSignOut: false,
              rpInitiatedLogout: { idTokenHint: false, postLogoutRedirectUri: "https://app.example/bye" },
              endSessionEndpoint: "https://id.example/logout",
              acceptUntypedLogoutTokens: true,
              jwksUri: "https://id.example/keys",
            },
          },
        },
        AUTH,
      ),
    ).not.toThrow();
  });

  it("keeps everything else of the application's options", () => {
    const redirect = ({ baseUrl }: { baseUrl: string }): string => baseUrl;
    const linkAccount = (): void => undefined;
    const auth: AuthOptions = {
      ...AUTH,
      pages: { signIn: "/in" },
      theme: { colorScheme: "dark" },
      callbacks: { redirect },
      events: { linkAccount },
    };

    const { authOptions } = withFreshTokens(auth, { store: memoryStore() });

    expect(authOptions).toMatchObject({ pages: { signIn: "/in" }, theme: { colorScheme: "dark" } });
    expect(authOptions.callbacks?.redirect).toBe(redirect);
    expect(authOptions.events?.linkAccount).toBe(linkAccount);
    expect(Object.keys(auth.callbacks ?? {}), "the application's own object").toEqual(["redirect"]);
  });

  it("has no effect by itself: no store call, no file, no variable, no timer, no word (next build)", () => {
    const touched = vi.fn(() => {
      throw new Error("touched");
    });
    const store = new Proxy({} as GrantStore, {
      get: (_target, name) => (name === "kind" ? "memory" : touched),
    });
    const env = new Proxy(process.env, { get: touched, has: touched, ownKeys: touched });
    const original = Object.getOwnPropertyDescriptor(process, "env") as PropertyDescriptor;
    const spies = [
      vi.spyOn(console, "warn"),
      vi.spyOn(console, "error"),
      vi.spyOn(globalThis, "setTimeout"),
      vi.spyOn(globalThis, "fetch"),
    ];
    try {
      Object.defineProperty(process, "env", { value: env, configurable: true });
      const { wrapHandler } = withFreshTokens(AUTH, { store });
      wrapHandler(() => undefined);
    } finally {
      Object.defineProperty(process, "env", original);
    }

    expect(touched).not.toHaveBeenCalled();
    for (const spy of spies) {
      expect(spy).not.toHaveBeenCalled();
      spy.mockRestore();
    }
  });
});
