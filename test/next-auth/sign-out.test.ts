import nextAuth, { getServerSession, type AuthOptions } from "next-auth";
import { describe, expect, it } from "vitest";
import { faults } from "../../src/testing/strict-authorization-server.ts";
import { captureConsole } from "./support/console.ts";
import { Browser, SESSION_COOKIE, type Answer } from "./support/browser.ts";
import {
  LIFETIME_MS,
  backendProvider,
  createWorld,
  jwtOf,
  pass,
  sessionCookieOf,
  strictProvider,
  until,
  type World,
} from "./support/world.ts";

// CommonJS, whose types say that the default export lies one level deeper than it does here.
const NextAuth = nextAuth as unknown as (options: AuthOptions) => (...args: unknown[]) => unknown;
const DUE_MS = LIFETIME_MS * 0.7;

describe.each(["pages", "app"] as const)("a sign-out in the %s router", (form) => {
  it("ends the grant and revokes its tokens, of this user only (RFC 7009, SEC-48, I16)", async () => {
    const { world, alice, bob } = await twoUsers(form);
    const token = await world.getAccessToken(alice.pageRequest());

    await alice.signOut();

    expect(sessionCookieOf(alice)).toBe("");
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "signed_out" }]);
    await until(() => world.eventsOf("revocation_ended").length === 1);
    expect(world.eventsOf("revocation_ended")).toMatchObject([{ outcome: "revoked" }]);
    expect(world.server.userOf(token.accessToken)).toBeUndefined();
    expect(world.server.requests.filter(({ endpoint }) => endpoint === "revocation")).toMatchObject([
      { user: "alice", parameters: { token_type_hint: "refresh_token" } },
      { user: "alice", parameters: { token_type_hint: "access_token" } },
    ]);
    const ofBob = await world.getAccessToken(bob.pageRequest());
    expect(world.server.userOf(ofBob.accessToken)).toBe("bob");
  });

  it("holds for every old cookie at once, and the handler sets none again (F18, SEC-13)", async () => {
    const { world, alice } = await twoUsers(form);
    const thief = alice.copy();
    await alice.signOut();

    expect(await thief.inServerComponent(() => getServerSession(world.authOptions))).toBeNull();
    await expect(world.getAccessToken(thief.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    const update = { data: { name: "mallory" } };
    for (const answer of [await thief.get("session"), await thief.submit("session", update)]) {
      expect(answer.json()).toEqual({});
      expect(answer.setCookies.filter(isSessionCookie)).toEqual([]);
    }
  });

  it("also in a page or API route of the Pages Router, which sets no live cookie again (F18, I7)", async () => {
    const said = captureConsole();
    const { world, alice, bob } = await twoUsers(form);
    const [thief, chunked] = [alice.copy(), alice.copy()];
    const value = sessionCookieOf(chunked);
    chunked.jar.delete(SESSION_COOKIE);
    chunked.jar.set(`${SESSION_COOKIE}.0`, value.slice(0, 100));
    chunked.jar.set(`${SESSION_COOKIE}.1`, value.slice(100));
    expect(await thief.sessionOfPage(world.authOptions)).toMatchObject({ user: { name: "alice" } });
    expect(sessionCookieOf(thief), "a live session's cookie lives on").not.toBe("");
    await alice.signOut();

    expect(await thief.sessionOfPage(world.authOptions)).toBeNull();
    expect(await chunked.sessionOfPage(world.authOptions)).toBeNull();

    expect([...thief.jar.keys(), ...chunked.jar.keys()].filter(isSessionCookie)).toEqual([]);
    expect(await bob.sessionOfPage(world.authOptions)).toMatchObject({ user: { name: "bob" } });
    expect(sessionCookieOf(bob)).not.toBe("");
    expect(said.lines, "NextAuth reports no error").toEqual([]);
  });

  it("keeps the cookie from coming back by the answer of a session read that waits (F18, I7)", async () => {
    const { world, alice, bob } = await twoUsers(form);
    pass(DUE_MS);
    world.server.hold();

    const reading = alice.get("session");
    await until(() => world.server.heldRequests === 1);
    await alice.signOut();
    world.server.release();
    const answer = await reading;

    expect(answer.json()).toEqual({});
    expect(sessionCookieOf(alice)).toBe("");
    expect(await bob.session()).toMatchObject({ user: { name: "bob" }, accessTokenExpiresIn: 60 });
  });

  it("also where it comes while the application's own session event runs", async () => {
    let meanwhile = (): Promise<unknown> => Promise.resolve();
    const world = await createWorld({ auth: { events: { session: () => meanwhile() as Promise<void> } } });
    const alice = world.browser(form);
    await alice.signIn("alice");
    meanwhile = () => alice.signOut();

    const answer = await alice.get("session");

    expect(answer.setCookies.filter(isSessionCookie)).toEqual([]);
    expect(sessionCookieOf(alice)).toBe("");
  });

  it("revokes what a refresh under way brings, and nothing revives the grant (I7, SEC-13)", async () => {
    const { world, alice } = await twoUsers(form);
    const thief = alice.copy();
    pass(LIFETIME_MS);
    world.server.hold();
    const asking = world.getAccessToken(thief.pageRequest()).catch((error: unknown) => error);
    await until(() => world.server.heldRequests === 1);

    await alice.signOut();
    world.server.release();

    expect(await asking).toMatchObject({ code: "not_signed_in" });
    await until(() => world.eventsOf("revocation_ended").length >= 2);
    expect(world.server.requests.some(({ outcome }) => outcome === "reused")).toBe(false);
    await expect(world.getAccessToken(thief.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
  });

  it("is done although the authorization server is away (SEC-48)", async () => {
    const { world, alice } = await twoUsers(form);
    const thief = alice.copy();
    world.server.faultNext(faults.refusedConnection(), 100);
    await world.server.close();

    await alice.signOut();

    expect(sessionCookieOf(alice)).toBe("");
    await expect(world.getAccessToken(thief.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
  });

  it("deletes the cookie also where the application's signOut event reads the session, which has ended by then", async () => {
    const { browser } = await readingCallbacks(form, []);
    await browser.signIn("alice");
    const old = browser.copy();

    await browser.signOut();
    await old.signOut();

    expect([...browser.jar.keys(), ...old.jar.keys()].filter(isSessionCookie)).toEqual([]);
  });

  it("without a session is nothing", async () => {
    const { world } = await twoUsers(form);

    const answer = await world.browser(form).signOut();

    expect(answer.json()).toEqual({ url: "http://localhost:3000/" });
    expect(world.eventsOf("grant_ended")).toEqual([]);
  });
});

describe.each(["pages", "app"] as const)("a late answer of an older session in the %s router", (form) => {
  // Both tabs have one jar: whoever signs in meanwhile has put a new cookie under the same name.
  async function lateAnswer(
    meanwhile: (browser: Browser) => Promise<unknown>,
  ): Promise<{ world: World; browser: Browser; answer: Answer; bob: Browser }> {
    const { world, alice: browser, bob } = await twoUsers(form);
    pass(DUE_MS);
    world.server.hold();
    const reading = browser.get("session");
    await until(() => world.server.heldRequests === 1);
    await meanwhile(browser);
    world.server.release();
    return { world, browser, answer: await reading, bob };
  }

  it.each([
    ["a new sign-in", ["carol"], "replaced"],
    ["a new sign-in of the same user", ["alice"], "replaced"],
    ["a sign-out and a new sign-in", [undefined, "carol"], "signed_out"],
  ])("neither sets nor deletes the cookie after %s (F18, F43)", async (_what, users, reason) => {
    const { world, browser, answer, bob } = await lateAnswer(async (tab) => {
      for (const user of users) await (user === undefined ? tab.signOut() : tab.signIn(user));
    });

    expect(answer.json()).toEqual({});
    expect(answer.setCookies.filter(isSessionCookie)).toEqual([]);
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason }]);
    expect(await browser.session()).toMatchObject({
      user: { name: users.at(-1) },
      tokenState: { status: "fresh" },
    });
    const { accessToken } = await world.getAccessToken(browser.pageRequest());
    expect(world.server.userOf(accessToken)).toBe(users.at(-1));
    expect(await bob.session()).toMatchObject({ user: { name: "bob" } });
  });

  it("of a chunked cookie leaves the chunks alone, too, and every other cookie is set as before", async () => {
    const { world, alice } = await twoUsers(form);
    const value = sessionCookieOf(alice);
    alice.jar.delete(SESSION_COOKIE);
    alice.jar.set(`${SESSION_COOKIE}.0`, value.slice(0, 100));
    alice.jar.set(`${SESSION_COOKIE}.1`, value.slice(100));
    const old = alice.copy();
    await alice.signOut();
    old.jar.delete("next-auth.callback-url");

    const answer = await old.get("session");

    expect(answer.json()).toEqual({});
    expect(answer.setCookies.filter(isSessionCookie)).toEqual([]);
    expect(answer.setCookies.join()).toContain("next-auth.callback-url=");
    expect(world.eventsOf("grant_ended")).toHaveLength(1);
  });
});

describe.each(["pages", "app"] as const)("a new sign-in in the %s router", (form) => {
  it("makes a new handle and ends the grant of the session before it (SEC-11)", async () => {
    const { world, alice } = await twoUsers(form);
    const [thief, before] = [alice.copy(), await jwtOf(alice)];

    await alice.signIn("alice");

    expect((await jwtOf(alice))?.["nolapse"]).not.toEqual(before?.["nolapse"]);
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "replaced" }]);
    await expect(world.getAccessToken(thief.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    expect(await thief.session()).toEqual({});
    expect(await alice.session()).toMatchObject({ tokenState: { status: "fresh" } });
  });

  it("of somebody else in the same browser ends the first one's grant", async () => {
    const { world, alice } = await twoUsers(form);
    const thief = alice.copy();

    await alice.signIn("carol");

    await until(() => world.eventsOf("revocation_ended").length === 1);
    expect(world.eventsOf("revocation_ended")).toMatchObject([{ outcome: "revoked" }]);
    expect(world.server.userOf((await world.getAccessToken(alice.pageRequest())).accessToken)).toBe("carol");
    await expect(world.getAccessToken(thief.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
  });

  it("that brings no token ends the first one's grant as well, and revokes its tokens (SEC-11, F43)", async () => {
    const base = await createWorld();
    const world = base.copy({
      auth: {
        providers: [strictProvider(base.server), backendProvider((user) => ({ id: user, name: user }))],
      },
    });
    const [browser, bob] = [world.browser(form), world.browser(form)];
    await browser.signIn("alice");
    await bob.signIn("bob");
    const thief = browser.copy();

    await browser.signInWithPassword({ user: "alice" });

    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "replaced" }]);
    await expect(world.getAccessToken(thief.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    await expect(world.getAccessToken(browser.pageRequest())).rejects.toMatchObject({ code: "no_token" });
    expect(await browser.session()).toMatchObject({ user: { name: "alice" } });
    await until(() => world.eventsOf("revocation_ended").length === 1);
    expect(world.eventsOf("revocation_ended")).toMatchObject([{ outcome: "revoked" }]);
    expect(await bob.session()).toMatchObject({ tokenState: { status: "fresh" } });
  });

  it("keeps its cookie where the application's callbacks read the session before it, which has ended (F43)", async () => {
    const seen: unknown[] = [];
    const { world, browser } = await readingCallbacks(form, seen);
    await browser.signIn("alice");
    const old = browser.copy();
    await browser.signOut();
    seen.length = 0;

    await old.signIn("carol");

    expect(seen, "the old session, in signIn and in jwt").toEqual([null, null]);
    expect(await old.session()).toMatchObject({ user: { name: "carol" }, tokenState: { status: "fresh" } });
    const { accessToken } = await world.getAccessToken(old.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("carol");
  });

  it("leaves the same user's other device alone (F8)", async () => {
    const { world, alice } = await twoUsers(form);
    const phone = world.browser(form);
    await phone.signIn("alice");

    for (let turn = 0; turn < 5; turn++) {
      pass(LIFETIME_MS);
      expect(await phone.session()).toMatchObject({ accessTokenExpiresIn: 60 });
      expect(await alice.session()).toMatchObject({ accessTokenExpiresIn: 60 });
    }

    expect(world.eventsOf("grant_ended")).toEqual([]);
    await phone.signOut();
    expect(await alice.session()).toMatchObject({ tokenState: { status: "fresh" } });
  });

  it("that fails leaves the session as it is", async () => {
    captureConsole();
    const { world, alice } = await twoUsers(form);

    await alice.get("callback/strict", { query: { error: "access_denied" } });

    expect(world.eventsOf("grant_ended")).toEqual([]);
    expect(await alice.session()).toMatchObject({ user: { name: "alice" }, tokenState: { status: "fresh" } });
  });
});

/** An app whose callbacks read the session of the request that NextAuth's route is answering. */
async function readingCallbacks(
  form: "pages" | "app",
  seen: unknown[],
): Promise<{ world: World; browser: Browser }> {
  let args: readonly unknown[] = [];
  const read = async (): Promise<void> => {
    const options = world.authOptions;
    seen.push(
      await (form === "app"
        ? getServerSession(options)
        : getServerSession(args[0] as never, args[1] as never, options)),
    );
  };
  const world: World = await createWorld({
    auth: {
      callbacks: {
        signIn: () => read().then(() => true),
        jwt: ({ token, account }) => (account ? read() : Promise.resolve()).then(() => token),
      },
      events: { signOut: read },
    },
  });
  const handler = NextAuth(world.authOptions);
  const noting = (...given: unknown[]): unknown => handler(...(args = given));
  return { world, browser: new Browser(world.wrapHandler(noting), form) };
}

function isSessionCookie(name: string): boolean {
  return name.startsWith(SESSION_COOKIE);
}

async function twoUsers(form: "pages" | "app"): Promise<{ world: World; alice: Browser; bob: Browser }> {
  const world = await createWorld();
  const [alice, bob] = [world.browser(form), world.browser(form)];
  await alice.signIn("alice");
  await bob.signIn("bob");
  return { world, alice, bob };
}

describe("a route that reads the session before it hands the request to NextAuth", () => {
  it("leaves the cookie of an ended session alone in each action: a newer sign-in may own it (F43)", async () => {
    const { authOptions, wrapHandler } = await createWorld();
    const handler = NextAuth(authOptions);
    const reading = async (request: never, response: never, ...more: unknown[]): Promise<unknown> => {
      await getServerSession(request, response, authOptions);
      return handler(request, response, ...more);
    };
    const browser = new Browser(wrapHandler(reading), "pages");
    await browser.signIn("alice");
    const old = browser.copy();
    await browser.signOut();

    for (const action of ["csrf", "providers", "session"])
      expect((await old.get(action)).setCookies.filter(isSessionCookie)).toEqual([]);
  });
});
