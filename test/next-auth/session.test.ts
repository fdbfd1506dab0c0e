import { getServerSession } from "next-auth";
import { describe, expect, it } from "vitest";
import { PagesResponse, type Browser } from "./support/browser.ts";
import { captureConsole } from "./support/console.ts";
import { LIFETIME_MS, createWorld, pass, until, type World } from "./support/world.ts";

const DUE_MS = LIFETIME_MS * 0.7;
const MINUTE_MS = 60_000;

describe("the session", () => {
  it("tells when the access token expires, in epoch seconds and from now, and when to ask", async () => {
    const world = await createWorld();
    const alice = world.browser();
    await alice.signIn("alice");
    pass(10_500);

    const session = await alice.session();

    expect(session).toEqual({
      user: { name: "alice", email: "alice@example.com" },
      expires: expect.any(String) as string,
      accessTokenExpires: Date.UTC(2026, 0, 1) / 1000 + 60,
      accessTokenExpiresIn: 49,
      tokenState: { status: "fresh", askInMs: 35_500 },
    });
  });

  it("tells when the sign-in ends whatever anybody does, where that is not far away (F28)", async () => {
    const world = await createWorld({ options: { absoluteLifetimeMs: 60 * MINUTE_MS } });
    const alice = world.browser();
    await alice.signIn("alice");
    pass(10 * MINUTE_MS);

    expect(await alice.session()).toMatchObject({
      tokenState: { status: "fresh", askInMs: 46_000, endsInMs: 50 * MINUTE_MS },
    });
    pass(50 * MINUTE_MS);
    const { tokenState } = await alice.session();
    expect(tokenState).toEqual({ status: "reauthentication_required", reason: "expired" });
  });

  it("shows the access token only where the application opts in, and the refresh token never (F44)", async () => {
    const world = await createWorld({ options: { exposeAccessToken: true } });
    const alice = world.browser();
    await alice.signIn("alice");

    const session = await alice.session();

    expect(world.server.userOf(String(session["accessToken"]))).toBe("alice");
    expect(JSON.stringify(session)).not.toContain("rt-");
    pass(LIFETIME_MS * 10);
    world.server.hold();
    const expired = await quickly(
      world.copy({ options: { exposeAccessToken: true, maxWaitMs: 50 } }),
    ).session(alice);
    expect(expired).toMatchObject({ tokenState: { status: "retrying" }, accessTokenExpiresIn: 0 });
    expect(expired, "an expired token is of no use to anybody").not.toHaveProperty("accessToken");
    world.server.release();
  });

  it("says that a new sign-in is needed once the server has refused, with the guide's error name (F31, SEC-07)", async () => {
    const world = await createWorld();
    const [alice, bob] = [world.browser(), world.browser()];
    await alice.signIn("alice");
    await bob.signIn("bob");
    world.server.revokeUser("alice");
    pass(DUE_MS);

    expect(await alice.session()).toMatchObject({
      user: { name: "alice" },
      error: "RefreshAccessTokenError",
      tokenState: { status: "reauthentication_required", reason: "rejected" },
    });
    expect(await alice.session()).not.toHaveProperty("accessTokenExpires");
    await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({
      code: "reauthentication_required",
      reason: "rejected",
    });
    expect(await bob.session()).toMatchObject({ tokenState: { status: "fresh" }, accessTokenExpiresIn: 60 });
  });

  it("is the application's own where a sign-in brought no token", async () => {
    const world = await createWorld();
    const nobody = world.browser();

    expect(await nobody.session()).toEqual({});
  });
});

describe.each(["pages", "app"] as const)("a due session read of the %s router's handler", (form) => {
  it("waits for the refresh and reports the new expiry", async () => {
    const { world, alice } = await signedIn(form);
    pass(DUE_MS);

    const session = await alice.session();

    expect(session).toMatchObject({ accessTokenExpiresIn: 60, tokenState: { status: "fresh" } });
    expect(world.refreshes()).toBe(1);
  });

  it("waits within its bound, keeps the session, and 20 of them send one request (F10, F30, I11)", async () => {
    const { world, alice } = await signedIn(form, { maxWaitMs: 100 });
    pass(DUE_MS);
    world.server.hold();

    const sessions = await Promise.all(Array.from({ length: 20 }, () => alice.copy().session()));

    for (const session of sessions) {
      expect(session).toMatchObject({ user: { name: "alice" }, accessTokenExpiresIn: 18 });
    }
    world.server.release();
    await until(() => world.eventsOf("refresh_ended").length === 1);
    expect(await alice.session()).toMatchObject({ accessTokenExpiresIn: 60 });
    expect(world.refreshes()).toBe(1);
  });

  it("is named by what the tab said, if that is a plain word", async () => {
    const { world, alice } = await signedIn(form);

    for (const header of ["idle", "Drop\u0000 Table", "x".repeat(21), "wake"]) {
      pass(DUE_MS);
      await alice.session({ "x-nolapse-ask": encodeURIComponent(header) });
    }

    const doors = world.eventsOf("refresh_started").map((event) => "door" in event && event.door);
    expect(doors).toEqual(["tab:idle", "session", "session", "tab:wake"]);
  });

  it("only hands out for a prefetch (SEC-26, F13)", async () => {
    const { world, alice } = await signedIn(form);
    pass(DUE_MS);

    expect(await alice.session({ "sec-purpose": "prefetch;prerender" })).toMatchObject({
      accessTokenExpiresIn: 18,
    });
    expect(await alice.session({ purpose: "prefetch" })).toMatchObject({ accessTokenExpiresIn: 18 });
    expect(world.refreshes()).toBe(0);
  });

  it("is nobody else's: every answer of the handler is private and not stored (SEC-28, F40)", async () => {
    const { alice } = await signedIn(form);

    for (const action of ["session", "csrf", "providers", "signin", "signout", "error", "nonsense"]) {
      const { headers } = await alice.get(action);
      expect(headers.get("cache-control"), action).toBe("private, no-cache, no-store");
    }
    const updated = await alice.submit("session", { data: {} });
    expect(updated.headers.get("cache-control")).toBe("private, no-cache, no-store");
  });
});

describe("a due session read outside the handler", () => {
  it("does not wait, and the refresh goes on by itself (SEC-82)", async () => {
    const { world, alice } = await signedIn("pages");
    pass(DUE_MS);
    world.server.hold();

    const ofComponent = await alice.inServerComponent(() => getServerSession(world.authOptions));
    const ofPage = await getServerSession(
      alice.nodeRequest() as never,
      new PagesResponse() as never,
      world.authOptions,
    );

    expect(ofComponent).toMatchObject({ user: { name: "alice" }, accessTokenExpiresIn: 18 });
    expect(ofPage).toMatchObject({ user: { name: "alice" }, accessTokenExpiresIn: 18 });
    await until(() => world.server.heldRequests === 1);
    world.server.release();
    await until(() => world.eventsOf("refresh_ended").length === 1);
    expect(world.refreshes()).toBe(1);
  });

  it("only hands out while the browser prefetches the page (SEC-26)", async () => {
    const { world, alice } = await signedIn("pages");
    pass(DUE_MS);

    const prefetch = { "sec-purpose": "prefetch" };
    const session = await alice.inServerComponent(() => getServerSession(world.authOptions), prefetch);
    const token = await alice.inServerComponent(() => world.getAccessToken(), prefetch);

    expect(session).toMatchObject({ accessTokenExpiresIn: 18 });
    expect(world.server.userOf(token.accessToken)).toBe("alice");
    pass(LIFETIME_MS);
    await expect(world.getAccessToken(alice.pageRequest(prefetch))).rejects.toMatchObject({
      code: "refresh_unavailable",
    });
    expect(world.refreshes()).toBe(0);
  });
});

describe("a grant's end", () => {
  it("does not come before the session cookie's, whenever the session was read (F28, SEC-12)", async () => {
    captureConsole();
    const lifetimeMs = 24 * 60 * MINUTE_MS;
    const world = await createWorld({ auth: { session: { maxAge: 30 * 60 } }, lifetimeMs });
    const alice = world.browser();
    await alice.signIn("alice");

    for (const awayMinutes of [14, 17, 29, 1, 29, 15, 29]) {
      pass(awayMinutes * MINUTE_MS);
      expect(await alice.session()).toMatchObject({
        user: { name: "alice" },
        tokenState: { status: "fresh" },
      });
    }

    pass(31 * MINUTE_MS);
    expect(await alice.session(), "the cookie's own end").toEqual({});
    expect(world.eventsOf("reauthentication_required")).toEqual([]);
  });

  it("is where the application puts it", async () => {
    const world = await createWorld({
      options: { slidingLifetimeMs: 10 * MINUTE_MS },
      lifetimeMs: 60 * MINUTE_MS,
    });
    const alice = world.browser();
    await alice.signIn("alice");
    pass(10 * MINUTE_MS);

    expect(await alice.session()).toMatchObject({
      tokenState: { status: "reauthentication_required", reason: "expired" },
    });
  });
});

async function signedIn(
  form: "pages" | "app",
  options: { maxWaitMs?: number } = {},
): Promise<{ world: World; alice: Browser }> {
  const world = await createWorld({ options });
  const alice = world.browser(form);
  await alice.signIn("alice");
  return { world, alice };
}

/** Reads the session of another browser through another copy of the app. */
function quickly(world: World): { session: (of: Browser) => Promise<Record<string, unknown>> } {
  return {
    session: async (of) => {
      const browser = world.browser();
      for (const [name, value] of of.jar) browser.jar.set(name, value);
      return browser.session();
    },
  };
}
