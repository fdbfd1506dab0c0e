/**
 * What both versions have to do about a user's list of live sessions, and the ends of them: one suite, which a test file runs
 * around its version of NextAuth, for sessions in JWTs and in a database.
 */
import { describe, expect, it, onTestFinished } from "vitest";
import type { AppFunctions } from "../../../src/adapter/app-functions.ts";
import type { ListedSession } from "../../../src/adapter/live-sessions.ts";
import type { FreshTokensOptions } from "../../../src/adapter/options.ts";
import type { GrantStore } from "../../../src/core/grant-store.ts";
import type { TokenEvent, TokenEventType } from "../../../src/core/events.ts";
import {
  startStrictAuthorizationServer,
  type StrictAuthorizationServer,
} from "../../../src/testing/strict-authorization-server.ts";
import { LIFETIME_MS, OTHER_SECRET, SECRET, pass, until, type BreakableStore } from "./app-parts.ts";
import type { Browser } from "./browser.ts";
import { captureConsole } from "./console.ts";
import { memoryAdapter, type MemoryAdapter } from "./memory-adapter.ts";

/** An app of either version. */
export interface LiveApp extends AppFunctions {
  readonly server: StrictAuthorizationServer;
  readonly store: BreakableStore;
  readonly eventsOf: (type: TokenEventType) => readonly TokenEvent[];
  readonly browser: () => Browser;
  /** The same app with other settings, over the same stores. */
  readonly again: (options: Partial<FreshTokensOptions>) => LiveApp;
}

/** What an app of the suite is made of. Its providers are `strict`, `other`, and a Credentials login `backend`. */
export interface LiveOptions {
  readonly other: StrictAuthorizationServer;
  readonly adapter: object;
  readonly strategy: "jwt" | "database";
}

/** A version of NextAuth. */
export interface LiveVersion {
  readonly cookie: string;
  readonly createApp: (options: LiveOptions) => Promise<LiveApp>;
}

type Name = "laptop" | "phone" | "bobs" | "bobsPhone";

interface Scene extends Readonly<Record<Name, Browser>> {
  readonly app: LiveApp;
  readonly adapter: MemoryAdapter;
  readonly other: StrictAuthorizationServer;
}

const EVERYBODY: readonly Name[] = ["laptop", "phone", "bobs", "bobsPhone"];

/** Runs the suite. */
export function describeLiveSessions(version: LiveVersion): void {
  describe.each(["jwt", "database"] as const)("with sessions by %s", (strategy) => {
    const made = async (): Promise<Pick<Scene, "app" | "adapter" | "other">> => {
      const adapter = memoryAdapter();
      const other = await startStrictAuthorizationServer({
        accessTokenLifetimeMs: LIFETIME_MS,
        client: { id: "app", secret: "client-secret-of-app" },
      });
      onTestFinished(() => other.close());
      const app = await version.createApp({ other, adapter: adapter.methods, strategy });
      return { app, adapter, other };
    };
    /** Alice is signed in twice, and so is Bob, a second apart from each other. */
    const scene = async (): Promise<Scene> => {
      const parts = await made();
      const browsers = EVERYBODY.map(() => parts.app.browser()) as [Browser, Browser, Browser, Browser];
      for (const [at, browser] of browsers.entries()) {
        pass(1_000);
        await browser.signIn(at < 2 ? "alice" : "bob");
      }
      const [laptop, phone, bobs, bobsPhone] = browsers;
      return { ...parts, laptop, phone, bobs, bobsPhone };
    };
    const list = (app: LiveApp, browser: Browser): Promise<readonly ListedSession[]> =>
      app.listSessions(browser.pageRequest());
    const otherOf = async (app: LiveApp, browser: Browser): Promise<string> =>
      (await list(app, browser)).find(({ isThisSession }) => !isThisSession)?.ref ?? "";
    /** Who is signed in in a browser, by NextAuth's own word: version 5 says `null` for nobody. */
    const userIn = async (browser: Browser): Promise<string | undefined> => {
      const session = (await browser.session()) as { user?: { name: string } } | null;
      return session?.user?.name;
    };
    const signedIn = async (scene: Scene): Promise<readonly Name[]> => {
      const users = await Promise.all(EVERYBODY.map((name) => userIn(scene[name])));
      return EVERYBODY.filter((_, at) => users[at] !== undefined);
    };

    describe("the list of live sessions", () => {
      it("has the user's own, this one first, and nobody else's (SEC-15, I8)", async () => {
        const { app, laptop, bobs } = await scene();
        const startMs = Date.now() - 4_000;

        const ofAlice = await list(app, laptop);

        expect(ofAlice).toMatchObject([
          { isThisSession: true, providers: ["strict"], signedInAtMs: startMs + 1_000 },
          { isThisSession: false, providers: ["strict"], signedInAtMs: startMs + 2_000 },
        ]);
        const ofBob = await list(app, bobs);
        expect(ofBob.map(({ signedInAtMs }) => signedInAtMs)).toEqual([startMs + 3_000, startMs + 4_000]);
        expect(new Set([...ofAlice, ...ofBob].map(({ ref }) => ref)).size).toBe(4);
      });

      it("is the same from both browsers but for which is this one", async () => {
        const { app, laptop, phone } = await scene();

        const [one, two] = await Promise.all([list(app, laptop), list(app, phone)]);

        expect(two.map(({ ref }) => ref).toReversed()).toEqual(one.map(({ ref }) => ref));
        expect(two[0]).toMatchObject({ isThisSession: true });
      });

      it("has for each session its dates and the last refresh, and nothing that opens anything (SEC-04, SEC-10)", async () => {
        const { app, laptop, phone } = await scene();
        pass(LIFETIME_MS * 0.7);
        await phone.session();

        const sessions = await list(app, laptop);

        const [here, there] = sessions;
        expect(there?.lastRefreshAtMs).toBe(Date.now());
        expect(here?.lastRefreshAtMs).toBe(here?.signedInAtMs);
        expect(here?.absoluteEndMs).toBeGreaterThan(Date.now() + 29 * 24 * 3_600_000);
        expect(Object.keys(here ?? {}).sort()).toEqual([
          "absoluteEndMs",
          "isThisSession",
          "lastRefreshAtMs",
          "providers",
          "ref",
          "signedInAtMs",
        ]);
        const { grants } = await app.store.scan(null, 100);
        const shown = JSON.stringify(sessions);
        for (const { id, sessionRef, subjectRef } of grants) {
          for (const secret of [id, id.slice(id.indexOf(".") + 1), sessionRef, subjectRef ?? ""])
            expect(shown).not.toContain(secret);
        }
        for (const browser of [laptop, phone]) expect(shown).not.toContain(browser.jar.get(version.cookie));
      });

      it("has a session of two providers once, and those that began with the second (I8)", async () => {
        const { app, laptop, phone } = await scene();
        await laptop.signIn("alice", "other");
        const tablet = app.browser();
        pass(1_000);
        await tablet.signIn("alice", "other");

        const providersOf = async (browser: Browser): Promise<unknown> =>
          (await list(app, browser)).map(({ providers }) => providers);

        expect(await providersOf(laptop)).toEqual([["strict", "other"], ["other"], ["strict"]]);
        // It has no account of the tablet's; the laptop's is known by the one that both have.
        expect(await providersOf(phone)).toEqual([["strict"], ["strict", "other"]]);
      });

      it("does not lead from an older cookie to accounts that were added to its session since", async () => {
        const { app, laptop } = await scene();
        const planted = laptop.copy();
        await laptop.signIn("alice", "other");
        const tablet = app.browser();
        await tablet.signIn("alice", "other");

        const sessions = await list(app, planted);

        // A cookie that stays the same is as good as the new one.
        expect(sessions).toHaveLength(strategy === "jwt" ? 2 : 3);
      });

      it("has no session that has ended, and is for nobody who has signed out (SEC-13)", async () => {
        const { app, laptop, phone } = await scene();
        const old = phone.copy();
        await phone.signOut();

        expect(await list(app, laptop)).toHaveLength(1);
        await expect(list(app, old)).rejects.toMatchObject({ code: "not_signed_in" });
        await expect(list(app, app.browser())).rejects.toMatchObject({ code: "not_signed_in" });
      });

      it("is read in every form of a request", async () => {
        const { app, laptop } = await scene();

        const lists = await Promise.all([
          app.listSessions(laptop.pageRequest()),
          app.listSessions(laptop.nodeRequest()),
          app.listSessions({ req: laptop.nodeRequest() }),
          laptop.inServerComponent(() => app.listSessions()),
        ]);

        expect(lists.map(({ length }) => length)).toEqual([2, 2, 2, 2]);
      });

      it("is not for a browser whose grant the server has ended, which can end nothing either", async () => {
        const { app, laptop, phone } = await scene();
        const ref = await otherOf(app, laptop);
        app.server.revokeUser("alice");
        pass(LIFETIME_MS);
        await laptop.session();

        for (const call of [
          () => list(app, laptop),
          () => app.endSession(ref, laptop.pageRequest()),
          () => app.endOtherSessions(laptop.pageRequest()),
          () => app.endAllSessions(laptop.pageRequest()),
        ])
          await expect(call()).rejects.toMatchObject({
            code: "reauthentication_required",
            reason: "rejected",
          });
        expect(await list(app, phone)).toHaveLength(1);
      });

      it("has a session once to which a provider was added after a change of secrets, and leaves it whole (SEC-59)", async () => {
        const { app, laptop, phone } = await scene();
        const rotated = app.again({ secret: [OTHER_SECRET, SECRET] });
        const moved = rotated.browser();
        for (const [name, value] of laptop.jar) moved.jar.set(name, value);
        await moved.signIn("alice", "other");

        expect(await list(rotated, moved)).toMatchObject([
          { isThisSession: true, providers: ["strict", "other"] },
          { isThisSession: false },
        ]);
        expect(await rotated.endOtherSessions(moved.pageRequest())).toBe(1);
        const { provider } = await rotated.getAccessToken(moved.pageRequest(), { provider: "other" });
        expect(provider).toBe("other");
        expect((await rotated.getAccessToken(moved.pageRequest())).provider).toBe("strict");
        await expect(rotated.getAccessToken(phone.pageRequest())).rejects.toMatchObject({
          code: "not_signed_in",
        });
      });

      it("is not to be had, nor any end, in a process that lacks the secret of the grant (SEC-48)", async () => {
        captureConsole();
        const { app, laptop, phone } = await scene();
        const old = app.again({ secret: [SECRET] });
        const newer = app.again({ secret: [OTHER_SECRET, SECRET] });
        pass(LIFETIME_MS);
        await newer.getAccessToken(laptop.pageRequest());

        for (const call of [
          () => list(old, laptop),
          () => old.endSession("any", laptop.pageRequest()),
          () => old.endOtherSessions(laptop.pageRequest()),
          () => old.endAllSessions(laptop.pageRequest()),
        ])
          await expect(call()).rejects.toMatchObject({ code: "store_failed" });
        expect(await list(newer, phone)).toHaveLength(2);
      });

      it("finds what was stored under an older secret, and takes a page's older refs (SEC-59)", async () => {
        const made = await scene();
        const { app, laptop, phone } = made;
        const ref = await otherOf(app, laptop);
        const rotated = app.again({ secret: [OTHER_SECRET, SECRET] });
        const tablet = rotated.browser();
        await tablet.signIn("alice");
        pass(LIFETIME_MS);
        await laptop.session();

        expect(await list(rotated, laptop)).toHaveLength(3);
        expect(await rotated.endSession(ref, laptop.pageRequest())).toBe(true);

        await expect(rotated.getAccessToken(phone.pageRequest())).rejects.toMatchObject({
          code: "not_signed_in",
        });
        expect(await list(rotated, tablet)).toHaveLength(2);
      });
    });

    describe("the end of one session", () => {
      it("signs that browser out at its next session read, revokes its tokens, and leaves everybody else (SEC-15, SEC-48)", async () => {
        const all = await scene();
        const { app, adapter, laptop, phone } = all;
        const { accessToken } = await app.getAccessToken(phone.pageRequest());

        expect(await app.endSession(await otherOf(app, laptop), laptop.pageRequest())).toBe(true);

        await expect(app.getAccessToken(phone.pageRequest())).rejects.toMatchObject({
          code: "not_signed_in",
        });
        expect(await userIn(phone)).toBeUndefined();
        expect(await signedIn(all)).toEqual(["laptop", "bobs", "bobsPhone"]);
        expect(app.eventsOf("grant_ended")).toMatchObject([{ reason: "revoked" }]);
        await until(() => app.eventsOf("revocation_ended").length === 1);
        expect(app.eventsOf("revocation_ended")).toMatchObject([{ outcome: "revoked" }]);
        expect(app.server.userOf(accessToken)).toBeUndefined();
        if (strategy === "database") expect(adapter.sessions.size).toBe(3);
        expect(await list(app, laptop)).toHaveLength(1);
      });

      it("does nothing for another user's ref, one that has ended, or none, with the same answer (SEC-15, I8)", async () => {
        const all = await scene();
        const { app, laptop, bobs } = all;
        const ended = await otherOf(app, laptop);
        await app.endSession(ended, laptop.pageRequest());
        const bobsRefs = (await list(app, bobs)).map(({ ref }) => ref);
        const { grants } = await app.store.scan(null, 100);
        const stored = grants.flatMap(({ id, sessionRef, subjectRef }) => [id, sessionRef, subjectRef ?? ""]);

        for (const ref of [...bobsRefs, ...stored, ended, "", "unknown", undefined, null, {}])
          expect(await app.endSession(ref as string, laptop.pageRequest())).toBe(false);

        expect(await signedIn(all)).toEqual(["laptop", "bobs", "bobsPhone"]);
        expect(app.eventsOf("grant_ended")).toHaveLength(1);
        await expect(app.endSession(bobsRefs[0] ?? "", app.browser().pageRequest())).rejects.toMatchObject({
          code: "not_signed_in",
        });
      });

      it("ends the grants of all of its providers, and revokes each at its own server", async () => {
        const all = await scene();
        const { app, other, laptop, phone } = all;
        await phone.signIn("alice", "other");
        const { accessToken } = await app.getAccessToken(phone.pageRequest(), { provider: "other" });

        expect(await app.endSession(await otherOf(app, laptop), laptop.pageRequest())).toBe(true);
        // Before that browser comes again: maybe it never does.
        const { grants } = await app.store.scan(null, 100);
        expect(grants.filter(({ state }) => state === "live")).toHaveLength(3);

        await expect(app.getAccessToken(phone.pageRequest(), { provider: "other" })).rejects.toMatchObject({
          code: "not_signed_in",
        });
        expect(await signedIn(all)).toEqual(["laptop", "bobs", "bobsPhone"]);
        await until(() => app.eventsOf("revocation_ended").length === 2);
        expect(other.userOf(accessToken)).toBeUndefined();
      });

      it("found by an account that was added ends the session's own grant as well", async () => {
        const all = await scene();
        const { app, laptop } = all;
        await laptop.signIn("alice", "other");
        const tablet = app.browser();
        await tablet.signIn("alice", "other");

        expect(await app.endSession(await otherOf(app, tablet), tablet.pageRequest())).toBe(true);
        const { grants } = await app.store.scan(null, 100);
        expect(grants.filter(({ state }) => state === "live")).toHaveLength(4);

        expect(await signedIn(all)).toEqual(["phone", "bobs", "bobsPhone"]);
        expect(await userIn(tablet)).toBe("alice");
      });

      it("wins over a refresh that is under way, whatever comes of it (I7)", async () => {
        const all = await scene();
        const { app, laptop, phone } = all;
        pass(LIFETIME_MS * 0.7);
        app.server.hold();
        const reading = phone.get("session");
        const asking = app.getAccessToken(phone.pageRequest()).then(
          () => "a token",
          (error: unknown) => (error as { code: string }).code,
        );
        await until(() => app.server.heldRequests === 1);

        expect(await app.endSession(await otherOf(app, laptop), laptop.pageRequest())).toBe(true);
        app.server.release();

        expect((await reading).text).not.toContain("alice");
        await asking;
        await expect(app.getAccessToken(phone.pageRequest())).rejects.toMatchObject({
          code: "not_signed_in",
        });
        const { grants } = await app.store.scan(null, 100);
        expect(grants.filter(({ state }) => state === "ended")).toMatchObject([{ endReason: "revoked" }]);
        expect(await signedIn(all)).toEqual(["laptop", "bobs", "bobsPhone"]);
      });

      it("holds in a process that has served its token a moment ago, at its next call (SEC-14)", async () => {
        const { app, laptop, phone } = await scene();
        const elsewhere = app.again({});
        await elsewhere.getAccessToken(phone.pageRequest());

        await app.endSession(await otherOf(app, laptop), laptop.pageRequest());

        await expect(elsewhere.getAccessToken(phone.pageRequest())).rejects.toMatchObject({
          code: "not_signed_in",
        });
      });

      it("can be this one's, whose browser is signed out as any other", async () => {
        const all = await scene();
        const { app, laptop } = all;
        const [here] = await list(app, laptop);

        expect(await app.endSession(here?.ref ?? "", laptop.pageRequest())).toBe(true);

        expect(await signedIn(all)).toEqual(["phone", "bobs", "bobsPhone"]);
        await expect(list(app, laptop)).rejects.toMatchObject({ code: "not_signed_in" });
      });
    });

    describe("the end of several sessions", () => {
      it("of all others leaves this one and everybody else's (SEC-15)", async () => {
        const all = await scene();
        const { app, laptop } = all;
        const tablet = app.browser();
        await tablet.signIn("alice");

        expect(await app.endOtherSessions(laptop.pageRequest())).toBe(2);

        expect(await signedIn(all)).toEqual(["laptop", "bobs", "bobsPhone"]);
        expect(await userIn(tablet)).toBeUndefined();
        expect(await app.endOtherSessions(laptop.pageRequest())).toBe(0);
        await expect(app.getAccessToken(laptop.pageRequest())).resolves.toMatchObject({
          provider: "strict",
        });
      });

      it("of all signs out this one as well, and nobody else (SEC-15)", async () => {
        const all = await scene();
        const { app, phone } = all;

        expect(await app.endAllSessions(phone.pageRequest())).toBe(2);

        expect(await signedIn(all)).toEqual(["bobs", "bobsPhone"]);
        await until(() => app.eventsOf("revocation_ended").length === 2);
        expect(app.eventsOf("revocation_ended")).toMatchObject([
          { outcome: "revoked" },
          { outcome: "revoked" },
        ]);
        await phone.signIn("alice");
        expect(await list(app, phone)).toHaveLength(1);
      });

      it("by an administrator is by provider and subject, and asks for no request (SEC-14)", async () => {
        const all = await scene();
        const { app, other, laptop } = all;
        await laptop.signIn("alice", "other");
        const tablet = app.browser();
        await tablet.signIn("alice", "other");

        expect(await app.endSessionsOf({ provider: "strict", subject: "alice" })).toBe(2);
        expect(await app.endSessionsOf({ provider: "strict", subject: "alice" })).toBe(0);
        expect(await app.endSessionsOf({ provider: "strict", subject: "nobody" })).toBe(0);

        expect(await signedIn(all)).toEqual(["bobs", "bobsPhone"]);
        // The same name at another provider is another user (SEC-45), unless its issuer is said.
        expect(await userIn(tablet)).toBe("alice");
        const { issuer } = other;
        expect(await app.endSessionsOf({ provider: "strict", subject: "alice", issuer })).toBe(1);
        expect(await userIn(tablet)).toBeUndefined();
        for (const wrong of [
          { provider: "unknown", subject: "alice" },
          { provider: "strict", subject: "" },
          { provider: "strict" },
        ])
          await expect(app.endSessionsOf(wrong as never)).rejects.toMatchObject({ code: "invalid_option" });
      });
    });

    describe("while the store is away", () => {
      it("neither list nor end is told half, nobody is signed out, and it can be done afterwards (I6)", async () => {
        captureConsole();
        const all = await scene();
        const { app, laptop, phone } = all;
        const ref = await otherOf(app, laptop);
        for (const browser of [laptop, phone]) await app.getAccessToken(browser.pageRequest());
        app.store.down = true;

        for (const call of [
          () => list(app, laptop),
          () => app.endSession(ref, laptop.pageRequest()),
          () => app.endOtherSessions(laptop.pageRequest()),
          () => app.endAllSessions(laptop.pageRequest()),
          () => app.endSessionsOf({ provider: "strict", subject: "alice" }),
        ])
          await expect(call()).rejects.toMatchObject({ code: "store_failed" });

        app.store.down = false;
        expect(await signedIn(all)).toEqual(EVERYBODY);
        expect(await app.endOtherSessions(laptop.pageRequest())).toBe(1);
        expect(await signedIn(all)).toEqual(["laptop", "bobs", "bobsPhone"]);
      });

      it("an end that was begun is refused here at once, said to be unfinished, and made up for", async () => {
        captureConsole();
        const all = await scene();
        const { app, laptop, phone } = all;
        let isReadOnly = true;
        const endMatching: GrantStore["endMatching"] = (selector, reason) =>
          isReadOnly
            ? Promise.reject(new Error("connect ECONNREFUSED store-host-canary"))
            : app.store.endMatching(selector, reason);
        const ending = app.again({
          store: new Proxy(app.store, {
            get: (target, name): unknown =>
              name === "endMatching" ? endMatching : Reflect.get(target, name),
          }),
        });
        await ending.getAccessToken(phone.pageRequest());

        const failed: unknown = await ending
          .endOtherSessions(laptop.pageRequest())
          .catch((error: unknown) => error);

        expect(failed).toMatchObject({
          code: "store_failed",
          message: expect.stringMatching(/0 of 1 sessions had ended: call this again/) as string,
        });
        await expect(ending.getAccessToken(phone.pageRequest())).rejects.toMatchObject({
          code: "not_signed_in",
        });
        isReadOnly = false;
        await until(() => app.eventsOf("grant_ended").length + ending.eventsOf("grant_ended").length === 1);
        expect(await signedIn(all)).toEqual(["laptop", "bobs", "bobsPhone"]);
        expect(await ending.endOtherSessions(laptop.pageRequest())).toBe(0);
      });
    });
  });
}
