import { describe, expect, it } from "vitest";
import { askForToken, errorIn, tokenIn, type PageAsk } from "../next-auth/support/access-token-route.ts";
import type { Browser } from "../next-auth/support/browser.ts";
import { captureConsole } from "../next-auth/support/console.ts";
import {
  LIFETIME_MS,
  SESSION_COOKIE,
  createWorld,
  pass,
  sessionInComponent,
  type World,
  type WorldOptions,
} from "./support/world.ts";

const ON_REQUEST: WorldOptions = { options: { exposeAccessToken: "on-request" } };

const REFUSED: readonly (readonly [what: string, ask: PageAsk, status: number, code: string])[] = [
  ["without the header", { headers: { "x-nolapse-csrf": null } }, 403, "missing_header"],
  ["of a sister domain", { headers: { "sec-fetch-site": "same-site" } }, 403, "cross_site"],
  ["with another origin", { headers: { origin: "https://evil.example" } }, 403, "cross_site"],
  ["by GET", { method: "GET" }, 405, "method_not_allowed"],
  ["of a form", { headers: { "content-type": "text/plain" } }, 400, "invalid_request"],
  ["with a member that is not known", { body: { scope: "admin" } }, 400, "invalid_request"],
  ["with a body over 4 kB", { body: { provider: "x".repeat(4_097) } }, 413, "request_too_large"],
];

describe("the access token route under Auth.js v5", () => {
  it("gives each of two users their own access token with its end, and nothing else (SEC-02, I8)", async () => {
    const { world, alice, bob } = await scene();

    for (const [browser, user] of [
      [alice, "alice"],
      [bob, "bob"],
    ] as const) {
      const answer = await askForToken(browser);

      expect(answer.json()).toEqual({
        accessToken: expect.any(String) as string,
        expiresInMs: LIFETIME_MS,
        accessTokenExpires: Date.UTC(2026, 0, 1) / 1000 + 60,
      });
      expect(world.server.userOf(tokenIn(answer))).toBe(user);
      expect(answer.headers.get("cache-control")).toBe("private, no-store");
      expect(answer.setCookies.filter((line) => line.startsWith(SESSION_COOKIE))).toEqual([]);
    }
  });

  it.each(REFUSED)("refuses a request %s (SEC-25, SEC-26)", async (_what, ask, status, code) => {
    const { world, alice } = await scene();
    pass(LIFETIME_MS);

    expect(errorIn(await askForToken(alice, ask))).toEqual([status, code]);
    expect(world.refreshes()).toBe(0);
  });

  it("renews the token in hand where the page asks for it (F39)", async () => {
    const { world, alice } = await scene();
    const before = tokenIn(await askForToken(alice));
    pass(LIFETIME_MS / 4);

    const [one, other] = await Promise.all(
      [1, 2].map(async () => tokenIn(await askForToken(alice, { body: { renew: true } }))),
    );

    expect(one).toBe(other);
    expect(one).not.toBe(before);
    expect(world.refreshes()).toBe(1);
  });

  it("is below the base path, also of a lazy configuration, and nowhere else", async () => {
    captureConsole();
    const { alice } = await scene({ ...ON_REQUEST, lazy: (_request, config) => config });

    expect((await askForToken(alice)).status).toBe(200);
    for (const path of ["access-token/x", "x/access-token"]) {
      const answer = await askForToken(alice, { path });
      expect(answer.text, path).not.toContain("accessToken");
      expect(answer.headers.get("x-nolapse-error"), path).toBeNull();
    }
  });

  it("is Auth.js's own answer where the application has not opted in", async () => {
    captureConsole();
    const { alice } = await scene({ options: { exposeAccessToken: false } });

    const answer = await askForToken(alice);

    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.headers.get("x-nolapse-error")).toBeNull();
  });

  it("answers 401 after a sign-out, to the old cookie too (I7)", async () => {
    const { alice } = await scene();
    const old = alice.copy();
    await alice.signOut();

    expect(errorIn(await askForToken(old))).toEqual([401, "not_signed_in"]);
  });

  it("leaves no token in the session that the browser or a component sees (SEC-01)", async () => {
    const { world, alice } = await scene();
    const token = tokenIn(await askForToken(alice));

    for (const session of [await alice.session(), await sessionInComponent(world, alice)]) {
      expect(session).toMatchObject({ user: { name: "alice" } });
      expect(JSON.stringify(session)).not.toContain(token);
    }
  });
});

async function scene(
  given: WorldOptions = ON_REQUEST,
): Promise<{ world: World; alice: Browser; bob: Browser }> {
  const world = await createWorld(given);
  const [alice, bob] = [world.browser(), world.browser()];
  await alice.signIn("alice");
  await bob.signIn("bob");
  return { world, alice, bob };
}
