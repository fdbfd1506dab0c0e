/** One sign-in of a v5 app, several APIs, at a real server with resource indicators (RFC 8707): oidc-provider. */
import { describe, expect, it } from "vitest";
import type { AccessTokenOptions } from "../../src/adapter/token-ask.ts";
import type { Browser } from "../next-auth/support/browser.ts";
import { captureConsole } from "../next-auth/support/console.ts";
import { startOidcServer, type OidcServer } from "../next-auth/support/oidc.ts";
import { LIFETIME_MS, createWorld, pass, quiet, type World } from "./support/world.ts";

const ORDERS = "https://orders.example";
const BILLING = "https://billing.example";
const SCOPES = { [ORDERS]: "orders:read", [BILLING]: "billing:read" };

describe("getAccessToken for an API beside the sign-in's own token, in a v5 app at an OpenID Connect server", () => {
  it("gives each user both, in all forms at once, and spends no refresh token twice (M19, I1, I8)", async () => {
    const { server, world, users } = await scene();
    const asks = Object.keys(users).flatMap((user) =>
      [undefined, ORDERS].flatMap((resource) => [0, 1, 2].map((form) => ({ user, resource, form }))),
    );

    for (let lifetime = 0; lifetime < 3; lifetime++) {
      const tokens = await Promise.all(
        asks.map(({ user, resource, form }) =>
          ask(world, users[user], form, resource === undefined ? {} : { resource }),
        ),
      );
      const found = await Promise.all(tokens.map((token) => server.find(token)));
      expect(found.map((token) => [token?.accountId, token?.aud])).toEqual(
        asks.map(({ user, resource }) => [user, resource]),
      );
      for (const token of found) if (token?.aud === ORDERS) expect(token.scope).toBe(SCOPES[ORDERS]);
      await quiet();
      pass(LIFETIME_MS);
    }

    expect(server.log.every((each) => each.endsWith(" ok"))).toBe(true);
    // In the first lifetime the sign-in's own token is there already.
    expect(server.log.filter((each) => each === "refresh_token ok")).toHaveLength(2 * (1 + 2 + 2));
    expect(server.revoked).toEqual([]);
  });

  it("gives one of fewer scopes, and the sign-in's own keeps all of them (SEC-38)", async () => {
    const { server, world, users } = await scene();

    const narrow = await ask(world, users.alice, 0, { scope: "openid email" });
    const own = await ask(world, users.alice, 1, {});
    pass(LIFETIME_MS);
    const renewed = await ask(world, users.alice, 2, {});

    expect(await server.find(narrow)).toMatchObject({ accountId: "alice", scope: "openid email" });
    for (const token of [own, renewed])
      expect(await server.find(token)).toMatchObject({ scope: "openid profile email" });
    expect(renewed).not.toBe(own);
  });

  it("rejects one for which the sign-in was not, and costs that user the session, because this server spends the refresh token first", async () => {
    const { server, world, users } = await scene();

    await expect(ask(world, users.alice, 0, { resource: BILLING })).rejects.toMatchObject({
      code: "refresh_unavailable",
      causeCode: "invalid_target",
    });

    // The answer brought no new refresh token, and the old one is spent.
    await expect(ask(world, users.alice, 1, { resource: ORDERS })).rejects.toMatchObject({
      code: "reauthentication_required",
    });
    expect(await server.find(await ask(world, users.bob, 2, { resource: ORDERS }))).toMatchObject({
      accountId: "bob",
    });
    expect(server.revoked).toHaveLength(1);
  });
});

interface Scene {
  readonly server: OidcServer;
  readonly world: World;
  readonly users: { readonly alice: Browser; readonly bob: Browser; readonly [user: string]: Browser };
}

/** Two users who have signed in for one of the server's APIs: Auth.js v5 names one at most. */
async function scene(): Promise<Scene> {
  // oidc-provider recommends on the console what it would do differently in production.
  captureConsole();
  const server = await startOidcServer({}, SCOPES);
  const bare = await createWorld();
  const authorization = new URL(`${server.issuer}/auth`);
  authorization.searchParams.set("resource", ORDERS);
  authorization.searchParams.set("scope", `openid profile email offline_access ${SCOPES[ORDERS]}`);
  const provider = {
    ...{ id: "oidc", name: "OIDC", type: "oidc", issuer: server.issuer, authorization: authorization.href },
    ...{ clientId: "app", clientSecret: "client-secret-of-app" },
  };
  const world = bare.copy({ auth: { providers: [provider as never] } });
  const users = { alice: world.browser(), bob: world.browser() };
  for (const [user, browser] of Object.entries(users)) {
    const started = await browser.submit(
      "signin/oidc",
      { callbackUrl: "http://localhost:3000/" },
      { login_hint: user },
    );
    await browser.get("callback/oidc", { query: await server.authorize(String(started.json()["url"])) });
  }
  return { server, world, users };
}

/** By request, in a server component, or with the context of `getServerSideProps`. */
async function ask(
  world: World,
  browser: Browser | undefined,
  form: number,
  options: AccessTokenOptions,
): Promise<string> {
  if (browser === undefined) throw new Error("Nobody");
  const forms = [
    () => world.getAccessToken(browser.pageRequest(), options),
    () => browser.inServerComponent(() => world.getAccessToken(options)),
    () => world.getAccessToken({ req: browser.nodeRequest() }, options),
  ] as const;
  const { accessToken } = await (forms[form % forms.length] ?? forms[0])();
  return accessToken;
}
