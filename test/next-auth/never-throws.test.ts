import { getServerSession, type AuthOptions } from "next-auth";
import { encode } from "next-auth/jwt";
import { describe, expect, it, vi } from "vitest";
import { SESSION_COOKIE } from "./support/browser.ts";
import { captureConsole } from "./support/console.ts";
import {
  until,
  LIFETIME_MS,
  SECRET,
  backendProvider,
  createWorld,
  jwtOf,
  pass,
  sessionCookieOf,
} from "./support/world.ts";

describe.each(["pages", "app"] as const)("a store that is down, in the %s router,", (form) => {
  it("ends a sign-in on NextAuth's error page, and says why on the console", async () => {
    const said = captureConsole();
    const world = await createWorld();
    world.store.down = true;
    const alice = world.browser(form);

    const answer = await alice.signIn("alice");

    expect(answer.headers.get("location")).toBe("http://localhost:3000/api/auth/error?error=Configuration");
    expect(sessionCookieOf(alice)).toBe("");
    expect(said.own()).toEqual([
      'error: [nolapse] The tokens of a sign-in could not be stored: The memory store failed at "insert"',
    ]);
    const page = await alice.get("error", { query: { error: "Configuration" } });
    expect(page.text).toContain("Server error");
    world.store.down = false;
    await alice.signIn("alice");
    expect(await alice.session()).toMatchObject({ tokenState: { status: "fresh" } });
  });

  it.each([
    ["/oops", "http://localhost:3000/oops?error=StoreUnavailable"],
    ["/oops?lang=ko", "http://localhost:3000/oops?lang=ko&error=StoreUnavailable"],
    ["https://login.example/oops", "https://login.example/oops?error=StoreUnavailable"],
  ])("ends it on the application's own error page %s", async (error, location) => {
    captureConsole();
    const world = await createWorld({ auth: { pages: { error } } });
    world.store.down = true;

    const answer = await world.browser(form).signIn("alice");

    expect(answer.headers.get("location")).toBe(location);
  });

  it("gives signIn(…, { redirect: false }) an address that it can parse", async () => {
    captureConsole();
    const world = await createWorld({
      auth: { providers: [backendProvider(loggedIn)], pages: { error: "/oops" } },
      options: { providers: { backend: { refresh: () => ({}) } } },
    });
    world.store.down = true;

    const answer = await world.browser(form).signInWithPassword({ user: "carol" });

    const { url } = answer.json();
    expect(new URL(String(url)).searchParams.get("error")).toBe("StoreUnavailable");
  });

  it("keeps the session at a session read and says that it retries (F30)", async () => {
    captureConsole();
    const world = await createWorld({ options: { staleIfStoreDownMs: 0 } });
    const alice = world.browser(form);
    await alice.signIn("alice");
    pass(LIFETIME_MS);
    world.store.down = true;

    const session = await alice.session();
    const onServer = await alice.inServerComponent(() => getServerSession(world.authOptions));

    expect(session).toMatchObject({
      user: { name: "alice" },
      tokenState: { status: "retrying", askInMs: 5_000 },
    });
    expect(session).not.toHaveProperty("error");
    expect(onServer).toMatchObject({ user: { name: "alice" }, tokenState: { status: "retrying" } });
    expect(await jwtOf(alice)).toHaveProperty("nolapse");
    await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({ code: "store_failed" });
    world.store.down = false;
    expect(await alice.session()).toMatchObject({ tokenState: { status: "fresh" } });
  });

  it("does not keep a user from signing out", async () => {
    const said = captureConsole();
    const world = await createWorld();
    const alice = world.browser(form);
    await alice.signIn("alice");
    world.store.down = true;

    await alice.signOut();

    expect(sessionCookieOf(alice)).toBe("");
    expect(said.own()).toHaveLength(1);
    expect(said.own()[0]).toContain("could not be ended at sign-out");
  });

  it("does not forget a sign-out: the old cookie is worth nothing when the store is back (SEC-13, SEC-48)", async () => {
    captureConsole();
    const world = await createWorld();
    const [alice, bob] = [world.browser(form), world.browser(form)];
    await alice.signIn("alice");
    await bob.signIn("bob");
    const thief = alice.copy();
    world.store.down = true;
    await alice.signOut();
    world.store.down = false;

    await expect(world.getAccessToken(thief.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    expect(await thief.session()).toEqual({});
    await until(() => world.eventsOf("revocation_ended").length === 1);

    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "signed_out" }]);
    const ofBob = await world.getAccessToken(bob.pageRequest());
    expect(world.server.userOf(ofBob.accessToken)).toBe("bob");
  });
});

describe("a sign-in that cannot be stored, in a handler that nobody wrapped,", () => {
  it("ends on the error page of the host that was asked, where that host is trusted", async () => {
    captureConsole();
    const world = await createWorld({ wrapped: false });
    vi.stubEnv("NEXTAUTH_URL", undefined);
    vi.stubEnv("VERCEL", "1");
    world.store.down = true;

    const answer = await world.browser("app").signIn("alice");

    expect(answer.headers.get("location")).toBe("https://localhost:3000/api/auth/error?error=Configuration");
  });
});

describe("a secret that is missing or weak", () => {
  it.each([
    ["missing", undefined, "NOLAPSE_SECRET"],
    ["weak", "changeme", "NEXTAUTH_SECRET"],
  ])(
    "and %s is told at the first sign-in, on the error page and the console, without it",
    async (_how, secret, named) => {
      vi.stubEnv("NEXTAUTH_SECRET", undefined);
      vi.stubEnv("AUTH_SECRET", undefined);
      const said = captureConsole();
      const world = await createWorld({ auth: { secret } as Partial<AuthOptions> });
      const alice = world.browser();

      const answer = await alice.signIn("alice");

      expect(answer.headers.get("location")).toMatch(/\/error\?error=Configuration$/);
      expect(said.own()).toHaveLength(1);
      expect(said.own()[0]).toContain(named);
      expect(said.own()[0]).toContain("openssl rand -base64 32");
      if (secret !== undefined) expect(said.text()).not.toContain(secret);
    },
  );

  it("does not end a session that is read, nor one without tokens", async () => {
    const said = captureConsole();
    const world = await createWorld({ auth: { secret: "changeme" } });
    const alice = world.browser();
    const claim = { handle: "h".repeat(43), keyId: "abcd", provider: "strict" };
    const token = { sub: "alice", name: "alice" };

    alice.jar.set(SESSION_COOKIE, await encode({ token: { ...token, nolapse: claim }, secret: "changeme" }));
    expect(await alice.session()).toMatchObject({
      user: { name: "alice" },
      tokenState: { status: "retrying" },
    });
    alice.jar.set(SESSION_COOKIE, await encode({ token, secret: "changeme" }));
    expect(await alice.session()).toMatchObject({ user: { name: "alice" } });

    await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({ code: "invalid_option" });
    expect(said.text()).not.toContain("changeme");
  });
});

describe("a session cookie that does not decode", () => {
  it.each([
    ["rubbish", () => "rubbish"],
    ["of another app", () => encode({ token: { sub: "eve" }, secret: `${SECRET}-other` })],
    ["of a JWT that has expired", () => encode({ token: { sub: "eve" }, secret: SECRET, maxAge: -3_600 })],
  ])("because it is %s is no session, and throws nowhere", async (_what, given) => {
    captureConsole();
    const world = await createWorld();
    const eve = world.browser();
    eve.jar.set(SESSION_COOKIE, await given());

    expect(await eve.copy().session()).toEqual({});
    expect(await eve.inServerComponent(() => getServerSession(world.authOptions))).toBeNull();
    await expect(world.getAccessToken(eve.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    expect(sessionCookieOf(eve)).not.toBe("");
    await eve.session();
    expect(sessionCookieOf(eve), "NextAuth deletes it").toBe("");
  });
});

function loggedIn(user: string): object {
  return {
    id: user,
    tokens: { access_token: `at-${user}-1`, refresh_token: `rt-${user}-1`, expires_in: 60 },
  };
}
