import { describe, expect, it, vi } from "vitest";
import { PagesResponse, type Browser } from "./support/browser.ts";
import { captureConsole } from "./support/console.ts";
import { memoryAdapter } from "./support/memory-adapter.ts";
import { inNextRequest } from "./support/next-scope.ts";
import { callRoute, shopOf, startApi } from "./support/token-handler.ts";
import { askForToken } from "./support/access-token-route.ts";
import { LIFETIME_MS, createWorld, pass, type World, type WorldOptions } from "./support/world.ts";

const MARKER = "nolapse.marker";
const FIRST = String(Date.UTC(2026, 0, 1) / 1000 + 60);
const LINE = `${MARKER}=${FIRST}; Path=/; SameSite=Lax`;
const FORMS = ["app", "pages"] as const;

describe.each(FORMS)("the marker that a session read of the %s router leaves", (form) => {
  it("is the token's end, readable by scripts, and written only when it changes (F35, F36)", async () => {
    const { alice } = await scene(form);

    expect(markersIn((await alice.get("session")).setCookies)).toEqual([LINE]);
    expect(alice.jar.get(MARKER)).toBe(String((await alice.session())["accessTokenExpires"]));
    expect(markersIn((await alice.get("session")).setCookies)).toEqual([]);
    pass(LIFETIME_MS * 0.7);

    const { setCookies, json } = await alice.get("session");
    expect(markersIn(setCookies)).toEqual([
      `${MARKER}=${String(json()["accessTokenExpires"])}; Path=/; SameSite=Lax`,
    ]);
    expect(markersIn(setCookies)).not.toEqual([LINE]);
  });

  it("goes beside the cookies that NextAuth sets", async () => {
    const { alice } = await scene(form);

    const { setCookies } = await alice.get("session");

    expect(setCookies.some((line) => line.startsWith("next-auth.session-token="))).toBe(true);
    expect(markersIn(setCookies)).toHaveLength(1);
  });

  it("is not written for a prefetch", async () => {
    const { alice } = await scene(form);

    const { setCookies } = await alice.get("session", { headers: { "sec-purpose": "prefetch" } });

    expect(markersIn(setCookies)).toEqual([]);
  });

  it("is Secure where the session cookie is", async () => {
    vi.stubEnv("NEXTAUTH_URL", undefined);
    const { alice } = await scene(form, { auth: { useSecureCookies: true } });

    expect(markersIn((await alice.get("session")).setCookies)).toEqual([
      `${MARKER}=${FIRST}; Path=/; Secure; SameSite=Lax`,
    ]);
  });

  it.each([
    [true, "; Secure"],
    [false, ""],
  ])("goes by the application's own session cookie: secure %s", async (secure, attribute) => {
    const options = { path: "/", httpOnly: true, sameSite: "lax", secure };
    const { alice } = await scene(form, { auth: { cookies: { sessionToken: { name: "who", options } } } });

    expect(markersIn((await alice.get("session")).setCookies)).toEqual([
      `${MARKER}=${FIRST}; Path=/${attribute}; SameSite=Lax`,
    ]);
  });

  it.each([
    [{ sameSite: "none", secure: true, partitioned: true }, "; Secure; SameSite=None; Partitioned"],
    [{ sameSite: "None", secure: true }, "; Secure; SameSite=None"],
    [{ sameSite: true }, "; SameSite=Strict"],
    [{}, "; SameSite=Lax"],
  ])(
    "goes and is taken away as the session cookie does, or in another site's frame it would never stick: %j (F36)",
    async (given, attributes) => {
      const options = { path: "/", httpOnly: true, ...given };
      const { alice } = await scene(form, { auth: { cookies: { sessionToken: { name: "who", options } } } });

      expect(markersIn((await alice.get("session")).setCookies)).toEqual([
        `${MARKER}=${FIRST}; Path=/${attributes}`,
      ]);
      expect(markersIn((await alice.signOut()).setCookies)).toEqual([
        `${MARKER}=; Path=/${attributes}; Max-Age=0`,
      ]);
    },
  );

  it("is taken away at a sign-out, of each user by itself (I7)", async () => {
    const { alice, bob } = await scene(form);
    await alice.session();
    await bob.session();

    const { setCookies } = await alice.signOut();

    expect(markersIn(setCookies)).toEqual([`${MARKER}=; Path=/; SameSite=Lax; Max-Age=0`]);
    expect([alice.jar.has(MARKER), bob.jar.has(MARKER)]).toEqual([false, true]);
  });

  it("is taken away at a sign-out where sessions are rows of a database, too (I7)", async () => {
    const { alice } = await scene(form, { auth: { adapter: memoryAdapter().methods } });
    await alice.session();
    expect(alice.jar.get(MARKER)).toBe(FIRST);

    await alice.signOut();

    expect(alice.jar.has(MARKER)).toBe(false);
  });

  it("is not left by the session of somebody who signed out, nor where nobody is signed in", async () => {
    const { world, alice } = await scene(form);
    const old = alice.copy();
    await alice.signOut();

    for (const browser of [old, world.browser(form)]) {
      expect(markersIn((await browser.get("session")).setCookies)).toEqual([]);
    }
  });

  it("is not left where the application does not want it", async () => {
    const { world, alice } = await scene(form, { options: { tokenMarker: false } });

    expect(markersIn((await alice.get("session")).setCookies)).toEqual([]);
    expect(await world.tokenMarker(alice.pageRequest())).toBeUndefined();
  });

  it("is left by the access token route, too", async () => {
    const { alice } = await scene(form, { options: { exposeAccessToken: "on-request" } });

    expect((await askForToken(alice)).setCookies).toEqual([LINE]);
    expect((await askForToken(alice)).setCookies).toEqual([]);
  });
});

describe("the marker of a server action or route handler", () => {
  it("is set in Next's jar, once for all calls in it, and not again in the next (F35, F36)", async () => {
    const { world, alice } = await scene("app");
    const run = async (): Promise<void> => {
      await world.getAccessToken();
      await world.getAccessToken({ minValidityMs: 1 });
      await world.renewAccessToken();
    };

    expect(await inAction(alice, run)).toEqual([[LINE_OF_JAR]]);
    alice.jar.set(MARKER, FIRST);
    expect(await inAction(alice, run)).toEqual([]);
  });

  it("is set in Next's jar as the session cookie is, where the app lives in another site's frame (F36)", async () => {
    const options = { path: "/", httpOnly: true, sameSite: "none", secure: true, partitioned: true };
    const { world, alice } = await scene("app", {
      auth: { cookies: { sessionToken: { name: "who", options } } },
    });

    expect(await inAction(alice, () => world.getAccessToken())).toEqual([
      [`${MARKER}=${FIRST}; Path=/; Secure; SameSite=none; Partitioned`],
    ]);
  });

  it("tells of a forced renewal at once (F35, F39)", async () => {
    const { world, alice } = await scene("app");
    alice.jar.set(MARKER, FIRST);
    pass(LIFETIME_MS / 4);

    const set = await inAction(alice, () => world.renewAccessToken());

    expect(set).toEqual([[LINE_OF_JAR.replace(FIRST, String(Number(FIRST) + 15))]]);
  });

  it("is set by fetchWithToken, also after a 401 renewed the token", async () => {
    const { world, alice } = await scene("app");
    const api = await startApi((token) => world.server.userOf(token));
    const calling = world.copy({ options: { allowedOrigins: [api.origin] } });
    const { accessToken } = await world.getAccessToken(alice.pageRequest());
    api.accept = (token) => token !== accessToken;
    alice.jar.set(MARKER, FIRST);
    pass(LIFETIME_MS / 4);

    const set = await inAction(alice, () => calling.fetchWithToken(`${api.origin}/open/x`));

    expect(set).toEqual([[LINE_OF_JAR.replace(FIRST, String(Number(FIRST) + 15))]]);
  });

  it("is not set for a prefetch, a token for another API, or a call that is refused", async () => {
    const { world, alice } = await scene("app");

    const prefetch = { "sec-purpose": "prefetch" };
    expect(await inAction(alice, () => world.getAccessToken(), prefetch)).toEqual([]);
    expect(await inAction(alice, () => world.getAccessToken({ audience: "orders" }))).toEqual([]);
    const refused = (): Promise<unknown> => world.getAccessToken().catch(() => undefined);
    expect(await inAction(world.browser(), refused)).toEqual([]);
  });

  it("changes nothing in a server component, which cannot set cookies, and says nothing", async () => {
    const said = captureConsole();
    const { world, alice } = await scene("app");

    const { accessToken } = await alice.inServerComponent(() => world.getAccessToken());

    expect(world.server.userOf(accessToken)).toBe("alice");
    expect(said.text()).toBe("");
  });
});

describe("the marker of a call with a request", () => {
  it("goes to the Pages Router's response, beside other cookies, and once", async () => {
    const { world, alice } = await scene("pages");
    const response = new PagesResponse().setHeader("Set-Cookie", "theme=dark; Path=/");

    await world.getAccessToken(alice.nodeRequest(), response);
    await world.getAccessToken(alice.nodeRequest(), response, { minValidityMs: 1 });

    expect(response.answer().setCookies).toEqual(["theme=dark; Path=/", LINE]);
  });

  it("goes to the response of the context of getServerSideProps", async () => {
    const { world, alice } = await scene("pages");
    const res = new PagesResponse();

    await world.getAccessToken({ req: alice.nodeRequest(), res } as never);

    expect(res.answer().setCookies).toEqual([LINE]);
  });

  it("goes to the response that a proxy will return, and leaves its own cookies (F35)", async () => {
    const { world, alice } = await scene("app");
    const response = new Response(null, { headers: [["set-cookie", "theme=dark; Path=/"]] });

    const set = await inAction(alice, () => world.getAccessToken(alice.pageRequest(), response));

    expect(response.headers.getSetCookie()).toEqual(["theme=dark; Path=/", LINE]);
    expect(set, "Next would put these in place of the response's own").toEqual([]);
  });

  it("goes nowhere without a response, or with one that has begun", async () => {
    const { world, alice } = await scene("app");
    const begun = {
      setHeader: () => {
        throw new Error("Cannot set headers after they are sent to the client");
      },
    };

    const set = await inAction(alice, async () => {
      await world.getAccessToken(alice.pageRequest());
      await world.getAccessToken(alice.nodeRequest(), begun);
      await world.getAccessToken(alice.pageRequest(), Response.error());
    });

    expect(set).toEqual([]);
  });

  it("goes to the answer of a token handler, also after a 401 renewed the token", async () => {
    const { world, alice } = await scene("app");
    const api = await startApi((token) => world.server.userOf(token));
    const handler = world.createTokenHandler({ apis: { shop: shopOf(api) } });
    const { accessToken } = await world.getAccessToken(alice.pageRequest());

    const first = await callRoute(handler, alice, "/api/proxy/shop/orders");
    api.accept = (token) => token !== accessToken;
    pass(LIFETIME_MS / 4);
    const second = await callRoute(handler, alice, "/api/proxy/shop/orders");

    expect(first.headers.getSetCookie()).toEqual([LINE]);
    expect(second.status).toBe(200);
    expect(second.headers.getSetCookie()).toEqual([LINE.replace(FIRST, String(Number(FIRST) + 15))]);
  });
});

describe("tokenMarker", () => {
  it("tells what the marker is to be, in every form, and renews nothing", async () => {
    const { world, alice } = await scene("app");
    pass(LIFETIME_MS - 1_000);

    expect(await alice.inServerComponent(() => world.tokenMarker())).toBe(FIRST);
    expect(await world.tokenMarker(alice.pageRequest())).toBe(FIRST);
    expect(await world.tokenMarker(alice.nodeRequest(), {})).toBe(FIRST);
    expect(await world.tokenMarker({ req: alice.nodeRequest() })).toBe(FIRST);
    expect(world.refreshes()).toBe(0);
  });

  it("is undefined where nobody is signed in, the sign-in has ended, or the store is away (I6)", async () => {
    const { world, alice, bob } = await scene("app");
    const old = alice.copy();
    await alice.signOut();

    expect(await world.tokenMarker(world.browser().pageRequest())).toBeUndefined();
    expect(await world.tokenMarker(old.pageRequest())).toBeUndefined();
    expect(await world.tokenMarker(), "outside a request").toBeUndefined();
    pass(40 * 24 * 3_600_000);
    world.store.down = true;
    expect(await world.tokenMarker(bob.pageRequest())).toBeUndefined();
  });

  it("lets Next's own signal pass, by which it learns that a page is dynamic", async () => {
    const { world } = await scene("app");
    const signal = Object.assign(new Error("Dynamic server usage"), { digest: "DYNAMIC_SERVER_USAGE" });
    const headers = {
      get: () => {
        throw signal;
      },
    };

    await expect(world.tokenMarker({ headers } as never)).rejects.toBe(signal);
  });
});

const LINE_OF_JAR = `${MARKER}=${FIRST}; Path=/; SameSite=lax`;

function markersIn(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => line.startsWith(MARKER));
}

/** Runs what a server action does, and tells what it set in Next's jar, once for each time. */
async function inAction(
  browser: Browser,
  run: () => Promise<unknown>,
  headers: Readonly<Record<string, string>> = {},
): Promise<readonly (readonly string[])[]> {
  const set: (readonly string[])[] = [];
  await inNextRequest("route handler", browser.pageRequest(headers), run, [], set);
  return set;
}

async function scene(
  form: "app" | "pages",
  given: WorldOptions = {},
): Promise<{ world: World; alice: Browser; bob: Browser }> {
  const world = await createWorld(given);
  const [alice, bob] = [world.browser(form), world.browser(form)];
  await alice.signIn("alice");
  await bob.signIn("bob");
  return { world, alice, bob };
}
