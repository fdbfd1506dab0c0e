/** A `middleware.ts` on the Edge that an app had before nolapse, and keeps: next-auth's own, which knows nothing of nolapse. */
import { withAuth } from "next-auth/middleware";
import { expect, it, describe } from "vitest";
import type { Browser } from "./support/browser.ts";
import { LIFETIME_MS, SECRET, createWorld, pass } from "./support/world.ts";

describe("next-auth's own middleware", () => {
  it("lets everybody pass who is signed in, many lifetimes later too, sees no token, and sets no cookie (SEC-01)", async () => {
    const world = await createWorld();
    const [alice, bob] = [world.browser(), world.browser()];
    await alice.signIn("alice");
    await bob.signIn("bob");
    pass(20 * LIFETIME_MS);

    for (const [browser, name] of [[alice, "alice"] as const, [bob, "bob"] as const]) {
      const { answer, token } = await throughMiddleware(browser);
      expect([answer?.status, answer?.headers.getSetCookie()]).toEqual([undefined, undefined]);
      expect(token).toMatchObject({ name });
      expect(JSON.stringify(token)).not.toMatch(/[ar]t-/);
      const { accessToken } = await world.getAccessToken(browser.pageRequest());
      expect(world.server.userOf(accessToken)).toBe(name);
    }
  });

  it("goes by the cookie alone: a session that was ended elsewhere passes, and the page knows", async () => {
    const world = await createWorld();
    const alice = world.browser();
    await alice.signIn("alice");
    const copy = alice.copy();
    await alice.signOut();

    expect((await throughMiddleware(copy)).token).toMatchObject({ name: "alice" });
    expect((await throughMiddleware(alice)).answer?.headers.get("location")).toContain("/api/auth/signin");
    await expect(world.getAccessToken(copy.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
  });
});

async function throughMiddleware(
  browser: Browser,
): Promise<{ readonly answer: Response | undefined; readonly token: unknown }> {
  const request = browser.pageRequest();
  const middleware = withAuth(() => undefined, { secret: SECRET });
  const answer = await middleware(request as never, {} as never);
  return {
    answer: answer as Response | undefined,
    token: (request as { nextauth?: { token: unknown } }).nextauth?.token,
  };
}
