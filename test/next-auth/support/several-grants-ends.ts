/** What ends a session of several grants as a whole, and what an outage of the store does to it, in both versions. */
import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "../../../src/core/engine.ts";
import { processSharedState } from "../../../src/core/single-flight.ts";
import { LIFETIME_MS, pass, quiet, until } from "./app-parts.ts";
import type { Browser } from "./browser.ts";
import { captureConsole } from "./console.ts";
import {
  linkedUsers,
  ownGrantIdOf,
  severalScene,
  type LinkedUsers,
  type SeveralScene,
  type SeveralVersion,
} from "./several-grants-app.ts";

/** For how long an app serves what the store said last, by default. */
const STALE_MS = DEFAULT_LIMITS.staleIfStoreDownMs;

/** Runs this part of the suite. */
export function describeEndsOfSeveralGrants(version: SeveralVersion): void {
  const scene = (): Promise<SeveralScene> => severalScene(version);
  const linked = (): Promise<LinkedUsers> => linkedUsers(version);

  describe("a session of several grants", () => {
    it("gives an added token while the store is away, as it does its own, and neither once a sign-out came (I6, SEC-13)", async () => {
      captureConsole();
      const { app, alice, bob, holderOf } = await linked();
      const [thief, all] = [alice.copy(), ["strict", "other"]];
      const holders = (browser: Browser): Promise<string[]> =>
        Promise.all(all.map((provider) => holderOf(browser, provider)));
      await holders(bob);
      await holders(alice);
      app.store.down = true;

      expect(await holders(alice)).toEqual(["strict:alice", "other:alice"]);
      await alice.signOut();

      expect(await holders(thief)).toEqual(["not_signed_in", "not_signed_in"]);
      expect(await holders(bob)).toEqual(["strict:bob", "other:bob"]);
      pass(STALE_MS + 1);
      expect(await holders(bob)).toEqual(["store_failed", "store_failed"]);
      app.store.down = false;
    });

    it("ends as a whole by the sign-out of an older cookie, also one that the store could not take (SEC-11, SEC-13)", async () => {
      captureConsole();
      const { app, holderOf } = await scene();
      const [alice, bob] = [app.browser(), app.browser()];
      await alice.signIn("alice");
      const older = alice.copy();
      await alice.signIn("alice", "other");
      await bob.signIn("bob", "other");
      app.store.down = true;
      await older.signOut();
      app.store.down = false;
      expect(app.eventsOf("grant_ended")).toEqual([]);

      // As the next of the process's own tries does, a second later.
      const { pendingEnds } = processSharedState("memory");
      await Promise.allSettled([...new Set(pendingEnds.values())].map(({ end }) => end()));

      expect(app.eventsOf("grant_ended")).toHaveLength(2);
      expect([await holderOf(alice, "other"), await holderOf(bob, "other")]).toEqual([
        "not_signed_in",
        "other:bob",
      ]);
    });

    it("gives an added token also where its own grant alone cannot be read (I6)", async () => {
      captureConsole();
      const { app, alice, bob, holderOf } = await linked();
      const own = await ownGrantIdOf(app, alice);
      pass(STALE_MS + 1);
      const read = app.store.read.bind(app.store);
      app.store.read = (id) => (id === own ? Promise.reject(new Error("no connection")) : read(id));

      expect([await holderOf(alice, "other"), await holderOf(alice)]).toEqual([
        "other:alice",
        "store_failed",
      ]);
      expect([await holderOf(bob, "other"), await holderOf(bob)]).toEqual(["other:bob", "strict:bob"]);
    });

    it.each([
      ["a session read", "revoked"],
      ["the next sign-in", "replaced"],
    ])(
      "whose own grant was ended from outside ends as a whole by %s, of this user only, and is revoked (SEC-14)",
      async (way, reason) => {
        const { app, other, alice, bob, holderOf } = await linked();
        const older = alice.copy();
        await app.store.end(await ownGrantIdOf(app, alice), "revoked");

        if (way === "a session read") await older.session();
        else await alice.signIn("alice");

        expect(app.eventsOf("grant_ended")).toMatchObject([{ provider: "other", reason }]);
        await until(() => app.eventsOf("revocation_ended").length === 1);
        const revoked = other.requests.filter(({ endpoint }) => endpoint === "revocation");
        expect(new Set(revoked.map(({ user }) => user))).toEqual(new Set(["alice"]));
        expect([await holderOf(older), await holderOf(older, "other")]).toEqual([
          "not_signed_in",
          "not_signed_in",
        ]);
        expect([await holderOf(bob), await holderOf(bob, "other")]).toEqual(["strict:bob", "other:bob"]);
      },
    );

    it("whose own grant was ended from outside is not revoked where the next sign-in is with the same server (SEC-11)", async () => {
      const { app, other, alice, bob, holderOf } = await linked();
      await app.store.end(await ownGrantIdOf(app, alice), "revoked");

      await alice.signIn("alice", "other");
      await quiet();

      expect(app.eventsOf("grant_ended")).toMatchObject([{ provider: "other", reason: "replaced" }]);
      expect(other.requests.filter(({ endpoint }) => endpoint === "revocation")).toEqual([]);
      pass(LIFETIME_MS);
      expect([await holderOf(alice), await holderOf(alice, "strict")]).toEqual(["other:alice", "no_token"]);
      expect(await holderOf(bob, "other")).toBe("other:bob");
    });

    it("does not end by what an older cookie says, whose own grant was replaced (F43)", async () => {
      const { app, alice, bob, holderOf } = await linked();
      const older = alice.copy();
      await alice.signIn("alice");

      await older.session();
      await older.signIn("alice");

      expect([await holderOf(alice), await holderOf(alice, "other")]).toEqual([
        "strict:alice",
        "other:alice",
      ]);
      expect(app.eventsOf("grant_ended")).toMatchObject([{ provider: "strict", reason: "replaced" }]);
      expect(await holderOf(bob, "other")).toBe("other:bob");
    });
  });
}
