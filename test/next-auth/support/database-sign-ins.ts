/** What a sign-in does where sessions are rows of an adapter, in both versions. */
import { describe, expect, it } from "vitest";
import type { PostgresBench } from "../../stores/support/postgres-tests.ts";
import { LIFETIME_MS, pass, quiet, until } from "./app-parts.ts";
import type { Answer, Browser } from "./browser.ts";
import { captureConsole } from "./console.ts";
import {
  databaseScene,
  holderOf,
  usersSignedIn,
  type DatabaseApp,
  type DatabaseChanges,
  type DatabaseScene,
  type DatabaseVersion,
  type SignedIn,
} from "./database-app.ts";
import { startOidcServer } from "./oidc.ts";

/** Runs this part of the suite. */
export function describeDatabaseSignIns(bench: PostgresBench, version: DatabaseVersion): void {
  const scene = (): Promise<DatabaseScene> => databaseScene(bench, version);
  const signedIn = (): Promise<SignedIn> => usersSignedIn(bench, version);
  const tokenOf = (browser: Browser): string => browser.jar.get(version.cookie) ?? "";
  const location = (answer: Answer): string => answer.headers.get("location") ?? String(answer.json()["url"]);

  describe("a sign-in", () => {
    it("keeps its tokens for its session: two devices of two users live side by side, and end alone (F8, I8)", async () => {
      const { app, alice, bob, holderOf } = await signedIn();
      const [phone, tablet] = [app.browser(), app.browser()];
      await phone.signIn("alice");
      await tablet.signIn("bob");
      const all = [
        [alice, "alice"],
        [phone, "alice"],
        [bob, "bob"],
        [tablet, "bob"],
      ] as const;

      for (let lifetime = 0; lifetime < 3; lifetime++) {
        pass(LIFETIME_MS * 0.7);
        await Promise.all(all.flatMap(([browser]) => [browser.session(), holderOf(browser)]));
        await quiet();
        for (const [browser, user] of all) {
          expect(await holderOf(browser)).toBe(`strict:${user}`);
          expect(await browser.session()).toMatchObject({ user: { name: user }, accessTokenExpiresIn: 60 });
        }
      }
      const requests = app.server.requests.filter(({ endpoint }) => endpoint === "token");
      expect(requests.map(({ outcome }) => outcome)).toEqual(Array(12).fill("rotated"));
      await phone.signOut();

      expect(await Promise.all(all.map(([browser]) => holderOf(browser)))).toEqual([
        "strict:alice",
        "not_signed_in",
        "strict:bob",
        "strict:bob",
      ]);
      expect(app.eventsOf("grant_ended")).toMatchObject([{ reason: "signed_out" }]);
    });

    it("leaves no token in the cookie and in the app's database (SEC-01)", async () => {
      const { app, alice, sql } = await signedIn();
      const { accessToken } = await app.getAccessToken(alice.pageRequest());

      const rows = {
        accounts: await sql("SELECT * FROM accounts"),
        sessions: await sql("SELECT * FROM sessions"),
        users: await sql("SELECT * FROM users"),
      };

      expect(rows.accounts).toMatchObject([
        { provider: "strict", providerAccountId: "alice", access_token: null, refresh_token: null },
        { provider: "strict", providerAccountId: "bob", access_token: null, refresh_token: null },
      ]);
      expect(JSON.stringify([rows, ...alice.jar])).not.toContain(accessToken);
      expect(JSON.stringify([rows, ...alice.jar])).not.toMatch(/[ar]t-[\w-]{20}/);
      expect(rows.sessions.map(({ sessionToken }) => sessionToken)).toContain(tokenOf(alice));
    });

    it("leaves the tokens in the account where the app wants them", async () => {
      const { app, sql } = await scene();

      await app
        .again({ options: { keepAccountTokens: true } })
        .browser()
        .signIn("alice");

      expect(await sql("SELECT * FROM accounts")).toMatchObject([
        { access_token: expect.stringMatching(/^at-/) as string },
      ]);
    });

    it("gives its session the token that the app's own generator makes", async () => {
      const { app, sql, other } = await scene();
      let made = 0;
      const own = app.again({ session: { generateSessionToken: () => `own-token-of-the-app-${++made}` } });
      const [alice, bob] = [own.browser(), own.browser()];

      await alice.signIn("alice");
      await bob.signIn("bob");

      expect([tokenOf(alice), tokenOf(bob), made]).toEqual([
        "own-token-of-the-app-1",
        "own-token-of-the-app-2",
        2,
      ]);
      expect(await sql("SELECT * FROM sessions")).toHaveLength(2);
      expect([await holderOf(own, other, alice), await holderOf(own, other, bob)]).toEqual([
        "strict:alice",
        "strict:bob",
      ]);
    });

    it("is told on the error page while the store is away, and makes no session (SEC-48)", async () => {
      const said = captureConsole();
      const { app, sql } = await scene();
      const alice = app.browser();
      app.store.down = true;

      const answer = await alice.signIn("alice");

      expect(location(answer)).toBe("http://localhost:3000/api/auth/error?error=Configuration");
      expect(tokenOf(alice)).toBe("");
      expect(await sql("SELECT * FROM sessions")).toEqual([]);
      expect(said.own().join()).toContain("The tokens of a sign-in could not be stored");
    });

    it("is told on the error page where the route is not wrapped, and why on the console", async () => {
      const said = captureConsole();
      const { app } = await scene();
      const alice = app.again({ wrapped: false }).browser();

      const answer = await alice.signIn("alice");

      expect(location(answer)).toContain("/error?error=Configuration");
      expect(said.own().join()).toMatch(/"session.strategy" can only be "database" with the wrapped route/);
    });

    it("that NextAuth refuses leaves no live grant behind, and the session that is there alone (SEC-11)", async () => {
      captureConsole();
      const { app, alice, bob, holderOf } = await signedIn();
      const stranger = app.browser();

      // The address is alice's, and nobody is signed in who could link it.
      await stranger.signIn("alice", "other");
      // The account is bob's.
      await bob.signIn("bob", "other");
      await alice.signIn("bob", "other");

      expect(tokenOf(stranger)).toBe("");
      expect(app.eventsOf("grant_ended")).toMatchObject([{ reason: "revoked" }, { reason: "replaced" }]);
      expect([await holderOf(alice), await holderOf(alice, "other")]).toEqual(["strict:alice", "no_token"]);
      expect(await alice.session()).toMatchObject({
        user: { name: "alice" },
        tokenState: { status: "fresh" },
      });
    });

    it("that NextAuth is about to refuse gives no tab of the session that is there the other user's token (I8)", async () => {
      captureConsole();
      const { app, alice, other } = await signedIn();
      const seen: string[] = [];
      const watched = app.again({
        adapter: (adapter) => ({
          ...adapter,
          // NextAuth asks it before the tokens are stored, and again before it refuses.
          getUserByAccount: async (account: unknown) => {
            for (const provider of [undefined, "strict", "other"])
              seen.push(await holderOf(app, other, alice, provider));
            return (adapter as { getUserByAccount: (account: unknown) => unknown }).getUserByAccount(account);
          },
        }),
      });
      const browser = watched.browser();
      for (const [name, value] of alice.jar) browser.jar.set(name, value);

      // The newer of two grants is the session's.
      pass(1_000);
      await browser.signIn("bob");

      expect(new Set(seen)).toEqual(new Set(["strict:alice", "no_token"]));
      expect(await holderOf(app, other, alice)).toBe("strict:alice");
    });

    it("in the session that is there replaces its grant, and nobody's consent is revoked (SEC-11, F8)", async () => {
      const { app, alice, bob, holderOf } = await signedIn();
      const before = [tokenOf(alice), (await app.getAccessToken(alice.pageRequest())).grantRef];

      await alice.signIn("alice");

      const after = [tokenOf(alice), (await app.getAccessToken(alice.pageRequest())).grantRef];
      expect(after[0], "NextAuth keeps the session").toBe(before[0]);
      expect(after[1]).not.toBe(before[1]);
      expect(app.eventsOf("grant_ended")).toMatchObject([{ reason: "replaced" }]);
      expect(app.server.requests.filter(({ endpoint }) => endpoint === "revocation")).toEqual([]);
      pass(LIFETIME_MS);
      expect([await holderOf(alice), await holderOf(bob)]).toEqual(["strict:alice", "strict:bob"]);
    });

    it("that two tabs do at once leaves one of their grants, not none (F43)", async () => {
      const { app, alice, bob, other } = await signedIn();
      const waiting: (() => void)[] = [];
      // Both are stored, and neither has ended anything yet.
      const meet = (): Promise<void> =>
        new Promise((resolve) => {
          waiting.push(resolve);
          if (waiting.length === 2) for (const each of waiting) each();
        });
      const busy = app.again({ auth: { events: { signIn: meet } } });
      const tabs = [busy.browser(), busy.browser()] as const;
      for (const tab of tabs) for (const [name, value] of alice.jar) tab.jar.set(name, value);

      await Promise.all(tabs.map((tab) => tab.signIn("alice")));

      for (const tab of tabs) expect(await holderOf(busy, other, tab)).toBe("strict:alice");
      expect(busy.eventsOf("grant_ended")).toMatchObject([{ reason: "replaced" }, { reason: "replaced" }]);
      expect(await holderOf(busy, other, bob)).toBe("strict:bob");
    });

    it("mends a session whose grant the server has ended (F8)", async () => {
      const { app, alice, bob, holderOf } = await signedIn();
      app.server.revokeUser("alice");
      pass(LIFETIME_MS);
      expect(await holderOf(alice)).toBe("reauthentication_required");
      for (const session of [await alice.session(), await app.sessionInPage(alice)]) {
        expect(session).toMatchObject({
          user: { name: "alice" },
          error: expect.stringMatching(/^Refresh(Access)?TokenError$/) as string,
          tokenState: { status: "reauthentication_required", reason: "rejected" },
        });
      }

      await alice.signIn("alice");

      expect(await holderOf(alice)).toBe("strict:alice");
      expect(await alice.session()).not.toHaveProperty("error");
      expect(await holderOf(bob)).toBe("strict:bob");
    });

    it("whose session NextAuth finds gone meanwhile moves to the one that it makes", async () => {
      const { app, alice, bob, sql, other } = await signedIn();
      const before = tokenOf(alice);
      const losing = app.again({
        adapter: (adapter) => ({
          ...adapter,
          getUserByAccount: async (account: unknown) => {
            await sql('DELETE FROM sessions WHERE "sessionToken" = $1', [before]);
            return (adapter as { getUserByAccount: (account: unknown) => unknown }).getUserByAccount(account);
          },
        }),
      });
      const browser = losing.browser();
      for (const [name, value] of alice.jar) browser.jar.set(name, value);

      await browser.signIn("alice");

      expect(tokenOf(browser)).not.toBe(before);
      expect(await holderOf(losing, other, browser)).toBe("strict:alice");
      expect(await holderOf(losing, other, alice)).toBe("not_signed_in");
      expect(await holderOf(losing, other, bob)).toBe("strict:bob");
    });

    it("by a Credentials login keeps nothing: NextAuth makes no session of it (D26)", async () => {
      const { app } = await scene();
      const carol = app.browser();

      await carol.signInWithPassword({ user: "carol" });

      expect(app.eventsOf("grant_created")).toEqual([]);
    });
  });

  describe("a sign-in with a second provider", () => {
    it("adds to the session, and each user gets their own tokens by name (I8, SEC-70, SEC-77)", async () => {
      const { app, alice, bob, sql, holderOf } = await signedIn();
      const session = tokenOf(alice);

      await alice.signIn("alice", "other");

      expect(tokenOf(alice)).toBe(session);
      expect(await sql("SELECT * FROM accounts")).toHaveLength(3);
      expect(await holderOf(alice)).toBe("strict:alice");
      expect(await holderOf(alice, "other")).toBe("other:alice");
      expect(await holderOf(bob, "other")).toBe("no_token");
      expect(await holderOf(bob, "otter")).toBe("invalid_option");
      await bob.signIn("bob", "other");
      expect([await holderOf(bob), await holderOf(bob, "other")]).toEqual(["strict:bob", "other:bob"]);
      expect(await alice.session()).toMatchObject({ tokenStates: { other: { status: "fresh" } } });
      expect(app.eventsOf("grant_ended")).toEqual([]);
    });

    it("stays where it is when the first one is signed in with anew, and the first one stays the own", async () => {
      const { alice, holderOf } = await signedIn();
      await alice.signIn("alice", "other");

      for (const provider of ["strict", "other", "strict"]) {
        await alice.signIn("alice", provider);
        expect([await holderOf(alice), await holderOf(alice, "other")]).toEqual([
          "strict:alice",
          "other:alice",
        ]);
      }
    });

    it("asks for that provider alone when it has ended, and takes the own one's place when that has", async () => {
      const { app, other, alice, bob, holderOf } = await signedIn();
      await alice.signIn("alice", "other");
      other.revokeUser("alice");
      pass(LIFETIME_MS);
      expect(await holderOf(alice, "other")).toBe("reauthentication_required");
      const session = await alice.session();
      expect(session).toMatchObject({
        tokenState: { status: "fresh" },
        tokenStates: { other: { status: "reauthentication_required", reason: "rejected" } },
      });
      expect(session).not.toHaveProperty("error");

      app.server.revokeUser("alice");
      pass(LIFETIME_MS);
      expect(await alice.session()).toHaveProperty("error");
      await alice.signIn("alice", "other");

      expect([await holderOf(alice), await holderOf(alice, "strict")]).toEqual([
        "other:alice",
        "reauthentication_required",
      ]);
      expect(await alice.session()).not.toHaveProperty("error");
      expect(await holderOf(bob)).toBe("strict:bob");
    });

    it("ends what is of no use any more where it takes its place", async () => {
      const { app, other } = await scene();
      const short = app.again({ options: { slidingLifetimeMs: 20_000 } });
      const [alice, bob] = [short.browser(), short.browser()];
      await alice.signIn("alice");
      pass(20_000);
      await bob.signIn("bob");

      await alice.signIn("alice", "other");

      expect(short.eventsOf("grant_ended")).toMatchObject([{ provider: "strict", reason: "replaced" }]);
      expect([await holderOf(short, other, alice), await holderOf(short, other, bob)]).toEqual([
        "other:alice",
        "strict:bob",
      ]);
    });

    it("ends with the session at sign-out, of this user only, and is revoked at each server (SEC-48)", async () => {
      const { app, other, alice, bob, holderOf } = await signedIn();
      await alice.signIn("alice", "other");
      await bob.signIn("bob", "other");

      await alice.signOut();

      expect(app.eventsOf("grant_ended")).toHaveLength(2);
      await until(() => app.eventsOf("revocation_ended").length === 2);
      for (const server of [app.server, other]) {
        const revoked = server.requests.filter(({ endpoint }) => endpoint === "revocation");
        expect(new Set(revoked.map(({ user }) => user))).toEqual(new Set(["alice"]));
      }
      expect([await holderOf(bob), await holderOf(bob, "other")]).toEqual(["strict:bob", "other:bob"]);
    });
  });

  describe("at real OpenID Connect servers", () => {
    it("two users, two devices each, with two providers, live through lifetimes without a replay (I1, F8)", async () => {
      // oidc-provider recommends on the console what it would do differently in production.
      captureConsole();
      const made = await scene();
      const ids = ["oidc", "second"] as const;
      const servers = await Promise.all(
        ids.map((id) =>
          startOidcServer({ redirect_uris: [`http://localhost:3000/api/auth/callback/${id}`] }),
        ),
      );
      const app = made.app.again({
        providers: ids.map((id, at) => version.oidcProvider(id, servers[at]?.issuer ?? "")),
      });
      const devices = ["alice", "bob", "alice", "bob"].map((user) => ({ user, browser: app.browser() }));
      for (const [at, server] of servers.entries()) {
        for (const { user, browser } of devices) {
          const started = await browser.submit(
            `signin/${ids[at] ?? ""}`,
            { callbackUrl: "http://localhost:3000/" },
            { login_hint: user },
          );
          const query = await server.authorize(String(started.json()["url"]));
          await browser.get(`callback/${ids[at] ?? ""}`, { query });
        }
      }
      const subjects = (): Promise<string[]> =>
        Promise.all(
          devices.flatMap(({ browser }) =>
            servers.map(async ({ issuer }, at) => {
              const ask = { provider: ids[at] ?? "" };
              const { accessToken } = await app.getAccessToken(browser.pageRequest(), ask);
              const headers = { authorization: `Bearer ${accessToken}` };
              const answer = await fetch(`${issuer}/me`, { headers });
              return ((await answer.json()) as { sub: string }).sub;
            }),
          ),
        );

      for (let lifetime = 0; lifetime < 2; lifetime++) {
        pass(LIFETIME_MS * 0.7);
        await Promise.all(devices.map(({ browser }) => browser.session()));
        await quiet();
        expect(await subjects()).toEqual(devices.flatMap(({ user }) => [user, user]));
      }
      for (const { log, revoked } of servers) {
        expect(log.filter((each) => each === "refresh_token ok")).toHaveLength(8);
        expect(log.every((each) => each.endsWith(" ok"))).toBe(true);
        expect(revoked).toEqual([]);
      }
      await devices[0]?.browser.signOut();

      await until(() => app.eventsOf("revocation_ended").length === 2);
      expect(app.eventsOf("revocation_ended")).toMatchObject([
        { outcome: "revoked" },
        { outcome: "revoked" },
      ]);
      devices.shift();
      expect(await subjects()).toEqual(devices.flatMap(({ user }) => [user, user]));
    });
  });

  describe("a sign-in by e-mail, which brings no token, in a browser that is signed in", () => {
    /** An app with an e-mail provider, and alice's browser in it. */
    const mailing = (
      { app, alice }: SignedIn,
      changes: DatabaseChanges = {},
    ): { app: DatabaseApp; browser: Browser; signIn: (email: string) => Promise<void> } => {
      const links: string[] = [];
      const email = {
        id: "email",
        name: "E-mail",
        type: "email",
        maxAge: 3_600,
        options: {},
        sendVerificationRequest: ({ url }: { url: string }) => Promise.resolve(void links.push(url)),
      };
      const withMail = app.again({ ...changes, providers: [email] });
      const browser = withMail.browser();
      for (const [name, value] of alice.jar) browser.jar.set(name, value);
      const signIn = async (address: string): Promise<void> => {
        await browser.submit("signin/email", { email: address, callbackUrl: "http://localhost:3000/" });
        const link = new URL(links.at(-1) ?? "");
        await browser.get("callback/email", { query: Object.fromEntries(link.searchParams) });
      };
      return { app: withMail, browser, signIn };
    };

    it("gets a session of its own, and what the one before had ends with it (SEC-11)", async () => {
      const scene = await signedIn();
      const { alice, bob, sql, other } = scene;
      const { app, browser, signIn } = mailing(scene);
      const before = tokenOf(browser);

      await signIn("dave@example.com");

      expect(tokenOf(browser)).not.toBe(before);
      expect((await browser.session())["user"]).toMatchObject({ email: "dave@example.com" });
      expect(await holderOf(app, other, browser)).toBe("no_token");
      expect(await holderOf(app, other, alice)).toBe("not_signed_in");
      expect(app.eventsOf("grant_ended")).toMatchObject([{ reason: "replaced" }]);
      expect(await sql("SELECT * FROM sessions")).toHaveLength(2);
      expect(await holderOf(app, other, bob)).toBe("strict:bob");
    });

    it("deletes the row before once: some adapters reject where there is none, as Prisma's does", async () => {
      const said = captureConsole();
      const scene = await signedIn();
      const { alice, bob, sql, other } = scene;
      const { app, browser, signIn } = mailing(scene, {
        adapter: (adapter) => ({
          ...adapter,
          async deleteSession(token: string) {
            const gone = await sql('DELETE FROM sessions WHERE "sessionToken" = $1 RETURNING id', [token]);
            if (gone.length === 0) throw new Error("no such record");
          },
        }),
      });

      // NextAuth itself deletes the session of a browser in which somebody else signs in.
      await signIn("bob@example.com");

      expect((await browser.session())["user"]).toMatchObject({ name: "bob" });
      expect(await holderOf(app, other, alice)).toBe("not_signed_in");
      expect(await sql("SELECT * FROM sessions")).toHaveLength(2);
      expect(await holderOf(app, other, bob)).toBe("strict:bob");
      expect(said.own()).toEqual([]);
    });
  });
}
