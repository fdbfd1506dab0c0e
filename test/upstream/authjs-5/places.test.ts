/** What the installed next-auth 5 does in the places that version 4 does not have. See `../support/installed.ts`. */
import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, it } from "vitest";
import { inServerAction } from "../../authjs/support/world.ts";
import { PagesResponse } from "../../next-auth/support/browser.ts";
import { captureConsole } from "../../next-auth/support/console.ts";
import { NextRequest, inNextRequest } from "../../next-auth/support/next-scope.ts";
import { NEXT_HEADERS, startApp, type AppOf5 } from "../support/app-of-5.ts";
import { observed, type Own } from "../support/auth-part.ts";
import { SESSION_COOKIE, signedIn } from "../support/installed.ts";

describe("null from the jwt callback", () => {
  it("ends a session cleanly: null and a deleted cookie by the route, without session and event, and nothing in the log (src/authjs/wrapped-callbacks.ts)", async () => {
    const said = captureConsole();
    const { seen, alice } = await signedIn({ jwt: ({ account, token }) => (account ? token : null) });
    const answer = await alice.get("session");

    expect(answer.text).toBe("null");
    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
    expect(seen.names()).toEqual(["jwt.decode", "jwt"]);
    expect(said.lines).toEqual([]);
  });

  it("is null for auth() in a server component, which deletes no cookie (src/adapter/callbacks.ts)", async () => {
    const { app, alice } = await signedIn({ jwt: ({ account, token }) => (account ? token : null) });

    expect(await app.sessionInComponent(alice)).toBeNull();
    expect(alice.jar.has(SESSION_COOKIE)).toBe(true);
  });

  it("at a sign-in leaves no session, though events.signIn is told (src/authjs/wrapped-callbacks.ts, src/adapter/settle-sign-in.ts)", async () => {
    const { seen, app } = await appWith({ jwt: () => null });
    const browser = app.browser();
    await browser.signIn("alice");

    expect(seen.names()).toEqual(["signIn", "jwt", "events.signIn"]);
    expect(browser.jar.has(SESSION_COOKIE)).toBe(false);
  });
});

describe("null from the session callback", () => {
  it("is null by the route, and in auth() what Auth.js shows by itself, with the whole JWT as the user (src/authjs/wrapped-callbacks.ts)", async () => {
    const { app, alice } = await signedIn({ session: () => null });

    expect((await alice.get("session")).text).toBe("null");
    expect(await app.sessionInComponent(alice)).toMatchObject({
      user: { name: "alice", email: "alice@example.com" },
      expires: expect.any(String),
    });
  });
});

describe("auth() in a server component", () => {
  it("shows the whole JWT as the user where session returns none, and the route does not (src/authjs/wrapped-callbacks.ts)", async () => {
    const { app, alice } = await signedIn({ session: () => ({ expires: "x" }) });

    expect(await app.sessionInComponent(alice)).toMatchObject({
      user: { name: "alice", jti: expect.any(String) },
    });
    expect(await alice.session()).toEqual({ expires: "x" });
  });
});

describe("auth() around a route handler or a proxy", () => {
  it("calls the callbacks, shows the session, and sets the cookie on the answer (docs/authjs.md)", async () => {
    const { seen, app } = await appWith();
    const alice = app.browser();
    await alice.signIn("alice");
    seen.calls.length = 0;
    const shown: unknown[] = [];
    const handler = app.nextAuth.auth((request) => {
      shown.push(request.auth);
      return Response.json("done");
    }) as unknown as (request: Request, context: object) => Promise<Response>;
    const request = new NextRequest("http://localhost:3000/page", {
      headers: { cookie: alice.cookieHeader, ...NEXT_HEADERS },
    });
    const answer = await inNextRequest("route handler", request, () => handler(request, {}));

    expect(shown).toMatchObject([{ user: { name: "alice" } }]);
    expect(seen.names()).toEqual(["jwt.decode", "jwt", "session", "jwt.encode", "events.session"]);
    expect(answer.headers.getSetCookie().some((line) => line.startsWith(`${SESSION_COOKIE}=`))).toBe(true);
  });
});

describe("of two session cookies in a header", () => {
  it("the first stands: by the route, in a server component, around a proxy, and in the Pages Router (src/authjs/v5-host.ts)", async () => {
    const { app } = await appWith();
    const [alice, bob] = [app.browser(), app.browser()];
    await alice.signIn("alice");
    await bob.signIn("bob");
    const cookie = `${alice.cookieHeader}; ${bob.cookieHeader}`;
    const request = (): Request =>
      new NextRequest("http://localhost:3000/page", { headers: { cookie, ...NEXT_HEADERS } });
    const { auth } = app.nextAuth as unknown as { auth: (...args: unknown[]) => unknown };
    const proxy = auth((seen: { auth: unknown }) => Response.json(seen.auth)) as (
      ...args: unknown[]
    ) => Promise<Response>;

    const found = [
      await alice.session({ cookie }),
      await inNextRequest("server component", request(), () => auth()),
      await (await inNextRequest("route handler", request(), () => proxy(request(), {}))).json(),
      await auth({ headers: { cookie, ...NEXT_HEADERS }, cookies: {} }, new PagesResponse()),
    ];
    expect(found).toMatchObject(found.map(() => ({ user: { name: "alice" } })));
  });

  it("the header counts in components, too, whatever the request has set since (src/authjs/v5-host.ts)", async () => {
    const { app } = await appWith();
    const alice = app.browser();
    const shown = await inServerAction(alice, async () => {
      await app.nextAuth.signIn("backend", { user: "alice", redirect: false });
      return app.nextAuth.auth();
    });

    expect(shown).toBeNull();
    expect(await app.sessionInComponent(alice)).toMatchObject({ user: { name: "alice" } });
  });
});

describe("the server actions", () => {
  it("signIn() calls the callbacks in the caller's async context, without the route, and sets the cookie by next/headers (src/authjs/wrap-auth.ts)", async () => {
    const storage = new AsyncLocalStorage<string>();
    const found: unknown[] = [];
    const { seen, app } = await appWith({ signIn: () => found.push(storage.getStore()) });
    const alice = app.browser();
    await storage.run("here", () =>
      inServerAction(alice, () => app.nextAuth.signIn("backend", { user: "alice", redirect: false })),
    );

    expect(found).toEqual(["here"]);
    expect(seen.names()).toEqual(["signIn", "jwt", "jwt.encode", "events.signIn"]);
    expect(await app.sessionInComponent(alice)).toMatchObject({ user: { name: "alice" } });
  });

  it("signIn() at an OAuth provider only gives the address to go to (src/authjs/wrap-auth.ts)", async () => {
    const { seen, app } = await appWith();
    const url = (await inServerAction(app.browser(), () =>
      app.nextAuth.signIn("strict", { redirect: false }),
    )) as string;

    expect(url).toContain(`${app.server.issuer}/authorize`);
    expect(seen.names()).toEqual([]);
  });

  it("signOut() tells events.signOut the JWT, and deletes the cookie by next/headers (src/authjs/index.ts)", async () => {
    const { seen, app } = await appWith();
    const alice = app.browser();
    await alice.signIn("alice");
    await inServerAction(alice, () => app.nextAuth.signOut({ redirect: false }));

    expect(seen.last("events.signOut").params.token).toMatchObject({ name: "alice" });
    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
  });

  it("signOut({ redirect: false }) resolves with redirect, the address to go to (src/adapter/rp-initiated-logout.ts)", async () => {
    const { app } = await appWith();
    const alice = app.browser();
    await alice.signIn("alice");
    const answer: unknown = await inServerAction(alice, () =>
      app.nextAuth.signOut({ redirect: false, redirectTo: "/bye" }),
    );

    expect(answer).toMatchObject({ redirect: "http://localhost:3000/bye" });
  });

  it("signOut() throws Next's redirect once the cookie is deleted (src/adapter/rp-initiated-logout.ts)", async () => {
    const { app } = await appWith();
    const alice = app.browser();
    await alice.signIn("alice");
    const left = inServerAction(alice, () => app.nextAuth.signOut({ redirectTo: "/bye" }));

    await expect(left).rejects.toMatchObject({
      digest: expect.stringContaining(";http://localhost:3000/bye;") as string,
    });
  });

  it("unstable_update() calls jwt with the trigger and the data, and sets the cookie (src/authjs/index.ts)", async () => {
    const { seen, app } = await appWith();
    const alice = app.browser();
    await alice.signIn("alice");
    const before = alice.jar.get(SESSION_COOKIE);
    await inServerAction(alice, () => app.nextAuth.unstable_update({ user: { name: "A" } }));

    expect(seen.last("jwt").params).toMatchObject({ trigger: "update", session: { user: { name: "A" } } });
    expect(alice.jar.get(SESSION_COOKIE)).not.toBe(before);
  });
});

describe("a lazy configuration", () => {
  it("is asked with the request by the route, and without one by auth() and the server actions (src/authjs/v5-host.ts)", async () => {
    const asked: string[] = [];
    const { options } = observed();
    const app = await startApp({ options }, (request, config) => {
      asked.push(request === undefined ? "nothing" : (request as Request).method);
      return config;
    });
    const alice = app.browser();
    await alice.session();
    expect(asked).toEqual(["GET"]);

    await app.sessionInComponent(alice);
    expect(asked.slice(1)).toEqual(["nothing"]);
    await inServerAction(alice, () => app.nextAuth.signIn("backend", { user: "alice", redirect: false }));
    expect(new Set(asked.slice(1))).toEqual(new Set(["nothing"]));
  });
});

describe("the route", () => {
  it("goes by the URL, whatever the parameter nextauth says (src/authjs/base-url.ts)", async () => {
    const { app } = await appWith();
    const request = new NextRequest("http://localhost:3000/api/auth/csrf", { headers: NEXT_HEADERS });
    const params = Promise.resolve({ nextauth: ["session"] });
    const answer = (await app.handler(request as never, { params } as never)) as Response;

    expect(await answer.json()).toEqual({ csrfToken: expect.any(String) });
  });

  it("is in the member handlers of what NextAuth() returns (src/authjs/wrap-auth.ts, src/next-auth/index.ts)", async () => {
    const { app } = await appWith();

    expect(Object.keys(app.nextAuth.handlers)).toEqual(["GET", "POST"]);
    expect(app.nextAuth.signIn).toBeTypeOf("function");
  });
});

async function appWith(own: Own = {}): Promise<{ seen: ReturnType<typeof observed>; app: AppOf5 }> {
  const seen = observed(own);
  return { seen, app: await startApp({ options: seen.options }) };
}
