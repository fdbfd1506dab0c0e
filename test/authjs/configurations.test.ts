/** Configurations that an app really has: lazy, several secrets, https, cookies and paths of its own. */
import { describe, expect, it, vi } from "vitest";
import { Browser } from "../next-auth/support/browser.ts";
import { captureConsole } from "../next-auth/support/console.ts";
import { NextRequest } from "../next-auth/support/next-scope.ts";
import {
  LIFETIME_MS,
  OTHER_SECRET,
  SECRET,
  SESSION_COOKIE,
  createWorld,
  inServerAction,
  jwtOf,
  pass,
  sessionInComponent,
  type World,
} from "./support/world.ts";

const THIRD_SECRET = "fD6sK1mQ9vX4zB7wT2nH8jR3gL5pY0cE";

describe("a lazy configuration", () => {
  it("works in every part, also where it is asked without a request, and stays lazy", async () => {
    const asked: boolean[] = [];
    const world = await createWorld({
      lazy: async (request, config) => {
        asked.push(request !== undefined);
        await Promise.resolve();
        return config;
      },
    });
    expect(asked).toEqual([]);
    const alice = world.browser();
    await alice.signIn("alice");

    expect(await alice.session()).toMatchObject({ user: { name: "alice" }, accessTokenExpiresIn: 60 });
    expect(await sessionInComponent(world, alice)).toMatchObject({ user: { name: "alice" } });
    pass(LIFETIME_MS);
    const { accessToken } = await world.getAccessToken(alice.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("alice");
    await inServerAction(alice, () => world.nextAuth.signOut({ redirect: false }));
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "signed_out" }]);
    expect(new Set(asked)).toEqual(new Set([true, false]));
  });

  it("is asked by the first getAccessToken() of a process that has seen no sign-in", async () => {
    const world = await createWorld();
    const alice = world.browser();
    await alice.signIn("alice");
    const other = world.copy({ lazy: (_request, config) => config });

    const { accessToken } = await other.getAccessToken(alice.pageRequest());

    expect(world.server.userOf(accessToken)).toBe("alice");
  });

  it("may know other providers for another request: the tokens of all of them are renewed", async () => {
    let providers = 0;
    const world = await createWorld({
      lazy: (_request, config) => ({
        ...config,
        providers: config.providers.map((each) => ({
          ...(each as object),
          id: providers > 0 ? "other" : "strict",
        })) as never,
      }),
    });
    const alice = world.browser();
    await alice.signIn("alice");
    providers += 1;
    const bob = world.browser();
    await bob.signIn("bob", "other");
    await bob.session();
    pass(LIFETIME_MS);

    for (const [browser, user] of [
      [alice, "alice"],
      [bob, "bob"],
    ] as const) {
      const { accessToken } = await world.getAccessToken(browser.pageRequest());
      expect(world.server.userOf(accessToken)).toBe(user);
    }
  });

  it("may be another one by the time that a sign-in is stored, whose provider is known all the same", async () => {
    let asked = "strict";
    const world = await createWorld({
      lazy: (_request, config) => ({
        ...config,
        providers: config.providers.map((each) => ({ ...(each as object), id: asked })) as never,
        callbacks: {
          // The sign-in has its configuration by then, and nothing of it has been stored.
          async signIn({ account }) {
            if (account?.provider !== "strict") return true;
            asked = "other";
            await world.browser().session();
            return true;
          },
        },
      }),
    });
    const alice = world.browser();

    await alice.signIn("alice");
    pass(LIFETIME_MS);

    const { grants } = await world.store.scan(null, 10);
    expect(grants).toMatchObject([{ provider: "strict", issuer: world.server.issuer, clientId: "app" }]);
    const { accessToken } = await world.getAccessToken(alice.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("alice");
  });

  it("tells its base path also to a process whose first request is a sign-in (SEC-11)", async () => {
    const world = await createWorld({ auth: { basePath: "/auth" } });
    const browserOf = ({ nextAuth: { handlers } }: World): Browser => {
      const handler = (request: Request): unknown => {
        const moved = new NextRequest(request.url.replace("/api/auth", "/auth"), request);
        return handlers[request.method === "POST" ? "POST" : "GET"](moved);
      };
      return new Browser(handler, "app", { "x-auth-return-redirect": "1" });
    };
    vi.stubEnv("AUTH_URL", undefined);
    const [alice, bob] = [browserOf(world), browserOf(world)];
    await alice.signIn("alice");
    await bob.signIn("bob");
    const cold = world.copy({ lazy: (_request, config) => config });
    const moved = browserOf(cold);
    const started = await alice.submit("signin/strict", { callbackUrl: "http://localhost:3000/" });
    for (const [name, value] of alice.jar) moved.jar.set(name, value);
    const state = new URL(String(started.json()["url"])).searchParams.get("state") ?? "";

    await moved.get("callback/strict", { query: { code: "carol", state } });

    expect(await moved.session()).toMatchObject({ user: { name: "carol" } });
    expect(cold.eventsOf("grant_ended")).toMatchObject([{ reason: "replaced" }]);
    expect((await cold.getAccessToken(bob.pageRequest({ "x-forwarded-proto": "http" }))).provider).toBe(
      "strict",
    );
  });

  it("that cannot do without a request does not stand in the way of a sign-in, though that is the first of a process", async () => {
    captureConsole();
    const world = await createWorld();
    const alice = world.browser();
    const started = await alice.submit("signin/strict", { callbackUrl: "http://localhost:3000/" });
    const state = new URL(String(started.json()["url"])).searchParams.get("state") ?? "";
    const cold = world.copy({
      lazy: (request, config) => {
        if (request === undefined) throw new TypeError("no request");
        return config;
      },
    });
    const moved = cold.browser();
    for (const [name, value] of alice.jar) moved.jar.set(name, value);

    await moved.get("callback/strict", { query: { code: "alice", state } });

    expect(await moved.session()).toMatchObject({ user: { name: "alice" }, accessTokenExpiresIn: 60 });
  });

  it("that cannot work says so where it is asked for", async () => {
    captureConsole();
    const world = await createWorld({ lazy: () => ({}) as never });

    await expect(world.check()).rejects.toMatchObject({ code: "invalid_option", option: "providers" });
    await expect(world.browser().get("session")).rejects.toMatchObject({ option: "providers" });
  });
});

describe("secrets", () => {
  it("may be several: the sessions and grants of an older one live on under a new one", async () => {
    const before = await createWorld();
    const alice = before.browser();
    await alice.signIn("alice");
    const after = before.copy({ auth: { secret: [OTHER_SECRET, SECRET] } });
    const rotated = after.browser();
    for (const [name, value] of alice.jar) rotated.jar.set(name, value);

    expect(await rotated.session()).toMatchObject({ user: { name: "alice" }, accessTokenExpiresIn: 60 });

    expect(await jwtOf(rotated, OTHER_SECRET), "encrypted with the new one").toMatchObject({ name: "alice" });
    const { accessToken } = await after.getAccessToken(rotated.pageRequest());
    expect(before.server.userOf(accessToken)).toBe("alice");
  });

  it("come from AUTH_SECRET where the configuration has none", async () => {
    const world = await createWorld();
    vi.stubEnv("AUTH_SECRET", SECRET);
    const app = world.copy({ auth: { secret: undefined } as never });
    const alice = app.browser();
    await alice.signIn("alice");

    expect(await jwtOf(alice, SECRET)).toMatchObject({ name: "alice" });
    expect(world.server.userOf((await app.getAccessToken(alice.pageRequest())).accessToken)).toBe("alice");
  });
});

describe("secrets in numbered variables", () => {
  const numbered = (...secrets: readonly (string | undefined)[]): void => {
    for (const [index, secret] of secrets.entries()) vi.stubEnv(`AUTH_SECRET_${index + 1}`, secret);
  };

  it("may be rotated while users are signed in, though they seal the store as well", async () => {
    const world = await createWorld();
    const app = (): World => world.copy({ auth: { secret: undefined } as never });
    numbered(SECRET, undefined, undefined);
    const before = app();
    const alice = before.browser();
    await alice.signIn("alice");

    // Two deployments later the first secret is still there, behind the newer ones.
    numbered(SECRET, OTHER_SECRET, undefined);
    const between = app();
    const [bob, moved] = [between.browser(), between.browser()];
    await bob.signIn("bob");
    for (const [name, value] of alice.jar) moved.jar.set(name, value);
    numbered(SECRET, OTHER_SECRET, THIRD_SECRET);
    const after = app();
    pass(LIFETIME_MS);

    for (const [browser, user] of [
      [moved, "alice"],
      [bob, "bob"],
    ] as const) {
      const { accessToken } = await after.getAccessToken(browser.pageRequest());
      expect(world.server.userOf(accessToken)).toBe(user);
      expect(await sessionInComponent(after, browser)).toMatchObject({ user: { name: user } });
    }
    const carol = after.browser();
    await carol.signIn("carol");
    expect(await jwtOf(carol, THIRD_SECRET), "encrypted with the newest").toMatchObject({ name: "carol" });
  });

  it("do not count beside AUTH_SECRET, by which nobody but its own users is signed in", async () => {
    captureConsole();
    const world = await createWorld();
    numbered(SECRET, undefined, undefined);
    const before = world.copy({ auth: { secret: undefined } as never });
    const alice = before.browser();
    await alice.signIn("alice");
    vi.stubEnv("AUTH_SECRET", OTHER_SECRET);
    const after = world.copy({ auth: { secret: undefined } as never });

    await expect(after.getAccessToken(alice.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    expect(await sessionInComponent(after, alice)).toBeNull();
  });
});

describe("an app that knows its host by its requests only", () => {
  const FORWARDED = {
    "x-forwarded-proto": "https",
    "x-forwarded-host": "app.example",
    host: "10.0.0.7:3000",
  };
  /** The app behind a proxy that ends TLS: the route sees the public address, as with Next on Vercel. */
  const behindProxy = (world: World): Browser => {
    const { GET, POST } = world.nextAuth.handlers;
    const handler = (request: Request): unknown => {
      const moved = new NextRequest(
        request.url.replace("http://localhost:3000", "https://app.example"),
        request,
      );
      return (request.method === "POST" ? POST : GET)(moved);
    };
    return new Browser(handler, "app", { "x-auth-return-redirect": "1", ...FORWARDED });
  };

  it.each(["AUTH_TRUST_HOST", "VERCEL", "CF_PAGES"])(
    "works with %s in production, in the route, in pages and in components, by the cookie of https",
    async (variable) => {
      const base = await createWorld();
      vi.stubEnv("AUTH_URL", undefined);
      vi.stubEnv("NODE_ENV", "production");
      vi.stubEnv(variable, "1");
      const world = base.copy();
      const [alice, bob] = [behindProxy(world), behindProxy(world)];
      await alice.signIn("alice");
      await bob.signIn("bob");
      expect([...alice.jar.keys()]).toContain(`__Secure-${SESSION_COOKIE}`);

      for (let lifetime = 0; lifetime < 2; lifetime++) {
        pass(LIFETIME_MS);
        const tokens = await Promise.all([
          world.getAccessToken(alice.pageRequest(FORWARDED)),
          alice.inServerComponent(() => world.getAccessToken(), FORWARDED),
          world.getAccessToken({ req: bob.nodeRequest(FORWARDED) }),
        ]);
        expect(tokens.map(({ accessToken }) => base.server.userOf(accessToken))).toEqual([
          "alice",
          "alice",
          "bob",
        ]);
        const seen: unknown = await alice.inServerComponent(() => world.nextAuth.auth(), FORWARDED);
        expect(seen).toMatchObject({ user: { name: "alice" } });
      }

      await alice.signOut();
      expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "signed_out" }]);
    },
  );

  it("and trusts none of them in production: Auth.js refuses, and a token is given by the cookie alone", async () => {
    const said = captureConsole();
    const base = await createWorld();
    const alice = base.browser();
    await alice.signIn("alice");
    vi.stubEnv("AUTH_URL", undefined);
    vi.stubEnv("NODE_ENV", "production");
    const world = base.copy();

    const answer = await world.browser().get("session");

    expect(answer.status).toBe(500);
    expect(said.lines.join("\n")).toContain("UntrustedHost");
    const { accessToken } = await world.getAccessToken(alice.pageRequest({ "x-forwarded-proto": "http" }));
    expect(base.server.userOf(accessToken)).toBe("alice");
  });
});

describe("cookies and paths", () => {
  it("of an app at https have the prefix, in the route and everywhere else", async () => {
    const world = await createWorld();
    vi.stubEnv("AUTH_URL", "https://app.example");
    const app = world.copy();
    const alice = app.browser();
    const started = await alice.submit("signin/strict", { callbackUrl: "https://app.example/" });
    expect(String(started.json()["url"])).toContain("/authorize?");
    await alice.get("callback/strict", { query: { code: "alice" } });

    expect([...alice.jar.keys()]).toContain(`__Secure-${SESSION_COOKIE}`);
    const { accessToken } = await app.getAccessToken(alice.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("alice");
  });

  it("of another name go with their salt, though only the name was given", async () => {
    const world = await createWorld({ auth: { cookies: { sessionToken: { name: "sid" } } } });
    const alice = world.browser();
    await alice.signIn("alice");

    expect(await jwtOf(alice, SECRET, "sid")).toMatchObject({ name: "alice" });
    const { accessToken } = await world.getAccessToken(alice.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("alice");
    await alice.signOut();
    expect(alice.jar.has("sid")).toBe(false);
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "signed_out" }]);
  });

  it("of another base path tell the handler what it is asked for", async () => {
    const world = await createWorld({ auth: { basePath: "/auth" } });
    const { GET, POST } = world.nextAuth.handlers;
    // The browser asks below /api/auth; a rewrite takes that away, as a Next basePath would.
    const handler = (request: Request): unknown => {
      const moved = new NextRequest(request.url.replace("/api/auth", "/auth"), request);
      return (request.method === "POST" ? POST : GET)(moved);
    };
    vi.stubEnv("AUTH_URL", undefined);
    const browser = new Browser(handler, "app", { "x-auth-return-redirect": "1" });
    await browser.signIn("alice");
    await browser.signIn("bob");

    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "replaced" }]);
  });
});
