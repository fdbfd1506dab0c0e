import type { Provider } from "next-auth/providers/index";
import keycloakProvider from "next-auth/providers/keycloak";
import { describe, expect, it } from "vitest";
import type { ProviderOptions } from "../../src/next-auth/index.ts";
import { captureConsole } from "./support/console.ts";
import { createWorld } from "./support/world.ts";

// CommonJS, whose types say that the default export lies one level deeper than it does here.
const KeycloakProvider = keycloakProvider as unknown as (options: object) => Provider;
const CLIENT = { clientId: "app", clientSecret: "client-secret-of-app" };
const REFUSED = "http://keycloak:8080/realms/a";

/** What is said before anybody signs in to an app with this provider alone. */
async function saidOf(provider: object, settings?: ProviderOptions): Promise<readonly string[]> {
  const said = captureConsole();
  const { id } = provider as { id: string };
  const world = await createWorld({
    auth: { providers: [provider as Provider] },
    ...(settings && { options: { providers: { [id]: settings } } }),
  });
  await world.check();
  await world.copy().check();
  return said.own();
}

function oauth(id: string, members: object): object {
  return { id, name: id, type: "oauth", ...CLIENT, ...members };
}

describe("an authorization server at plain http on another machine", () => {
  it.each([
    ["its issuer", oauth("by-issuer", { issuer: REFUSED })],
    ["NextAuth's Keycloak provider", { ...KeycloakProvider({ ...CLIENT, issuer: REFUSED }), id: "compose" }],
    ["its metadata", oauth("by-metadata", { wellKnown: `${REFUSED}/.well-known/openid-configuration` })],
    ["its token endpoint", oauth("by-token", { issuer: "https://id.example", token: `${REFUSED}/token` })],
  ])(
    "by %s is told once, before anybody signs in: no refresh would ever be sent (SEC-37)",
    async (_by, of) => {
      const said = await saidOf(of);

      expect(said).toHaveLength(1);
      expect(said[0]).toContain(`"${(of as { id: string }).id}" is at http://keycloak:8080`);
      expect(said[0]).toContain("insecure_endpoint");
    },
  );

  it.each([
    ["https", oauth("secure", { issuer: "https://id.example" })],
    ["http on this machine", oauth("local", { issuer: "http://localhost:8080/realms/a" })],
    ["http on this machine, by its address", oauth("loopback", { wellKnown: "http://127.0.0.1:8080/x" })],
    ["no address at all, as where a variable is missing", oauth("missing", { wellKnown: "undefined/x" })],
    [
      "an http issuer, but an https token endpoint",
      oauth("mixed", { issuer: REFUSED, token: "https://a.b/t" }),
    ],
  ])("is not one with %s", async (_what, of) => {
    expect(await saidOf(of)).toEqual([]);
  });

  it("may be refreshed at by a function of the application's own", async () => {
    expect(await saidOf(oauth("own", { issuer: REFUSED }), { refresh: () => ({}) })).toEqual([]);
    expect(
      await saidOf(oauth("told", { issuer: REFUSED }), { tokenEndpoint: "https://id.example/token" }),
    ).toEqual([]);
  });
});
