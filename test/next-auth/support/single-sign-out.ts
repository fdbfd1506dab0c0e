/**
 * Single sign-out at a real OpenID Connect server, for both versions of NextAuth: two users with two browsers each, every
 * browser with a session of its own at the server.
 */
import { expect, it } from "vitest";
import type { BackChannelLogout } from "../../../src/adapter/back-channel-logout.ts";
import type { GetAccessToken } from "../../../src/adapter/token-access.ts";
import type { ProviderOptions } from "../../../src/adapter/options.ts";
import type { TokenEvent, TokenEventType } from "../../../src/core/events.ts";
import { LIFETIME_MS, pass, until } from "./app-parts.ts";
import type { Browser } from "./browser.ts";
import { captureConsole } from "./console.ts";
import { startLogoutRoute } from "./logout-route.ts";
import { OidcVisitor, startOidcServer, type OidcServer } from "./oidc.ts";

/** What the worlds of both versions have in common here. */
export interface SignOutWorld {
  readonly backChannelLogout: BackChannelLogout;
  readonly getAccessToken: GetAccessToken;
  readonly eventsOf: (type: TokenEventType) => readonly TokenEvent[];
  readonly browser: () => Browser;
}

/** Builds an app of one version around a server, with settings for its provider `oidc`. */
export type BuildApp = (server: OidcServer, settings: ProviderOptions) => Promise<SignOutWorld>;

/** One browser of one user, at the app and at the server. */
interface Person {
  readonly browser: Browser;
  readonly visitor: OidcVisitor;
}

interface Scene {
  readonly server: OidcServer;
  readonly world: SignOutWorld;
  readonly alice: readonly [Person, Person];
  readonly bob: readonly [Person, Person];
}

async function scene(build: BuildApp, settings: ProviderOptions = {}): Promise<Scene> {
  // oidc-provider recommends on the console what it would do differently in production.
  captureConsole();
  const route = await startLogoutRoute();
  const server = await startOidcServer({
    backchannel_logout_uri: route.url,
    backchannel_logout_session_required: true,
    post_logout_redirect_uris: ["http://localhost:3000/"],
  });
  const world = await build(server, settings);
  route.answer = world.backChannelLogout;
  const signIn = async (user: string): Promise<Person> => {
    const [browser, visitor] = [world.browser(), new OidcVisitor()];
    const form = { callbackUrl: "http://localhost:3000/" };
    const started = await browser.submit("signin/oidc", form, { login_hint: user });
    await browser.get("callback/oidc", { query: await visitor.authorize(String(started.json()["url"])) });
    expect(await browser.session()).toMatchObject({ user: { name: user } });
    return { browser, visitor };
  };
  return {
    ...{ server, world },
    alice: [await signIn("alice"), await signIn("alice")],
    bob: [await signIn("bob"), await signIn("bob")],
  };
}

/** Whether a browser's user is signed in at the app, as session and token say together. */
async function isSignedIn(world: SignOutWorld, { browser }: Person): Promise<boolean> {
  const token = await world.getAccessToken(browser.pageRequest()).then(
    () => true,
    () => false,
  );
  const session = (await browser.copy().get("session")).text.includes("@example.com");
  expect(token).toBe(session);
  return session;
}

/** The tests. Called within a `describe` of one version. */
export function testSingleSignOut(build: BuildApp): void {
  it("ends exactly the session that ended at the server (OpenID Connect Back-Channel Logout)", async () => {
    const { server, world, alice, bob } = await scene(build);

    await alice[0].visitor.signOut(`${server.issuer}/session/end`);

    expect(server.logouts).toEqual(["ok"]);
    expect(await isSignedIn(world, alice[0])).toBe(false);
    for (const other of [alice[1], ...bob]) expect(await isSignedIn(world, other)).toBe(true);
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "revoked" }]);
  });

  it("wins against a refresh that is under way, whose tokens nobody gets (I7)", async () => {
    const { server, world, alice, bob } = await scene(build);
    pass(LIFETIME_MS * 0.7);
    server.hold();
    const reading = [alice[0], bob[0]].map(({ browser }) => browser.get("session"));
    await until(() => server.heldRequests === 2);

    await alice[0].visitor.signOut(`${server.issuer}/session/end`);
    server.release();
    const [ofAlice, ofBob] = await Promise.all(reading);

    expect(server.log.filter((each) => each.startsWith("refresh_token")).sort()).toEqual([
      "refresh_token invalid_grant",
      "refresh_token ok",
    ]);
    expect(ofAlice?.text).not.toContain("alice");
    expect(ofBob?.json()).toMatchObject({ user: { name: "bob" }, accessTokenExpiresIn: 60 });
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "revoked" }]);
    expect(await isSignedIn(world, alice[0])).toBe(false);
    for (const other of [alice[1], ...bob]) expect(await isSignedIn(world, other)).toBe(true);
  });

  it("goes on at the server when the user signs out of the app, and comes back (RP-Initiated Logout)", async () => {
    const { server, world, alice, bob } = await scene(build, { rpInitiatedLogout: true });

    const answer = await alice[0].browser.signOut();
    const address = new URL(String(answer.json()["url"]));

    expect(`${address.origin}${address.pathname}`).toBe(`${server.issuer}/session/end`);
    expect([...address.searchParams.keys()].sort()).toEqual([
      ...["client_id", "id_token_hint", "post_logout_redirect_uri"],
    ]);
    expect(await alice[0].visitor.signOut(address.href)).toBe("http://localhost:3000/");
    expect(server.logouts, "the server tells the app in its turn").toEqual(["ok"]);
    expect(await isSignedIn(world, alice[0])).toBe(false);
    for (const other of [alice[1], ...bob]) expect(await isSignedIn(world, other)).toBe(true);
    expect(world.eventsOf("rp_initiated_logout")).toMatchObject([{ outcome: "redirected", code: "ok" }]);
  });

  it("goes on without the ID token where it shall not stand in an address", async () => {
    const settings = { rpInitiatedLogout: { idTokenHint: false } };
    const { alice } = await scene(build, settings);

    const address = String((await alice[0].browser.signOut()).json()["url"]);

    expect(address).not.toContain("id_token_hint");
    expect(await alice[0].visitor.signOut(address)).toBe("http://localhost:3000/");
  });
}
