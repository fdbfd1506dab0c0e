/** Whose a session is that was adopted from v5's guide: the provider's `sub` is in no JWT there. */
import { encode } from "next-auth-v5/jwt";
import { describe, expect, it } from "vitest";
import type { Browser } from "../next-auth/support/browser.ts";
import { memoryAdapter } from "../next-auth/support/memory-adapter.ts";
import { SECRET, SESSION_COOKIE, createWorld, type World } from "./support/world.ts";

describe("a session of v5's guide that was adopted", () => {
  it("never counts as the user's whom the provider calls as the app's database calls this one (SEC-15, SEC-45)", async () => {
    const world = (await createWorld()).copy({
      auth: { adapter: memoryAdapter().methods, session: { strategy: "jwt" } },
    });
    const [alice, mallory] = [world.browser(), world.browser()];
    await signedInBefore(world, alice, { user: "alice", sub: "42" });
    await mallory.signIn("42");

    expect(await world.listSessions(mallory.pageRequest())).toHaveLength(1);
    expect(await world.endOtherSessions(mallory.pageRequest())).toBe(0);
    expect(await world.endSessionsOf({ provider: "strict", subject: "42" })).toBe(1);
    expect(await alice.session()).toMatchObject({ user: { name: "alice" } });
  });

  it("stands alone: neither another's list nor its own leads from one to the other", async () => {
    const world = await createWorld();
    const [phone, tablet, laptop] = [world.browser(), world.browser(), world.browser()];
    await signedInBefore(world, phone, { user: "alice", sub: "6f0c6a0e-6c1b-4a55-9bd4-6f1c1f1f7a10" });
    await signedInBefore(world, tablet, { user: "alice", sub: "6f0c6a0e-6c1b-4a55-9bd4-6f1c1f1f7a10" });
    await laptop.signIn("alice");

    for (const browser of [phone, tablet, laptop]) {
      expect(await world.listSessions(browser.pageRequest())).toMatchObject([{ isThisSession: true }]);
    }
    expect(await world.endAllSessions(phone.pageRequest())).toBe(1);
    expect(await phone.session()).toBeNull();
    expect(await tablet.session()).toMatchObject({ user: { name: "alice" } });
  });

  it("is the user's whom its ID token names", async () => {
    const world = await createWorld();
    const [phone, laptop] = [world.browser(), world.browser()];
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = { iss: world.server.issuer, sub: "alice", aud: "app", exp: 2e9, iat: 1 };
    const idToken = `${part({ alg: "RS256" })}.${part(claims)}.c2ln`;
    await signedInBefore(world, phone, { user: "alice", sub: "a random one", id_token: idToken });
    await laptop.signIn("alice");

    expect(await world.listSessions(laptop.pageRequest())).toHaveLength(2);
    expect(await world.endSessionsOf({ provider: "strict", subject: "alice" })).toBe(2);
    expect(await phone.session()).toBeNull();
  });
});

/** Signed in by the guide's recipe, and read once since. */
async function signedInBefore(
  world: World,
  browser: Browser,
  { user, ...more }: { user: string; sub: string; id_token?: string },
): Promise<void> {
  const { access_token, refresh_token } = world.server.issue({ user });
  const expires_at = Math.floor(Date.now() / 1000) + 50;
  const token = { name: user, access_token, refresh_token, expires_at, ...more };
  browser.jar.set(SESSION_COOKIE, await encode({ token, secret: SECRET, salt: SESSION_COOKIE }));
  await browser.session();
}
