import { getServerSession } from "next-auth";
import { encode } from "next-auth/jwt";
import { describe, expect, it } from "vitest";
import type { IssuedTokens } from "../../src/testing/strict-authorization-server.ts";
import { SESSION_COOKIE, type Browser } from "./support/browser.ts";
import { captureConsole } from "./support/console.ts";
import { memoryAdapter } from "./support/memory-adapter.ts";
import {
  LIFETIME_MS,
  OTHER_SECRET,
  SECRET,
  backendProvider,
  createWorld,
  jwtOf,
  pass,
  quiet,
  sessionCookieOf,
  strictProvider,
  until,
  type World,
  type WorldOptions,
} from "./support/world.ts";

const NOW_S = Date.UTC(2026, 0, 1) / 1000;

/** The JWTs that recipes make, from the guides and the copies of them that people use. */
const SHAPES: readonly [string, (tokens: IssuedTokens) => object][] = [
  [
    "the guide of v4, whose expiry is in milliseconds",
    ({ access_token, refresh_token }) => ({
      accessToken: access_token,
      refreshToken: refresh_token,
      accessTokenExpires: (NOW_S + 60) * 1000,
      user: { name: "alice" },
    }),
  ],
  [
    "the guide of v4 as it was published, which adds the expiry to now",
    ({ access_token, refresh_token }) => ({
      accessToken: access_token,
      refreshToken: refresh_token,
      accessTokenExpires: NOW_S * 1000 + (NOW_S + 60) * 1000,
    }),
  ],
  ["the guide of v5, in seconds", (tokens) => ({ ...tokens, expires_at: NOW_S + 60, expires_in: undefined })],
  [
    "the notes, in seconds",
    ({ access_token, refresh_token }) => ({
      accessToken: access_token,
      refreshToken: refresh_token,
      accessTokenExpires: NOW_S + 60,
    }),
  ],
  [
    "a copy that keeps the whole account",
    (tokens) => ({ account: { provider: "strict", ...tokens, expires_at: NOW_S + 60 } }),
  ],
  [
    "a copy that keeps the tokens with the user",
    ({ access_token, refresh_token }) => ({
      user: {
        name: "alice",
        accessToken: access_token,
        refreshToken: refresh_token,
        expiresAt: String(NOW_S + 60),
      },
    }),
  ],
  [
    "a copy with a date",
    ({ access_token, refresh_token }) => ({
      accessToken: access_token,
      refreshToken: refresh_token,
      expiresAt: new Date((NOW_S + 60) * 1000).toISOString(),
    }),
  ],
  ["a copy without any expiry", ({ access_token, refresh_token }) => ({ access_token, refresh_token })],
];

describe.each(SHAPES)("a session of %s", (_shape, shape) => {
  it("is adopted at its first read in a server component, and lives on without a new cookie", async () => {
    const { world, alice } = await recipe(shape);
    const cookie = sessionCookieOf(alice);

    expect(await alice.inServerComponent(() => getServerSession(world.authOptions))).toMatchObject({
      user: { name: "alice" },
      tokenState: { status: "fresh" },
    });
    for (let lifetime = 0; lifetime < 4; lifetime++) {
      await quiet();
      pass(LIFETIME_MS * 6);
      const { accessToken } = await world.getAccessToken(alice.pageRequest());
      expect(world.server.userOf(accessToken)).toBe("alice");
    }

    expect(sessionCookieOf(alice)).toBe(cookie);
    expect(world.eventsOf("grant_created")).toMatchObject([
      { adopted: true, refreshable: true, provider: "strict" },
    ]);
    expect(world.eventsOf("reauthentication_required"), "nobody was told to sign in again").toEqual([]);
    expect(world.server.requests.every(({ outcome }) => outcome === "rotated")).toBe(true);
  });

  it("loses its tokens as soon as the cookie can be written (SEC-24)", async () => {
    const { world, alice } = await recipe(shape);
    const before = sessionCookieOf(alice).length;
    const oldTab = alice.copy();

    await alice.session();

    const jwt = await jwtOf(alice);
    expect(JSON.stringify(jwt)).not.toMatch(/[ar]t-[\w-]{20}/);
    expect(jwt).toMatchObject({ sub: "alice", nolapse: { provider: "strict" } });
    expect(sessionCookieOf(alice).length).toBeLessThan(before + 200);
    pass(LIFETIME_MS * 6);
    const [mine, old] = await Promise.all([
      world.getAccessToken(alice.pageRequest()),
      world.getAccessToken(oldTab.pageRequest()),
    ]);
    expect(old.accessToken).toBe(mine.accessToken);
    expect(world.eventsOf("grant_created")).toHaveLength(1);
    expect(world.server.requests.every(({ outcome }) => outcome === "rotated")).toBe(true);
  });
});

describe("a session of a hand-written recipe", () => {
  it.each(SHAPES.filter(([name]) => /published|without any/.test(name)))(
    "of %s gets a new token at its first read: nobody knows when its own ends, and it may have long ended",
    async (_name, shape) => {
      const { world, alice } = await recipe(shape);
      pass(LIFETIME_MS * 2);

      const { accessToken } = await world.getAccessToken(alice.pageRequest());

      expect(world.refreshes()).toBe(1);
      expect(world.server.userOf(accessToken)).toBe("alice");
    },
  );

  it("is refused where the application's own callback returns null, as without nolapse, and what was adopted ends", async () => {
    captureConsole();
    const { world, alice } = await recipe(undefined, () => ({
      callbacks: {
        jwt: ({ token }: { token: { name?: unknown } }) => (token.name === "alice" ? null : token) as never,
      },
    }));
    const bob = await withRecipe(world, "bob");
    await Promise.all([alice.session(), bob.session()]);

    expect(await alice.session()).toEqual({});
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "signed_out" }]);
    expect(await jwtOf(bob)).toMatchObject({ sub: "bob", name: "bob", nolapse: { provider: "strict" } });
    expect(JSON.stringify(await jwtOf(bob))).not.toMatch(/[ar]t-[\w-]{20}/);
  });

  it("is stored once under 20 reads at once, of two users (idempotent)", async () => {
    const { world, alice } = await recipe();
    const bob = await withRecipe(world, "bob");
    pass(LIFETIME_MS);

    const reads = Array.from({ length: 20 }, async (_, index) => {
      const [browser, user] = index % 2 ? ([bob, "bob"] as const) : ([alice, "alice"] as const);
      await (index % 3
        ? browser.copy().session()
        : browser.inServerComponent(() => getServerSession(world.authOptions)));
      return world.server.userOf((await world.getAccessToken(browser.pageRequest())).accessToken) === user;
    });

    expect((await Promise.all(reads)).every(Boolean)).toBe(true);
    expect(world.eventsOf("grant_created")).toHaveLength(2);
    expect(world.refreshes()).toBe(2);
  });

  it("is found again after the secret was rotated, by its old cookie (SEC-59)", async () => {
    const { world, alice } = await recipe();
    await alice.copy().session();
    const { accessToken } = await world.getAccessToken(alice.pageRequest());

    const rotated = world.copy({ options: { secret: [OTHER_SECRET, SECRET] } });

    expect((await rotated.getAccessToken(alice.pageRequest())).accessToken).toBe(accessToken);
    expect(rotated.events).toEqual([]);
    pass(LIFETIME_MS);
    await rotated.getAccessToken(alice.pageRequest());
    expect(world.server.requests).toMatchObject([{ outcome: "rotated" }, { outcome: "rotated" }]);
  });

  it("ends when its user signs in anew in the same browser (SEC-11)", async () => {
    const { world, alice } = await recipe();
    const old = alice.copy();
    await world.getAccessToken(alice.pageRequest());

    await alice.signIn("alice");

    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "replaced" }]);
    await expect(world.getAccessToken(old.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
  });

  it("leaves the recipe's error behind, which would ask for a sign-in for ever (F32)", async () => {
    const failed = { error: "RefreshAccessTokenError" };
    const { world, alice } = await recipe(
      (tokens) => ({ ...DEFAULT_SHAPE(tokens), ...failed }),
      () => ({
        callbacks: {
          jwt: ({ token }: { token: object }) => ({ ...token, ...failed }),
          session: ({ session, token }: { session: object; token: { error?: string } }) =>
            Object.assign(session, { error: token.error }),
        },
      }),
    );

    expect(await alice.session()).not.toHaveProperty("error");
    expect(await alice.session()).toMatchObject({ tokenState: { status: "fresh" } });
    expect(world.eventsOf("grant_created")).toHaveLength(1);
  });

  it("is not adopted again after its user has signed out (I7)", async () => {
    const { world, alice } = await recipe();
    const thief = alice.copy();

    await alice.signOut();

    await until(() => world.eventsOf("revocation_ended").length === 1);
    await expect(world.getAccessToken(thief.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    expect(await thief.inServerComponent(() => getServerSession(world.authOptions))).toBeNull();
    const before = sessionCookieOf(thief);
    expect(await thief.session()).toEqual({});
    expect(sessionCookieOf(thief), "no new cookie").toBe(before);
    expect(world.eventsOf("grant_created")).toHaveLength(1);
  });

  it("keeps its tokens in the cookie while the store is away, and is adopted once it is back", async () => {
    const said = captureConsole();
    const { world, alice } = await recipe();
    world.store.down = true;

    expect(await alice.session()).toMatchObject({ user: { name: "alice" } });
    expect(JSON.stringify(await jwtOf(alice))).toMatch(/rt-[\w-]{20}/);
    expect(said.text()).not.toMatch(/[ar]t-[\w-]{20}/);

    world.store.down = false;
    expect(await alice.session()).toMatchObject({ tokenState: { status: "fresh" } });
    expect(JSON.stringify(await jwtOf(alice))).not.toMatch(/rt-/);
  });

  it("that has long expired is refreshed first", async () => {
    const { world, alice } = await recipe();
    pass(LIFETIME_MS * 60);

    expect(await alice.session()).toMatchObject({ accessTokenExpiresIn: 60 });
    expect(world.refreshes()).toBe(1);
  });

  it("gives a caller with a minimum a new token, although little of the old one's life is left", async () => {
    const { world, alice } = await recipe();
    pass(50_000);

    const token = await world.getAccessToken(alice.pageRequest(), { minValidityMs: 30_000 });

    expect(world.server.userOf(token.accessToken)).toBe("alice");
    expect(token.version).toBe(2);
  });

  it("whose refresh token the server refuses asks for a new sign-in (F31)", async () => {
    const { world, alice } = await recipe();
    world.server.revokeUser("alice");
    pass(LIFETIME_MS);

    expect(await alice.session()).toMatchObject({
      error: "RefreshAccessTokenError",
      user: { name: "alice" },
    });
  });

  it("of an app with several providers needs to name its own", async () => {
    const { world, alice } = await recipe(undefined, (world) => ({
      providers: [strictProvider(world.server), strictProvider(world.server, { id: "other" })],
    }));
    await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({ code: "no_token" });

    const named = await recipe(
      (tokens) => ({ ...tokens, provider: "other", expires_at: NOW_S + 60 }),
      (world) => ({
        providers: [strictProvider(world.server), strictProvider(world.server, { id: "other" })],
      }),
    );
    const token = await named.world.getAccessToken(named.alice.pageRequest());
    expect(token.provider).toBe("other");
  });

  it.each([
    ["with a refresh function", { refresh: () => ({}) }],
    ["without one", undefined],
  ])(
    "of an app that also has a Credentials login %s needs to name its own: one server's refresh token is never sent to another (SEC-35)",
    async (_how, settings) => {
      const { world, alice } = await recipe(
        () => ({
          accessToken: "backend-access-1",
          refreshToken: "backend-refresh-1",
          accessTokenExpires: NOW_S + 60,
        }),
        (world) => ({ providers: [strictProvider(world.server), backendProvider(() => null)] }),
        settings && { providers: { backend: settings } },
      );
      pass(LIFETIME_MS);

      await alice.session();

      await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({ code: "no_token" });
      expect(await jwtOf(alice)).toMatchObject({ refreshToken: "backend-refresh-1" });
      expect(world.refreshes()).toBe(0);
    },
  );

  it("of an app whose only login is a backend without a refresh function keeps its tokens until there is one", async () => {
    const shape = (): object => ({ accessToken: "backend-access-1", refreshToken: "backend-refresh-1" });
    const { world, alice } = await recipe(shape, () => ({ providers: [backendProvider(() => null)] }));

    await alice.session();

    expect(await jwtOf(alice)).toMatchObject({ refreshToken: "backend-refresh-1" });
    expect(world.events).toEqual([]);
  });

  it("of an app whose only login is a backend of its own is refreshed there", async () => {
    const sent: string[] = [];
    const { world, alice } = await recipe(
      () => ({
        accessToken: "backend-access-1",
        refreshToken: "backend-refresh-1",
        accessTokenExpires: NOW_S + 60,
      }),
      () => ({ providers: [backendProvider(() => null)] }),
      {
        providers: {
          backend: {
            refresh: ({ refreshToken }) => {
              sent.push(refreshToken);
              return { access_token: "backend-access-2", refresh_token: "backend-refresh-2", expires_in: 60 };
            },
          },
        },
      },
    );
    pass(LIFETIME_MS);

    const token = await world.getAccessToken(alice.pageRequest());

    expect([token.accessToken, token.provider]).toEqual(["backend-access-2", "backend"]);
    expect(sent).toEqual(["backend-refresh-1"]);
  });

  it("is left alone with adoptSession: false", async () => {
    const { world, alice } = await recipe(undefined, undefined, { adoptSession: false });
    const before = await jwtOf(alice);

    await alice.session();

    expect(await jwtOf(alice)).toMatchObject({ accessToken: before?.["accessToken"] });
    await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({ code: "no_token" });
  });

  it("of an unusual shape is found by adoptSession, and one that throws ends no session", async () => {
    const said = captureConsole();
    const shape = ({ access_token, refresh_token }: IssuedTokens): object => ({
      my: [access_token, refresh_token],
    });
    const { world, alice } = await recipe(shape, undefined, {
      adoptSession: ({ my }) => {
        const [access_token, refresh_token] = my as string[];
        return { tokens: { access_token, refresh_token, expires_in: 60 } };
      },
    });
    const other = world.copy();
    expect(await alice.copy().session()).toMatchObject({ tokenState: { status: "fresh" } });
    expect(other.eventsOf("grant_created")).toEqual([]);

    const broken = await recipe(shape, undefined, {
      adoptSession: () => {
        throw new Error("secret-canary");
      },
    });
    expect(await broken.alice.session()).toMatchObject({ user: { name: "alice" } });
    expect(said.own().join()).toContain("could not be adopted");
    expect(said.text()).not.toContain("secret-canary");
  });

  it.each([
    ["no refresh token", { accessToken: "at-without-refresh" }],
    ["no access token", { refreshToken: "rt-without-access" }],
    ["tokens that are no texts", { accessToken: 1, refreshToken: {} }],
    ["empty tokens", { accessToken: "", refreshToken: "" }],
  ])("is none with %s", async (_what, token) => {
    const { world, alice } = await recipe(() => token);

    expect(await alice.session()).toMatchObject({ user: { name: "alice" } });
    expect(world.events).toEqual([]);
  });
});

describe("a session that was adopted without its ID token", () => {
  it("is the user's whom NextAuth's own sub names, where there is no adapter", async () => {
    const { world, alice } = await recipe();
    await alice.session();
    const laptop = world.browser();
    await laptop.signIn("alice");

    expect(await world.listSessions(laptop.pageRequest())).toHaveLength(2);
  });

  it("is nobody else's where sub is the adapter's own id of the user (SEC-15, SEC-45)", async () => {
    const { world, alice } = await recipe(undefined, () => ({
      adapter: memoryAdapter().methods,
      session: { strategy: "jwt" },
    }));
    await alice.session();
    const other = world.browser();
    await other.signIn("alice");

    expect(await world.listSessions(other.pageRequest())).toHaveLength(1);
    expect(await world.endOtherSessions(other.pageRequest())).toBe(0);
    expect(await world.listSessions(alice.pageRequest())).toMatchObject([{ isThisSession: true }]);
  });
});

type Shape = (tokens: IssuedTokens) => object;
const DEFAULT_SHAPE: Shape = ({ access_token, refresh_token }) => ({
  accessToken: access_token,
  refreshToken: refresh_token,
  accessTokenExpires: NOW_S + 60,
});

async function recipe(
  shape: Shape = DEFAULT_SHAPE,
  auth: (world: World) => object = () => ({}),
  options: NonNullable<WorldOptions["options"]> = {},
): Promise<{ world: World; alice: Browser }> {
  const bare = await createWorld();
  const world = bare.copy({ auth: auth(bare), options });
  return { world, alice: await withRecipe(world, "alice", shape) };
}

async function withRecipe(world: World, user: string, shape: Shape = DEFAULT_SHAPE): Promise<Browser> {
  const browser = world.browser();
  const token = { sub: user, name: user, ...shape(world.server.issue({ user })) };
  browser.jar.set(SESSION_COOKIE, await encode({ token, secret: SECRET }));
  return browser;
}
