/** The forms of `auth()` and `unstable_update()` that write the session cookie themselves. */
import NextAuth from "next-auth-v5";
import { describe, expect, it } from "vitest";
import { NextRequest, inNextRequest } from "../next-auth/support/next-scope.ts";
import { PagesResponse, type Browser } from "../next-auth/support/browser.ts";
import {
  LIFETIME_MS,
  SECRET,
  SESSION_COOKIE,
  createWorld,
  inServerAction,
  jwtOf,
  pass,
  quiet,
  sessionInComponent,
  type World,
} from "./support/world.ts";

describe("auth() around a proxy or a route handler", () => {
  it("shows the session, gives the token for the request, and changes nothing in the claim", async () => {
    const { world, alice } = await signedIn();
    const before = (await jwtOf(alice))?.["nolapse"];
    pass(LIFETIME_MS);
    const seen: unknown[] = [];
    const proxy = world.nextAuth.auth(async (request) => {
      seen.push(request.auth, await world.getAccessToken(request as unknown as Request));
      return Response.json("done");
    }) as unknown as (request: Request, context: object) => Promise<Response>;

    const request = pageRequest(alice);
    const answer = await inNextRequest("route handler", request, () => proxy(request, {}));
    await quiet();

    expect(await answer.json()).toBe("done");
    expect(seen).toMatchObject([{ user: { name: "alice" } }, { accessToken: expect.any(String) }]);
    expect(answer.headers.getSetCookie().some((line) => line.startsWith("authjs.session-token="))).toBe(true);
    expect((await jwtOf(alice))?.["nolapse"]).toEqual(before);
    expect(world.refreshes()).toBe(1);
  });

  it("shows nobody for an old cookie after a sign-out (F18)", async () => {
    const { world, alice } = await signedIn();
    const thief = alice.copy();
    await alice.signOut();
    const seen: unknown[] = [];
    const proxy = world.nextAuth.auth((request) => {
      seen.push(request.auth);
      return Response.json("done");
    }) as unknown as (request: Request, context: object) => Promise<Response>;

    const request = pageRequest(thief);
    await inNextRequest("route handler", request, () => proxy(request, {}));

    expect(seen).toEqual([null]);
  });
});

describe("auth() of a second NextAuth() without nolapse, as a middleware.ts on the Edge has it", () => {
  const edge = NextAuth({ providers: [], secret: SECRET, trustHost: true });
  const throughMiddleware = async (browser: Browser): Promise<{ seen: unknown; lines: string[] }> => {
    let seen: unknown;
    const middleware = edge.auth((request) => {
      seen = request.auth;
    }) as unknown as (request: Request, context: object) => Promise<Response>;
    const answer = await middleware(pageRequest(browser), {});
    return { seen, lines: answer.headers.getSetCookie() };
  };

  it("shows who is signed in, and what it sets as the cookie has the claim and no token (SEC-01)", async () => {
    const { world, alice } = await signedIn();
    const before = (await jwtOf(alice))?.["nolapse"];
    pass(LIFETIME_MS);

    const { seen, lines } = await throughMiddleware(alice);

    expect(seen).toMatchObject({ user: { name: "alice" } });
    const [line = ""] = lines.filter((each) => each.startsWith(`${SESSION_COOKIE}=`));
    alice.jar.set(SESSION_COOKIE, line.slice(SESSION_COOKIE.length + 1, line.indexOf(";")));
    const jwt = await jwtOf(alice);
    expect(jwt?.["nolapse"]).toEqual(before);
    expect(JSON.stringify(jwt)).not.toMatch(/[ar]t-[\w-]{20}/);
    const { accessToken } = await world.getAccessToken(alice.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("alice");
  });

  it("goes by the cookie alone: a session that was ended elsewhere passes, and the page knows", async () => {
    const { world, alice } = await signedIn();
    const copy = alice.copy();
    await alice.signOut();

    expect((await throughMiddleware(copy)).seen).toMatchObject({ user: { name: "alice" } });
    expect((await throughMiddleware(alice)).seen).toBeNull();
    expect(await sessionInComponent(world, copy)).toBeNull();
    await expect(world.getAccessToken(copy.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
  });
});

describe("unstable_update() in a server action", () => {
  it("keeps the claim and the grant", async () => {
    const { world, alice } = await signedIn();

    const session = await inServerAction(alice, () =>
      world.nextAuth.unstable_update({ user: { name: "A" } }),
    );

    expect(session).toMatchObject({ user: { name: "alice" }, accessTokenExpiresIn: 60 });
    expect(await sessionInComponent(world, alice)).toMatchObject({ user: { name: "alice" } });
    const { accessToken } = await world.getAccessToken(alice.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("alice");
  });
});

describe("auth() in the Pages Router, beside getAccessToken()", () => {
  it.each([
    [
      "getServerSideProps",
      (world: World, browser: Browser, response: PagesResponse) => {
        const context = { req: pagesRequest(browser), res: response, query: {}, resolvedUrl: "/page" };
        return [call(world.nextAuth.auth, context), world.getAccessToken(context)] as const;
      },
    ],
    [
      "an API route",
      (world: World, browser: Browser, response: PagesResponse) => {
        const request = pagesRequest(browser);
        return [
          call(world.nextAuth.auth, request, response),
          world.getAccessToken(request, response),
        ] as const;
      },
    ],
  ])(
    "shows the session and gives the token, refreshed once, to each user their own in %s (I2, I8)",
    async (_place, ask) => {
      const { world, alice } = await signedIn();
      const bob = world.browser();
      await bob.signIn("bob");

      for (let lifetime = 1; lifetime <= 2; lifetime++) {
        pass(LIFETIME_MS);
        for (const [browser, user] of [
          [alice, "alice"],
          [bob, "bob"],
        ] as const) {
          const response = new PagesResponse();
          const [session, token] = await Promise.all(ask(world, browser, response));

          expect(session).toMatchObject({ user: { name: user } });
          expect(world.server.userOf(token.accessToken)).toBe(user);
          const { setCookies } = response.answer();
          expect(setCookies.some((line) => line.startsWith("authjs.session-token="))).toBe(true);
          expect(setCookies.join()).not.toContain(token.accessToken);
        }
        await quiet();
        expect(world.refreshes()).toBe(2 * lifetime);
      }
    },
  );

  it("shows nobody for an old cookie after a sign-out, and gives no token (F18)", async () => {
    const { world, alice } = await signedIn();
    const old = alice.copy();
    await alice.signOut();
    const context = { req: pagesRequest(old), res: new PagesResponse() };

    expect(await call(world.nextAuth.auth, context)).toBeNull();
    await expect(world.getAccessToken(context)).rejects.toMatchObject({ code: "not_signed_in" });
  });
});

async function signedIn(): Promise<{ world: World; alice: Browser }> {
  const world = await createWorld();
  const alice = world.browser();
  await alice.signIn("alice");
  return { world, alice };
}

/** What Next hands to `getServerSideProps` and to an API route. */
function pagesRequest(browser: Browser): ReturnType<Browser["nodeRequest"]> {
  return browser.nodeRequest({ host: "localhost:3000", "x-forwarded-proto": "http" });
}

/** `auth()` in a form for which its types want Next's own objects. */
function call(auth: World["nextAuth"]["auth"], ...args: readonly object[]): Promise<unknown> {
  return (auth as unknown as (...args: readonly object[]) => Promise<unknown>)(...args);
}

function pageRequest(browser: Browser): InstanceType<typeof NextRequest> {
  return new NextRequest("http://localhost:3000/page", {
    headers: { cookie: browser.cookieHeader, host: "localhost:3000", "x-forwarded-proto": "http" },
  });
}
