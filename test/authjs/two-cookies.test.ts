/**
 * Two session cookies in one header: one for the host, and one that a neighbour has set for the whole domain. Auth.js goes by
 * the first, and so does nolapse, or it would give one user's token to another.
 */
import { describe, expect, it, onTestFinished } from "vitest";
import { startStrictAuthorizationServer } from "../../src/testing/strict-authorization-server.ts";
import type { Browser } from "../next-auth/support/browser.ts";
import { memoryAdapter } from "../next-auth/support/memory-adapter.ts";
import { NextRequest, inNextRequest } from "../next-auth/support/next-scope.ts";
import { LIFETIME_MS, SESSION_COOKIE, createWorld, strictProvider, type World } from "./support/world.ts";

describe("a request with the session cookies of two users", () => {
  it("gets the token of the user whom Auth.js shows, wherever it is asked for (I8)", async () => {
    const { world, alice, bob } = await twoUsers();

    expect(await answersTo(world, headerOf(alice, bob))).toEqual(["alice", "alice", "alice", "alice"]);
    expect(await answersTo(world, headerOf(bob, alice))).toEqual(["bob", "bob", "bob", "bob"]);
  });

  it.each([
    ["quotes around the second", (one: string, other: string) => `${one}; ${SESSION_COOKIE}="${other}"`],
    ["nothing in the second", (one: string) => `${one}; ${SESSION_COOKIE}=`],
    ["white space before the first", (one: string, other: string) => `\t${one} ;${SESSION_COOKIE}=${other}`],
  ])("goes by the first with %s, as Auth.js does (I8)", async (_what, headerWith) => {
    const { world, alice, bob } = await twoUsers();
    const header = headerWith(headerOf(alice), bob.jar.get(SESSION_COOKIE) ?? "");

    expect(await answersTo(world, header)).toEqual(["alice", "alice", "alice", "alice"]);
  });
});

describe("a provider that a user connects", () => {
  it("never gives its token to the database session of the other cookie (I8)", async () => {
    const base = await createWorld();
    const other = await startStrictAuthorizationServer({
      accessTokenLifetimeMs: LIFETIME_MS,
      client: { id: "app", secret: "client-secret-of-app" },
    });
    onTestFinished(() => other.close());
    const world = base.copy({
      auth: {
        providers: [strictProvider(base.server), strictProvider(other, { id: "other" })],
        adapter: memoryAdapter().methods,
      },
    });
    const [victim, attacker] = [world.browser(), world.browser()];
    await victim.signIn("victim");
    await attacker.signIn("attacker");

    const started = await victim.submit("signin/other", { callbackUrl: "http://localhost:3000/" });
    const state = new URL(String(started.json()["url"])).searchParams.get("state") ?? "";
    await victim.get("callback/other", {
      query: { code: "victim", state },
      headers: { cookie: `${victim.cookieHeader}; ${headerOf(attacker)}` },
    });

    await expect(world.getAccessToken(attacker.pageRequest(), { provider: "other" })).rejects.toMatchObject({
      code: "no_token",
    });
    const { accessToken } = await world.getAccessToken(victim.pageRequest(), { provider: "other" });
    expect(other.userOf(accessToken)).toBe("victim");
  });
});

async function twoUsers(): Promise<{ world: World; alice: Browser; bob: Browser }> {
  const world = await createWorld();
  const [alice, bob] = [world.browser(), world.browser()];
  await alice.signIn("alice");
  await bob.signIn("bob");
  return { world, alice, bob };
}

function headerOf(...browsers: readonly Browser[]): string {
  return browsers.map(({ jar }) => `${SESSION_COOKIE}=${jar.get(SESSION_COOKIE) ?? ""}`).join("; ");
}

/** Whom `auth()` shows, and whose the token is in a component, for a request, and in the Pages Router. */
async function answersTo(world: World, cookie: string): Promise<unknown[]> {
  const headers = { cookie, host: "localhost:3000", "x-forwarded-proto": "http" };
  const request = (): Request => new NextRequest("http://localhost:3000/page", { headers });
  const session = await inNextRequest("server component", request(), () => world.nextAuth.auth());
  const tokens = [
    await inNextRequest("server component", request(), () => world.getAccessToken()),
    await world.getAccessToken(request()),
    await world.getAccessToken({ req: { headers } }),
  ];
  return [session?.user?.name, ...tokens.map(({ accessToken }) => world.server.userOf(accessToken))];
}
