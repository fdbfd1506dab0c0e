import { describe, expect, it } from "vitest";
import { captureConsole } from "../next-auth/support/console.ts";
import {
  LIFETIME_MS,
  SESSION_COOKIE,
  backendProvider,
  createWorld,
  inServerAction,
  jwtOf,
  pass,
  quiet,
  sessionInComponent,
  strictProvider,
  until,
} from "./support/world.ts";

describe("a sign-in by the route", () => {
  it("shows a session, gives the token, and renews it where it is read (I1)", async () => {
    const world = await createWorld();
    const alice = world.browser();

    const answer = await alice.signIn("alice");

    expect(answer.json()).toEqual({ url: "http://localhost:3000/" });
    expect(answer.headers.get("cache-control")).toBe("private, no-cache, no-store");
    expect(await alice.session()).toMatchObject({ user: { name: "alice" }, accessTokenExpiresIn: 60 });
    const first = await world.getAccessToken(alice.pageRequest());
    expect(world.server.userOf(first.accessToken)).toBe("alice");
    pass(LIFETIME_MS);
    const second = await alice.inServerComponent(() => world.getAccessToken());
    await quiet();
    expect(world.server.userOf(second.accessToken)).toBe("alice");
    expect(second.accessToken).not.toBe(first.accessToken);
    expect(await sessionInComponent(world, alice)).toMatchObject({ user: { name: "alice" } });
  });

  it("refreshes once for the session route, server components and the Pages Router at the same time (I2)", async () => {
    const world = await createWorld();
    const alice = world.browser();
    await alice.signIn("alice");
    pass(LIFETIME_MS);

    const tokens = await Promise.all([
      alice.session(),
      world.getAccessToken(alice.pageRequest()),
      alice.inServerComponent(() => world.getAccessToken()),
      world.getAccessToken({ req: alice.nodeRequest() }),
      sessionInComponent(world, alice),
    ]);
    await quiet();

    expect(tokens).toHaveLength(5);
    expect(world.refreshes()).toBe(1);
  });

  it("takes the tokens out of what the application's jwt callback puts into the cookie (SEC-04)", async () => {
    const said = captureConsole();
    const world = await createWorld({
      auth: {
        callbacks: { jwt: ({ token, account }) => (account ? { ...token, account, role: "admin" } : token) },
      },
    });
    const alice = world.browser();
    await alice.signIn("alice");

    const jwt = await jwtOf(alice);
    const { accessToken } = await world.getAccessToken(alice.pageRequest());

    expect(jwt).toMatchObject({ role: "admin", nolapse: { provider: "strict" } });
    expect(JSON.stringify(jwt)).not.toContain(accessToken);
    expect(JSON.stringify(jwt)).not.toContain('refresh_token":"');
    expect(said.own().join()).toContain("account.access_token");
  });

  it("goes to the error page while the store is away, and makes no session (SEC-48)", async () => {
    captureConsole();
    const world = await createWorld();
    const alice = world.browser();
    world.store.down = true;

    const answer = await alice.signIn("alice");

    expect(answer.json()["url"]).toBe("http://localhost:3000/api/auth/error?error=Configuration");
    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
  });

  it.each([
    ["/oops", "/oops?error=StoreUnavailable"],
    ["/oops?lang=ko", "/oops?lang=ko&error=StoreUnavailable"],
    ["https://login.example/oops", "https://login.example/oops?error=StoreUnavailable"],
  ])(
    "goes to the application's own error page %s while the store is away, by every way (SEC-48)",
    async (error, place) => {
      captureConsole();
      const loggedIn = (user: string): object => ({
        id: user,
        name: user,
        tokens: { access_token: "access", refresh_token: "refresh", expires_in: 60 },
      });
      const base = await createWorld();
      const world = base.copy({
        auth: { pages: { error }, providers: [strictProvider(base.server), backendProvider(loggedIn)] },
        options: { providers: { backend: { refresh: () => ({}) } } },
      });
      const alice = world.browser();
      world.store.down = true;

      const byRoute = await alice.signIn("alice");
      const byPassword = await alice.signInWithPassword({ user: "alice" });
      const byAction: unknown = await inServerAction(alice, () =>
        world.nextAuth.signIn("backend", { user: "alice", redirect: false }),
      );

      const urls = [byRoute.json()["url"], byPassword.json()["url"], byAction].map(String);
      expect(new Set(urls)).toEqual(new Set(["http://localhost:3000/api/auth/error?error=StoreUnavailable"]));
      const { searchParams } = new URL(urls[0] ?? "");
      const onward = await alice.get("error", { query: Object.fromEntries(searchParams) });
      expect(onward.headers.get("location")).toBe(place);
      expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
    },
  );

  it("ends the grant of the session before it (SEC-11)", async () => {
    const world = await createWorld();
    const browser = world.browser();
    await browser.signIn("alice");
    const old = browser.copy();

    await browser.signIn("bob");

    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "replaced" }]);
    await expect(world.getAccessToken(old.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    const { accessToken } = await world.getAccessToken(browser.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("bob");
  });

  it("that the application's jwt callback refuses with null leaves no grant and no session", async () => {
    const world = await createWorld({ auth: { callbacks: { jwt: () => null } } });
    const alice = world.browser();

    await alice.signIn("alice");

    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "revoked" }]);
    await until(() => world.eventsOf("revocation_ended").length === 1);
  });

  it("asks the application's own signIn callback first, whose refusal stores nothing", async () => {
    captureConsole();
    const world = await createWorld({ auth: { callbacks: { signIn: () => false } } });
    const alice = world.browser();

    await alice.signIn("alice");

    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
    expect(world.eventsOf("grant_created")).toEqual([]);
  });
});

describe("a sign-in by the server action signIn()", () => {
  const tokens = (user: string) => ({
    id: user,
    name: user,
    tokens: { access_token: `access-of-${user}`, refresh_token: `refresh-of-${user}`, expires_in: 60 },
  });
  const twoWays = async () => {
    const world = await createWorld();
    const providers = [strictProvider(world.server), backendProvider(tokens)];
    const settings = {
      strict: { revocationEndpoint: world.server.revocationEndpoint },
      backend: { refresh: () => Promise.reject(new Error("not asked here")) },
    };
    return world.copy({ auth: { providers }, options: { providers: settings } });
  };

  it("stores the tokens and ends the grant of the session before it, as the route does (SEC-11)", async () => {
    const world = await twoWays();
    const browser = world.browser();
    await browser.signIn("alice");

    const url = await inServerAction(browser, () =>
      world.nextAuth.signIn("backend", {
        redirect: false,
        redirectTo: "/home",
        user: "carol",
        password: "x",
      }),
    );

    expect(url).toBe("http://localhost:3000/home");
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "replaced" }]);
    const { accessToken } = await world.getAccessToken(browser.pageRequest());
    expect(accessToken).toBe("access-of-carol");
    expect(await sessionInComponent(world, browser)).toMatchObject({ user: { name: "carol" } });
  });

  it("lets Next's own redirect through, with everything done", async () => {
    const world = await twoWays();
    const browser = world.browser();

    const error = await inServerAction(browser, () =>
      world.nextAuth
        .signIn("backend", { redirectTo: "/home", user: "carol" })
        .catch((thrown: unknown) => thrown),
    );

    expect(String((error as { digest?: string }).digest)).toMatch(/^NEXT_REDIRECT/);
    expect((await world.getAccessToken(browser.pageRequest())).accessToken).toBe("access-of-carol");
  });

  it("only leads to an OAuth provider, which ends nothing yet", async () => {
    const world = await twoWays();
    const browser = world.browser();
    await browser.signIn("alice");

    const url: unknown = await inServerAction(browser, () =>
      world.nextAuth.signIn("strict", { redirect: false }),
    );

    expect(String(url)).toContain("/authorize?");
    expect(world.eventsOf("grant_ended")).toEqual([]);
    expect(await browser.session()).toMatchObject({ user: { name: "alice" } });
  });
});
