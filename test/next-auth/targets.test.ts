/** One sign-in, several APIs: `resource`, `audience` and `scope` of `getAccessToken`. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { AuthOptions } from "next-auth";
import { describe, expect, it, onTestFinished } from "vitest";
import type { AccessTokenOptions } from "../../src/next-auth/index.ts";
import type { CustomRefreshInput } from "../../src/oauth/custom-refresher.ts";
import type { Browser } from "./support/browser.ts";
import {
  LIFETIME_MS,
  backendProvider,
  createWorld,
  pass,
  quiet,
  strictProvider,
  until,
  type World,
} from "./support/world.ts";

const ORDERS = "https://orders.example";
const BILLING = "https://billing.example";

const FORMS: readonly [
  string,
  (world: World, browser: Browser, options: AccessTokenOptions) => Promise<{ accessToken: string }>,
][] = [
  [
    "in a server component",
    (world, browser, options) => browser.inServerComponent(() => world.getAccessToken(options)),
  ],
  ["with a NextRequest", (world, browser, options) => world.getAccessToken(browser.pageRequest(), options)],
  [
    "with the Pages Router's request and response",
    (world, browser, options) => world.getAccessToken(browser.nodeRequest(), {}, options),
  ],
  [
    "with the context of getServerSideProps",
    (world, browser, options) =>
      world.getAccessToken({ req: browser.nodeRequest(), res: {}, query: {} } as never, options),
  ],
];

/** Two users who are signed in. */
async function scene(given: Parameters<typeof createWorld>[0] = {}): Promise<{
  readonly world: World;
  readonly alice: Browser;
  readonly bob: Browser;
}> {
  const world = await createWorld(given);
  const [alice, bob] = [world.browser(), world.browser()];
  await alice.signIn("alice");
  await bob.signIn("bob");
  return { world, alice, bob };
}

/** The parameters of the refresh requests that were sent, without what every one of them has. */
function askedFor(world: World): Record<string, string>[] {
  return world.server.requests
    .filter(({ endpoint }) => endpoint === "token")
    .map(({ parameters: { grant_type: _grant, ...rest } }) => rest);
}

describe.each(FORMS)("getAccessToken for another API, %s", (_form, ask) => {
  it("gives each user their own token for that API, and keeps it (I8)", async () => {
    const { world, alice, bob } = await scene();

    for (const [browser, user] of [
      [alice, "alice"],
      [bob, "bob"],
    ] as const) {
      const first = await ask(world, browser, { resource: ORDERS });
      const again = await ask(world, browser, { resource: ORDERS });
      expect(world.server.userOf(first.accessToken)).toBe(user);
      expect(world.server.audienceOf(first.accessToken)).toBe(ORDERS);
      expect(again.accessToken).toBe(first.accessToken);
    }

    expect(askedFor(world)).toEqual([{ resource: ORDERS }, { resource: ORDERS }]);
  });
});

describe("several APIs of one sign-in", () => {
  it("are served by one request at a time, and nobody is signed out by a strict server (M19, I1)", async () => {
    const { world, alice, bob } = await scene();
    const asks: AccessTokenOptions[] = [{}, { resource: ORDERS }, { resource: BILLING }, { audience: "crm" }];
    const ownerOf = async (browser: Browser, ask: AccessTokenOptions): Promise<unknown> => {
      const { accessToken } = await world.getAccessToken(browser.pageRequest(), ask);
      return [world.server.userOf(accessToken), world.server.audienceOf(accessToken)];
    };

    for (let lifetime = 0; lifetime < 3; lifetime++) {
      pass(LIFETIME_MS + 1_000);
      world.server.hold();
      const asked = Promise.all(
        [alice, bob].flatMap((browser) => [...asks, ...asks, ...asks].map((ask) => ownerOf(browser, ask))),
      );
      await until(() => world.server.heldRequests >= 2);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 2));
      expect(world.server.heldRequests).toBe(2);
      world.server.release();
      const answers = await asked;
      const audiences = [undefined, ORDERS, BILLING, "crm"];
      expect(answers).toEqual(
        ["alice", "bob"].flatMap((user) =>
          [...audiences, ...audiences, ...audiences].map((audience) => [user, audience]),
        ),
      );
      await quiet();
    }

    const sent = world.server.requests.filter(({ endpoint }) => endpoint === "token");
    expect(sent).toHaveLength(3 * 2 * asks.length);
    expect(sent.every(({ outcome }) => outcome === "rotated")).toBe(true);
    expect(await alice.session()).toMatchObject({ tokenState: { status: "fresh" } });
    expect(await bob.session()).toMatchObject({ tokenState: { status: "fresh" } });
  });

  it("do not show in the session, which is about the token of the sign-in", async () => {
    const { world, alice } = await scene({ options: { exposeAccessToken: true } });
    const own = await world.getAccessToken(alice.pageRequest());
    pass(10_000);

    const { accessToken } = await world.getAccessToken(alice.pageRequest(), { resource: ORDERS });

    const session = await alice.session();
    expect(session).toMatchObject({ accessToken: own.accessToken, accessTokenExpiresIn: 50 });
    expect(JSON.stringify(session)).not.toContain(accessToken);
  });

  it("are asked for anew after each refresh where a refresh kills the access tokens (Q7)", async () => {
    const { world, alice } = await scene({
      options: { providers: { strict: { rotation: { class: "strict", accessTokensDie: true } } } },
    });
    await world.getAccessToken(alice.pageRequest(), { resource: ORDERS });
    await world.getAccessToken(alice.pageRequest(), { resource: BILLING });

    await world.getAccessToken(alice.pageRequest(), { resource: ORDERS });

    expect(askedFor(world).map(({ resource }) => resource)).toEqual([ORDERS, BILLING, ORDERS]);
  });

  it("by scope: part of what was granted, in any order, is one token (SEC-38)", async () => {
    const base = await createWorld();
    const request = ({ params }: { params: { code: string } }): Promise<object> =>
      Promise.resolve({ tokens: base.server.issue({ user: params.code, scope: "openid a b" }) });
    const token = { url: base.server.tokenEndpoint, request };
    const world = base.copy({ auth: { providers: [strictProvider(base.server, { token })] } });
    const alice = world.browser();
    await alice.signIn("alice");

    const one = await world.getAccessToken(alice.pageRequest(), { scope: "b a" });
    const two = await world.getAccessToken(alice.pageRequest(), { scope: "a b" });

    expect(two.accessToken).toBe(one.accessToken);
    expect(one.scope).toBe("b a");
    expect(askedFor(world)).toEqual([{ scope: "b a" }]);
  });

  it("by scope: more than was granted is refused here, and the sign-in's own token goes on (SEC-38, I6)", async () => {
    const { world, alice, bob } = await scene();

    await expect(world.getAccessToken(alice.pageRequest(), { scope: "openid admin" })).rejects.toMatchObject({
      code: "refresh_unavailable",
      causeCode: "wider_scope",
    });
    expect(askedFor(world)).toEqual([]);

    pass(LIFETIME_MS);
    for (const [browser, user] of [
      [alice, "alice"],
      [bob, "bob"],
    ] as const) {
      const { accessToken } = await world.getAccessToken(browser.pageRequest());
      expect(world.server.userOf(accessToken)).toBe(user);
    }
  });

  it("that the server refuses leave the sign-in's own token alone (I6)", async () => {
    const { world, alice } = await scene();
    const refusal = { status: 400, headers: { "content-type": "application/json" } };
    world.server.faultNext({ ...refusal, body: '{"error":"invalid_target"}' });

    await expect(
      world.getAccessToken(alice.pageRequest(), { resource: "https://unknown.example" }),
    ).rejects.toMatchObject({ code: "refresh_unavailable", causeCode: "invalid_target" });

    pass(LIFETIME_MS);
    const { accessToken } = await world.getAccessToken(alice.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("alice");
  });

  it("win over refreshParams member by member, which stay those of the sign-in's token", async () => {
    const { world, alice } = await scene({
      options: { providers: { strict: { refreshParams: { resource: BILLING, tenant: "acme" } } } },
    });

    await world.getAccessToken(alice.pageRequest(), { resource: ORDERS });
    pass(LIFETIME_MS);
    await world.getAccessToken(alice.pageRequest());

    expect(askedFor(world)).toEqual([
      { resource: ORDERS, tenant: "acme" },
      { resource: BILLING, tenant: "acme" },
    ]);
  });
});

describe("a target that makes no sense", () => {
  it.each<[string, object, RegExp]>([
    ["resource", { resource: "orders" }, /absolute URI.*got string/],
    ["resource", { resource: "" }, /absolute URI/],
    ["resource", { resource: `${ORDERS}#part` }, /without "#"/],
    ["resource", { resource: 5 }, /got number/],
    ["audience", { audience: "" }, /must be a text/],
    ["audience", { audience: "a\nb" }, /must be a text/],
    ["audience", { audience: ["a"] }, /got a list/],
    ["scope", { scope: "" }, /one space between/],
    ["scope", { scope: "a  b" }, /one space between/],
    ["scope", { scope: 'a"b' }, /one space between/],
    ["scope", { scope: "x".repeat(2_001) }, /got string/],
  ])("is refused before anything is sent: %s of %j", async (option, ask, message) => {
    const { world, alice } = await scene();

    await expect(world.getAccessToken(alice.pageRequest(), ask)).rejects.toMatchObject({
      code: "invalid_option",
      option,
      message: expect.stringMatching(message) as string,
    });
    expect(world.refreshes()).toBe(0);
  });

  it.each(["resource", "audience"] as const)(
    "is one by %s at Entra, where the scope chooses the API, and says so",
    async (name) => {
      const world = await createWorld();
      const entra = world.copy({
        auth: { providers: [strictProvider(world.server, { id: "azure-ad" })] },
      });
      const alice = entra.browser();
      await alice.signIn("alice", "azure-ad");

      await expect(entra.getAccessToken(alice.pageRequest(), { [name]: ORDERS })).rejects.toMatchObject({
        code: "invalid_option",
        option: name,
        message: expect.stringMatching(/does not choose an API at "azure-ad": there it is "scope"/) as string,
      });
    },
  );
});

describe("fetchWithToken for another API", () => {
  it("sends that API's token, and renews only that one when it is rejected", async () => {
    const { world, alice, bob } = await scene();
    const seen: string[] = [];
    const rejected = new Set<string>();
    const api = createServer((request, response) => {
      const token = (request.headers.authorization ?? "").replace("Bearer ", "");
      seen.push(`${world.server.userOf(token)} ${world.server.audienceOf(token)}`);
      response.writeHead(rejected.has(token) ? 401 : 200).end();
    });
    await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void api.close());
    const origin = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
    const caller = world.copy({ options: { allowedOrigins: [origin] } });
    const own = await caller.getAccessToken(alice.pageRequest());

    const first = await caller.getAccessToken(alice.pageRequest(), { resource: ORDERS });
    rejected.add(first.accessToken);
    pass(20_000);
    const call = (browser: Browser): Promise<Response> =>
      caller.fetchWithToken(origin, {}, { request: browser.pageRequest(), resource: ORDERS });
    const statuses = (await Promise.all([call(alice), call(alice), call(bob)])).map(({ status }) => status);

    expect(statuses).toEqual([200, 200, 200]);
    expect(new Set(seen)).toEqual(new Set([`alice ${ORDERS}`, `bob ${ORDERS}`]));
    expect(askedFor(world)).toEqual([{ resource: ORDERS }, { resource: ORDERS }, { resource: ORDERS }]);
    expect((await caller.getAccessToken(alice.pageRequest())).accessToken).toBe(own.accessToken);
  });
});

describe("a refresh function of the application", () => {
  it("is told what the token is to be for", async () => {
    const inputs: CustomRefreshInput[] = [];
    const tokens = (name: string): object => ({ access_token: name, refresh_token: "R1", expires_in: 60 });
    const world = await createWorld({
      auth: {
        providers: [
          backendProvider((user) => ({ id: user, name: user, tokens: tokens(`own-${user}`) })),
        ] as AuthOptions["providers"],
      },
      options: {
        providers: {
          backend: {
            refresh: (input) => {
              inputs.push(input);
              return { ...tokens(`for-${input.target?.resource ?? "sign-in"}`) };
            },
          },
        },
      },
    });
    const carol = world.browser();
    await carol.signInWithPassword({ user: "carol" });

    const other = await world.getAccessToken(carol.pageRequest(), { resource: ORDERS });
    const own = await world.getAccessToken(carol.pageRequest());
    pass(LIFETIME_MS);
    await world.getAccessToken(carol.pageRequest());
    await until(() => inputs.length === 2);

    expect([other.accessToken, own.accessToken]).toEqual([`for-${ORDERS}`, "own-carol"]);
    expect(inputs.map(({ target }) => target)).toEqual([{ resource: ORDERS }, undefined]);
    expect("target" in inputs[1]!).toBe(false);
  });
});
