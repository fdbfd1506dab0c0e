import { describe, expect, it } from "vitest";
import { isSessionCookie } from "../../src/adapter/session-cookie.ts";
import type { Answer, Browser } from "../next-auth/support/browser.ts";
import { captureConsole } from "../next-auth/support/console.ts";
import {
  LIFETIME_MS,
  SESSION_COOKIE,
  createWorld,
  inServerAction,
  pass,
  sessionInComponent,
  until,
  type World,
} from "./support/world.ts";

const WAYS: readonly [string, (world: World, browser: Browser) => Promise<unknown>][] = [
  ["the route", (_world, browser) => browser.signOut()],
  [
    "the server action signOut()",
    (world, browser) => inServerAction(browser, () => world.nextAuth.signOut({ redirect: false })),
  ],
];

describe.each(WAYS)("a sign-out by %s", (_way, signOut) => {
  it("ends the grant and revokes its tokens, of this user only (RFC 7009, SEC-48, I16)", async () => {
    const { world, alice, bob } = await twoUsers();
    const token = await world.getAccessToken(alice.pageRequest());

    await signOut(world, alice);

    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "signed_out" }]);
    await until(() => world.eventsOf("revocation_ended").length === 1);
    expect(world.eventsOf("revocation_ended")).toMatchObject([{ outcome: "revoked" }]);
    expect(world.server.userOf(token.accessToken)).toBeUndefined();
    const ofBob = await world.getAccessToken(bob.pageRequest());
    expect(world.server.userOf(ofBob.accessToken)).toBe("bob");
  });

  it("holds for every old cookie at once, and the route sets none again (F18, SEC-13)", async () => {
    const said = captureConsole();
    const { world, alice } = await twoUsers();
    const thief = alice.copy();

    await signOut(world, alice);

    expect(await sessionInComponent(world, thief)).toBeNull();
    await expect(world.getAccessToken(thief.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    for (const answer of [
      await thief.get("session"),
      await thief.submit("session", { data: { name: "x" } }),
    ]) {
      expect(answer.text).toBe("null");
      expect(sessionCookiesOf(answer)).toEqual([]);
    }
    expect(said.lines, "Auth.js reports no error").toEqual([]);
  });

  it("keeps the cookie from coming back by the answer of a session read that waits (F18, F43, I7)", async () => {
    const { world, alice, bob } = await twoUsers();
    pass(LIFETIME_MS * 0.7);
    world.server.hold();

    const reading = alice.get("session");
    await until(() => world.server.heldRequests === 1);
    await signOut(world, alice);
    world.server.release();
    const answer = await reading;

    expect(answer.text).toBe("null");
    expect(sessionCookiesOf(answer)).toEqual([]);
    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
    expect(await bob.session()).toMatchObject({ user: { name: "bob" } });
  });

  it("holds although the authorization server is away (SEC-48)", async () => {
    const { world, alice } = await twoUsers();
    const thief = alice.copy();
    await world.server.close();

    await signOut(world, alice);

    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
    await expect(world.getAccessToken(thief.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
  });
});

describe("a sign-out", () => {
  it("that comes while the application's own session event runs leaves the cookie alone (F18)", async () => {
    let meanwhile = (): Promise<unknown> => Promise.resolve();
    const world = await createWorld({ auth: { events: { session: () => meanwhile() as Promise<void> } } });
    const alice = world.browser();
    await alice.signIn("alice");
    meanwhile = () => alice.signOut();

    const answer = await alice.get("session");

    expect(sessionCookiesOf(answer)).toEqual([]);
    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
  });

  it("hides the claim from the application's own listeners", async () => {
    const heard: unknown[] = [];
    const note = (message: unknown): void => void heard.push(message);
    const world = await createWorld({ auth: { events: { session: note, signOut: note } } });
    const alice = world.browser();
    await alice.signIn("alice");

    await alice.session();
    await alice.signOut();

    expect(heard).toHaveLength(2);
    expect(JSON.stringify(heard)).not.toContain("nolapse");
  });
});

describe("an application's jwt callback that returns null later", () => {
  it("ends session and grant by the route, and in a component only this view of it", async () => {
    let refuses = false;
    const world = await createWorld({
      auth: { callbacks: { jwt: ({ token }) => (refuses ? null : token) } },
    });
    const alice = world.browser();
    await alice.signIn("alice");
    refuses = true;

    expect(await sessionInComponent(world, alice)).toBeNull();
    expect(world.eventsOf("grant_ended")).toEqual([]);
    await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    expect((await alice.get("session")).text).toBe("null");

    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "signed_out" }]);
  });
});

function sessionCookiesOf({ setCookies }: Answer): string[] {
  return setCookies.filter((line) => isSessionCookie(line.slice(0, line.indexOf("=")), SESSION_COOKIE));
}

async function twoUsers(): Promise<{ world: World; alice: Browser; bob: Browser }> {
  const world = await createWorld();
  const [alice, bob] = [world.browser(), world.browser()];
  await alice.signIn("alice");
  await bob.signIn("bob");
  return { world, alice, bob };
}
