import { describe, expect, it, vi } from "vitest";
import { callRoute, codeOf, shopOf, startApi, type Api } from "../next-auth/support/token-handler.ts";
import { LIFETIME_MS, createWorld, pass, type World } from "./support/world.ts";

describe("a token handler under Auth.js v5", () => {
  it("calls the API with each user's own token, over a renewal (SEC-01, I8)", async () => {
    const { world, handler } = await scene();
    const [alice, bob] = [world.browser(), world.browser()];
    await alice.signIn("alice");
    await bob.signIn("bob");

    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(
        [alice, bob].map(async (each) => (await callRoute(handler, each, "/api/proxy/shop/orders")).json()),
      );
      expect(answers).toMatchObject([{ user: "alice" }, { user: "bob" }]);
      pass(LIFETIME_MS);
    }

    expect(world.refreshes()).toBe(4);
  });

  it("renews after a 401, and answers 401 after a sign-out", async () => {
    const { world, api, handler } = await scene();
    const alice = world.browser();
    await alice.signIn("alice");
    pass(LIFETIME_MS / 2);
    const { accessToken } = await world.getAccessToken(alice.pageRequest());
    api.accept = (token) => token !== accessToken;

    expect((await callRoute(handler, alice, "/api/proxy/shop/orders")).status).toBe(200);
    const old = alice.copy();
    await alice.signOut();
    const answer = await callRoute(handler, old, "/api/proxy/shop/orders");

    expect([answer.status, await codeOf(answer)]).toEqual([401, "not_signed_in"]);
  });

  it("knows the app's own origin by AUTH_URL, else by the host (SEC-25)", async () => {
    const { world, handler } = await scene();
    const alice = world.browser();
    await alice.signIn("alice");
    const ask = async (origin: string, host: Record<string, string> = {}): Promise<number> => {
      const init = { method: "POST", headers: { origin, ...host } };
      return (await callRoute(handler, alice, "/api/proxy/shop/orders", init)).status;
    };

    expect(await ask("http://localhost:3000")).toBe(200);
    expect(await ask("https://evil.example", { "x-forwarded-host": "evil.example" })).toBe(403);
    vi.stubEnv("AUTH_URL", undefined);
    const proxy = { "x-forwarded-host": "localhost:3000", "x-forwarded-proto": "http" };
    expect(await ask("http://localhost:3000", proxy)).toBe(200);
    expect(await ask("https://evil.example", proxy)).toBe(403);
  });
});

async function scene(): Promise<{
  world: World;
  api: Api;
  handler: ReturnType<World["createTokenHandler"]>;
}> {
  const world = await createWorld();
  const api = await startApi((token) => world.server.userOf(token));
  return { world, api, handler: world.createTokenHandler({ apis: { shop: shopOf(api) } }) };
}
