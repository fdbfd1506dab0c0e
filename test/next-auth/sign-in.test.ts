import type { AuthOptions } from "next-auth";
import type { JWT } from "next-auth/jwt";
import { describe, expect, it, vi } from "vitest";
import { captureConsole } from "./support/console.ts";
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

describe.each(["pages", "app"] as const)("a sign-in in the %s router", (form) => {
  it("puts a handle and nothing else of nolapse into the JWT (SEC-01, SEC-08)", async () => {
    const world = await createWorld();
    const alice = world.browser(form);

    const answer = await alice.signIn("alice");

    expect(answer.status).toBe(302);
    expect(answer.headers.get("location")).toBe("http://localhost:3000/");
    const jwt = await jwtOf(alice);
    expect(Object.keys(jwt ?? {}).sort()).toEqual(["email", "exp", "iat", "jti", "name", "nolapse", "sub"]);
    const claim = jwt?.["nolapse"] as Record<string, string>;
    expect(Object.keys(claim).sort()).toEqual(["handle", "keyId", "provider"]);
    expect(Buffer.from(claim["handle"] ?? "", "base64url")).toHaveLength(32);
  });

  it("sets a cookie of one chunk, however large the tokens are (F5, SEC-21)", async () => {
    const world = await createWorld({
      auth: {
        providers: [
          backendProvider((user) => ({
            id: user,
            tokens: {
              access_token: `at-${"a".repeat(9_000)}`,
              refresh_token: `rt-${"b".repeat(9_000)}`,
              expires_in: 60,
            },
          })),
        ],
      },
      options: { providers: { backend: { refresh: () => ({}) } } },
    });
    const alice = world.browser(form);

    await alice.signInWithPassword({ user: "alice" });

    expect(sessionCookieOf(alice).length).toBeGreaterThan(100);
    expect(sessionCookieOf(alice).length).toBeLessThan(600);
  });

  it("makes a JWT that no session read, update or refresh changes (F1, I13)", async () => {
    const world = await createWorld();
    const [alice, bob] = [world.browser(form), world.browser(form)];
    await Promise.all([alice.signIn("alice"), bob.signIn("bob")]);
    const [ofAlice, ofBob] = [lasting(await jwtOf(alice)), lasting(await jwtOf(bob))];

    for (let lifetime = 0; lifetime < 5; lifetime++) {
      pass(LIFETIME_MS * 0.7);
      await Promise.all([
        alice.session(),
        alice.session(),
        bob.session(),
        bob.submit("session", { data: {} }),
      ]);
      await alice.inServerComponent(() => world.getAccessToken());
      expect(lasting(await jwtOf(alice))).toEqual(ofAlice);
      expect(lasting(await jwtOf(bob))).toEqual(ofBob);
    }

    expect(world.refreshes()).toBe(10);
    expect(world.server.requests.every(({ outcome }) => outcome === "rotated")).toBe(true);
    expect(ofAlice).not.toEqual(ofBob);
  });

  it("keeps sessions alive from a cookie that is many lifetimes old (F3, I13)", async () => {
    const world = await createWorld();
    const alice = world.browser(form);
    await alice.signIn("alice");
    const oldTab = alice.copy();

    for (let lifetime = 0; lifetime < 5; lifetime++) {
      pass(LIFETIME_MS);
      await alice.session();
    }

    const { accessToken } = await world.getAccessToken(oldTab.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("alice");
  });
});

describe("tokens that an application's jwt callback copies", () => {
  it("are left out of the cookie at any depth, with one warning that names the paths (SEC-01, F44)", async () => {
    const said = captureConsole();
    const seen: unknown[] = [];
    const world = await createWorld({
      auth: {
        callbacks: {
          jwt({ token, account, user }) {
            seen.push(account?.access_token);
            if (!account) return token;
            return { ...token, accessToken: account.access_token, raw: { account, list: [account] }, user };
          },
        },
      },
    });
    const [alice, bob] = [world.browser(), world.browser()];

    await alice.signIn("alice");
    await bob.signIn("bob");

    const jwt = JSON.stringify(await jwtOf(alice));
    expect(seen[0], "the callback still sees the token").toMatch(/^at-/);
    expect(jwt).not.toMatch(/[ar]t-/);
    expect(jwt).toContain('"providerAccountId":"alice"');
    expect(said.own()).toHaveLength(1);
    expect(said.own()[0]).toContain("(accessToken, raw.account.access_token, raw.account.refresh_token");
    expect(said.text()).not.toMatch(/[ar]t-[\w-]{20}/);
  });
});

describe("the application's own callbacks and events", () => {
  it("run in NextAuth's order and see what NextAuth gives, never the claim", async () => {
    const calls: [string, Record<string, unknown>][] = [];
    const record = <Result>(name: string, result: (params: never) => Result) =>
      vi.fn((params: never): Result => {
        calls.push([name, params]);
        return result(params);
      });
    const world = await createWorld({
      auth: {
        callbacks: {
          signIn: record("signIn", () => true),
          jwt: record("jwt", ({ token, account }: { token: JWT; account?: unknown }) =>
            account ? { ...token, role: "admin" } : token,
          ),
          session: record("session", ({ session, token }: { session: object; token: JWT }) => ({
            ...session,
            role: token["role"],
            whole: token,
          })),
        },
        events: {
          signIn: record("event signIn", () => undefined),
          session: record("event session", () => undefined),
          signOut: record("event signOut", () => undefined),
        },
      } as unknown as Partial<AuthOptions>,
    });
    const alice = world.browser();

    await alice.signIn("alice");
    const session = await alice.session();
    await alice.signOut();

    expect(calls.map(([name]) => name)).toEqual([
      "signIn",
      "jwt",
      "event signIn",
      "jwt",
      "session",
      "event session",
      "event signOut",
    ]);
    const [signIn, jwt, , later] = calls.map(([, params]) => params);
    expect(signIn?.["account"]).toMatchObject({
      provider: "strict",
      access_token: expect.stringMatching(/^at-/),
    });
    expect(jwt).toMatchObject({ trigger: "signIn", user: { id: "alice" }, profile: { sub: "alice" } });
    expect(jwt?.["account"]).toMatchObject({ refresh_token: expect.stringMatching(/^rt-/) });
    expect(later).not.toHaveProperty("account");
    expect(session).toMatchObject({ role: "admin", whole: { sub: "alice" }, accessTokenExpiresIn: 60 });
    for (const [name, { token }] of calls) {
      expect(token ?? {}, name).not.toHaveProperty("nolapse");
    }
  });

  it("can change the JWT on update(), and cannot lose or replace the claim", async () => {
    const world = await createWorld({
      auth: {
        callbacks: {
          jwt: ({ token, trigger, session }) =>
            trigger === "update" ? { ...token, ...(session as object) } : token,
        },
      },
    });
    const [alice, mallory] = [world.browser(), world.browser()];
    await alice.signIn("alice");
    await mallory.signIn("mallory");
    const stolen = (await jwtOf(alice))?.["nolapse"];

    await mallory.submit("session", { data: { theme: "dark", nolapse: stolen } });

    expect(await jwtOf(mallory)).toMatchObject({ theme: "dark", sub: "mallory" });
    const { accessToken } = await world.getAccessToken(mallory.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("mallory");
  });

  it("cannot give a session without a grant the claim of another one (SEC-70)", async () => {
    const world = await createWorld({
      auth: {
        providers: [backendProvider((user) => ({ id: user }))],
        callbacks: {
          jwt: ({ token, trigger, session }) =>
            trigger === "update" ? { ...token, ...(session as object) } : token,
        },
      },
    });
    const mallory = world.browser();
    await mallory.signInWithPassword({ user: "mallory" });

    const claim = { handle: "a".repeat(43), keyId: "abcd", provider: "strict" };
    await mallory.submit("session", { data: { nolapse: claim } });

    expect(await jwtOf(mallory)).not.toHaveProperty("nolapse");
    await expect(world.getAccessToken(mallory.pageRequest())).rejects.toMatchObject({ code: "no_token" });
  });

  it.each([
    ["false", () => false, "http://localhost:3000/api/auth/error?error=AccessDenied"],
    ["an address", () => "/no-entry", "/no-entry"],
    [
      "an error",
      () => {
        throw new Error("closed today");
      },
      "http://localhost:3000/api/auth/error?error=closed%20today",
    ],
  ])("keep a user out when signIn gives %s, and then nothing is stored", async (_what, signIn, location) => {
    const world = await createWorld({ auth: { callbacks: { signIn } } });
    const alice = world.browser();

    const answer = await alice.signIn("alice");

    expect(answer.headers.get("location")).toBe(location);
    expect(sessionCookieOf(alice)).toBe("");
    expect(world.events).toEqual([]);
  });

  it("let a user in when signIn gives anything true, as NextAuth does", async () => {
    const world = await createWorld({ auth: { callbacks: { signIn: () => 1 as unknown as boolean } } });
    world.store.down = true;
    const said = captureConsole();

    const answer = await world.browser().signIn("alice");

    expect(answer.headers.get("location")).toContain("/error?error=");
    expect(said.own()).toHaveLength(1);
  });
});

describe.each(["pages", "app"] as const)(
  "a sign-in whose own jwt callback throws, in the %s router,",
  (form) => {
    async function failing(): Promise<{ world: World; broken: World }> {
      captureConsole();
      const world = await createWorld();
      const jwt = ({ token, account }: { token: JWT; account: unknown }): JWT => {
        if (account) throw new Error("the profile service is away");
        return token;
      };
      return { world, broken: world.copy({ auth: { callbacks: { jwt } } }) };
    }

    it("leaves no grant behind: it is ended, and its tokens are revoked, nobody else's (SEC-11)", async () => {
      const { world, broken } = await failing();
      const [alice, bob] = [broken.browser(form), world.browser(form)];
      await bob.signIn("bob");

      const answer = await alice.signIn("alice");

      expect(answer.headers.get("location")).toMatch(/\/api\/auth\/(error|signin)\?error=/);
      expect(sessionCookieOf(alice)).toBe("");
      expect(broken.eventsOf("grant_created")).toHaveLength(1);
      expect(broken.eventsOf("grant_ended")).toMatchObject([{ reason: "revoked" }]);
      await until(() => broken.eventsOf("revocation_ended").length === 1);
      expect(broken.eventsOf("revocation_ended")).toMatchObject([{ outcome: "revoked" }]);
      expect(world.server.requests.filter(({ endpoint }) => endpoint === "revocation")).toMatchObject([
        { user: "alice" },
        { user: "alice" },
      ]);
      expect(await bob.session()).toMatchObject({ tokenState: { status: "fresh" } });
    });

    it("leaves the session that the browser had, whose user may be the same, and revokes nothing (F8)", async () => {
      const { world, broken } = await failing();
      const alice = world.browser(form);
      await alice.signIn("alice");
      const again = broken.browser(form);
      for (const [name, value] of alice.jar) again.jar.set(name, value);

      await again.signIn("alice");

      expect(broken.eventsOf("grant_ended")).toMatchObject([{ reason: "replaced" }]);
      expect(world.server.requests.filter(({ endpoint }) => endpoint === "revocation")).toEqual([]);
      pass(LIFETIME_MS);
      expect(await alice.session()).toMatchObject({
        user: { name: "alice" },
        tokenState: { status: "fresh" },
      });
    });

    it("fails as it did before where the store has gone meanwhile, and says so", async () => {
      const { world } = await failing();
      const said = captureConsole();
      const jwt = (): JWT => {
        world.store.down = true;
        throw new Error("the profile service is away");
      };

      const broken = world.copy({ auth: { callbacks: { jwt } } });

      const answer = await broken.browser(form).signIn("alice");

      expect(answer.headers.get("location")).toMatch(/\/api\/auth\/(error|signin)\?error=/);
      expect(said.own()).toHaveLength(1);
      expect(said.own()[0]).toContain("of a sign-in that failed could not be ended yet");
      world.store.down = false;
      await until(() => broken.eventsOf("revocation_ended").length === 1);
      expect(broken.eventsOf("grant_ended")).toMatchObject([{ reason: "revoked" }]);
    });
  },
);

describe.each(["pages", "app"] as const)(
  "a sign-in that NextAuth refuses after the signIn callback, in the %s router,",
  (form) => {
    const byEmail = (name: string) =>
      Promise.resolve({ id: `user-${name}`, email: name, emailVerified: null });
    /** Everybody's address belongs to an account of another provider already. */
    const adapter = {
      getUser: byEmail,
      getUserByAccount: () => Promise.resolve(null),
      getUserByEmail: byEmail,
    } as unknown as NonNullable<AuthOptions["adapter"]>;
    const encode = () => Promise.reject(new Error("the key service is away"));

    it.each<[string, Partial<AuthOptions>]>([
      ["because the account is not linked", { adapter, session: { strategy: "jwt" } }],
      ["because the JWT cannot be encoded", { jwt: { encode } }],
    ])("%s, leaves no live grant behind, and the other sessions alone (SEC-11)", async (_what, auth) => {
      captureConsole();
      const world = await createWorld();
      const refusing = world.copy({ auth });
      const [alice, bob] = [refusing.browser(form), world.browser(form)];
      await bob.signIn("bob");
      const again = refusing.browser(form);
      for (const [name, value] of bob.jar) again.jar.set(name, value);

      const answer = await alice.signIn("alice");
      await again.signIn("bob");

      expect(answer.headers.get("location")).toMatch(/\/api\/auth\/(error|signin)\?error=/);
      expect(sessionCookieOf(alice)).toBe("");
      expect(refusing.eventsOf("grant_created")).toHaveLength(2);
      // Beside bob's session, whose consent a revocation could end, nothing is revoked, now or by a sweep.
      expect(refusing.eventsOf("grant_ended")).toMatchObject([{ reason: "revoked" }, { reason: "replaced" }]);
      await until(() => refusing.eventsOf("revocation_ended").length === 1);
      expect(world.server.requests.filter(({ endpoint }) => endpoint === "revocation")).toMatchObject([
        { user: "alice" },
        { user: "alice" },
      ]);
      pass(LIFETIME_MS);
      expect(await bob.session()).toMatchObject({ user: { name: "bob" }, tokenState: { status: "fresh" } });
    });
  },
);

describe("the access token of a sign-in", () => {
  it("carries the server's own extra members, and none of NextAuth's (Q24)", async () => {
    const world = await createWorld({
      auth: { providers: [] },
    });
    const withExtra = world.copy({
      auth: {
        providers: [
          strictProvider(world.server, {
            token: {
              url: world.server.tokenEndpoint,
              request: () =>
                Promise.resolve({
                  tokens: { ...world.server.issue({ user: "alice" }), instance_url: "https://eu1" },
                }),
            },
          }),
        ],
      },
    });
    const alice = withExtra.browser();
    await alice.signIn("alice");

    const { extra } = await withExtra.getAccessToken(alice.pageRequest());

    expect(extra).toEqual({ instance_url: "https://eu1" });
  });
});

function lasting(jwt: JWT | null): Record<string, unknown> {
  const { iat: _iat, exp: _exp, jti: _jti, ...rest } = jwt ?? {};
  return rest;
}
