/** An application that shows nobody, by what its own callbacks return: nolapse makes no "yes" of its "no". */
import { describe, expect, it } from "vitest";
import type { Browser } from "../next-auth/support/browser.ts";
import { captureConsole } from "../next-auth/support/console.ts";
import { memoryAdapter } from "../next-auth/support/memory-adapter.ts";
import { SESSION_COOKIE, createWorld, sessionInComponent, type World } from "./support/world.ts";

const STRATEGIES = ["jwt", "database"] as const;

describe.each(STRATEGIES)("with %s sessions, a session callback that returns", (strategy) => {
  it.each([
    [null, "null"],
    [undefined, ""],
  ])("%s shows nobody by the route, as without nolapse, and no token is given", async (nothing, text) => {
    const { world, answer } = await denying(strategy);
    const alice = world.browser();
    await alice.signIn("alice");
    answer.instead = [nothing];

    expect((await alice.get("session")).text).toBe(text);
    await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({
      code: "not_signed_in",
    });
    delete answer.instead;
    await alice.session();
    expect(await tokenOf(world, alice)).toBe("alice");
  });

  it("null shows in auth() what Auth.js shows without a callback, never the JWT, and no token is given (SEC-05)", async () => {
    const { world, answer } = await denying(strategy);
    const alice = world.browser();
    await alice.signIn("alice");
    answer.instead = [null];

    const session = await sessionInComponent(world, alice);
    expect(session).toMatchObject({ user: { name: "alice" } });
    expect(JSON.stringify(session)).not.toMatch(/nolapse|handle|jti/);
    await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
  });

  it("{} shows just that by the route, as without nolapse: Auth.js takes it for a session", async () => {
    const { world, answer } = await denying(strategy);
    const alice = world.browser();
    await alice.signIn("alice");
    answer.instead = [{}];

    expect(await alice.session()).toEqual({});
    expect(JSON.stringify(await sessionInComponent(world, alice))).not.toMatch(/nolapse|handle|jti/);
    expect(await tokenOf(world, alice)).toBe("alice");
  });
});

describe("a jwt callback that returns", () => {
  it("undefined for a sign-in gives a session of nobody, as without nolapse, whose grant has ended", async () => {
    const world = await createWorld({ auth: { callbacks: { jwt: () => undefined as never } } });
    const alice = world.browser();
    await alice.signIn("alice");

    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "revoked" }]);
    await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({ code: "no_token" });
  });

  it("null for a sign-in beside a session ends that as well, as without nolapse", async () => {
    let denied = "nobody";
    const world = await createWorld({
      auth: { callbacks: { jwt: ({ token }) => (token.name === denied ? null : token) } },
    });
    const browser = world.browser();
    await browser.signIn("alice");
    const old = browser.copy();
    denied = "bob";
    await browser.signIn("bob");

    expect(browser.jar.has(SESSION_COOKIE)).toBe(false);
    await expect(world.getAccessToken(old.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "revoked" }, { reason: "replaced" }]);
  });

  it("undefined later ends session and grant by the route, as without nolapse", async () => {
    captureConsole();
    let denies = false;
    const world = await createWorld({
      auth: { callbacks: { jwt: ({ token }) => (denies ? (undefined as never) : token) } },
    });
    const alice = world.browser();
    await alice.signIn("alice");
    denies = true;

    expect((await alice.get("session")).text).toBe("null");
    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "signed_out" }]);
  });
});

async function denying(
  strategy: (typeof STRATEGIES)[number],
): Promise<{ world: World; answer: { instead?: readonly unknown[] } }> {
  const answer: { instead?: readonly unknown[] } = {};
  const session = ({ session }: { session: object }): never =>
    (answer.instead ? answer.instead[0] : session) as never;
  const adapter = strategy === "database" && { adapter: memoryAdapter().methods };
  return { world: await createWorld({ auth: { ...adapter, callbacks: { session } } }), answer };
}

async function tokenOf(world: World, browser: Browser): Promise<string | undefined> {
  const { accessToken } = await world.getAccessToken(browser.pageRequest());
  return world.server.userOf(accessToken);
}
