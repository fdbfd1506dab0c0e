import type { AuthOptions } from "next-auth";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { FreshTokensOptions } from "../../src/next-auth/index.ts";
import { issuerKey, logoutIssuer, type LogoutClaims, type LogoutIssuer } from "../support/logout-issuer.ts";
import type { Browser } from "./support/browser.ts";
import { captureConsole } from "./support/console.ts";
import { memoryAdapter } from "./support/memory-adapter.ts";
import {
  LIFETIME_MS,
  OTHER_SECRET,
  SECRET,
  createWorld,
  pass,
  strictProvider,
  until,
  type World,
} from "./support/world.ts";

const KEY = await issuerKey("first");
const MALLORY = await issuerKey("mallory");
const URL_OF_ROUTE = "http://localhost:3000/api/backchannel-logout";
const REASON: unknown = expect.stringContaining("invalid_request");
const FORM = { "content-type": "application/x-www-form-urlencoded" };

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

interface Scene {
  readonly world: World;
  readonly options: Partial<FreshTokensOptions>;
  readonly as: LogoutIssuer;
  /** Signs a user in, in a new browser, as a session of this name at the server. */
  readonly signIn: (user: string, sid?: string) => Promise<Browser>;
  /** Sends a logout token about the claims to a process of the app. */
  readonly logout: (claims: NonNullable<LogoutClaims["claims"]>, world?: World) => Promise<Answer>;
}

/** An app whose users have sessions of known names at the server. */
async function scene(
  options: Partial<FreshTokensOptions> = {},
  auth: Partial<AuthOptions> = {},
): Promise<Scene> {
  const bare = await createWorld();
  const { server } = bare;
  const as = logoutIssuer(server.issuer, KEY);
  let sid: string | undefined;
  const tokens = (user: string): object => {
    const claims = { iss: server.issuer, sub: user, aud: "app", sid };
    const idToken = ["{}", JSON.stringify(claims), "x"].map((part) => btoa(part)).join(".");
    return { ...server.issue({ user }), id_token: idToken };
  };
  const provider = (id: string, clientId: string): ReturnType<typeof strictProvider> =>
    strictProvider(server, {
      ...{ id, clientId },
      token: {
        url: server.tokenEndpoint,
        request: ({ params }: { params: { code: string } }) =>
          Promise.resolve({ tokens: tokens(params.code) }),
      },
    });
  const own: Partial<FreshTokensOptions> = {
    fetch: (input, init) => {
      const url = input instanceof Request ? input.url : input.toString();
      return /jwks$|openid-configuration$/.test(url) ? as.fetch(url) : fetch(input, init);
    },
    ...options,
  };
  const world = bare.copy({
    auth: { providers: [provider("strict", "app"), provider("twin", "twin")], ...auth },
    options: own,
  });
  return {
    world,
    options: own,
    as,
    async signIn(user, name) {
      sid = name;
      const browser = world.browser();
      await browser.signIn(user);
      return browser;
    },
    logout: async (claims, of = world) => post(of, await as.sign({ claims })),
  };
}

async function post(world: World, token: string): Promise<Answer> {
  return sent(world, { body: new URLSearchParams({ logout_token: token }).toString() });
}

async function sent(world: World, init: RequestInit): Promise<Answer> {
  const request = new Request(URL_OF_ROUTE, { method: "POST", headers: FORM, ...init });
  const response = await world.backChannelLogout(request);
  return { status: response.status, headers: response.headers, body: await response.text() };
}

/** Whether a browser's user is signed in, as session and token say together. */
async function isSignedIn(world: World, browser: Browser): Promise<boolean> {
  const token = await world.getAccessToken(browser.pageRequest()).then(
    () => true,
    (error: unknown) => (error as { code: string }).code,
  );
  const session = (await browser.copy().get("session")).text !== "{}";
  expect(token).toBe(session ? true : "not_signed_in");
  return session;
}

describe("a back-channel logout", () => {
  it("of one session ends this one and no other, in every process, and revokes its tokens (I8, SEC-16)", async () => {
    const { world, signIn, logout } = await scene();
    const [phone, laptop] = [await signIn("alice", "phone"), await signIn("alice", "laptop")];
    const [bob1, bob2] = [await signIn("bob", "bob1"), await signIn("bob", "bob2")];
    const { accessToken } = await world.getAccessToken(phone.pageRequest());

    const answer = await logout({ sub: "alice", sid: "phone" });

    expect([answer.status, answer.body, answer.headers.get("cache-control")]).toEqual([200, "", "no-store"]);
    for (const process of [world, world.copy()]) {
      expect(await isSignedIn(process, phone)).toBe(false);
      for (const other of [laptop, bob1, bob2]) expect(await isSignedIn(process, other)).toBe(true);
    }
    expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "revoked" }]);
    await until(() => world.server.userOf(accessToken) === undefined);
  });

  it("of a user ends all sessions of this user and no other (SEC-14)", async () => {
    const { world, signIn, logout } = await scene();
    const ofAlice = [await signIn("alice", "a1"), await signIn("alice", "a2"), await signIn("alice")];
    const bob = await signIn("bob", "b1");

    expect(await logout({ sub: "alice" })).toMatchObject({ status: 200 });

    for (const browser of ofAlice) expect(await isSignedIn(world, browser)).toBe(false);
    expect(await isSignedIn(world, bob)).toBe(true);
  });

  it("of a session without its user ends this session and no other", async () => {
    const { world, signIn, logout } = await scene();
    const [alice, other, bob] = [
      await signIn("alice", "a1"),
      await signIn("alice", "a2"),
      await signIn("bob", "b1"),
    ];

    expect(await logout({ sub: undefined, sid: "a1" })).toMatchObject({ status: 200 });

    expect(await isSignedIn(world, alice)).toBe(false);
    for (const browser of [other, bob]) expect(await isSignedIn(world, browser)).toBe(true);
  });

  it("of a user with another user's session ends nothing (I8)", async () => {
    const { world, signIn, logout } = await scene();
    const [alice, mallory] = [await signIn("alice", "a1"), await signIn("mallory", "m1")];

    expect(await logout({ sub: "mallory", sid: "a1" })).toMatchObject({ status: 200 });

    for (const browser of [alice, mallory]) expect(await isSignedIn(world, browser)).toBe(true);
    expect(world.eventsOf("grant_ended")).toEqual([]);
  });

  it("of a session ends also those of its user whose session at the server is not known", async () => {
    const { world, signIn, logout } = await scene();
    const [unnamed, named, bob] = [await signIn("alice"), await signIn("alice", "a2"), await signIn("bob")];

    await logout({ sub: "alice", sid: "a1" });

    expect(await isSignedIn(world, unnamed)).toBe(false);
    for (const browser of [named, bob]) expect(await isSignedIn(world, browser)).toBe(true);
  });

  it("ends no session of another client of the same server", async () => {
    const { world, signIn, logout } = await scene();
    const alice = await signIn("alice", "a1");
    const twin = world.browser();
    await twin.signIn("alice", "twin");

    await logout({ sub: "alice" });

    expect(await isSignedIn(world, alice)).toBe(false);
    expect(await isSignedIn(world, twin)).toBe(true);
    await logout({ sub: "alice", aud: "twin" });
    expect(await isSignedIn(world, twin)).toBe(false);
  });

  it("ends sessions that are rows of an adapter, whose rows go at their next read", async () => {
    const { methods, sessions } = memoryAdapter();
    const database = { adapter: methods as never, session: { strategy: "database" } as const };
    const { world, signIn, logout } = await scene({}, database);
    const [phone, laptop] = [await signIn("alice", "phone"), await signIn("alice", "laptop")];
    const bob = await signIn("bob", "b1");

    expect(await logout({ sub: "alice", sid: "phone" })).toMatchObject({ status: 200 });

    expect(await isSignedIn(world, phone)).toBe(false);
    for (const browser of [laptop, bob]) expect(await isSignedIn(world, browser)).toBe(true);
    expect(sessions.size).toBe(2);
  });

  it("of somebody who is not here is done with, and told as an event", async () => {
    const { world, logout } = await scene();

    expect(await logout({ sub: "nobody" })).toMatchObject({ status: 200 });

    expect(world.eventsOf("back_channel_logout")).toMatchObject([
      { outcome: "accepted", code: "ok", provider: "strict", grantRef: "" },
    ]);
  });

  it("wins against a refresh that is under way (I7)", async () => {
    const { world, signIn, logout } = await scene();
    const [alice, bob] = [await signIn("alice", "a1"), await signIn("bob", "b1")];
    pass(LIFETIME_MS * 0.7);
    world.server.hold();
    const reading = [alice, bob].map((browser) => browser.get("session"));
    await until(() => world.server.heldRequests === 2);

    expect(await logout({ sub: "alice", sid: "a1" })).toMatchObject({ status: 200 });
    world.server.release();
    const [ofAlice, ofBob] = await Promise.all(reading);

    expect(ofAlice?.text).toBe("{}");
    expect(ofBob?.json()).toMatchObject({ user: { name: "bob" } });
    expect(await isSignedIn(world, alice)).toBe(false);
    await until(() => world.eventsOf("revocation_ended").length > 0);
    expect(await isSignedIn(world, bob)).toBe(true);
  });

  it("has one bound of ten seconds for its body, the server's metadata and its keys together", async () => {
    const { world, as } = await scene();
    const token = await as.sign();
    const bound = vi.spyOn(AbortSignal, "timeout");
    onTestFinished(() => bound.mockRestore());

    expect(await post(world, token)).toMatchObject({ status: 200 });
    expect(bound.mock.calls).toEqual([[10_000]]);
  });

  it("that came before a sign-in leaves that sign-in alone, however late it arrives", async () => {
    const { world, as, signIn } = await scene();
    const early = await as.sign({ claims: { exp: 4_000_000_000 } });
    pass(3 * LIFETIME_MS);
    const alice = await signIn("alice", "a1");

    expect(await post(world, early)).toMatchObject({ status: 200 });

    expect(await isSignedIn(world, alice)).toBe(true);
  });
});

describe("a logout token that was used before (SEC-49)", () => {
  it("is refused in every process, and harms nobody who signed in since", async () => {
    const { world, as, signIn } = await scene();
    const alice = await signIn("alice", "a1");
    const token = await as.sign();
    const process = world.copy();
    expect(await post(world, token)).toMatchObject({ status: 200 });
    expect(await isSignedIn(world, alice)).toBe(false);
    const again = await signIn("alice", "a1");

    for (const each of [world, process, world]) {
      const answer = await post(each, token);
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body)).toMatchObject({ error: "invalid_request" });
    }

    expect(await isSignedIn(world, again)).toBe(true);
    expect(world.eventsOf("back_channel_logout").at(-1)).toMatchObject({
      outcome: "refused",
      code: "replayed",
    });
  });

  it("is refused by a process with a newer secret as well", async () => {
    const { world, as, options } = await scene({ secret: OTHER_SECRET });
    const rotated = world.copy({ options: { ...options, secret: [`new ${OTHER_SECRET}`, OTHER_SECRET] } });
    const token = await as.sign();

    expect(await post(world, token)).toMatchObject({ status: 200 });
    expect(await post(rotated, token)).toMatchObject({ status: 400 });
  });

  it("is another where another issuer or another name made it, and is forgotten when it has expired", async () => {
    const { world, logout } = await scene();

    expect(await logout({ jti: "same" })).toMatchObject({ status: 200 });
    expect(await logout({ jti: "same" })).toMatchObject({ status: 400 });
    expect(await logout({ jti: "other" })).toMatchObject({ status: 200 });
    pass(10 * LIFETIME_MS);
    await world.store.purge(10);

    expect((await world.store.scan(null, 10)).grants).toEqual([]);
    expect(await logout({ jti: "same" })).toMatchObject({ status: 200 });
  });

  it("leaves no trace of its own or of its user in the store", async () => {
    const { world, logout } = await scene();

    await logout({ jti: "jti-canary", sub: "sub-canary", sid: "sid-canary" });

    const rows = (await world.store.scan(null, 10)).grants;
    expect(rows).toMatchObject([{ state: "ended", sealedTokenSet: "", subjectRef: null, sidRef: null }]);
    expect(JSON.stringify(rows)).not.toContain("canary");
  });
});

describe("a back-channel logout while the store is away", () => {
  it("asks the server to try again, refuses at once whom this process knows, and takes the same token later", async () => {
    captureConsole();
    const { world, as, signIn } = await scene();
    const [alice, bob] = [await signIn("alice", "a1"), await signIn("bob", "b1")];
    for (const browser of [alice, bob]) await world.getAccessToken(browser.pageRequest());
    const token = await as.sign();
    world.store.down = true;

    const answer = await post(world, token);

    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("5");
    expect(world.eventsOf("back_channel_logout")).toMatchObject([
      { outcome: "failed", code: "store_failed" },
    ]);
    await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    await world.getAccessToken(bob.pageRequest());

    world.store.down = false;
    expect(await post(world, token)).toMatchObject({ status: 200 });
    expect(await post(world, token)).toMatchObject({ status: 400 });
    expect(await isSignedIn(world, alice)).toBe(false);
    expect(await isSignedIn(world, bob)).toBe(true);
  });

  it("comes again where only the note that its token was used could not be written (SEC-49)", async () => {
    captureConsole();
    const { world, as, signIn, options } = await scene();
    const alice = await signIn("alice", "a1");
    const insert = (): Promise<boolean> => Promise.reject(new Error("full"));
    const full = world.copy({ options: { ...options, store: { ...world.store, kind: "memory", insert } } });
    const token = await as.sign();

    expect(await post(full, token)).toMatchObject({ status: 503 });
    expect(await isSignedIn(world, alice)).toBe(false);

    expect(await post(world, token)).toMatchObject({ status: 200 });
    expect(await post(world, token)).toMatchObject({ status: 400 });
  });

  it("is made up for by this process, where the server does not try again (I16)", async () => {
    captureConsole();
    const { world, signIn, logout } = await scene();
    const [alice, other, bob] = [
      await signIn("alice", "a1"),
      await signIn("alice", "a2"),
      await signIn("bob", "b1"),
    ];
    world.store.down = true;
    await logout({ sub: "alice", sid: "a1" });
    world.store.down = false;

    await until(() => world.eventsOf("grant_ended").length === 1);

    expect(await isSignedIn(world, alice)).toBe(false);
    for (const browser of [other, bob]) expect(await isSignedIn(world, browser)).toBe(true);
  });
});

describe("a back-channel logout request that does not hold", () => {
  it.each([
    ["has a token of no worth", { body: "logout_token=secret-canary" }, 400, /no signed JWT/],
    ["has no token", { body: "token=x" }, 400, /no logout_token/],
    ["has an empty token", { body: "logout_token=" }, 400, /no logout_token/],
    ["has two tokens", { body: "logout_token=a&logout_token=b" }, 400, /more than one/],
    ["has no body", {}, 400, /no logout_token/],
    ["has an endless body", { body: `logout_token=${"x".repeat(200_000)}` }, 400, /too long/],
    ["is JSON", { headers: { "content-type": "application/json" }, body: "{}" }, 400, /urlencoded/],
    ["is a form with files", { body: new FormData(), headers: {} }, 400, /urlencoded/],
    ["is a GET", { method: "GET" }, 405, /POST/],
    ["is a PUT", { method: "PUT", body: "logout_token=x" }, 405, /POST/],
  ] satisfies [string, RequestInit, number, RegExp][])(
    "because it %s is answered with the reason, and nothing else is done",
    async (_name, init, status, reason) => {
      const { world, as } = await scene();

      const answer = await sent(world, init);

      expect(answer.status).toBe(status);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      const said = JSON.parse(answer.body) as { error: string; error_description: string };
      expect(said.error).toBe("invalid_request");
      expect(said.error_description).toMatch(reason);
      expect(answer.body).not.toContain("canary");
      expect(as.fetched).toEqual([]);
      expect(world.eventsOf("back_channel_logout")).toMatchObject([{ outcome: "refused", provider: "" }]);
    },
  );

  it.each([
    ["with another key", { key: MALLORY, header: { kid: "first" } }],
    ["for another client", { claims: { aud: "mallory" } }],
    ["as another issuer", { claims: { iss: "https://evil.example" } }],
    ["with the type of an ID token", { header: { typ: "JWT" } }],
    ["as an ID token, with a nonce", { claims: { nonce: "n" } }],
    ["long ago", { claims: { iat: 1, exp: 4_000_000_000 } }],
  ] satisfies [string, LogoutClaims][])(
    "because its token was made %s ends nobody's session (SEC-44)",
    async (_name, given) => {
      const { world, as, signIn } = await scene();
      const [alice, bob] = [await signIn("alice", "a1"), await signIn("bob", "b1")];

      expect(await post(world, await as.sign(given))).toMatchObject({ status: 400 });

      for (const browser of [alice, bob]) expect(await isSignedIn(world, browser)).toBe(true);
    },
  );

  it("because the keys are not to be had may come again", async () => {
    const { world, as, logout } = await scene();
    as.failsWith = 500;

    expect(await logout({})).toMatchObject({ status: 503 });

    expect(world.eventsOf("back_channel_logout")).toMatchObject([
      { outcome: "failed", code: "metadata_http_500" },
    ]);
  });

  it("because the app itself is not set up is answered, too, and the log says why", async () => {
    const said = captureConsole();
    const { world, as } = await scene();
    const broken = world.copy({ auth: { secret: "" } });

    expect(await post(broken, await as.sign())).toMatchObject({ status: 503 });

    expect(said.lines.join("\n")).toContain("NOLAPSE_SECRET");
    expect(said.lines.join("\n")).not.toContain(SECRET);
  });
});

describe("the Pages Router's form of it", () => {
  it("does and answers the same", async () => {
    const { world, as, signIn } = await scene();
    const [alice, bob] = [await signIn("alice", "a1"), await signIn("bob", "b1")];
    const token = await as.sign({ claims: { sid: "a1" } });

    expect(await postPages(world, { logout_token: token })).toEqual([200, "no-store", ""]);
    expect(await postPages(world, { logout_token: token })).toMatchObject([400, "no-store", REASON]);
    expect(await postPages(world, { logout_token: [token, token] })).toMatchObject([400, "no-store", REASON]);
    expect(await postPages(world, token)).toMatchObject([400, "no-store", REASON]);
    expect(await postPages(world, undefined)).toMatchObject([400, "no-store", REASON]);
    expect(await postPages(world, { logout_token: token }, "GET")).toMatchObject([405, "no-store", REASON]);

    expect(await isSignedIn(world, alice)).toBe(false);
    expect(await isSignedIn(world, bob)).toBe(true);
  });
});

async function postPages(
  world: World,
  body: unknown,
  method = "POST",
): Promise<readonly [number, unknown, string | undefined]> {
  const headers = new Map<string, unknown>();
  let ended: string | undefined;
  const response = {
    statusCode: 0,
    setHeader: (name: string, value: unknown) => headers.set(name, value),
    end: (text: string) => void (ended = text),
  };
  await world.backChannelLogout({ method, headers: FORM, body }, response);
  return [response.statusCode, headers.get("cache-control"), ended];
}
