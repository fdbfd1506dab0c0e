import { describe, expect, it } from "vitest";
import { askForToken } from "../next-auth/support/access-token-route.ts";
import type { Browser } from "../next-auth/support/browser.ts";
import { memoryAdapter } from "../next-auth/support/memory-adapter.ts";
import {
  LIFETIME_MS,
  createWorld,
  inServerAction,
  pass,
  sessionInComponent,
  type World,
  type WorldOptions,
} from "./support/world.ts";

const MARKER = "nolapse.marker";
const FIRST = String(Date.UTC(2026, 0, 1) / 1000 + 60);
const LINE = `${MARKER}=${FIRST}; Path=/; SameSite=Lax`;

/** How users sign out, and how sessions are kept. */
const SIGN_OUTS: readonly [string, (world: World, browser: Browser) => Promise<unknown>, WorldOptions][] = [
  ["the route", (_world, browser) => browser.signOut(), {}],
  ["the server action signOut()", signOutByAction, {}],
  [
    "the route, with database sessions",
    (_world, browser) => browser.signOut(),
    { auth: { adapter: memoryAdapter().methods } },
  ],
  [
    "the server action, with database sessions",
    signOutByAction,
    { auth: { adapter: memoryAdapter().methods } },
  ],
];

describe("the marker under Auth.js v5", () => {
  it("is left by a session read, beside Auth.js's cookies, and only when it changes (F35, F36)", async () => {
    const { alice } = await scene();

    const { setCookies } = await alice.get("session");
    expect(setCookies.filter((line) => line.startsWith(MARKER))).toEqual([LINE]);
    expect(setCookies.some((line) => line.startsWith("authjs.session-token="))).toBe(true);
    const again = await alice.get("session");
    expect(again.setCookies.filter((line) => line.startsWith(MARKER))).toEqual([]);
  });

  it("is Secure where the session cookie is", async () => {
    const { alice } = await scene({ auth: { useSecureCookies: true } });

    const { setCookies } = await alice.get("session");

    expect(setCookies).toContain(`${MARKER}=${FIRST}; Path=/; Secure; SameSite=Lax`);
  });

  it("follows the application's own session cookie, whose name alone changes nothing", async () => {
    const { alice } = await scene({
      auth: {
        useSecureCookies: true,
        cookies: { sessionToken: { name: "who", options: { secure: false } } },
      },
    });
    const named = await scene({
      auth: { useSecureCookies: true, cookies: { sessionToken: { name: "who" } } },
    });

    expect((await alice.get("session")).setCookies).toContain(LINE);
    expect((await named.alice.get("session")).setCookies).toContain(LINE.replace("; Same", "; Secure; Same"));
  });

  it("goes as the session cookie does, or in another site's frame it would never stick (F36)", async () => {
    const options = { sameSite: "none", secure: true, partitioned: true } as const;
    const { alice } = await scene({ auth: { cookies: { sessionToken: { options } } } });

    const { setCookies } = await alice.get("session");

    expect(setCookies).toContain(LINE.replace("SameSite=Lax", "Secure; SameSite=None; Partitioned"));
  });

  it("is set by a server action, and tells of a forced renewal (F35, F39)", async () => {
    const { world, alice } = await scene();
    await inServerAction(alice, () => world.getAccessToken());
    expect(alice.jar.get(MARKER)).toBe(FIRST);
    pass(LIFETIME_MS / 4);

    await inServerAction(alice, () => world.renewAccessToken());

    expect(alice.jar.get(MARKER)).toBe(String(Number(FIRST) + 15));
    expect(alice.jar.get(MARKER)).toBe(String((await alice.session())["accessTokenExpires"]));
  });

  it("goes to the response that a proxy will return, never into Next's jar there (F35)", async () => {
    const { world, alice } = await scene();
    const response = new Response(null, { headers: [["set-cookie", "theme=dark; Path=/"]] });

    await inServerAction(alice, () => world.getAccessToken(alice.pageRequest(), response));

    expect(response.headers.getSetCookie()).toEqual(["theme=dark; Path=/", LINE]);
    expect(alice.jar.has(MARKER)).toBe(false);
  });

  it("is left by the access token route", async () => {
    const { alice } = await scene({ options: { exposeAccessToken: "on-request" } });

    expect((await askForToken(alice)).setCookies).toEqual([LINE]);
  });

  it("is told to a server component, which cannot set it", async () => {
    const { world, alice } = await scene();

    expect(await sessionInComponent(world, alice)).toMatchObject({ accessTokenExpires: Number(FIRST) });
    expect(await alice.inServerComponent(() => world.tokenMarker())).toBe(FIRST);
    expect(await alice.inServerComponent(() => world.getAccessToken())).toMatchObject({ version: 1 });
  });

  it.each(SIGN_OUTS)("is taken away at a sign-out by %s (I7)", async (_way, signOut, given) => {
    const { world, alice, bob } = await scene(given);
    await alice.session();
    await bob.session();
    expect(alice.jar.get(MARKER)).toBe(FIRST);

    await signOut(world, alice);

    expect([alice.jar.has(MARKER), bob.jar.get(MARKER)]).toEqual([false, FIRST]);
  });
});

function signOutByAction(world: World, browser: Browser): Promise<unknown> {
  return inServerAction(browser, () => world.nextAuth.signOut({ redirect: false }));
}

async function scene(given: WorldOptions = {}): Promise<{ world: World; alice: Browser; bob: Browser }> {
  const world = await createWorld(given);
  const [alice, bob] = [world.browser(), world.browser()];
  await alice.signIn("alice");
  await bob.signIn("bob");
  return { world, alice, bob };
}
