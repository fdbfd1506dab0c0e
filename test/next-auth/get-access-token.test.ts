import { encode, type JWT } from "next-auth/jwt";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { SESSION_COOKIE, type Browser } from "./support/browser.ts";
import { NextRequest } from "./support/next-scope.ts";
import {
  LIFETIME_MS,
  OTHER_SECRET,
  SECRET,
  createWorld,
  jwtOf,
  pass,
  until,
  type World,
} from "./support/world.ts";

/** Every way to ask, as the documentation shows it. */
const FORMS: readonly [
  string,
  (world: World, browser: Browser, options?: object) => Promise<{ accessToken: string }>,
][] = [
  [
    "in a server component or action",
    (world, browser, options) => browser.inServerComponent(() => world.getAccessToken(options as never)),
  ],
  ["with a NextRequest", (world, browser, options) => world.getAccessToken(browser.pageRequest(), options)],
  [
    "with a Request",
    (world, browser, options) =>
      world.getAccessToken(
        new Request("http://localhost:3000/api", { headers: { cookie: browser.cookieHeader } }),
        options,
      ),
  ],
  [
    "with the Pages Router's request and response",
    (world, browser, options) => world.getAccessToken(browser.nodeRequest(), {}, options),
  ],
  [
    "with the Pages Router's request",
    (world, browser, options) => world.getAccessToken(browser.nodeRequest(), options),
  ],
  [
    "with a Node request whose cookies nobody parsed",
    (world, browser, options) => world.getAccessToken({ headers: browser.nodeRequest().headers }, options),
  ],
  [
    "with the context of getServerSideProps",
    (world, browser, options) =>
      world.getAccessToken({ req: browser.nodeRequest(), res: {}, query: {} } as never, options),
  ],
];

describe.each(FORMS)("getAccessToken %s", (_form, ask) => {
  it("gives each of two users their own token, however often they ask at once (I8, SEC-70)", async () => {
    const world = await createWorld();
    const [alice, bob] = [world.browser(), world.browser()];
    await alice.signIn("alice");
    await bob.signIn("bob");
    pass(LIFETIME_MS);

    const asked = Array.from({ length: 10 }, () => [ask(world, alice), ask(world, bob)]).flat();
    const owners = (await Promise.all(asked)).map(({ accessToken }) => world.server.userOf(accessToken));

    expect(owners).toEqual(Array.from({ length: 10 }, () => ["alice", "bob"]).flat());
    expect(world.refreshes()).toBe(2);
  });

  it("takes minValidityMs and maxWaitMs", async () => {
    const world = await createWorld();
    const alice = world.browser();
    await alice.signIn("alice");
    pass(25_000);

    const { accessToken } = await ask(world, alice, { minValidityMs: 40_000 });
    expect(world.server.userOf(accessToken)).toBe("alice");
    expect(world.refreshes()).toBe(1);

    pass(25_000);
    world.server.hold();
    await expect(ask(world, alice, { minValidityMs: 40_000, maxWaitMs: 30 })).rejects.toMatchObject({
      code: "refresh_unavailable",
    });
    world.server.release();
    await expect(ask(world, alice, { minValidityMs: -1 })).rejects.toMatchObject({
      code: "invalid_option",
      option: "minValidityMs",
    });
  });

  it("refuses someone who is not signed in", async () => {
    const world = await createWorld();

    await expect(ask(world, world.browser())).rejects.toMatchObject({ code: "not_signed_in" });
  });
});

describe("getAccessToken", () => {
  it("hands out a due token at once and refreshes behind it", async () => {
    const world = await createWorld();
    const alice = world.browser();
    await alice.signIn("alice");
    const first = await world.getAccessToken(alice.pageRequest());
    pass(LIFETIME_MS * 0.7);
    world.server.hold();

    expect((await world.getAccessToken(alice.pageRequest())).accessToken).toBe(first.accessToken);

    world.server.release();
    await until(() => world.eventsOf("refresh_ended").length === 1);
    const second = await world.getAccessToken(alice.pageRequest());
    expect(second.accessToken).not.toBe(first.accessToken);
    expect(second.version).toBe(2);
  });

  it("reads a session cookie that is spread over chunks (F5)", async () => {
    const world = await createWorld({
      auth: { callbacks: { jwt: ({ token }) => ({ ...token, big: "x".repeat(9_000) }) } },
    });
    const alice = world.browser();
    await alice.signIn("alice");

    expect([...alice.jar.keys()]).toContain(`${SESSION_COOKIE}.2`);
    for (const [form, ask] of FORMS) {
      expect(world.server.userOf((await ask(world, alice)).accessToken), form).toBe("alice");
    }
  });

  it.each([
    ["https in NEXTAUTH_URL", { NEXTAUTH_URL: "https://app.example" }, {}, `__Secure-${SESSION_COOKIE}`],
    ["a NEXTAUTH_URL without scheme (D4)", { NEXTAUTH_URL: "app.example" }, {}, `__Secure-${SESSION_COOKIE}`],
    ["useSecureCookies", {}, { useSecureCookies: true }, `__Secure-${SESSION_COOKIE}`],
    [
      "useSecureCookies: false on https",
      { NEXTAUTH_URL: "https://app.example" },
      { useSecureCookies: false },
      SESSION_COOKIE,
    ],
    ["VERCEL", { NEXTAUTH_URL: undefined, VERCEL: "1" }, {}, `__Secure-${SESSION_COOKIE}`],
    [
      "AUTH_TRUST_HOST",
      { NEXTAUTH_URL: undefined, AUTH_TRUST_HOST: "true" },
      {},
      `__Secure-${SESSION_COOKIE}`,
    ],
    [
      "a name of its own",
      {},
      { cookies: { sessionToken: { name: "who", options: { path: "/", httpOnly: true, sameSite: "lax" } } } },
      "who",
    ],
  ] as const)("finds the cookie that NextAuth sets because of %s", async (_why, env, auth, name) => {
    const world = await createWorld({ auth: auth });
    for (const [variable, value] of Object.entries(env)) vi.stubEnv(variable, value);
    const alice = world.browser();
    await alice.signIn("alice");

    expect([...alice.jar.keys()].filter((each) => /session|who/.test(each))).toEqual([name]);
    for (const [form, ask] of FORMS) {
      expect(world.server.userOf((await ask(world, alice)).accessToken), form).toBe("alice");
    }
  });

  it("uses the application's own jwt.encode and jwt.decode, and survives what they give", async () => {
    let broken: unknown;
    const world = await createWorld({
      auth: {
        jwt: {
          encode: ({ token, secret }) => Promise.resolve(`${String(secret).length}.${JSON.stringify(token)}`),
          decode: ({ token }) =>
            broken === undefined
              ? Promise.resolve(JSON.parse((token ?? "").replace(/^\d+\./, "")) as JWT)
              : Promise.resolve(broken as JWT),
        },
      },
    });
    const alice = world.browser();
    await alice.signIn("alice");

    expect(world.server.userOf((await world.getAccessToken(alice.pageRequest())).accessToken)).toBe("alice");
    for (broken of [null, false, "text", 7]) {
      await expect(world.getAccessToken(alice.pageRequest()), String(broken)).rejects.toMatchObject({
        code: "not_signed_in",
      });
    }
  });

  it("survives a jwt.decode that gives nothing at all", async () => {
    const world = await createWorld({ auth: { jwt: { decode: () => Promise.resolve(undefined as never) } } });
    const alice = world.browser();
    alice.jar.set(SESSION_COOKIE, "anything");

    await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
  });

  it.each([
    ["secret", { secret: SECRET }, { NEXTAUTH_SECRET: OTHER_SECRET, AUTH_SECRET: OTHER_SECRET }],
    ["NEXTAUTH_SECRET", {}, { NEXTAUTH_SECRET: SECRET, AUTH_SECRET: OTHER_SECRET }],
    ["AUTH_SECRET", {}, { NEXTAUTH_SECRET: undefined, AUTH_SECRET: SECRET }],
    ["jwt.secret", { jwt: { secret: SECRET }, secret: OTHER_SECRET }, {}],
    ["jwt.secret alone", { jwt: { secret: SECRET } }, { NEXTAUTH_SECRET: OTHER_SECRET }],
  ] as const)("decodes with the same secret as NextAuth: %s", async (_which, auth, env) => {
    for (const [variable, value] of Object.entries(env)) vi.stubEnv(variable, value);
    const world = await createWorld({ auth: { secret: undefined, ...auth } as never });
    const alice = world.browser();
    await alice.signIn("alice");

    expect(await jwtOf(alice, SECRET)).toMatchObject({ sub: "alice" });
    expect(world.server.userOf((await world.getAccessToken(alice.pageRequest())).accessToken)).toBe("alice");
  });

  it("trusts no session that NextAuth did not make: forged, tampered with, or made for another purpose", async () => {
    const world = await createWorld();
    const [alice, mallory] = [world.browser(), world.browser()];
    await alice.signIn("alice");
    const good = alice.jar.get(SESSION_COOKIE) ?? "";
    const token = (await jwtOf(alice)) ?? {};
    const middle = Math.floor(good.length / 2);
    const forged = [
      await encode({ token, secret: OTHER_SECRET }),
      await encode({ token, secret: SECRET, salt: "next-auth.state" }),
      await encode({ token, secret: SECRET, maxAge: -60 }),
      `${good.slice(0, middle)}${good[middle] === "A" ? "B" : "A"}${good.slice(middle + 1)}`,
      good.slice(0, -4),
      `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from(JSON.stringify(token)).toString("base64url")}.`,
    ];

    for (const cookie of forged) {
      mallory.jar.set(SESSION_COOKIE, cookie);
      await expect(world.getAccessToken(mallory.pageRequest())).rejects.toMatchObject({
        code: "not_signed_in",
      });
    }
  });

  it("gives nothing for a well-made session that names no grant, or one that is not there (SEC-17)", async () => {
    const world = await createWorld();
    const eve = world.browser();
    const stored = (await readClaim(world)).keyId;

    for (const [claim, code] of [
      [undefined, "no_token"],
      [{ handle: "" }, "no_token"],
      ["text", "no_token"],
      [{ handle: ["a"], keyId: stored, provider: "strict" }, "no_token"],
      [{ handle: "a".repeat(43), keyId: stored, provider: "__proto__" }, "reauthentication_required"],
      [{ handle: "a".repeat(43), keyId: stored, provider: "strict" }, "reauthentication_required"],
      [{ handle: "a".repeat(43), keyId: "gone", provider: "strict" }, "store_failed"],
    ] as const) {
      eve.jar.set(SESSION_COOKIE, await encode({ token: { sub: "eve", nolapse: claim }, secret: SECRET }));
      await expect(world.getAccessToken(eve.pageRequest()), JSON.stringify(claim)).rejects.toMatchObject({
        code,
      });
    }
    expect(world.refreshes()).toBe(0);
  });

  it("throws for no cookie header, however malformed, anything but that nobody is signed in (SEC-80)", async () => {
    const world = await createWorld();
    const piece = fc.oneof(
      fc.constantFrom(
        SESSION_COOKIE,
        `${SESSION_COOKIE}.0`,
        `${SESSION_COOKIE}.99999`,
        "=",
        ";",
        "%",
        "%zz",
        "%E0%A4%A",
        '"',
        ",",
        " ",
        "__proto__",
      ),
      fc.string(),
    );
    const header = fc.array(piece).map((pieces) => pieces.join(""));

    await fc.assert(
      fc.asyncProperty(header, async (cookie) => {
        await expect(world.getAccessToken({ headers: { cookie } })).rejects.toMatchObject({
          code: "not_signed_in",
        });
        await expect(
          world.getAccessToken({ headers: {}, cookies: { [SESSION_COOKIE]: cookie, __proto__: "x" } }),
        ).rejects.toMatchObject({ code: "not_signed_in" });
      }),
      { numRuns: 300 },
    );
  });

  it("reads the same one of two session cookies as NextAuth does behind a NextRequest (I8)", async () => {
    const world = await createWorld();
    const [alice, bob] = [world.browser("app"), world.browser("app")];
    await alice.signIn("alice");
    await bob.signIn("bob");
    const both = world.browser("app");
    const cookie = `${alice.cookieHeader}; ${bob.cookieHeader}`;

    const session = await both.session({ cookie });
    const request = new NextRequest("http://localhost:3000/page", { headers: { cookie } });
    const { accessToken } = await world.getAccessToken(request);

    expect((session["user"] as { name: string }).name).toBe(world.server.userOf(accessToken));
  });

  it("lets Next's own error through where there is no request", async () => {
    const world = await createWorld();

    await expect(world.getAccessToken()).rejects.toThrow(/outside a request scope/);
  });
});

async function readClaim(world: World): Promise<{ keyId: string }> {
  const browser = world.browser();
  await browser.signIn("somebody");
  return (await jwtOf(browser))?.["nolapse"] as { keyId: string };
}
