/** Configurations that an app really has: lazy, several secrets, https, cookies and paths of its own. */
import { describe, expect, it, vi } from "vitest";
import { Browser } from "../next-auth/support/browser.ts";
import { captureConsole } from "../next-auth/support/console.ts";
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
} from "./support/world.ts";

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
      const url = request.url.replace("/api/auth", "/auth");
      const moved = new Proxy(request, {
        get: (target, name) => {
          if (name === "url") return url;
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === "function" ? (value as () => unknown).bind(target) : value;
        },
      });
      return (request.method === "POST" ? POST : GET)(moved);
    };
    vi.stubEnv("AUTH_URL", undefined);
    const browser = new Browser(handler, "app", { "x-auth-return-redirect": "1" });
    await browser.signIn("alice");
    await browser.signIn("bob");

    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "replaced" }]);
  });
});
