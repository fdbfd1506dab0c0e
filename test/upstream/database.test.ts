/** What the installed next-auth does with an adapter and `strategy: "database"`, in both versions. See `support/installed.ts`. */
import { describe, expect, it } from "vitest";
import { pass } from "../next-auth/support/app-parts.ts";
import { captureConsole } from "../next-auth/support/console.ts";
import { NOBODY, SESSION_COOKIE, VERSION, scene, signedIn } from "./support/installed.ts";

const DAY_MS = 86_400_000;

describe("the first sign-in of a user", () => {
  it("calls signIn before it writes anything, and events.signIn when the session is there (src/adapter/database-sign-in.ts, src/adapter/settle-sign-in.ts)", async () => {
    const { seen, app } = await scene({ adapter: true });
    await app.browser().signIn("alice");

    expect(seen.names()).toEqual([
      // To show signIn the user's row, if there is one.
      "adapter.getUserByAccount",
      "signIn",
      "adapter.getUserByAccount",
      "adapter.getUserByEmail",
      "adapter.createUser",
      "events.createUser",
      "adapter.linkAccount",
      "events.linkAccount",
      "adapter.createSession",
      "events.signIn",
    ]);
  });

  it("never calls jwt, and hands signIn an account with all tokens (src/adapter/database-sign-in.ts)", async () => {
    const { seen, app } = await scene({ adapter: true });
    const browser = app.browser();
    await browser.signIn("alice");
    await browser.session();

    expect(seen.names()).not.toContain("jwt");
    const { account } = seen.last("signIn").params;
    expect(app.server.userOf(String(account?.["access_token"]))).toBe("alice");
    expect(account?.["refresh_token"]).toEqual(expect.any(String));
  });

  it("stores the tokens of the account in plain text by linkAccount (src/adapter/wrap-adapter.ts)", async () => {
    const { seen, app } = await scene({ adapter: true });
    await app.browser().signIn("alice");

    const [row] = seen.tables.accounts;
    expect(app.server.userOf(String(row?.["access_token"]))).toBe("alice");
    expect(row?.["refresh_token"]).toEqual(expect.any(String));
  });

  it("sets the token of the new row as the cookie's value, which generateSessionToken made (src/adapter/database-sessions.ts, src/adapter/database-sign-in.ts)", async () => {
    const options = {
      session: { strategy: "database", generateSessionToken: () => "made-by-the-application" },
    };
    const { seen, app } = await scene({ adapter: true, options });
    const browser = app.browser();
    await browser.signIn("alice");

    expect(browser.jar.get(SESSION_COOKIE)).toBe("made-by-the-application");
    expect([...seen.tables.sessions.keys()]).toEqual(["made-by-the-application"]);
  });
});

describe("generateSessionToken", () => {
  it("is called once for each new session, after signIn, and awaited in version 4 alone (src/adapter/database-sign-in.ts, src/adapter/host.ts)", async () => {
    const before: string[][] = [];
    const generateSessionToken = (): unknown => {
      before.push(seen.names());
      return Promise.resolve("token");
    };
    const { seen, app } = await scene({
      adapter: true,
      options: { session: { strategy: "database", generateSessionToken } },
    });
    await app.browser().signIn("alice");

    expect(before).toHaveLength(1);
    expect(before[0]).toContain("signIn");
    expect(before[0]).not.toContain("adapter.createSession");
    const { sessionToken } = seen.last("adapter.createSession").params;
    expect(sessionToken).toEqual(VERSION === 4 ? "token" : expect.any(Promise));
  });

  it("may be overruled by the row that createSession gives back (src/adapter/wrap-adapter.ts)", async () => {
    const createSession = (row: object): unknown =>
      Promise.resolve({ ...row, sessionToken: "of-the-adapter" });
    const { app } = await scene({ adapter: { createSession } });
    const browser = app.browser();
    await browser.signIn("alice");

    expect(browser.jar.get(SESSION_COOKIE)).toBe("of-the-adapter");
  });
});

describe("a later sign-in", () => {
  it("of a known account links nothing, and leaves the first tokens in its row (src/adapter/wrap-adapter.ts)", async () => {
    const { seen, app } = await scene({ adapter: true });
    await app.browser().signIn("alice");
    const before = structuredClone(seen.tables.accounts);
    seen.calls.length = 0;
    await app.browser().signIn("alice");

    expect(seen.names()).toEqual([
      "adapter.getUserByAccount",
      "signIn",
      "adapter.getUserByAccount",
      "adapter.createSession",
      "events.signIn",
    ]);
    expect(seen.tables.accounts).toEqual(before);
  });

  it("in a browser that is signed in as the same user goes on with its session (src/adapter/database-sign-in.ts)", async () => {
    const { seen, alice } = await signedIn({ adapter: true });
    const before = alice.jar.get(SESSION_COOKIE);
    await alice.signIn("alice");

    expect(alice.jar.get(SESSION_COOKIE)).toBe(before);
    expect(seen.names()).not.toContain("adapter.createSession");
    expect(seen.names()).toContain("events.signIn");
  });

  it("as somebody else in that browser is refused where the other one has an account (src/adapter/settle-sign-in.ts)", async () => {
    captureConsole();
    const { seen, app, alice } = await signedIn({ adapter: true });
    await app.browser().signIn("bob");
    const before = alice.jar.get(SESSION_COOKIE);
    seen.calls.length = 0;
    await alice.signIn("bob");

    expect(seen.names()).not.toContain("events.signIn");
    expect(alice.jar.get(SESSION_COOKIE)).toBe(before);
  });

  it("with a new account in that browser links it to the user who is there (src/adapter/database-sign-in.ts)", async () => {
    const { seen, alice } = await signedIn({ adapter: true });
    const before = alice.jar.get(SESSION_COOKIE);
    await alice.signIn("carol");

    expect(seen.tables.users.size).toBe(1);
    expect(seen.tables.accounts.map(({ providerAccountId }) => providerAccountId)).toEqual([
      "alice",
      "carol",
    ]);
    expect(alice.jar.get(SESSION_COOKIE)).toBe(before);
  });
});

describe("a read of a database session", () => {
  it("reads the row, calls session with the user's row, tells the event, and sets the same value again (src/adapter/callbacks.ts)", async () => {
    const { seen, alice } = await signedIn({ adapter: true });
    const before = alice.jar.get(SESSION_COOKIE);
    const answer = await alice.get("session");

    expect(seen.names()).toEqual(["adapter.getSessionAndUser", "session", "events.session"]);
    const [user] = seen.tables.users.values();
    expect(seen.last("session").params.user).toMatchObject({ id: user?.id });
    expect(seen.last("session").params.token).toBeUndefined();
    expect(seen.last("events.session").params.token).toBeUndefined();
    expect(answer.setCookies.some((line) => line.startsWith(`${SESSION_COOKIE}=${String(before)};`))).toBe(
      true,
    );
  });

  it("hands the very user that the adapter gave to the session callback (src/adapter/wrap-adapter.ts)", async () => {
    const { seen, alice } = await signedIn({ adapter: true });
    await alice.session();

    const found = (await seen.last("adapter.getSessionAndUser").result) as { user: object };
    expect(seen.last("session").params.user).toBe(found.user);
  });

  it("hands the session's token to the session callback in version 5 alone (src/adapter/callbacks.ts)", async () => {
    const { seen, alice } = await signedIn({ adapter: true });
    await alice.session();

    const { sessionToken } = seen.last("session").params.session as { sessionToken?: string };
    expect(sessionToken).toBe(VERSION === 4 ? undefined : alice.jar.get(SESSION_COOKIE));
  });

  it("for which the adapter finds no row is nobody's, and deletes the cookie (src/adapter/wrap-adapter.ts)", async () => {
    const { alice } = await signedIn({ adapter: { getSessionAndUser: () => Promise.resolve(null) } });
    const answer = await alice.get("session");

    expect(answer.text).toBe(NOBODY);
    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
  });

  it("whose adapter fails is nobody's, and leaves the cookie alone (src/adapter/wrap-adapter.ts)", async () => {
    captureConsole();
    const { alice } = await signedIn({
      adapter: { getSessionAndUser: () => Promise.reject(new Error("down")) },
    });
    const answer = await alice.get("session");

    expect(answer.text).toBe(NOBODY);
    expect(alice.jar.has(SESSION_COOKIE)).toBe(true);
  });

  it("writes the row's new end once updateAge has passed, a day (src/adapter/host.ts)", async () => {
    const { seen, alice } = await signedIn({ adapter: true });
    await alice.session();
    expect(seen.names()).not.toContain("adapter.updateSession");

    pass(DAY_MS + 1_000);
    await alice.session();
    expect(seen.names()).toContain("adapter.updateSession");
    const [row] = seen.tables.sessions.values();
    expect(row?.expires.valueOf()).toBe(Date.now() + 30 * DAY_MS);
  });

  it("of a row that has expired deletes it and the cookie (src/adapter/wrap-adapter.ts)", async () => {
    const { seen, alice } = await signedIn({ adapter: true });
    const [row] = seen.tables.sessions.values();
    // Its cookie has not, so that the browser sends it.
    seen.tables.sessions.set(row!.sessionToken, { ...row!, expires: new Date(Date.now() - 1) });
    const answer = await alice.get("session");

    expect(answer.text).toBe(NOBODY);
    expect(seen.tables.sessions.size).toBe(0);
    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
  });

  it("whose callback throws answers with nobody, and leaves the cookie alone (src/adapter/callbacks.ts)", async () => {
    captureConsole();
    const { alice } = await signedIn({
      adapter: true,
      session: () => {
        throw new Error("of the application");
      },
    });
    const answer = await alice.get("session");

    expect(answer.text).toBe(NOBODY);
    expect(alice.jar.has(SESSION_COOKIE)).toBe(true);
  });
});

describe("a sign-out from a database session", () => {
  it("deletes the row, tells the event what the adapter gave back, and deletes the cookie (src/adapter/wrap-adapter.ts)", async () => {
    const { seen, alice } = await signedIn({ adapter: true });
    await alice.signOut();

    expect(seen.names()).toEqual(["adapter.deleteSession", "events.signOut"]);
    expect(seen.last("events.signOut").params.session).toBe(await seen.last("adapter.deleteSession").result);
    expect(seen.last("events.signOut").params.token).toBeUndefined();
    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
  });
});
