/** What the installed next-auth 4 does by its route and in server code. See `../support/installed.ts`. */
import { getServerSession } from "next-auth";
import { encode } from "next-auth/jwt";
import { describe, expect, it } from "vitest";
import { SECRET } from "../../next-auth/support/app-parts.ts";
import { PagesResponse } from "../../next-auth/support/browser.ts";
import { captureConsole } from "../../next-auth/support/console.ts";
import { NextRequest, inNextRequest } from "../../next-auth/support/next-scope.ts";
import { NOBODY, SESSION_COOKIE, scene, signedIn } from "../support/installed.ts";

describe("the route of the Pages Router", () => {
  it("gives all its cookies to setHeader as an array, after its session event (src/adapter/wrap-handler.ts)", async () => {
    const order: string[] = [];
    const { app, alice } = await signedIn({ events: { session: () => order.push("event") } });
    const response = new PagesResponse();
    const setHeader = response.setHeader.bind(response);
    response.setHeader = (name, value) => {
      if (name.toLowerCase() === "set-cookie") order.push(Array.isArray(value) ? "array" : typeof value);
      return setHeader(name, value);
    };
    const request = { ...alice.nodeRequest(), method: "GET", query: { nextauth: ["session"] } };
    await app.handler(request as never, response as never);

    expect(order[0]).toBe("event");
    expect(new Set(order.slice(1))).toEqual(new Set(["array"]));
  });

  it("sets no cookie where encode gives an empty text, and deletes the one that came (src/next-auth/index.ts)", async () => {
    const { alice } = await signedIn({
      encode: (params) =>
        (params.token as { exp?: number }).exp === undefined ? encode(params as never) : Promise.resolve(""),
    });
    const before = alice.jar.get(SESSION_COOKIE);
    expect(before).toBeDefined();
    const answer = await alice.get("session");

    expect(answer.json()).toMatchObject({ user: { name: "alice" } });
    const lines = answer.setCookies.filter((line) => line.startsWith(SESSION_COOKIE));
    expect(lines.filter((line) => !/max-age=0/i.test(line))).toEqual([]);
    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
  });
});

describe("the route of the App Router", () => {
  it("goes by the parameter nextauth, whatever the URL says (src/adapter/wrap-handler.ts)", async () => {
    const { app, alice } = await signedIn();
    const request = new NextRequest("http://localhost:3000/elsewhere", {
      headers: { cookie: alice.cookieHeader },
    });
    const params = Promise.resolve({ nextauth: ["session"] });
    const answer = (await inNextRequest("route handler", request, () =>
      app.handler(request as never, { params } as never),
    )) as Response;

    expect(answer).toBeInstanceOf(Response);
    expect(await answer.json()).toMatchObject({ user: { name: "alice" } });
  });
});

describe("an empty session from the session callback", () => {
  it("is nobody, for the route and for getServerSession (src/adapter/callbacks.ts)", async () => {
    const { app, alice } = await signedIn({ session: () => ({}) });

    expect((await alice.get("session")).text).toBe(NOBODY);
    expect(await app.sessionInComponent(alice)).toBeNull();
  });

  it("is nobody as null, too (src/next-auth/v4-host.ts)", async () => {
    const { app, alice } = await signedIn({ session: () => null });

    expect(await app.sessionInComponent(alice)).toBeNull();
  });
});

describe("null from the jwt callback", () => {
  it("refuses a sign-in, without a session and without the event (src/adapter/sign-in.ts, src/adapter/settle-sign-in.ts)", async () => {
    captureConsole();
    const { seen, app } = await scene({ jwt: () => null });
    const browser = app.browser();
    await browser.signIn("alice");

    expect(seen.names()).toEqual(["signIn", "jwt", "jwt.encode"]);
    expect(browser.jar.has(SESSION_COOKIE)).toBe(false);
  });

  it("leaves the session before a sign-in as it is (src/adapter/settle-sign-in.ts)", async () => {
    captureConsole();
    let denies = false;
    const { alice } = await signedIn({ jwt: ({ token }) => (denies ? null : token) });
    const before = alice.jar.get(SESSION_COOKIE);
    denies = true;
    await alice.signIn("bob");

    expect(alice.jar.get(SESSION_COOKIE)).toBe(before);
  });

  it("later goes to the session callback, and then has the cookie deleted by the route (src/adapter/callbacks.ts)", async () => {
    captureConsole();
    const { seen, alice } = await signedIn({ jwt: ({ account, token }) => (account ? token : null) });
    await alice.session();

    expect(seen.last("session").params.token).toBeNull();
    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
  });
});

describe("undefined from the jwt callback", () => {
  it("makes a session with nothing in it of a sign-in (src/adapter/sign-in.ts)", async () => {
    const { seen, app } = await scene({ jwt: () => undefined });
    const browser = app.browser();
    await browser.signIn("alice");

    expect(seen.names()).toContain("events.signIn");
    expect(await browser.session()).toEqual({ user: {}, expires: expect.any(String) });
  });
});

describe("getServerSession(req, res, authOptions)", () => {
  it("sets the cookies of the session read on res (docs/how-it-works.md)", async () => {
    const { seen, alice } = await signedIn();
    const before = alice.jar.get(SESSION_COOKIE);
    const response = new PagesResponse();
    await getServerSession(alice.nodeRequest() as never, response as never, {
      ...seen.options,
      providers: [],
      secret: SECRET,
    });
    const line = response.answer().setCookies.find((each) => each.startsWith(SESSION_COOKIE));

    expect(line).toBeDefined();
    expect(line).not.toContain(String(before));
  });
});

describe("what NextAuth() returns", () => {
  it("is a function, by which the versions are told apart (src/next-auth/index.ts, src/authjs/wrap-auth.ts)", async () => {
    const { app } = await scene();

    expect(app.handler).toBeTypeOf("function");
    expect(app.handler).not.toHaveProperty("handlers");
  });
});
