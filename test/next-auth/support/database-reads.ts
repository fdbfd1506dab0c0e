/** What session reads show, and how sessions end, where they are rows of an adapter, in both versions. */
import { describe, expect, it } from "vitest";
import { withoutSessionCookies } from "../../../src/adapter/session-cookie.ts";
import { DEFAULT_LIMITS } from "../../../src/core/engine.ts";
import { grantRefOf } from "../../../src/core/grant.ts";
import type { PostgresBench } from "../../stores/support/postgres-tests.ts";
import { LIFETIME_MS, OTHER_SECRET, SECRET, pass, quiet, until } from "./app-parts.ts";
import type { Answer, Browser } from "./browser.ts";
import { captureConsole } from "./console.ts";
import {
  databaseScene,
  holderOf,
  usersSignedIn,
  type DatabaseScene,
  type DatabaseVersion,
  type SignedIn,
} from "./database-app.ts";

interface Deleting {
  readonly deleteSession: (sessionToken: string) => Promise<unknown>;
}

const DAY_MS = 24 * 3_600_000;

/** Runs this part of the suite. */
export function describeDatabaseReads(bench: PostgresBench, version: DatabaseVersion): void {
  const scene = (): Promise<DatabaseScene> => databaseScene(bench, version);
  const signedIn = (): Promise<SignedIn> => usersSignedIn(bench, version);
  const tokenOf = (browser: Browser): string => browser.jar.get(version.cookie) ?? "";
  const setsSession = ({ setCookies }: Answer): boolean =>
    withoutSessionCookies(setCookies, version.cookie).length < setCookies.length;

  describe("a session read", () => {
    it("waits in the route for a token that is due, and a page waits for nothing", async () => {
      const { app, alice } = await signedIn();
      pass(LIFETIME_MS * 0.7);

      expect(await app.sessionInPage(alice)).toMatchObject({ accessTokenExpiresIn: 18 });
      await quiet();
      expect(await alice.session()).toMatchObject({ accessTokenExpiresIn: 60 });
    });

    it("shows nobody the session's token, whatever the app's callback returns (SEC-01)", async () => {
      const { app, alice } = await signedIn();
      const whole = app.again({
        auth: {
          callbacks: { session: (params: { session: object }) => ({ ...params.session, all: params }) },
        },
      });
      const browser = whole.browser();
      for (const [name, value] of alice.jar) browser.jar.set(name, value);

      for (const session of [
        await alice.session(),
        await app.sessionInPage(alice),
        await browser.session(),
        await whole.sessionInPage(browser),
      ]) {
        expect(session).toMatchObject({ user: { name: "alice" }, tokenState: { status: "fresh" } });
        expect(JSON.stringify(session)).not.toContain(tokenOf(alice));
      }
    });

    it("shows no user's fields to another, where the adapter gives one object for all (I8)", async () => {
      const { app } = await scene();
      const users = new Map<unknown, object>();
      const waiting: (() => void)[] = [];
      interface Rows {
        readonly getSessionAndUser: (token: string) => Promise<{ user: { id: unknown } } | null>;
        readonly updateSession: (session: unknown) => Promise<unknown>;
      }
      const sharing = app.again({
        options: { exposeAccessToken: true },
        adapter: (adapter) => ({
          ...adapter,
          async getSessionAndUser(sessionToken: string) {
            const found = await (adapter as Rows).getSessionAndUser(sessionToken);
            if (found && !users.has(found.user.id)) users.set(found.user.id, found.user);
            return found && { ...found, user: users.get(found.user.id) };
          },
          // NextAuth is here between the row and the session callback: all three at once.
          async updateSession(session: unknown) {
            await new Promise<void>((resolve) => {
              waiting.push(resolve);
              if (waiting.length === 3) for (const each of waiting) each();
            });
            return (adapter as Rows).updateSession(session);
          },
        }),
      });
      const browsers = [sharing.browser(), sharing.browser(), sharing.browser()] as const;
      for (const [at, user] of ["alice", "alice", "bob"].entries()) await browsers[at]?.signIn(user);
      pass(2 * DAY_MS);

      const sessions = await Promise.all(browsers.map((browser) => browser.session()));

      const tokens = await Promise.all(
        browsers.map(async (browser) => (await sharing.getAccessToken(browser.pageRequest())).accessToken),
      );
      expect(sessions.map(({ accessToken }) => accessToken)).toEqual(tokens);
      expect(tokens.map((token) => app.server.userOf(token))).toEqual(["alice", "alice", "bob"]);
      expect(new Set(tokens).size).toBe(3);
    });

    it("keeps the session while the store is away, and the tab asks again soon (I6)", async () => {
      captureConsole();
      const { app, alice, holderOf } = await signedIn();
      pass(LIFETIME_MS);
      app.store.down = true;

      expect(await alice.session()).toMatchObject({
        user: { name: "alice" },
        tokenState: { status: "retrying" },
      });
      expect(await holderOf(alice)).toBe("store_failed");

      app.store.down = false;
      expect(await holderOf(alice)).toBe("strict:alice");
      expect(app.eventsOf("grant_ended")).toEqual([]);
    });

    it("gives the tokens that it gave a moment ago while the store is away, under an older secret as well (I6, SEC-59)", async () => {
      captureConsole();
      const { app, alice, bob, other } = await signedIn();
      await alice.signIn("alice", "other");
      await bob.signIn("bob", "other");
      const rotated = app.again({ options: { secret: [OTHER_SECRET, SECRET] } });
      const holders = (): Promise<string[]> =>
        Promise.all(
          [alice, bob].flatMap((browser) =>
            ["strict", "other"].map((provider) => holderOf(rotated, other, browser, provider)),
          ),
        );
      const all = ["strict:alice", "other:alice", "strict:bob", "other:bob"];
      expect(await holders()).toEqual(all);
      app.store.down = true;

      expect(await holders()).toEqual(all);
      expect(await rotated.sessionInPage(alice)).toMatchObject({
        user: { name: "alice" },
        tokenStates: { other: { status: "retrying" } },
      });
      pass(DEFAULT_LIMITS.staleIfStoreDownMs + 1);
      expect(await holders()).toEqual(Array(4).fill("store_failed"));
      app.store.down = false;
    });

    it("has no token where the secret of its sign-in is gone, and has it again when that is back (SEC-59, SEC-60)", async () => {
      const { app, other } = await scene();
      const [before, after] = [OTHER_SECRET, SECRET].map((secret) => app.again({ options: { secret } }));
      const [alice, bob] = [before!.browser(), after!.browser()];
      await alice.signIn("alice");
      await bob.signIn("bob");

      expect(await holderOf(after!, other, alice)).toBe("no_token");
      expect(await after!.sessionInPage(alice)).toMatchObject({ user: { name: "alice" } });
      expect(await holderOf(after!, other, bob)).toBe("strict:bob");
      expect(await holderOf(before!, other, alice)).toBe("strict:alice");
      expect(app.eventsOf("grant_ended")).toEqual([]);
    });

    it("has no token where its row and its account are of before nolapse: nothing is adopted", async () => {
      const { app, bob, sql, holderOf } = await signedIn();
      const [user] = await sql<{ id: number }>("INSERT INTO users (name) VALUES ('dave') RETURNING id");
      await sql(
        `INSERT INTO accounts ("userId", type, provider, "providerAccountId", access_token, refresh_token)
         VALUES ($1, 'oauth', 'strict', 'dave', 'at-of-before-nolapse', 'rt-of-before-nolapse')`,
        [user?.id],
      );
      await sql(`INSERT INTO sessions ("userId", expires, "sessionToken") VALUES ($1, $2, 'row-of-before')`, [
        user?.id,
        new Date(Date.now() + DAY_MS),
      ]);
      const dave = app.browser();
      dave.jar.set(version.cookie, "row-of-before");

      expect(await holderOf(dave)).toBe("no_token");
      expect(await dave.session()).toMatchObject({ user: { name: "dave" } });
      await dave.signIn("dave");

      expect([tokenOf(dave), await holderOf(dave)]).toEqual(["row-of-before", "strict:dave"]);
      expect(await holderOf(bob)).toBe("strict:bob");
    });

    it("gives a copied cookie what comes to the session later: it names the row (the exception to SEC-11)", async () => {
      const { alice, bob, holderOf } = await signedIn();
      const copied = alice.copy();

      await alice.signIn("alice", "other");

      expect([await holderOf(copied), await holderOf(copied, "other")]).toEqual([
        "strict:alice",
        "other:alice",
      ]);
      expect(await holderOf(bob, "other")).toBe("no_token");
      await alice.signOut();
      expect([await holderOf(copied), await holderOf(copied, "other")]).toEqual([
        "not_signed_in",
        "not_signed_in",
      ]);
    });

    it("finds what was stored under an older secret, and a sign-out ends it (SEC-59)", async () => {
      const { app, alice, bob, other } = await signedIn();
      const rotated = app.again({ options: { secret: [OTHER_SECRET, SECRET] } });
      const [browser, observer] = [rotated.browser(), rotated.browser()];
      for (const [name, value] of alice.jar) browser.jar.set(name, value);
      for (const [name, value] of bob.jar) observer.jar.set(name, value);
      await browser.signIn("alice", "other");

      expect([
        await holderOf(rotated, other, browser),
        await holderOf(rotated, other, browser, "other"),
      ]).toEqual(["strict:alice", "other:alice"]);
      await browser.signOut();

      expect(rotated.eventsOf("grant_ended")).toHaveLength(2);
      expect(await holderOf(rotated, other, observer)).toBe("strict:bob");
    });
  });

  describe("the end of a session", () => {
    it("by a sign-out takes row and grant, and holds for every copy of the cookie at once (SEC-13, RFC 7009)", async () => {
      const { app, alice, bob, sql, holderOf } = await signedIn();
      const thief = alice.copy();

      await alice.signOut();

      expect(tokenOf(alice)).toBe("");
      expect(await sql("SELECT * FROM sessions")).toHaveLength(1);
      expect(await holderOf(thief)).toBe("not_signed_in");
      expect(await app.sessionInPage(thief)).toBeNull();
      expect(app.eventsOf("grant_ended")).toMatchObject([{ reason: "signed_out" }]);
      await until(() => app.eventsOf("revocation_ended").length === 1);
      expect(app.eventsOf("revocation_ended")).toMatchObject([{ outcome: "revoked" }]);
      expect(await holderOf(bob)).toBe("strict:bob");
    });

    it("is not undone by a session read that waits (F18, I7)", async () => {
      const { app, alice, bob } = await signedIn();
      pass(LIFETIME_MS * 0.7);
      app.server.hold();
      const reading = alice.get("session");
      await until(() => app.server.heldRequests === 1);

      await alice.signOut();
      await alice.signIn("carol");
      app.server.release();
      const answer = await reading;

      expect(setsSession(answer)).toBe(false);
      expect(answer.text).not.toContain("alice");
      expect((await alice.session())["user"]).toMatchObject({ name: "carol" });
      expect((await bob.session())["user"]).toMatchObject({ name: "bob" });
    });

    it("by its row's date is one for every reader, and its tokens are revoked when NextAuth clears it away", async () => {
      const { app, alice, sql, holderOf } = await signedIn();
      pass(31 * DAY_MS);

      expect(await holderOf(alice)).toBe("not_signed_in");
      await alice.session();

      expect(tokenOf(alice)).toBe("");
      expect(app.eventsOf("grant_ended")).toMatchObject([{ reason: "expired" }]);
      expect(await sql("SELECT * FROM sessions")).toHaveLength(1);
    });

    it("by its row's date does not swallow the next sign-in", async () => {
      const { app, alice, sql, holderOf } = await signedIn();
      const before = tokenOf(alice);
      await sql("UPDATE sessions SET expires = $1", [new Date(Date.now() - 1_000)]);

      await alice.signIn("alice");

      expect(tokenOf(alice)).not.toBe(before);
      expect(await holderOf(alice)).toBe("strict:alice");
      expect(app.eventsOf("grant_ended")).toMatchObject([{ reason: "expired" }]);
      await quiet();
      const revocations = app.server.requests.filter(({ endpoint }) => endpoint === "revocation");
      expect(revocations, "the new sign-in may share the consent").toEqual([]);
    });

    it("by the app, which deletes the row or the user, holds at the next call, and for nobody else; nothing is revoked", async () => {
      const { app, alice, bob, sql, holderOf } = await signedIn();
      const phone = app.browser();
      await phone.signIn("alice");

      await sql('DELETE FROM sessions WHERE "sessionToken" = $1', [tokenOf(alice)]);
      expect([await holderOf(alice), await holderOf(phone), await holderOf(bob)]).toEqual([
        "not_signed_in",
        "strict:alice",
        "strict:bob",
      ]);
      await sql("DELETE FROM users WHERE name = 'alice'");

      expect([await holderOf(phone), await holderOf(bob)]).toEqual(["not_signed_in", "strict:bob"]);
      expect(await app.sessionInPage(phone)).toBeNull();
      expect(app.eventsOf("grant_ended")).toEqual([]);
      expect(app.server.requests.filter(({ endpoint }) => endpoint === "revocation")).toEqual([]);
    });

    it("by deleteSession of the wrapped adapter, which the app may call itself, revokes as a sign-out does (SEC-48)", async () => {
      const { app, alice, bob, other, sql, holderOf } = await signedIn();
      await alice.signIn("alice", "other");
      const { authOptions, authConfig } = app as {
        authOptions?: { adapter: Deleting };
        authConfig?: { adapter: Deleting };
      };

      await (authOptions ?? authConfig)?.adapter.deleteSession(tokenOf(alice));

      expect(await holderOf(alice)).toBe("not_signed_in");
      expect(await sql("SELECT * FROM sessions")).toHaveLength(1);
      await until(() => app.eventsOf("revocation_ended").length === 2);
      for (const server of [app.server, other]) {
        const revoked = server.requests.filter(({ endpoint }) => endpoint === "revocation");
        expect(new Set(revoked.map(({ user }) => user))).toEqual(new Set(["alice"]));
      }
      expect(await holderOf(bob)).toBe("strict:bob");
    });

    it("by the end of its own grant is one for NextAuth as well: the row goes (SEC-14)", async () => {
      const { app, alice, bob, sql, holderOf } = await signedIn();
      await alice.signIn("alice", "other");
      const { grants } = await app.store.scan(null, 10);
      const { grantRef } = await app.getAccessToken(alice.pageRequest());
      const own = grants.find(({ id }) => grantRefOf(id) === grantRef);
      await app.store.endMatching({ sessionRef: own?.sessionRef ?? "" }, "revoked");

      expect(await holderOf(alice, "other")).toBe("not_signed_in");
      expect(await app.sessionInPage(alice)).toBeNull();

      expect(await sql("SELECT * FROM sessions")).toHaveLength(1);
      expect(app.eventsOf("grant_ended")).toMatchObject([{ provider: "other" }]);
      await alice.signIn("alice");
      expect([await holderOf(alice), await holderOf(bob)]).toEqual(["strict:alice", "strict:bob"]);
    });

    it("is none while the app's database is away: nobody gets a token, and nobody is signed out (I6)", async () => {
      captureConsole();
      const { app, alice, other } = await signedIn();
      let down = true;
      const away = app.again({
        adapter: (adapter) => ({
          ...adapter,
          getSessionAndUser: (token: string) =>
            down
              ? Promise.reject(new Error(`no connection for ${token}`))
              : (adapter as { getSessionAndUser: (token: string) => unknown }).getSessionAndUser(token),
        }),
      });
      const browser = away.browser();
      for (const [name, value] of alice.jar) browser.jar.set(name, value);

      const error: unknown = await away
        .getAccessToken(browser.pageRequest())
        .catch((thrown: unknown) => thrown);
      const answer = await browser.get("session");
      down = false;

      expect(error).toMatchObject({ code: "store_failed" });
      expect((error as Error).message).not.toContain(tokenOf(alice));
      expect(setsSession(answer)).toBe(false);
      expect(await holderOf(away, other, browser)).toBe("strict:alice");
    });
  });
}
