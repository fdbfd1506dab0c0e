/** How the installed next-auth makes, names and cuts its session cookie, in both versions. See `support/installed.ts`. */
import * as installed from "next-auth/jwt";
import { describe, expect, it, vi } from "vitest";
import { OTHER_SECRET, SECRET } from "../next-auth/support/app-parts.ts";
import { FORMS, NOBODY, SESSION_COOKIE, VERSION, scene, signedIn } from "./support/installed.ts";

type Run = (params: object) => Promise<unknown>;
const { encode, decode } = installed as unknown as Record<"encode" | "decode", Run>;

const MANY_TOKENS = { many: "x".repeat(9_000) };

describe("the session cookie's name", () => {
  it.each([
    ["http://localhost:3000", ""],
    ["https://app.example", "__Secure-"],
  ])("at %s has the prefix %j (src/next-auth/base-url.ts, src/authjs/base-url.ts)", async (url, prefix) => {
    const { app } = await scene();
    vi.stubEnv(VERSION === 4 ? "NEXTAUTH_URL" : "AUTH_URL", url);
    const browser = app.browser();
    await browser.signInWithPassword({ user: "alice" });

    expect([...browser.jar.keys()]).toContain(`${prefix}${SESSION_COOKIE}`);
  });

  it("is the application's own where it gives one (src/next-auth/v4-host.ts, src/authjs/base-url.ts)", async () => {
    const cookies = { sessionToken: { name: "sid", options: { path: "/", httpOnly: true } } };
    const { alice } = await signedIn({ options: { cookies } });

    expect(alice.jar.has("sid")).toBe(true);
    expect(await alice.session()).toMatchObject({ user: { name: "alice" } });
  });
});

describe("a session cookie of more than 4 KB", () => {
  const large = { jwt: ({ token }: { token?: unknown }) => ({ ...(token as object), ...MANY_TOKENS }) };

  it("is cut into chunks with .0, .1, ... behind the name, in order (src/adapter/session-cookie.ts)", async () => {
    const { seen, alice } = await signedIn(large);
    const names = [...alice.jar.keys()].filter((name) => name.startsWith(SESSION_COOKIE));

    expect(names).toEqual([0, 1, 2, 3].map((index) => `${SESSION_COOKIE}.${index}`));
    await alice.session();
    expect(seen.last("jwt").params.token).toMatchObject(MANY_TOKENS);
  });

  it("leaves no chunk behind when it becomes small, or ends (src/adapter/session-cookie.ts)", async () => {
    let size = 9_000;
    const { alice } = await signedIn({
      jwt: ({ token }) => ({ ...(token as object), many: "x".repeat(size) }),
    });
    const names = (): string[] => [...alice.jar.keys()].filter((name) => name.startsWith(SESSION_COOKIE));
    size = 10;
    await alice.session();
    expect(names()).toEqual([SESSION_COOKIE]);

    size = 9_000;
    await alice.session();
    expect(names()).toHaveLength(4);
    await alice.signOut();
    expect(names()).toEqual([]);
  });
});

describe("the session cookie's value", () => {
  it("is a JWE whose encryption tells the version (src/adapter/installed-version.ts)", async () => {
    const { alice } = await signedIn();
    const [header = ""] = (alice.jar.get(SESSION_COOKIE) ?? "").split(".");

    expect(JSON.parse(Buffer.from(header, "base64url").toString())).toMatchObject({
      alg: "dir",
      enc: VERSION === 4 ? "A256GCM" : "A256CBC-HS512",
    });
    const probe = (await encode({ token: {}, secret: "s", salt: "s" })) as string;
    expect(probe.split(".")).toHaveLength(5);
  });

  it("opens with next-auth/jwt's decode, and with the cookie's name as the salt in version 5 (src/next-auth/v4-host.ts, src/authjs/v5-host.ts)", async () => {
    const { alice } = await signedIn();
    const token = alice.jar.get(SESSION_COOKIE);
    const salt = VERSION === 4 ? undefined : SESSION_COOKIE;

    expect(await decode({ token, secret: SECRET, salt })).toMatchObject({ name: "alice" });
    await expect(decode({ token, secret: OTHER_SECRET, salt })).rejects.toThrow();
    await expect(decode({ token: "no JWE", secret: SECRET, salt })).rejects.toThrow();
    if (VERSION === 5) await expect(decode({ token, secret: SECRET, salt: "other" })).rejects.toThrow();
  });

  it("is decoded by the application's own function, which gets token and secret, and in version 5 the salt (src/next-auth/v4-host.ts, src/authjs/v5-host.ts)", async () => {
    const { seen, alice } = await signedIn();
    await alice.session();

    const { params } = seen.last("jwt.decode");
    expect(params).toMatchObject({ token: expect.any(String), secret: SECRET });
    expect(params["salt"]).toBe(VERSION === 4 ? undefined : SESSION_COOKIE);
  });

  it("lives for session.maxAge after a read, and after a sign-in for jwt.maxAge, which is 30 days in version 4 and session.maxAge in 5 (src/adapter/host.ts)", async () => {
    const { seen, app } = await scene({ options: { session: { maxAge: 7_200 } } });
    const browser = app.browser();
    await browser.signIn("alice");
    expect(seen.last("jwt.encode").params["maxAge"]).toBe(VERSION === 4 ? 2_592_000 : 7_200);

    await browser.session();
    expect(seen.last("jwt.encode").params["maxAge"]).toBe(7_200);
  });

  it("is made and opened with jwt.secret, where the application gives one (src/next-auth/v4-host.ts, src/authjs/v5-host.ts)", async () => {
    const { seen, alice } = await signedIn({ jwtOptions: { secret: OTHER_SECRET } });

    expect(await alice.session()).toMatchObject({ user: { name: "alice" } });
    expect(seen.last("jwt.decode").params["secret"]).toBe(OTHER_SECRET);
  });
});

describe.each(FORMS)("an answer of the %s router's route", (form) => {
  it("has one Set-Cookie line for each cookie, which can be taken apart at the first = (src/adapter/session-cookie.ts)", async () => {
    const { app } = await scene();
    const browser = app.browser(form);
    const answer = await browser.signIn("alice");

    const names = answer.setCookies.map((line) => line.slice(0, line.indexOf("=")));
    expect(names).toContain(SESSION_COOKIE);
    expect(new Set(names).size).toBe(names.length);
  });

  it("of a session read is a JSON text (src/client/fetch-session.ts)", async () => {
    const { app } = await scene();
    const answer = await app.browser(form).get("session");

    expect([answer.status, answer.text]).toEqual([200, NOBODY]);
    expect(answer.headers.get("content-type")).toContain("application/json");
  });
});
