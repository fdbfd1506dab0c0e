import { describe, expect, it } from "vitest";
import { SESSION_COOKIE } from "./support/browser.ts";
import { captureConsole } from "./support/console.ts";
import { describeLiveSessions, type LiveApp } from "./support/live-sessions.ts";
import { backendProvider, createWorld, pass, strictProvider } from "./support/world.ts";

describeLiveSessions({
  cookie: SESSION_COOKIE,
  async createApp({ other, adapter, strategy }) {
    const base = await createWorld();
    const make = (options = {}): LiveApp => {
      const world = base.copy({
        auth: {
          providers: [strictProvider(base.server), strictProvider(other, { id: "other" })],
          session: { strategy },
          adapter,
        },
        options: { ...options, providers: { other: { revocationEndpoint: other.revocationEndpoint } } },
      });
      return { ...world, browser: () => world.browser("app"), again: make };
    };
    return make();
  },
});

const jwt = (claims: object): string =>
  ["", claims, ""].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");

describe("the list of live sessions", () => {
  it("has at most 100, this one among them", async () => {
    const world = await createWorld();
    const oldest = world.browser();
    await oldest.signIn("alice");
    pass(1_000);
    for (let each = 0; each < 101; each++) await world.browser().signIn("alice");

    const sessions = await world.listSessions(oldest.pageRequest());

    expect(sessions).toHaveLength(100);
    expect(sessions.filter(({ isThisSession }) => isThisSession)).toHaveLength(1);
    expect(await world.endOtherSessions(oldest.pageRequest())).toBe(101);
  });

  it("is read from the store by eight calls at a time", async () => {
    const base = await createWorld();
    const auth = { providers: [strictProvider(base.server), strictProvider(base.server, { id: "other" })] };
    const world = base.copy({ auth });
    const browsers = Array.from({ length: 30 }, () => world.browser());
    for (const browser of browsers) await browser.signIn("alice");
    const find = world.store.findMatching.bind(world.store);
    let [running, most] = [0, 0];
    world.store.findMatching = async (...args) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      return find(...args).finally(() => running--);
    };

    expect(await world.listSessions(browsers[0]!.pageRequest())).toHaveLength(30);
    expect(most).toBe(8);
  });

  it("is not to be had for a sign-in without tokens, or without a user's id", async () => {
    captureConsole();
    const world = await createWorld({
      auth: {
        providers: [
          backendProvider((user) =>
            user === "plain"
              ? { id: "plain" }
              : { name: user, tokens: { access_token: "a-token", expires_in: 60 } },
          ),
        ],
      },
    });
    for (const user of ["plain", "carol"]) {
      const browser = world.browser();
      await browser.signInWithPassword({ user });

      await expect(world.listSessions(browser.pageRequest())).rejects.toMatchObject({ code: "no_token" });
      await expect(world.endOtherSessions(browser.pageRequest())).rejects.toMatchObject({ code: "no_token" });
    }
  });
});

describe("the end of a user's sessions by an administrator", () => {
  it.each([
    ["the place of its metadata", ""],
    ["the place of its metadata", "/"],
    ["another spelling of its issuer", "/"],
  ])("finds those of a provider that is configured by %s, with iss + %j (SEC-14)", async (by, slash) => {
    const base = await createWorld();
    const { issuer } = base.server;
    const iss = `${issuer}${slash}`;
    const token = {
      url: base.server.tokenEndpoint,
      request: ({ params }: { params: { code?: string } }) =>
        Promise.resolve({
          tokens: {
            ...base.server.issue({ user: params.code ?? "" }),
            id_token: jwt({ iss, sub: `sub-of-${params.code ?? ""}` }),
          },
        }),
    };
    const world = base.copy({ auth: { providers: [strictProvider(base.server, { token })] } });
    const [alice, bob] = [world.browser(), world.browser()];
    await alice.signIn("alice");
    await bob.signIn("bob");
    const wellKnown = `${issuer}/.well-known/openid-configuration`;
    const place = by === "the place of its metadata" && { issuer: undefined, wellKnown };
    const admin = base.copy({ auth: { providers: [strictProvider(base.server, place || {})] } });

    expect(await admin.endSessionsOf({ provider: "strict", subject: "sub-of-alice" })).toBe(1);

    expect(await alice.session()).toEqual({});
    expect((await bob.session())["user"]).toMatchObject({ name: "bob" });
  });
});
