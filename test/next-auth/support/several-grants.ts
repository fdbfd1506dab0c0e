/**
 * What both versions have to do where a user signs in with more than one provider: one suite, which a test file runs
 * around its version of NextAuth.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import type { FreshTokensOptions } from "../../../src/adapter/options.ts";
import { LIFETIME_MS, pass, quiet, sessionCookieOf, until } from "./app-parts.ts";
import { captureConsole } from "./console.ts";
import {
  linkedUsers,
  severalScene,
  type LinkedUsers,
  type SeveralChanges,
  type SeveralScene,
  type SeveralVersion,
} from "./several-grants-app.ts";
import { describeEndsOfSeveralGrants } from "./several-grants-ends.ts";

/** Runs the suite. */
export function describeSeveralGrants(version: SeveralVersion): void {
  const scene = (changes?: SeveralChanges): Promise<SeveralScene> => severalScene(version, changes);
  const linked = (changes?: SeveralChanges): Promise<LinkedUsers> => linkedUsers(version, changes);

  describeEndsOfSeveralGrants(version);

  describe("a sign-in with a second provider by the same user", () => {
    it("adds to the session: each provider's token is that user's, and without a name it is the first one's (I8, SEC-77)", async () => {
      const { app, alice, bob, adapter, holderOf } = await linked();

      expect(adapter.users.size).toBe(2);
      expect(adapter.accounts).toHaveLength(4);
      expect(JSON.stringify(adapter.accounts)).not.toMatch(/[ar]t-[\w-]{20}/);
      expect(app.eventsOf("grant_ended")).toEqual([]);
      for (const [browser, user] of [
        [alice, "alice"],
        [bob, "bob"],
      ] as const) {
        expect(await holderOf(browser)).toBe(`strict:${user}`);
        expect(await holderOf(browser, "strict")).toBe(`strict:${user}`);
        expect(await holderOf(browser, "other")).toBe(`other:${user}`);
      }
    });

    it("is read in every form of getAccessToken", async () => {
      const { app, alice, bob, other } = await linked();
      const ask = { provider: "other" };

      const tokens = await Promise.all([
        app.getAccessToken(alice.pageRequest(), ask),
        app.getAccessToken(alice.nodeRequest(), { setHeader: () => undefined }, ask),
        app.getAccessToken({ req: alice.nodeRequest() }, ask),
        alice.inServerComponent(() => app.getAccessToken(ask)),
      ]);

      expect(tokens.map(({ accessToken }) => other.userOf(accessToken))).toEqual(Array(4).fill("alice"));
      expect((await bob.inServerComponent(() => app.getAccessToken(ask))).provider).toBe("other");
    });

    it("lives on with the session: both are renewed, once per token, and nobody is mixed up (I1, I3)", async () => {
      const { app, other, alice, bob, holderOf } = await linked();

      for (let lifetime = 0; lifetime < 3; lifetime++) {
        pass(LIFETIME_MS * 0.7);
        await Promise.all([alice, bob, alice, bob].map((browser) => browser.session()));
        await quiet();
        expect(await Promise.all([holderOf(alice), holderOf(alice, "other")])).toEqual([
          "strict:alice",
          "other:alice",
        ]);
        expect(await Promise.all([holderOf(bob), holderOf(bob, "other")])).toEqual([
          "strict:bob",
          "other:bob",
        ]);
      }

      for (const server of [app.server, other]) {
        const tokenRequests = server.requests.filter(({ endpoint }) => endpoint === "token");
        expect(tokenRequests.map(({ outcome }) => outcome)).toEqual(Array(6).fill("rotated"));
      }
    });

    it("leaves no marker in the browser: that is the first one's (F35)", async () => {
      const { app, alice } = await linked();
      const response = new Response(null);
      alice.jar.delete("nolapse.marker");

      await app.getAccessToken(alice.pageRequest(), response, { provider: "other" });
      expect(response.headers.getSetCookie()).toEqual([]);
      await app.getAccessToken(alice.pageRequest(), response, { provider: "strict" });
      expect(response.headers.getSetCookie()).toHaveLength(1);
    });

    it("shows in the session by its state only, and the fields are the first one's (SEC-01)", async () => {
      const { app, alice } = await linked({ options: { exposeAccessToken: true } });
      const [own, others] = await Promise.all(
        ["strict", "other"].map((provider) => app.getAccessToken(alice.pageRequest(), { provider })),
      );
      const claim = (await version.jwtOf(alice))?.["nolapse"] as { linked: { handle: string }[] };

      const session = await alice.session();

      expect(session).toMatchObject({
        accessToken: own?.accessToken,
        accessTokenExpiresIn: 60,
        tokenState: { status: "fresh" },
        tokenStates: { other: { status: "fresh" } },
      });
      expect(JSON.stringify(session)).not.toContain(others?.accessToken);
      expect(JSON.stringify(session)).not.toContain(claim.linked[0]?.handle);
    });

    it("is used by fetchWithToken, and may be asked for another API (SEC-47)", async () => {
      const seen: string[] = [];
      const api = createServer((request, response) => {
        seen.push((request.headers.authorization ?? "").replace("Bearer ", ""));
        response.end();
      });
      await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
      onTestFinished(() => void api.close());
      const origin = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
      const { app, other, alice, bob } = await linked({ options: { allowedOrigins: [origin] } });
      const resource = "https://orders.example.com";

      for (const browser of [alice, bob]) {
        const request = browser.pageRequest();
        await app.fetchWithToken(origin, {}, { request });
        await app.fetchWithToken(origin, {}, { request, provider: "other" });
        await app.fetchWithToken(origin, {}, { request, provider: "other", resource });
      }

      const whose = seen.map((token) => [
        app.server.userOf(token) ?? "",
        other.userOf(token) ?? "",
        other.audienceOf(token) ?? "",
      ]);
      expect(whose).toEqual([
        ["alice", "", ""],
        ["", "alice", ""],
        ["", "alice", resource],
        ["bob", "", ""],
        ["", "bob", ""],
        ["", "bob", resource],
      ]);
      expect(app.server.requests.filter(({ endpoint }) => endpoint === "token")).toEqual([]);
    });

    it("gives nothing to an older cookie, but that signs all of it out (SEC-11, SEC-13)", async () => {
      const { app, holderOf } = await scene();
      const [alice, bob] = [app.browser(), app.browser()];
      await alice.signIn("alice");
      const older = alice.copy();
      await alice.signIn("alice", "other");
      await bob.signIn("bob", "other");

      expect(await holderOf(older, "other")).toBe("no_token");
      await older.signOut();

      expect(app.eventsOf("grant_ended")).toHaveLength(2);
      expect(await holderOf(alice)).toBe("not_signed_in");
      expect(await holderOf(alice, "other")).toBe("not_signed_in");
      expect(await holderOf(bob, "other")).toBe("other:bob");
    });

    it("is kept by a session read that was under way with the older cookie (F43)", async () => {
      const { app, holderOf } = await scene();
      const alice = app.browser();
      await alice.signIn("alice");
      pass(LIFETIME_MS * 0.7);
      app.server.hold();
      const reading = alice.get("session");
      await until(() => app.server.heldRequests === 1);

      await alice.signIn("alice", "other");
      app.server.release();
      const answer = await reading;

      expect(answer.json()).toMatchObject({ user: { name: "alice" }, accessTokenExpiresIn: 60 });
      expect(answer.setCookies.filter((line) => line.startsWith(version.cookie))).toEqual([]);
      expect(await holderOf(alice, "other")).toBe("other:alice");
    });

    it("whose tokens cannot be stored leaves the session as it was (I6)", async () => {
      captureConsole();
      const { app, holderOf } = await scene();
      const alice = app.browser();
      await alice.signIn("alice");
      app.store.down = true;

      await alice.signIn("alice", "other");
      app.store.down = false;

      expect(await holderOf(alice)).toBe("strict:alice");
      expect(await holderOf(alice, "other")).toBe("no_token");
      expect(app.eventsOf("grant_ended")).toEqual([]);
    });
  });

  describe("a provider that is asked for", () => {
    it("is an option that makes no sense if NextAuth does not know it, and no token if the session has none of it", async () => {
      const { app } = await scene();
      const [alice, nobody] = [app.browser(), app.browser()];
      await alice.signIn("alice");

      for (const browser of [alice, nobody]) {
        await expect(app.getAccessToken(browser.pageRequest(), { provider: "otter" })).rejects.toMatchObject({
          code: "invalid_option",
          option: "provider",
          message: expect.stringMatching(/one of NextAuth's providers \("strict", "other"\)/) as string,
        });
      }
      await expect(app.getAccessToken(alice.pageRequest(), { provider: "other" })).rejects.toMatchObject({
        code: "no_token",
        message: expect.stringMatching(/no access token of "other"/) as string,
      });
      await expect(app.getAccessToken(nobody.pageRequest(), { provider: "other" })).rejects.toMatchObject({
        code: "not_signed_in",
      });
    });
  });

  describe("a session of several grants", () => {
    it("ends as a whole at sign-out, and is revoked at each server, of this user only (SEC-48, RFC 7009)", async () => {
      const { app, other, alice, bob, holderOf } = await linked();
      const thief = alice.copy();

      await alice.signOut();

      expect(app.eventsOf("grant_ended")).toMatchObject([
        { provider: "strict", reason: "signed_out" },
        { provider: "other", reason: "signed_out" },
      ]);
      await until(() => app.eventsOf("revocation_ended").length === 2);
      for (const server of [app.server, other]) {
        const revoked = server.requests.filter(({ endpoint }) => endpoint === "revocation");
        expect(new Set(revoked.map(({ user }) => user))).toEqual(new Set(["alice"]));
      }
      expect(await holderOf(thief)).toBe("not_signed_in");
      expect(await holderOf(thief, "other")).toBe("not_signed_in");
      expect([await holderOf(bob), await holderOf(bob, "other")]).toEqual(["strict:bob", "other:bob"]);
    });

    it("stands while an added grant has ended: only that provider asks for a sign-in, which brings it back (SEC-07)", async () => {
      const { app, other, alice, bob, holderOf } = await linked();
      other.revokeUser("alice");
      pass(LIFETIME_MS);

      expect(await holderOf(alice, "other")).toBe("reauthentication_required");
      expect(await holderOf(alice)).toBe("strict:alice");
      const session = await alice.session();
      expect(session).toMatchObject({
        user: { name: "alice" },
        tokenState: { status: "fresh" },
        tokenStates: { other: { status: "reauthentication_required", reason: "rejected" } },
      });
      expect(session).not.toHaveProperty("error");

      await alice.signIn("alice", "other");

      expect([await holderOf(alice), await holderOf(alice, "other")]).toEqual([
        "strict:alice",
        "other:alice",
      ]);
      expect(await holderOf(bob, "other")).toBe("other:bob");
      expect(app.eventsOf("grant_ended")).toMatchObject([{ provider: "other", reason: "rejected" }]);
    });

    it("goes on as that of another provider's sign-in where its own grant has ended", async () => {
      const { app, alice, holderOf } = await linked();
      app.server.revokeUser("alice");
      pass(LIFETIME_MS);
      expect(await alice.session()).toHaveProperty("error");

      await alice.signIn("alice", "other");

      expect(await alice.session()).toMatchObject({
        tokenState: { status: "fresh" },
        tokenStates: { strict: { status: "reauthentication_required" } },
      });
      expect([await holderOf(alice), await holderOf(alice, "strict")]).toEqual([
        "other:alice",
        "reauthentication_required",
      ]);
    });

    it("keeps the others when the user signs in anew with the first, and older cookies get nothing (SEC-11)", async () => {
      const { app, other, alice, bob, holderOf } = await linked();
      const older = alice.copy();

      await alice.signIn("alice");

      expect(app.eventsOf("grant_ended")).toMatchObject([{ provider: "strict", reason: "replaced" }]);
      expect([await holderOf(alice), await holderOf(alice, "other")]).toEqual([
        "strict:alice",
        "other:alice",
      ]);
      expect([await holderOf(older), await holderOf(older, "other")]).toEqual([
        "not_signed_in",
        "not_signed_in",
      ]);
      expect(await older.session()).toEqual(version.cookie.startsWith("authjs") ? null : {});
      await alice.signOut();
      expect(app.eventsOf("grant_ended")).toHaveLength(3);
      expect(await holderOf(bob, "other")).toBe("other:bob");
      expect(other.requests.some(({ outcome }) => outcome === "reused")).toBe(false);
    });

    it("replaces an added grant when the user signs in with its provider anew", async () => {
      const { app, alice, holderOf } = await linked();

      await alice.signIn("alice", "other");

      expect(app.eventsOf("grant_ended")).toMatchObject([{ provider: "other", reason: "replaced" }]);
      expect([await holderOf(alice), await holderOf(alice, "other")]).toEqual([
        "strict:alice",
        "other:alice",
      ]);
    });

    it("has at most eight, in a cookie of one piece: the one that was added first goes (SEC-21)", async () => {
      const more = Array.from({ length: 7 }, (_, at) => `provider-with-a-long-name-${at + 1}`);
      const { app, alice, bob, holderOf } = await linked({ more });

      for (const provider of more) await alice.signIn("alice", provider);

      expect(sessionCookieOf(alice, version.cookie).length).toBeLessThan(3_900);
      expect(app.eventsOf("grant_ended")).toMatchObject([{ provider: "other", reason: "replaced" }]);
      expect(await holderOf(alice, "other")).toBe("no_token");
      for (const provider of ["strict", ...more]) {
        expect(await holderOf(alice, provider)).toBe(`${provider}:alice`);
      }
      await alice.signOut();
      expect(app.eventsOf("grant_ended")).toHaveLength(9);
      expect(await holderOf(bob, "other")).toBe("other:bob");
    });
  });

  describe("a sign-in by somebody else in the same browser", () => {
    it("takes over nothing, though both providers call them the same, without an adapter (SEC-11, SEC-45)", async () => {
      const { app, holderOf } = await scene({ withAdapter: false });
      const browser = app.browser();
      await browser.signIn("alice");
      const older = browser.copy();

      await browser.signIn("alice", "other");

      expect(app.eventsOf("grant_ended")).toMatchObject([{ provider: "strict", reason: "replaced" }]);
      expect(await holderOf(browser)).toBe("other:alice");
      expect(await holderOf(browser, "strict")).toBe("no_token");
      expect(await holderOf(older)).toBe("not_signed_in");
    });

    it("is refused by NextAuth where the account is another user's, and neither gets the other's (I8)", async () => {
      captureConsole();
      const { app, alice, bob, holderOf } = await linked();

      await alice.signIn("bob", "other");

      expect([await holderOf(alice), await holderOf(alice, "other")]).toEqual([
        "strict:alice",
        "other:alice",
      ]);
      expect([await holderOf(bob), await holderOf(bob, "other")]).toEqual(["strict:bob", "other:bob"]);
      expect(app.eventsOf("grant_ended")).toMatchObject([{ provider: "other", reason: "replaced" }]);
    });

    it("has a session of its own where the user before has been deleted: old cookies end nothing of it (SEC-70)", async () => {
      const { adapter, alice, holderOf } = await linked();
      const older = alice.copy();
      for (const { id, name } of adapter.users.values()) if (name === "alice") adapter.users.delete(id);

      await alice.signIn("carol", "other");

      expect((await alice.session())["user"]).toMatchObject({ name: "carol" });
      expect([await holderOf(alice), await holderOf(alice, "strict")]).toEqual(["other:carol", "no_token"]);
      await older.signOut();
      expect(await holderOf(older)).toBe("not_signed_in");
      expect(await holderOf(alice)).toBe("other:carol");
    });

    it("gets nothing of a session that was signed out", async () => {
      const { app, alice, holderOf } = await linked();
      const older = alice.copy();
      await alice.signOut();

      await older.signIn("alice", "other");

      expect([await holderOf(older), await holderOf(older, "strict")]).toEqual(["other:alice", "no_token"]);
      expect(app.eventsOf("grant_ended")).toHaveLength(2);
    });

    it("is linked to nobody who has signed out, though the old cookie can still be opened (SEC-13)", async () => {
      const { adapter, alice, bob, holderOf } = await linked();
      const thief = alice.copy();
      await alice.signOut();

      await thief.signIn("mallory", "other");

      const [user] = [...adapter.users.values()].filter(({ name }) => name === "alice");
      const accounts = adapter.accounts.filter(({ userId }) => userId === user?.id);
      expect(accounts.map(({ providerAccountId }) => providerAccountId)).toEqual(["alice", "alice"]);
      expect((await thief.session())["user"]).toMatchObject({ name: "mallory" });
      expect([await holderOf(thief), await holderOf(bob)]).toEqual(["other:mallory", "strict:bob"]);
    });
  });

  describe("isSameUser", () => {
    const byEmail: FreshTokensOptions["isSameUser"] = (before, now) => before["email"] === now["email"];

    it("lets an application without an adapter say who is the same, from both JWTs without the claim", async () => {
      const seen: object[] = [];
      const { app, holderOf } = await scene({
        withAdapter: false,
        options: { isSameUser: (before, now) => seen.push(before, now) > 0 && byEmail(before, now) },
      });
      const [browser, bob] = [app.browser(), app.browser()];
      await browser.signIn("alice");
      await bob.signIn("bob", "other");

      await browser.signIn("alice", "other");
      expect([await holderOf(browser), await holderOf(browser, "other")]).toEqual([
        "strict:alice",
        "other:alice",
      ]);
      await browser.signIn("carol", "other");

      expect([await holderOf(browser), await holderOf(browser, "strict")]).toEqual([
        "other:carol",
        "no_token",
      ]);
      expect(app.eventsOf("grant_ended")).toHaveLength(3);
      expect(seen).toMatchObject([
        { name: "alice" },
        { name: "alice" },
        { name: "alice" },
        { name: "carol" },
      ]);
      expect(JSON.stringify(seen)).not.toContain("nolapse");
      expect(await holderOf(bob, "other")).toBe("other:bob");
    });

    it.each<[string, () => boolean]>([
      [
        "throws",
        () => {
          throw new Error("no");
        },
      ],
      ["returns what is true but not true", () => "yes" as unknown as boolean],
    ])("counts as no where it %s", async (_what, isSameUser) => {
      captureConsole();
      const { app, holderOf } = await scene({ options: { isSameUser } });
      const browser = app.browser();
      await browser.signIn("alice");

      await browser.signIn("alice", "other");

      expect([await holderOf(browser), await holderOf(browser, "strict")]).toEqual([
        "other:alice",
        "no_token",
      ]);
    });
  });
}
