import { describe, expect, it, onTestFinished } from "vitest";
import { startStrictAuthorizationServer } from "../../src/testing/strict-authorization-server.ts";
import { captureConsole } from "../next-auth/support/console.ts";
import { describeLiveSessions, type LiveApp } from "../next-auth/support/live-sessions.ts";
import { memoryAdapter } from "../next-auth/support/memory-adapter.ts";
import {
  LIFETIME_MS,
  OTHER_SECRET,
  SECRET,
  SESSION_COOKIE,
  createWorld,
  strictProvider,
  until,
  type World,
  type WorldOptions,
} from "./support/world.ts";

describeLiveSessions({
  cookie: SESSION_COOKIE,
  async createApp({ other, adapter, strategy }) {
    const base = await createWorld();
    const make = (options = {}): LiveApp => {
      const world = base.copy({
        auth: {
          providers: [strictProvider(base.server), strictProvider(other, { id: "other" })],
          session: { strategy },
          adapter: adapter,
        },
        options: {
          ...options,
          providers: {
            strict: { revocationEndpoint: base.server.revocationEndpoint },
            other: { revocationEndpoint: other.revocationEndpoint },
          },
        },
      });
      return { ...world, again: make };
    };
    return make();
  },
});

describe("a user's sessions by JWT, with an adapter", () => {
  it("are not ended by half in a process that lacks the secret of an account that a newer one has linked (SEC-15, SEC-48)", async () => {
    captureConsole();
    const { base, auth } = await twoProviders();
    const old = base.copy({ auth, options: { secret: [SECRET] } });
    const newer = base.copy({ auth, options: { secret: [OTHER_SECRET, SECRET] } });
    const seed = old.browser();
    await seed.signIn("alice");
    const laptop = newer.browser();
    for (const [name, value] of seed.jar) laptop.jar.set(name, value);
    await laptop.signIn("alice", "other");
    const tablet = newer.browser();
    await tablet.signIn("alice", "other");

    await expect(old.endAllSessions(laptop.pageRequest())).rejects.toMatchObject({ code: "store_failed" });
    expect(await newer.endAllSessions(laptop.pageRequest())).toBe(2);
    await expect(newer.getAccessToken(tablet.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
  });

  it("never count as another's whose sign-in beside one of them NextAuth is about to refuse (I8, SEC-15)", async () => {
    captureConsole();
    const { methods } = memoryAdapter();
    const { getUser } = methods as { getUser: (id: string) => unknown };
    const gate = { isShut: false, open: (): void => undefined, reached: false };
    const { base, auth } = await twoProviders({
      ...methods,
      // nolapse has stored the tokens, and NextAuth asks who is signed in. The process may as well die here.
      async getUser(id: string) {
        if (gate.isShut) {
          gate.reached = true;
          await new Promise<void>((resolve) => (gate.open = resolve));
        }
        return getUser(id);
      },
    });
    const world = base.copy({ auth });
    const [alice, bobsPhone] = [world.browser(), world.browser()];
    await alice.signIn("alice");
    await bobsPhone.signIn("bob", "other");

    gate.isShut = true;
    const trying = alice.signIn("bob", "other");
    await until(() => gate.reached);
    const listed = await world.listSessions(bobsPhone.pageRequest());
    gate.isShut = false;
    gate.open();
    await trying;

    // Bob's phone, and what his sign-in at Alice's computer has stored: not Alice's session.
    expect(listed.map(({ providers }) => providers)).toEqual([["other"], ["other"]]);
    expect(await world.endOtherSessions(bobsPhone.pageRequest())).toBe(0);
    expect(await alice.session()).toMatchObject({ user: { name: "alice" } });
  });
});

async function twoProviders(
  adapter: object = memoryAdapter().methods,
): Promise<{ base: World; auth: NonNullable<WorldOptions["auth"]> }> {
  const base = await createWorld();
  const other = await startStrictAuthorizationServer({
    accessTokenLifetimeMs: LIFETIME_MS,
    client: { id: "app", secret: "client-secret-of-app" },
  });
  onTestFinished(() => other.close());
  const providers = [strictProvider(base.server), strictProvider(other, { id: "other" })];
  return { base, auth: { providers, adapter, session: { strategy: "jwt" } } };
}
