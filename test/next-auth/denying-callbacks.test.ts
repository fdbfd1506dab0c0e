/** An application that shows nobody, by what its own callbacks return: nolapse makes no "yes" of its "no". */
import { getServerSession } from "next-auth";
import { describe, expect, it } from "vitest";
import { withFreshTokens } from "../../src/next-auth/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { SESSION_COOKIE } from "./support/browser.ts";
import { captureConsole } from "./support/console.ts";
import { memoryAdapter } from "./support/memory-adapter.ts";
import { createWorld, jwtOf, until, type World } from "./support/world.ts";

/** What is nothing to NextAuth, and what the route then answers with. */
const NOTHING: readonly [string, unknown, string][] = [
  ["null", null, "null"],
  ["undefined", undefined, ""],
  ["{}", {}, "{}"],
];
const STRATEGIES = ["jwt", "database"] as const;

describe.each(STRATEGIES)("with %s sessions, a session callback that returns", (strategy) => {
  it.each(NOTHING)(
    "%s shows nobody, as without nolapse, and no token is given (SEC-05)",
    async (_what, nothing, text) => {
      const { world, answer } = await denying(strategy);
      const [alice, bob] = [world.browser("app"), world.browser("app")];
      await alice.signIn("alice");
      await bob.signIn("bob");
      answer.of = (name) => (name === "alice" ? [nothing] : undefined);
      const bare = { ...world.authOptions, callbacks: { session: () => nothing as never } };

      expect(await alice.sessionOfPage(bare), "without nolapse").toBeNull();
      expect(await alice.sessionOfPage(world.authOptions)).toBeNull();
      expect(await alice.inServerComponent(() => getServerSession(world.authOptions))).toBeNull();
      expect((await alice.get("session")).text).toBe(text);
      await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({
        code: "not_signed_in",
      });
      await expect(world.listSessions(alice.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
      expect(await tokenOf(world, bob), "the other user's").toBe("bob");
    },
  );

  it("somebody again gives tokens again: the grant was not ended", async () => {
    const { world, answer } = await denying(strategy);
    const alice = world.browser();
    await alice.signIn("alice");
    answer.of = () => [null];
    await alice.session();
    answer.of = () => undefined;
    await alice.session();

    expect(await tokenOf(world, alice)).toBe("alice");
  });
});

describe("a jwt callback that returns", () => {
  const NO_JWT = NOTHING.slice(0, 2);

  it("null refuses the sign-in, as without nolapse, and its grant is revoked", async () => {
    captureConsole();
    const world = await createWorld({ auth: { callbacks: { jwt: () => null as never } } });
    const alice = world.browser();
    await alice.signIn("alice");

    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "revoked" }]);
    await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    await until(() => world.eventsOf("revocation_ended").length === 1);
  });

  it("null refuses a sign-in beside a session, which NextAuth keeps, and so do its grants", async () => {
    captureConsole();
    let denied = "nobody";
    const jwt = ({ token }: { token: { name?: unknown } }): never =>
      (token.name === denied ? null : token) as never;
    const world = await createWorld({ auth: { callbacks: { jwt } } });
    const browser = world.browser();
    await browser.signIn("alice");
    denied = "bob";
    await browser.signIn("bob");

    expect(await tokenOf(world, browser)).toBe("alice");
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "replaced" }]);
    expect(await browser.session()).toMatchObject({ user: { name: "alice" } });
  });

  it("undefined gives the sign-in a session of nobody, as without nolapse, whose grant has ended", async () => {
    captureConsole();
    const world = await createWorld({ auth: { callbacks: { jwt: () => undefined as never } } });
    const alice = world.browser();
    await alice.signIn("alice");

    expect(await jwtOf(alice)).not.toHaveProperty("nolapse");
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "revoked" }]);
    await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({ code: "no_token" });
  });

  it("null refuses the sign-in in a handler that nobody wrapped, too", async () => {
    captureConsole();
    const world = await createWorld({ wrapped: false, auth: { callbacks: { jwt: () => null as never } } });
    const alice = world.browser();
    await alice.signIn("alice");

    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "revoked" }]);
  });

  it.each(NO_JWT)(
    "%s later ends session and grant by the route, as without nolapse",
    async (_what, nothing) => {
      captureConsole();
      const { world, alice, deny } = await deniedLater(nothing);
      const old = alice.copy();
      deny();
      await alice.session();

      expect(await jwtOf(alice)).not.toMatchObject({ name: "alice" });
      expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "signed_out" }]);
      await expect(world.getAccessToken(old.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    },
  );

  it("null in a component ends nothing, but no token is given until a session read lets the user in", async () => {
    captureConsole();
    const { world, alice, deny } = await deniedLater(null);
    deny();
    await alice.inServerComponent(() => getServerSession(world.authOptions));

    await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    expect(world.eventsOf("grant_ended")).toEqual([]);
    deny(false);
    await alice.session();
    expect(await tokenOf(world, alice)).toBe("alice");
  });
});

describe("a session callback that is called with no JWT", () => {
  it("gets what NextAuth gives it", async () => {
    const seen: unknown[] = [];
    const session = (params: { session: object; token?: unknown }): never => {
      seen.push(params.token);
      return params.session as never;
    };
    const { authOptions } = withFreshTokens(
      { providers: [], secret: "x".repeat(40), callbacks: { session } },
      { store: memoryStore() },
    );
    const params = { session: { user: {}, expires: "x" }, token: null } as never;

    expect(await authOptions.callbacks?.session?.(params)).toEqual({ user: {}, expires: "x" });
    expect(seen).toEqual([null]);
  });
});

/** `answer.of` says what the session callback returns for a user instead of the session, in a list. */
async function denying(strategy: (typeof STRATEGIES)[number]): Promise<{
  world: World;
  answer: { of: (name: unknown) => readonly unknown[] | undefined };
}> {
  const answer: { of: (name: unknown) => readonly unknown[] | undefined } = { of: () => undefined };
  const session = ({ session }: { session: { user?: { name?: unknown } } }): never => {
    const instead = answer.of(session.user?.name);
    return (instead ? instead[0] : session) as never;
  };
  const adapter = strategy === "database" && { adapter: memoryAdapter().methods as never };
  return { world: await createWorld({ auth: { ...adapter, callbacks: { session } } }), answer };
}

async function deniedLater(nothing: unknown): Promise<{
  world: World;
  alice: ReturnType<World["browser"]>;
  deny: (denies?: boolean) => void;
}> {
  let denies = false;
  const jwt = ({ token }: { token: object }): never => (denies ? nothing : token) as never;
  const world = await createWorld({ auth: { callbacks: { jwt } } });
  const alice = world.browser("app");
  await alice.signIn("alice");
  return { world, alice, deny: (now = true) => void (denies = now) };
}

async function tokenOf(world: World, browser: ReturnType<World["browser"]>): Promise<string | undefined> {
  const { accessToken } = await world.getAccessToken(browser.pageRequest());
  return world.server.userOf(accessToken);
}
