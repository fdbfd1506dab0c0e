import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findLeaks } from "../e2e/support/secret-scan.ts";
import { APP, askForToken, errorIn, tokenIn, type PageAsk } from "./support/access-token-route.ts";
import { SESSION_COOKIE, type Browser } from "./support/browser.ts";
import { captureConsole } from "./support/console.ts";
import { LIFETIME_MS, createWorld, pass, type World, type WorldOptions } from "./support/world.ts";

const FORMS = ["app", "pages"] as const;
const OLD_MS = LIFETIME_MS / 4;
const NO_METADATA = { "sec-fetch-site": null, "sec-fetch-mode": null, "sec-fetch-dest": null };

const FOREIGN: readonly (readonly [what: string, ask: PageAsk, status: number, code: string])[] = [
  ["without the header", { headers: { "x-nolapse-csrf": null } }, 403, "missing_header"],
  ["with an empty header", { headers: { "x-nolapse-csrf": "" } }, 403, "missing_header"],
  ["of another site", { headers: { "sec-fetch-site": "cross-site" } }, 403, "cross_site"],
  ["of a sister domain", { headers: { "sec-fetch-site": "same-site" } }, 403, "cross_site"],
  ["of the address bar", { headers: { "sec-fetch-site": "none" } }, 403, "cross_site"],
  ["with another origin", { headers: { origin: "https://evil.example" } }, 403, "cross_site"],
  ["with the origin null", { headers: { origin: "null" } }, 403, "cross_site"],
  ["with an origin that begins alike", { headers: { origin: `${APP}.evil.example` } }, 403, "cross_site"],
  ["that says nothing of where from", { headers: { ...NO_METADATA, origin: null } }, 403, "cross_site"],
  ["for a frame", { headers: { "sec-fetch-dest": "iframe" } }, 403, "cross_site"],
  ["by GET", { method: "GET" }, 405, "method_not_allowed"],
  ["by HEAD", { method: "HEAD" }, 405, "method_not_allowed"],
  ["by PUT", { method: "PUT" }, 405, "method_not_allowed"],
  ["by DELETE", { method: "DELETE" }, 405, "method_not_allowed"],
  ["by OPTIONS, a preflight", { method: "OPTIONS" }, 405, "method_not_allowed"],
  ["of a form", { headers: { "content-type": "text/plain" } }, 400, "invalid_request"],
  ["of another type", { headers: { "content-type": "application/json-patch+json" } }, 400, "invalid_request"],
  ["without a type", { headers: { "content-type": "" } }, 400, "invalid_request"],
  ["with a member that is not known", { body: { scope: "admin" } }, 400, "invalid_request"],
  ["with an audience (SEC-02)", { body: { audience: "https://other.example" } }, 400, "invalid_request"],
  ["with a list", { body: [] }, 400, "invalid_request"],
  ["with null", { body: null }, 400, "invalid_request"],
  ["with a negative minimum", { body: { minValidityMs: -1 } }, 400, "invalid_request"],
  ["with a minimum that is no number", { body: { minValidityMs: "5" } }, 400, "invalid_request"],
  ["with a minimum that no token has", { body: { minValidityMs: 10 * LIFETIME_MS } }, 400, "invalid_request"],
  ["with a renewal that is no yes or no", { body: { renew: 1 } }, 400, "invalid_request"],
  ["with a provider that is no text", { body: { provider: {} } }, 400, "invalid_request"],
  ["with an empty provider", { body: { provider: "" } }, 400, "invalid_request"],
  ["with a provider that is not there", { body: { provider: "nobody" } }, 400, "invalid_request"],
  ["with a very long provider", { body: { provider: "x".repeat(201) } }, 400, "invalid_request"],
  ["with a body over 4 kB", { body: { provider: "x".repeat(4_097) } }, 413, "request_too_large"],
  ["that announces too large a body", { headers: { "content-length": "4097" } }, 413, "request_too_large"],
];

describe.each(FORMS)("the access token route of the %s router", (form) => {
  it("gives each of two users their own access token with its end, and nothing else (SEC-02, I8)", async () => {
    const { world, alice, bob } = await scene(form);
    pass(10_500);

    for (const [browser, user] of [
      [alice, "alice"],
      [bob, "bob"],
    ] as const) {
      const answer = await askForToken(browser);

      expect(answer.json()).toEqual({
        accessToken: expect.any(String) as string,
        expiresInMs: LIFETIME_MS - 10_500,
        accessTokenExpires: Date.UTC(2026, 0, 1) / 1000 + 60,
      });
      expect(world.server.userOf(tokenIn(answer))).toBe(user);
      expect((await browser.session())["accessTokenExpires"]).toBe(answer.json()["accessTokenExpires"]);
    }
    expect(world.refreshes()).toBe(0);
  });

  it("says that nobody may keep, read or embed the answer, also where it is an error (SEC-27, SEC-28, SEC-30)", async () => {
    const { alice } = await scene(form);

    for (const answer of [await askForToken(alice), await askForToken(alice, { method: "GET" })]) {
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        "cache-control": "private, no-store",
        "content-type": "application/json; charset=utf-8",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
      });
      expect([...answer.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
      expect(answer.headers.get("allow")).toBe(answer.status === 405 ? "POST" : null);
    }
  });

  it.each(FOREIGN)(
    "refuses a request %s, sends nothing to the authorization server, and logs nothing (SEC-25, SEC-26)",
    async (_what, ask, status, code) => {
      const said = captureConsole();
      const { world, alice } = await scene(form);
      pass(LIFETIME_MS - 1_000);

      const answer = await askForToken(alice, ask);

      expect(errorIn(answer)).toEqual([status, code]);
      expect(world.refreshes()).toBe(0);
      expect(said.text()).toBe("");
    },
  );

  it("takes any body that is no request for a token for one, and never answers with a fault", async () => {
    const { alice } = await scene(form);
    const anything = fc.anything({ withBigInt: false }).filter((value) => value !== undefined);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          anything,
          fc.json().map((text) => JSON.parse(text) as unknown),
        ),
        async (given) => {
          const body = JSON.parse(JSON.stringify(given)) as unknown;
          const { status } = await askForToken(alice, {
            body: typeof body === "string" ? `"${body}"` : body,
          });
          const isEmpty = JSON.stringify(body) === "{}";
          expect([status, isEmpty || status !== 200]).toEqual([isEmpty ? 200 : expect.any(Number), true]);
          expect(status).toBeLessThan(500);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("renews the token in hand where the page asks for it, once for all its calls (F39, SEC-26)", async () => {
    const { world, alice } = await scene(form);
    const before = tokenIn(await askForToken(alice));
    pass(OLD_MS);

    const renewed = await Promise.all([1, 2, 3].map(() => askForToken(alice, { body: { renew: true } })));

    const [token, ...others] = new Set(renewed.map(tokenIn));
    expect(others).toEqual([]);
    expect(token).not.toBe(before);
    expect(tokenIn(await askForToken(alice, { body: { renew: false } }))).toBe(token);
    expect(tokenIn(await askForToken(alice, { body: { renew: true } })), "it is young now").toBe(token);
    expect(world.refreshes()).toBe(1);
  });

  it("renews nothing for a prefetch (SEC-26)", async () => {
    const { world, alice } = await scene(form);
    pass(OLD_MS);

    await askForToken(alice, { body: { renew: true }, headers: { "sec-purpose": "prefetch" } });

    expect(world.refreshes()).toBe(0);
  });

  it("waits for a token that is long enough", async () => {
    const { world, alice } = await scene(form);
    const before = tokenIn(await askForToken(alice));
    pass(OLD_MS + 1);

    const answer = await askForToken(alice, { body: { minValidityMs: 45_000, provider: "strict" } });

    expect(tokenIn(answer)).not.toBe(before);
    expect(answer.json()["expiresInMs"]).toBe(LIFETIME_MS);
    expect(world.refreshes()).toBe(1);
  });

  it("answers 401 to who is not signed in, or was, and says why a new sign-in is needed (SEC-74, I7)", async () => {
    const { world, alice, bob } = await scene(form);
    const old = alice.copy();
    await alice.signOut();
    world.server.revokeUser("bob");
    pass(LIFETIME_MS);

    expect(errorIn(await askForToken(world.browser(form)))).toEqual([401, "not_signed_in"]);
    expect(errorIn(await askForToken(old))).toEqual([401, "not_signed_in"]);
    const answer = await askForToken(bob);
    expect(errorIn(answer)).toEqual([401, "reauthentication_required"]);
    expect(answer.json()).toMatchObject({ reason: "rejected" });
  });

  it("answers 503 while the store is away, and signs nobody out (I6)", async () => {
    const { world, alice } = await scene(form);
    world.store.down = true;

    const answer = await askForToken(alice);

    expect(errorIn(answer)).toEqual([503, "store_failed"]);
    expect(answer.headers.get("retry-after")).toBe("2");
    world.store.down = false;
    expect((await askForToken(alice)).status).toBe(200);
  });

  it("reads the session cookie, and never sets it", async () => {
    const { alice } = await scene(form);

    for (const ask of [{}, { body: { renew: true } }, { method: "GET" }, { body: [] }]) {
      const { setCookies } = await askForToken(alice, ask);
      expect(setCookies.filter((line) => line.startsWith(SESSION_COOKIE))).toEqual([]);
    }
  });

  it("is NextAuth's own 404 or 400 where the application has not opted in, and never a token", async () => {
    const { world, alice } = await scene(form, { exposeAccessToken: false });

    const answer = await askForToken(alice);

    expect([400, 404]).toContain(answer.status);
    expect(answer.headers.get("x-nolapse-error")).toBeNull();
    expect(answer.text).not.toContain((await world.getAccessToken(alice.pageRequest())).accessToken);
  });

  it("leaves what is behind or beside it to NextAuth", async () => {
    const { alice } = await scene(form);

    for (const path of ["access-token/x", "access-tokens", "signin/access-token"]) {
      const answer = await askForToken(alice, { path });
      expect(answer.text, path).not.toContain("accessToken");
      expect(answer.headers.get("x-nolapse-error"), path).toBeNull();
    }
  });

  it("gives no refresh token and no ID token, whatever is asked (SEC-02, F44)", async () => {
    const issued: string[] = [];
    const listening: typeof fetch = async (...request) => {
      const answer = await fetch(...request);
      const body = (await answer.clone().json()) as Record<string, unknown>;
      if (typeof body["refresh_token"] === "string") issued.push(body["refresh_token"]);
      return answer;
    };
    const { world, alice } = await scene(form, { fetch: listening });
    const { issue } = world.server;
    Object.assign(world.server, {
      issue: (grant: never) => {
        const tokens = { ...issue(grant), id_token: `e30.${btoa('{"sub":"alice"}')}.id-canary-signature` };
        issued.push(tokens.refresh_token, tokens.id_token);
        return tokens;
      },
    });
    await alice.signIn("alice");
    const said: string[] = [];
    for (const body of [{}, { renew: true }, { minValidityMs: 30_000 }, { nonsense: 1 }, { renew: true }]) {
      pass(OLD_MS);
      const { text, headers } = await askForToken(alice, { body });
      said.push(text, JSON.stringify([...headers]));
    }

    const canaries = issued.map((value, at) => ({ name: `secret ${at}`, value }));
    expect(issued, "two of the sign-in, one of each renewal").toHaveLength(2 + world.refreshes());
    expect(world.refreshes()).toBeGreaterThan(1);
    expect(said.join()).toContain("accessToken");
    expect(findLeaks(canaries, [{ where: "an answer of the route", text: said.join("\n") }])).toEqual([]);
  });
});

describe("the access token route of the app router", () => {
  it.each(["{", "", "[", '"a"', '{"renew":true', "\0"])("reads the body %j as what it is", async (body) => {
    const { alice } = await scene("app");

    const answer = await askForToken(alice, { body });

    expect(answer.status).toBe(body === "" ? 200 : 400);
  });

  it("reads no more than 4 kB of a body whose length nobody told", async () => {
    const { alice } = await scene("app");

    const body = `{"renew":false${" ".repeat(5_000)}}`;

    expect(errorIn(await askForToken(alice, { body }))).toEqual([413, "request_too_large"]);
  });
});

describe("a session whose token is handed out on request only", () => {
  it("shows no token, nor does a page that it is given to (SEC-01, F36)", async () => {
    const { alice } = await scene("pages");
    const token = tokenIn(await askForToken(alice));

    const session = await alice.session();

    expect(session).toMatchObject({ user: { name: "alice" }, tokenState: { status: "fresh" } });
    expect(JSON.stringify(session)).not.toContain(token);
  });

  it("shows it where the application wants both", async () => {
    const { alice } = await scene("pages", { exposeAccessToken: true });

    expect((await alice.session())["accessToken"]).toBe(tokenIn(await askForToken(alice)));
  });
});

async function scene(
  form: "app" | "pages",
  options: WorldOptions["options"] = {},
): Promise<{ world: World; alice: Browser; bob: Browser }> {
  const world = await createWorld({ options: { exposeAccessToken: "on-request", ...options } });
  const [alice, bob] = [world.browser(form), world.browser(form)];
  await alice.signIn("alice");
  await bob.signIn("bob");
  return { world, alice, bob };
}
