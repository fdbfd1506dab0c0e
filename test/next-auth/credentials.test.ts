import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { RefreshRejected } from "../../src/next-auth/index.ts";
import type { ProviderOptions } from "../../src/next-auth/index.ts";
import type { Browser } from "./support/browser.ts";
import { captureConsole } from "./support/console.ts";
import {
  backendProvider,
  createWorld,
  jwtOf,
  pass,
  quiet,
  sessionCookieOf,
  until,
  type World,
} from "./support/world.ts";

const LIFE_S = 60;

/** A backend that knows each user's newest refresh token only, as strict as any. */
function backend(): {
  login: (user: string) => { id: string; tokens: Tokens } | null;
  refresh: (refreshToken: string) => Tokens | undefined;
  readonly sent: string[];
} {
  const newest = new Map<string, number>();
  const sent: string[] = [];
  const issue = (user: string): Tokens => {
    const turn = (newest.get(user) ?? 0) + 1;
    newest.set(user, turn);
    return {
      accessToken: `access-${user}-${turn}`,
      refreshToken: `refresh-${user}-${turn}`,
      expiresIn: LIFE_S,
    };
  };
  return {
    sent,
    login: (user) => (user === "nobody" ? null : { id: user, tokens: issue(user) }),
    refresh(refreshToken) {
      sent.push(refreshToken);
      const [, user = "", turn] = refreshToken.split("-");
      return newest.get(user) === Number(turn) ? issue(user) : undefined;
    },
  };
}

interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresIn: number;
}

describe("a Credentials login against a backend of the application's own", () => {
  it("stores the user's tokens and refreshes them by the application's function, for two users apart", async () => {
    const api = backend();
    const world = await appOf(api, { refresh: ({ refreshToken }) => api.refresh(refreshToken) ?? {} });
    const [carol, dave] = [await signedIn(world, "carol"), await signedIn(world, "dave")];

    for (let turn = 2; turn <= 4; turn++) {
      pass(LIFE_S * 1000);
      const asked = await Promise.all(
        [carol, dave, carol, dave].map((each) => world.getAccessToken(each.pageRequest())),
      );
      expect(asked.map(({ accessToken }) => accessToken)).toEqual([
        `access-carol-${turn}`,
        `access-dave-${turn}`,
        `access-carol-${turn}`,
        `access-dave-${turn}`,
      ]);
    }

    expect(api.sent).toHaveLength(6);
    expect(JSON.stringify(await jwtOf(carol))).not.toMatch(/access-|refresh-/);
  });

  it.each([42, 0, 9_007_199_254_740_993n])(
    "takes a user whose id is no text, such as the %s of a database, by the text that NextAuth makes of it",
    async (id) => {
      const tokens = { accessToken: "access-1", refreshToken: "refresh-1", expiresIn: LIFE_S };
      const world = await appOf({ login: () => ({ id, tokens }) }, { refresh: () => ({}) });
      const carol = await signedIn(world, "carol");

      expect(await jwtOf(carol)).toMatchObject({ sub: String(id) });
      expect((await world.getAccessToken(carol.pageRequest())).accessToken).toBe("access-1");
      const { grants } = await world.store.scan(null, 10);
      expect(grants).toMatchObject([{ subjectRef: expect.any(String) as string }]);
    },
  );

  it("lets NextAuth answer a wrong password", async () => {
    const world = await appOf(backend(), { refresh: () => ({}) });
    const browser = world.browser();

    const answer = await browser.signInWithPassword({ user: "nobody" });

    expect(answer.status).toBe(401);
    expect(new URL(String(answer.json()["url"])).searchParams.get("error")).toBe("CredentialsSignin");
    expect(world.events).toEqual([]);
  });

  it("finds tokens of another shape by userTokens", async () => {
    const login = (user: string): object => ({
      id: user,
      jwt: "access-in-jwt",
      renewal: "refresh-in-renewal",
    });
    const world = await createWorld({
      auth: {
        providers: [backendProvider(login)],
        callbacks: { jwt: ({ token, user }) => ({ ...token, user }) },
      },
      options: {
        providers: {
          backend: {
            refresh: () => ({}),
            userTokens: ({ jwt, renewal }: { jwt: string; renewal: string }) => ({
              access_token: jwt,
              refresh_token: renewal,
              expires_in: 60,
            }),
          },
        },
      },
    });
    captureConsole();
    const carol = await signedIn(world, "carol");

    expect((await world.getAccessToken(carol.pageRequest())).accessToken).toBe("access-in-jwt");
    expect(JSON.stringify(await jwtOf(carol))).not.toMatch(/access-in-jwt|refresh-in-renewal/);
  });

  it("ends on the error page when userTokens throws, and its message is in no address", async () => {
    const said = captureConsole();
    const world = await appOf(backend(), {
      refresh: () => ({}),
      userTokens: () => {
        throw new Error("token-canary");
      },
    });

    const answer = await world.browser().signInWithPassword({ user: "carol" });

    expect(new URL(String(answer.json()["url"])).searchParams.get("error")).toBe("Configuration");
    expect(said.own()).toHaveLength(1);
    expect(said.text() + answer.text).not.toContain("token-canary");
  });

  it("without any token makes a session without one", async () => {
    const world = await createWorld({
      auth: { providers: [backendProvider((user) => ({ id: user, name: user }))] },
    });
    const carol = await signedIn(world, "carol");

    expect(await carol.session()).toEqual({ user: { name: "carol" }, expires: expect.any(String) as string });
    await expect(world.getAccessToken(carol.pageRequest())).rejects.toMatchObject({ code: "no_token" });
  });
});

describe("a Credentials login that brings a refresh token, without a refresh function", () => {
  const login = (user: string): object => ({
    id: user,
    tokens: { accessToken: `access-${user}`, refreshToken: `refresh-${user}`, expiresIn: LIFE_S },
  });

  it("is told once, with the option that is missing (F45)", async () => {
    const said = captureConsole();
    const world = await loginOf("api", login);

    for (const user of ["carol", "dave"]) await signedIn(world, user, "api");

    expect(said.own()).toHaveLength(1);
    expect(said.own()[0]).toContain('"api" has refresh tokens but no way to use them');
    expect(said.own()[0]).toContain("providers.api.refresh");
    expect(said.text()).not.toMatch(/access-|refresh-/);
  });

  it("works until the access token ends, and goes on once the function is there", async () => {
    captureConsole();
    const world = await loginOf("late", login);
    const carol = await signedIn(world, "carol", "late");
    expect((await world.getAccessToken(carol.pageRequest())).accessToken).toBe("access-carol");
    pass(LIFE_S * 1000);
    await expect(world.getAccessToken(carol.pageRequest())).rejects.toMatchObject({
      code: "refresh_unavailable",
      causeCode: "unknown_provider",
    });
    expect(await carol.session()).not.toHaveProperty("error");

    const refresh = (): object => ({ access_token: "access-new", refresh_token: "r", expires_in: LIFE_S });
    const mended = world.copy({ options: { providers: { late: { refresh: refresh as never } } } });
    pass(10 * LIFE_S * 1000);

    expect((await mended.getAccessToken(carol.pageRequest())).accessToken).toBe("access-new");
  });

  it("without an expiry is refused, as one with the function is", async () => {
    const said = captureConsole();
    const world = await loginOf("untold", () => ({ id: 1, tokens: { accessToken: "a", refreshToken: "r" } }));
    const carol = world.browser();

    const answer = await carol.signInWithPassword({ user: "carol" }, "untold");

    expect(new URL(String(answer.json()["url"])).searchParams.get("error")).toBe("Configuration");
    expect(said.text()).toContain('"providers.untold" brought an access token without an expiry');
  });

  it("is no mistake where it brings no refresh token: its token is handed out until the session ends", async () => {
    const said = captureConsole();
    const world = await loginOf("eternal", (user) => ({ id: user, tokens: { accessToken: "access-1" } }));
    const carol = await signedIn(world, "carol", "eternal");
    pass(LIFE_S * 1000_000);

    expect((await world.getAccessToken(carol.pageRequest())).accessToken).toBe("access-1");
    expect(said.text()).not.toContain("providers.eternal");
  });
});

describe("what a refresh function gives", () => {
  it("may be the backend's Response, read by the same table as an authorization server's", async () => {
    const api = backend();
    const url = await listen((request, response) => {
      const refreshToken = new URL(request.url ?? "", "http://x").searchParams.get("t") ?? "";
      const tokens = api.refresh(refreshToken);
      response.setHeader("content-type", "application/json");
      response.writeHead(tokens ? 200 : 400).end(JSON.stringify(tokens ?? { error: "invalid_grant" }));
    });
    const world = await appOf(api, {
      refresh: ({ refreshToken, signal }) => fetch(`${url}?t=${refreshToken}`, { signal, method: "POST" }),
    });
    const carol = await signedIn(world, "carol");
    pass(LIFE_S * 1000);
    expect((await world.getAccessToken(carol.pageRequest())).accessToken).toBe("access-carol-2");

    api.login("carol");
    pass(LIFE_S * 1000);

    expect(await carol.session()).toMatchObject({
      error: "RefreshAccessTokenError",
      tokenState: { status: "reauthentication_required", reason: "rejected" },
    });
  });

  it("may be a Response whose status the application names as final", async () => {
    const world = await appOf(backend(), {
      refresh: () => new Response("session over", { status: 401 }),
      rejectedStatuses: [401],
    });
    const carol = await signedIn(world, "carol");
    pass(LIFE_S * 1000);

    expect(await carol.session()).toMatchObject({ error: "RefreshAccessTokenError" });
  });

  it("may be the throw of RefreshRejected, which alone ends the session", async () => {
    const world = await appOf(backend(), {
      refresh: () => {
        throw new RefreshRejected("over");
      },
    });
    const carol = await signedIn(world, "carol");
    pass(LIFE_S * 1000);

    expect(await carol.session()).toMatchObject({
      error: "RefreshAccessTokenError",
      tokenState: { reason: "rejected" },
    });
  });

  it.each([
    ["an error", () => Promise.reject(new Error("password-canary"))],
    ["a 503", () => new Response("busy", { status: 503 })],
    ["a page of HTML", () => new Response("<!doctype html>", { headers: { "content-type": "text/html" } })],
    ["nothing", () => undefined as never],
  ])("keeps the session when it is %s (I6, F30)", async (_what, refresh) => {
    const said = captureConsole();
    const world = await appOf(backend(), { refresh });
    const carol = await signedIn(world, "carol");
    pass(LIFE_S * 700);

    const session = await carol.session();
    const { accessToken } = await world.getAccessToken(carol.pageRequest());

    expect(session).toMatchObject({ tokenState: { status: "retrying" } });
    expect(session).not.toHaveProperty("error");
    expect(accessToken).toBe("access-carol-1");
    expect(said.text() + JSON.stringify(world.events)).not.toContain("password-canary");
  });
});

describe("the expiry that a backend tells", () => {
  const untold = (user: string): object => ({
    id: user,
    tokens: { accessToken: "opaque-access", refreshToken: "opaque-refresh" },
  });

  it("must be there at the sign-in, or the sign-in ends with a clear error", async () => {
    const said = captureConsole();
    const world = await appOf({ login: untold }, { refresh: () => ({}) });
    const carol = world.browser();

    const answer = await carol.signInWithPassword({ user: "carol" });

    expect(new URL(String(answer.json()["url"])).searchParams.get("error")).toBe("Configuration");
    expect(sessionCookieOf(carol)).toBe("");
    expect(said.own()).toHaveLength(1);
    expect(said.own()[0]).toContain('"providers.backend" brought an access token without an expiry');
    expect(said.own()[0]).toContain('expiryFrom: "jwt-exp"');
    expect(said.text()).not.toMatch(/opaque-/);
  });

  it("is read from the JWT where the application opts in, at the sign-in and at each refresh", async () => {
    const jwt = (lifeS: number): string => {
      const claims = { exp: Math.floor(Date.now() / 1000) + lifeS };
      return `${part({ alg: "HS256" })}.${part(claims)}.c2lnbmF0dXJl`;
    };
    const login = (user: string): object => ({
      id: user,
      tokens: { accessToken: jwt(60), refreshToken: "opaque-refresh-1" },
    });
    const world = await appOf(
      { login },
      { refresh: () => ({ accessToken: jwt(120), refreshToken: "opaque-refresh-2" }), expiryFrom: "jwt-exp" },
    );
    const carol = await signedIn(world, "carol");

    expect(await carol.session()).toMatchObject({ accessTokenExpiresIn: 60 });
    pass(55_000);
    expect(await carol.session()).toMatchObject({ accessTokenExpiresIn: 120 });
  });

  it("is not read from a JWT where nobody opted in (SEC-46)", async () => {
    captureConsole();
    const token = `${part({ alg: "HS256" })}.${part({ exp: 4_000_000_000 })}.c2lnbmF0dXJl`;
    const login = (user: string): object => ({
      id: user,
      tokens: { accessToken: token, refreshToken: "opaque-refresh" },
    });
    const world = await appOf({ login }, { refresh: () => ({}) });

    const answer = await world.browser().signInWithPassword({ user: "carol" });

    expect(new URL(String(answer.json()["url"])).searchParams.get("error")).toBe("Configuration");
  });

  it("may be missing at a refresh that rotated: the tokens are kept and the developer is told", async () => {
    const said = captureConsole();
    const world = await appOf(backend(), {
      refresh: () => ({ accessToken: "access-untold", refreshToken: "refresh-untold" }),
    });
    const carol = await signedIn(world, "carol");
    pass(LIFE_S * 1000);

    expect((await world.getAccessToken(carol.pageRequest())).accessToken).toBe("access-untold");
    expect(await carol.session()).toMatchObject({ accessTokenExpiresIn: 300 });
    expect(said.text()).toContain("missing_expiry");
    expect(said.text()).not.toContain("untold-");
  });
});

describe("a sign-out from a backend", () => {
  it("calls the application's revoke function with the newest tokens", async () => {
    const api = backend();
    const revoked: string[] = [];
    const world = await appOf(api, {
      refresh: ({ refreshToken }) => api.refresh(refreshToken) ?? {},
      revoke: ({ refreshToken }) => void revoked.push(refreshToken),
    });
    const carol = await signedIn(world, "carol");
    pass(LIFE_S * 1000);
    await carol.session();

    await carol.signOut();

    await until(() => revoked.length === 1);
    expect(revoked).toEqual(["refresh-carol-2"]);
  });

  it("is done even if that function throws or never ends", async () => {
    const said = captureConsole();
    for (const revoke of [
      () => Promise.reject(new Error("revoke-canary")),
      () => new Promise(() => undefined),
    ]) {
      const world = await appOf(backend(), { refresh: () => ({}), revoke });
      const carol = await signedIn(world, "carol");
      const thief = carol.copy();

      await carol.signOut();

      await expect(world.getAccessToken(thief.pageRequest())).rejects.toMatchObject({
        code: "not_signed_in",
      });
    }
    expect(said.text()).not.toContain("revoke-canary");
  });

  it("calls nobody with revokeOnSignOut: false", async () => {
    const revoked: string[] = [];
    const world = await appOf(backend(), {
      refresh: () => ({}),
      revoke: ({ refreshToken }) => void revoked.push(refreshToken),
      revokeOnSignOut: false,
    });
    const carol = await signedIn(world, "carol");

    await carol.signOut();

    await until(() => world.eventsOf("grant_ended").length === 1);
    await quiet();
    expect(revoked).toEqual([]);
  });
});

async function appOf(
  { login }: { login: (user: string) => object | null },
  settings: ProviderOptions,
): Promise<World> {
  return createWorld({
    auth: { providers: [backendProvider(login)] },
    options: { providers: { backend: settings } },
  });
}

/** An app with a Credentials login of this id, of which nolapse is told nothing. */
async function loginOf(id: string, login: (user: string) => object): Promise<World> {
  return createWorld({ auth: { providers: [backendProvider(login, id)] } });
}

async function signedIn(world: World, user: string, provider = "backend"): Promise<Browser> {
  const browser = world.browser();
  await browser.signInWithPassword({ user, password: "password" }, provider);
  return browser;
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

async function listen(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/refresh`;
}
