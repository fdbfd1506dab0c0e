import { describe, expect, it } from "vitest";
import type { TokenTarget } from "../../src/core/token-target.ts";
import type { OAuthProviderConfig } from "../../src/oauth/provider-config.ts";
import { profileOf } from "../../src/oauth/profiles.ts";
import { refreshParameters } from "../../src/oauth/refresh-parameters.ts";
import { brief, configOf, peer, scenario, sendJson, tokenPeer, tokens } from "./support.ts";

const RESOURCE = "https://orders.example";

function parametersOf(
  target: TokenTarget,
  config: Partial<OAuthProviderConfig> = {},
  { id = "custom", granted = "openid read" }: { id?: string; granted?: string | null } = {},
): Record<string, string> | "wider_scope" {
  const tokenSet = tokens(granted === null ? {} : { scope: granted });
  const parameters = refreshParameters(configOf({ id, ...config }), profileOf(id), tokenSet, target);
  return parameters === "wider_scope" ? parameters : Object.fromEntries(parameters);
}

describe("the parameters of a refresh for another API", () => {
  it("are what the caller asked for, over what is configured, member by member", () => {
    const tokenParams = { resource: "https://a.example", tenant: "acme" };

    expect(parametersOf({ resource: RESOURCE }, { tokenParams })).toEqual({
      resource: RESOURCE,
      tenant: "acme",
    });
    expect(parametersOf({ audience: "crm", scope: "read" }, { tokenParams })).toEqual({
      resource: "https://a.example",
      tenant: "acme",
      audience: "crm",
      scope: "read",
    });
    expect(parametersOf({}, { tokenParams })).toEqual(tokenParams);
  });

  it("keep what a provider always wants: Entra forgets the refresh token without offline_access", () => {
    const scope = "api://orders/.default";

    expect(parametersOf({ scope }, {}, { id: "azure-ad" })).toEqual({ scope: `${scope} offline_access` });
    expect(parametersOf({ scope: "read" }, {}, { id: "okta" })).toEqual({ scope: "read" });
    expect(parametersOf({}, {}, { id: "okta" })).toEqual({ scope: "openid read" });
  });

  it.each<[string, TokenTarget, Partial<OAuthProviderConfig>, string | null, boolean]>([
    ["part of what was granted", { scope: "read" }, {}, "openid read", false],
    ["a scope that steers the protocol", { scope: "read offline_access" }, {}, "openid read", false],
    ["more than was granted", { scope: "read admin" }, {}, "openid read", true],
    [
      "more than was granted, although it was asked for",
      { scope: "admin" },
      { scope: "openid admin" },
      "openid",
      true,
    ],
    [
      "what was asked for, where the server told no scope",
      { scope: "admin" },
      { scope: "openid admin" },
      null,
      false,
    ],
    [
      "more than was asked for, where the server told none",
      { scope: "root" },
      { scope: "openid admin" },
      null,
      true,
    ],
    ["anything, where nobody knows what was granted", { scope: "root" }, {}, null, false],
    [
      "another API's scope that was asked for at sign-in",
      { resource: RESOURCE, scope: "orders" },
      { scope: "openid orders" },
      "openid",
      false,
    ],
    [
      "another API's scope that nobody was asked for",
      { audience: "crm", scope: "root" },
      { scope: "openid orders" },
      "openid",
      true,
    ],
  ])("may ask for %s", (_what, target, config, granted, wider) => {
    expect(parametersOf(target, config, { granted }) === "wider_scope").toBe(wider);
  });
});

describe("the answer to a refresh for another API", () => {
  it("has the scope that was asked for where it tells none, and never the sign-in's", async () => {
    const server = await tokenPeer();
    const { refresh } = scenario(
      configOf({ tokenEndpoint: `${server.url}/token`, scope: "openid read orders" }),
    );
    const tokenSet = tokens({ scope: "openid read" });

    const scopes = [];
    for (const target of [undefined, { resource: RESOURCE }, { resource: RESOURCE, scope: "orders" }]) {
      const outcome = await refresh({ tokenSet, ...(target && { target }) });
      expect(brief(outcome)).toBe("committed");
      scopes.push(outcome.kind === "committed" ? outcome.tokenSet.scope : "none");
    }

    expect(scopes).toEqual(["openid read", undefined, "orders"]);
    expect(server.seen.map(({ form }) => [form["resource"], form["scope"]])).toEqual([
      [undefined, undefined],
      [RESOURCE, undefined],
      [RESOURCE, "orders"],
    ]);
  });

  it("that quotes another API's token in its error says nothing of it (I14)", async () => {
    const canary = "at-of-another-api-CANARY";
    const server = await tokenPeer({ error: "invalid_target", error_description: `not ${canary}` });
    const { refresh } = scenario(configOf({ tokenEndpoint: `${server.url}/token` }));
    const targets = { other: { accessToken: canary, tokenType: "Bearer", issuedAtMs: 0 } };

    const outcome = await refresh({ tokenSet: tokens({ targets }), target: { resource: RESOURCE } });

    expect(brief(outcome)).toBe("config invalid_target");
    expect(JSON.stringify(outcome)).not.toContain("CANARY");
  });
});

describe("a refusal of another API", () => {
  it.each(["interaction_required", "consent_required", "mfa_required", "login_required", "invalid_target"])(
    "is no verdict on the refresh token: %s (I6)",
    async (error) => {
      const server = await peer((_request, response) => sendJson(response, { error }, 400));
      const { refresh } = scenario(configOf({ tokenEndpoint: `${server.url}/token` }));

      const ofTarget = await refresh({ target: { resource: RESOURCE } });
      const ofSignIn = await refresh();

      expect(brief(ofTarget)).toBe(`config ${error}`);
      expect(brief(ofSignIn)).toBe(`${error === "invalid_target" ? "config" : "rejected"} ${error}`);
    },
  );
});
