import { describe, expect, it } from "vitest";
import { SESSION_COOKIE, createWorld, inServerAction, strictProvider, type World } from "./support/world.ts";

const END = "https://as.example/logout";
const BACK = "http://localhost:3000/bye";

async function scene(rpInitiatedLogout: boolean): Promise<World> {
  const bare = await createWorld();
  return bare.copy({
    auth: { providers: [strictProvider(bare.server)] },
    options: { providers: { strict: { rpInitiatedLogout, endSessionEndpoint: END } } },
  });
}

/** Where a server action redirects to, as Next reads it from what was thrown. */
async function redirectOf(action: Promise<unknown>): Promise<string> {
  const [settled] = await Promise.allSettled([action]);
  const { getURLFromRedirectError } = await import("next/dist/client/components/redirect.js");
  return settled.status === "rejected" ? getURLFromRedirectError(settled.reason as never) : "no redirect";
}

describe("the server action signOut() of v5 that goes on at the provider", () => {
  it("redirects there, and is a sign-out", async () => {
    const world = await scene(true);
    const [alice, bob] = [world.browser(), world.browser()];
    await alice.signIn("alice");
    await bob.signIn("bob");

    const address = await inServerAction(alice, () =>
      redirectOf(world.nextAuth.signOut({ redirectTo: BACK })),
    );

    const url = new URL(address);
    expect(`${url.origin}${url.pathname}`).toBe(END);
    expect(url.searchParams.get("client_id")).toBe("app");
    expect(url.searchParams.get("post_logout_redirect_uri")).toBe(BACK);
    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
    await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    await world.getAccessToken(bob.pageRequest());
    expect(world.eventsOf("rp_initiated_logout")).toHaveLength(1);
  });

  it("tells the address where it shall not redirect", async () => {
    const world = await scene(true);
    const alice = world.browser();
    await alice.signIn("alice");

    const result = (await inServerAction(alice, () =>
      world.nextAuth.signOut({ redirectTo: BACK, redirect: false }),
    )) as { redirect: string };

    expect(result.redirect).toContain(`${END}?client_id=app&post_logout_redirect_uri=`);
  });

  it("is what it was, where it is not asked for, or nobody is signed in", async () => {
    const off = await scene(false);
    const alice = off.browser();
    await alice.signIn("alice");
    const on = await scene(true);

    for (const [world, browser] of [
      [off, alice],
      [on, on.browser()],
    ] as const) {
      const signOut = () => redirectOf(world.nextAuth.signOut({ redirectTo: BACK }));
      expect(await inServerAction(browser, signOut)).toBe(BACK);
    }
  });
});
