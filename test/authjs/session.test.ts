import type { NextAuthConfig } from "next-auth-v5";
import { encode } from "next-auth-v5/jwt";
import { describe, expect, it } from "vitest";
import { captureConsole } from "../next-auth/support/console.ts";
import {
  LIFETIME_MS,
  SECRET,
  SESSION_COOKIE,
  createWorld,
  jwtOf,
  pass,
  sessionInComponent,
} from "./support/world.ts";

const withoutUser = {
  session: ({ session }: { session: { expires: unknown } }) => ({ expires: session.expires }),
};

describe("the session of auth()", () => {
  it("keeps its user where the application's session callback drops it, and never shows the JWT (D43, SEC-05)", async () => {
    const world = await createWorld({ auth: { callbacks: withoutUser as never } });
    const alice = world.browser();
    await alice.signIn("alice");

    const [component, route] = [await sessionInComponent(world, alice), await alice.session()];

    for (const session of [component, route]) {
      expect(session).toMatchObject({ user: { name: "alice", email: "alice@example.com" } });
      expect(JSON.stringify(session)).not.toContain("nolapse");
      expect(JSON.stringify(session)).not.toContain("handle");
    }
  });

  it("keeps what the application puts into it", async () => {
    const world = await createWorld({
      auth: {
        callbacks: {
          session: ({ session, token }) => ({ ...session, user: { ...session.user, id: token.sub ?? "" } }),
        },
      },
    });
    const alice = world.browser();
    await alice.signIn("alice");

    expect(await sessionInComponent(world, alice)).toMatchObject({
      user: { name: "alice", id: expect.any(String) },
      accessTokenExpiresIn: 60,
    });
  });

  it("names the error as v5's guide does when the user has to sign in again", async () => {
    const world = await createWorld();
    const alice = world.browser();
    await alice.signIn("alice");
    world.server.revokeUser("alice");
    pass(LIFETIME_MS);

    expect(await alice.session()).toMatchObject({ user: { name: "alice" }, error: "RefreshTokenError" });
    expect(await sessionInComponent(world, alice)).toMatchObject({ error: "RefreshTokenError" });
    expect(alice.jar.has(SESSION_COOKIE), "the session itself lives on").toBe(true);
  });

  it("has no access token unless the application asks for it (SEC-06)", async () => {
    const world = await createWorld();
    const open = world.copy({ options: { exposeAccessToken: true } });
    const [alice, bob] = [world.browser(), open.browser()];
    await alice.signIn("alice");
    await bob.signIn("bob");

    expect(await alice.session()).not.toHaveProperty("accessToken");
    expect(world.server.userOf(String((await bob.session())["accessToken"]))).toBe("bob");
  });
});

describe("an update of the session", () => {
  it("cannot bring a claim of its own (SEC-70)", async () => {
    const world = await createWorld({
      auth: {
        callbacks: {
          jwt: ({ token, session, trigger }) => (trigger === "update" ? { ...token, ...session } : token),
        },
      },
    });
    const [alice, mallory] = [world.browser(), world.browser()];
    await alice.signIn("alice");
    await mallory.signIn("mallory");
    const own = (await jwtOf(mallory))?.["nolapse"];

    await mallory.submit("session", { data: { nolapse: (await jwtOf(alice))?.["nolapse"], role: "x" } });

    expect(await jwtOf(mallory)).toMatchObject({ nolapse: own, role: "x" });
  });
});

describe("callbacks never throw", () => {
  it("while the store is away: the session stays, with its cookie (I6)", async () => {
    captureConsole();
    const world = await createWorld();
    const alice = world.browser();
    await alice.signIn("alice");
    world.store.down = true;
    pass(LIFETIME_MS);

    expect(await alice.session()).toMatchObject({ user: { name: "alice" } });
    expect(await sessionInComponent(world, alice)).toMatchObject({ user: { name: "alice" } });
    expect(alice.jar.has(SESSION_COOKIE)).toBe(true);
    world.store.down = false;
    expect(await alice.session()).toMatchObject({ accessTokenExpiresIn: 60 });
  });

  it("while the authorization server is away (I6)", async () => {
    captureConsole();
    const world = await createWorld({ options: { maxWaitMs: 50 } });
    const alice = world.browser();
    await alice.signIn("alice");
    await world.server.close();
    pass(LIFETIME_MS);

    expect(await alice.session()).toMatchObject({ user: { name: "alice" } });
    expect(alice.jar.has(SESSION_COOKIE)).toBe(true);
  });

  it("without any secret for the store: the session stays, and check() says what is missing", async () => {
    captureConsole();
    const world = await createWorld({ auth: { secret: "weak" } });

    await expect(world.check()).rejects.toMatchObject({
      code: "invalid_option",
      message: expect.stringMatching(/AUTH_SECRET/),
    });
    const alice = world.browser();
    expect((await alice.signIn("alice")).json()["url"]).toContain("/api/auth/error");
  });
});

describe("a session of the recipe in v5's guide", () => {
  it("is adopted at its first read, and its tokens leave the cookie and its old error goes (F32)", async () => {
    const world = await createWorld();
    const tokens = world.server.issue({ user: "alice" });
    const alice = world.browser();
    alice.jar.set(
      SESSION_COOKIE,
      await encode({
        token: {
          name: "alice",
          sub: "alice",
          access_token: "an-old-access-token",
          expires_at: Math.floor(Date.now() / 1000) - 5,
          refresh_token: tokens.refresh_token,
          error: "RefreshTokenError",
        },
        secret: SECRET,
        salt: SESSION_COOKIE,
      }),
    );

    const session = await alice.session();

    expect(session).toMatchObject({ user: { name: "alice" }, accessTokenExpiresIn: 60 });
    expect(session).not.toHaveProperty("error");
    const jwt = await jwtOf(alice);
    expect(jwt).toMatchObject({ nolapse: { provider: "strict" } });
    expect(JSON.stringify(jwt)).not.toContain(tokens.refresh_token);
    const { accessToken } = await world.getAccessToken(alice.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("alice");
  });
});

describe("the refresh of v5's guide that was left in the jwt callback", () => {
  const leftIn = {
    jwt({ token, account }: { token: Record<string, unknown>; account?: object | null }) {
      if (account) return { ...token, ...account };
      if (Date.now() < Number(token["expires_at"]) * 1000) return token;
      if (token["refresh_token"] === undefined) throw new TypeError("Missing refresh_token");
      return token;
    },
  } as NonNullable<NextAuthConfig["callbacks"]>;

  it("signs nobody out once the first token has ended, whether signed in anew or adopted, and is told of once (D18)", async () => {
    const said = captureConsole();
    const world = await createWorld({ auth: { callbacks: leftIn } });
    const [alice, bob] = [world.browser(), world.browser()];
    await alice.signIn("alice");
    const { access_token, refresh_token } = world.server.issue({ user: "bob" });
    const expires_at = Math.floor(Date.now() / 1000) - 5;
    const token = { name: "bob", access_token, refresh_token, expires_at };
    bob.jar.set(SESSION_COOKIE, await encode({ token, secret: SECRET, salt: SESSION_COOKIE }));

    for (let lifetime = 0; lifetime < 2; lifetime++) {
      for (const [browser, name] of [[alice, "alice"] as const, [bob, "bob"] as const]) {
        expect(await browser.session()).toMatchObject({ user: { name }, tokenState: { status: "fresh" } });
        expect(await sessionInComponent(world, browser)).toMatchObject({ user: { name } });
        const { accessToken } = await world.getAccessToken(browser.pageRequest());
        expect(world.server.userOf(accessToken)).toBe(name);
      }
      pass(LIFETIME_MS);
    }

    expect(said.own().filter((line) => line.includes("still refreshes"))).toHaveLength(1);
    expect(said.text()).not.toMatch(/[ar]t-[\w-]{20}/);
  });

  it("is all that is let pass: what else the callback throws ends the session, as without nolapse", async () => {
    captureConsole();
    let isBlocked = false;
    const world = await createWorld({
      auth: {
        callbacks: {
          jwt({ token }) {
            if (isBlocked) throw new Error("blocked");
            return token;
          },
        },
      },
    });
    const alice = world.browser();
    await alice.signIn("alice");
    isBlocked = true;

    expect(await alice.session()).toBeNull();
    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
  });
});
