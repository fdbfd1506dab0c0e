/** What the installed next-auth does at a sign-in, in both versions. See `support/installed.ts`. */
import { AsyncLocalStorage } from "node:async_hooks";
import * as installed from "next-auth/jwt";
import { describe, expect, it } from "vitest";
import { captureConsole } from "../next-auth/support/console.ts";
import { Browser, type Handler } from "../next-auth/support/browser.ts";
import { FORMS, SESSION_COOKIE, VERSION, scene } from "./support/installed.ts";

type Decode = (params: object) => Promise<unknown>;

const WAYS: readonly [string, (browser: Browser) => Promise<unknown>][] = [
  ["OAuth", (browser) => browser.signIn("alice")],
  ["Credentials", (browser) => browser.signInWithPassword({ user: "alice" })],
];

describe.each(WAYS)("an %s sign-in", (way, signIn) => {
  it("calls signIn, then jwt, then encodes, then tells events.signIn (src/adapter/callbacks.ts, src/adapter/settle-sign-in.ts)", async () => {
    const { seen, app } = await scene();
    await signIn(app.browser());

    expect(seen.names()).toEqual(["signIn", "jwt", "jwt.encode", "events.signIn"]);
  });

  it("hands the same account object to signIn and jwt (src/adapter/callbacks.ts)", async () => {
    const { seen, app } = await scene();
    await signIn(app.browser());

    expect(seen.last("signIn").params.account).toMatchObject({
      provider: way === "OAuth" ? "strict" : "backend",
    });
    expect(seen.last("jwt").params.account).toBe(seen.last("signIn").params.account);
  });

  it("hands what jwt returned to encode, whose result is the cookie (src/adapter/claim.ts)", async () => {
    const { seen, app } = await scene({ jwt: ({ token }) => ({ ...(token as object), own: "value" }) });
    const browser = app.browser();
    await signIn(browser);

    expect(seen.last("jwt.encode").params.token).toBe(seen.last("jwt").result);
    expect(browser.jar.get(SESSION_COOKIE)).toBe(await seen.last("jwt.encode").result);
  });

  it("makes a new JWT that has nothing of the session before it (src/adapter/linked-sign-in.ts)", async () => {
    const { seen, app } = await scene({ jwt: ({ token }) => ({ ...(token as object), own: "value" }) });
    const browser = app.browser();
    await signIn(browser);
    await signIn(browser);

    expect(seen.last("jwt").params.token).not.toHaveProperty("own");
  });

  it("goes to the address that signIn returns, without a session and without the event (src/adapter/callbacks.ts)", async () => {
    const { seen, app } = await scene({ signIn: () => "http://localhost:3000/sorry" });
    const browser = app.browser();
    const answer = (await signIn(browser)) as { text: string; headers: Headers };

    expect(`${answer.text} ${answer.headers.get("location") ?? ""}`).toContain("http://localhost:3000/sorry");
    expect(seen.names()).toEqual(["signIn"]);
    expect(browser.jar.has(SESSION_COOKIE)).toBe(false);
  });

  it("takes anything else that is true from signIn for yes, and false for no (src/adapter/wrapped-events.ts)", async () => {
    const yes = await scene({ signIn: () => 1 });
    const no = await scene({ signIn: () => false });
    captureConsole();
    const [welcome, refused] = [yes.app.browser(), no.app.browser()];
    await signIn(welcome);
    await signIn(refused);

    expect([welcome, refused].map(({ jar }) => jar.has(SESSION_COOKIE))).toEqual([true, false]);
    expect(no.seen.names()).toEqual(["signIn"]);
  });

  it.each(FORMS)(
    "runs the callbacks in the async context of who called the handler, in the %s router (src/adapter/request-context.ts)",
    async (form) => {
      const storage = new AsyncLocalStorage<string>();
      const found: unknown[] = [];
      const note = (): true => Boolean(found.push(storage.getStore())) as true;
      const { app } = await scene({
        signIn: note,
        jwt: ({ token }) => (note(), token),
        session: ({ session }) => (note(), session),
        events: { signIn: note, session: note, signOut: note },
      });
      const handler = ((request: never, second: never) =>
        storage.run("here", () => app.handler(request, second))) as Handler;
      const browser = new Browser(handler, form, { "x-auth-return-redirect": "1" });
      await signIn(browser);
      await browser.session();
      await browser.signOut();

      expect(found).toEqual(Array(7).fill("here"));
    },
  );
});

describe("an OAuth sign-in", () => {
  it("hands on every member of the token response in account, and the expiry as epoch seconds in expires_at (src/adapter/sign-in-tokens.ts, src/core/token-set.ts)", async () => {
    const { seen, app } = await scene({}, { refresh_expires_in: 1_800, own_member: "kept" });
    await app.browser().signIn("alice");
    const { account } = seen.last("signIn").params;

    expect(account).toMatchObject({
      provider: "strict",
      type: "oauth",
      providerAccountId: "alice",
      refresh_expires_in: 1_800,
      own_member: "kept",
      expires_at: Math.floor(Date.now() / 1_000) + 60,
    });
    expect(app.server.userOf(String(account?.["access_token"]))).toBe("alice");
    expect(account?.["refresh_token"]).toEqual(expect.any(String));
    expect(account?.["expires_in"]).toBe(VERSION === 4 ? undefined : 60);
  });

  it("without an adapter gives the JWT a sub that is the account's in version 4, and a new one each time in 5 (src/adapter/linked-sign-in.ts)", async () => {
    const { seen, app } = await scene();
    const subs: unknown[] = [];
    for (const browser of [app.browser(), app.browser()]) {
      await browser.signIn("alice");
      subs.push((seen.last("jwt").params.token as { sub?: unknown }).sub);
    }

    expect(new Set(subs).size).toBe(VERSION === 4 ? 1 : 2);
    expect(subs.includes("alice")).toBe(VERSION === 4);
  });

  it("with an adapter gives the JWT the sub of the adapter's user (src/adapter/linked-sign-in.ts)", async () => {
    const { seen, app } = await scene({ adapter: true, options: { session: { strategy: "jwt" } } });
    await app.browser().signIn("alice");

    const [userId] = seen.tables.users.keys();
    expect(seen.last("jwt").params.token).toMatchObject({ sub: userId });
  });
});

describe("a sign-in beside a session, with an adapter and JWTs,", () => {
  it.each([
    ["links a new account to the user whom jwt.decode names", false],
    ["makes a new user of it where jwt.decode gives null", true],
  ])("%s (src/adapter/wrap-decode.ts)", async (_what, isBlind) => {
    const blind = { is: false };
    const { seen, app } = await scene({
      adapter: true,
      options: { session: { strategy: "jwt" } },
      decode: (params) =>
        blind.is ? Promise.resolve(null) : (installed as unknown as { decode: Decode }).decode(params),
    });
    const alice = app.browser();
    await alice.signIn("alice");
    const [userId] = seen.tables.users.keys();
    seen.calls.length = 0;
    blind.is = isBlind;
    await alice.signIn("a second account");

    expect(seen.names()).toContain("jwt.decode");
    expect(seen.tables.accounts.map((account) => account["userId"] === userId)).toEqual([true, !isBlind]);
  });
});

describe("next-auth's own error page", () => {
  it("is there for error=Configuration (src/next-auth/v4-host.ts, src/authjs/v5-host.ts)", async () => {
    captureConsole();
    const { app } = await scene();
    const answer = await app.browser().get("error", { query: { error: "Configuration" } });

    expect(answer.headers.get("content-type")).toContain("text/html");
    expect(answer.text).toContain("server configuration");
  });
});

describe("a Credentials sign-in", () => {
  it("has no tokens in account, and hands what authorize returned to signIn and to jwt (src/adapter/sign-in-tokens.ts)", async () => {
    const { seen, app } = await scene();
    await app.browser().signInWithPassword({ user: "alice" });
    const { account, user } = seen.last("signIn").params;

    expect(account).toEqual({ provider: "backend", type: "credentials", providerAccountId: "alice" });
    expect(user).toEqual({ id: "alice", name: "alice" });
    expect(seen.last("jwt").params.user).toBe(user);
  });
});
