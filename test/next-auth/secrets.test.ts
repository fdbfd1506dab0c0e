import { describe, expect, it, vi } from "vitest";
import { captureConsole } from "./support/console.ts";
import { LIFETIME_MS, OTHER_SECRET, SECRET, createWorld, jwtOf, pass } from "./support/world.ts";

const THIRD_SECRET = "u7Yt2Rz5Kp9Wm3Xc8Vb1Nq4Lj6Hg0Fds";

describe("the secret that seals the store", () => {
  it("is NextAuth's own where nolapse has none", async () => {
    const world = await createWorld();
    const alice = world.browser();
    await alice.signIn("alice");

    const other = world.copy({ options: { secret: SECRET } });

    const { accessToken } = await other.getAccessToken(alice.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("alice");
  });

  it("is the first of NOLAPSE_SECRET, which may be a list", async () => {
    vi.stubEnv("NOLAPSE_SECRET", ` ${OTHER_SECRET} ,${THIRD_SECRET}, `);
    const world = await createWorld();
    const alice = world.browser();
    await alice.signIn("alice");

    vi.stubEnv("NOLAPSE_SECRET", OTHER_SECRET);
    const { accessToken } = await world.copy().getAccessToken(alice.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("alice");
    vi.stubEnv("NOLAPSE_SECRET", THIRD_SECRET);
    await expect(world.copy().getAccessToken(alice.pageRequest())).rejects.toMatchObject({
      code: "store_failed",
    });
  });

  it("can be rotated while users are signed in: they keep their cookies, handles and chains (SEC-59)", async () => {
    const world = await createWorld({ options: { secret: [OTHER_SECRET] } });
    const [alice, bob] = [world.browser(), world.browser()];
    await alice.signIn("alice");
    const before = (await jwtOf(alice))?.["nolapse"];
    const rotated = world.copy({ options: { secret: [THIRD_SECRET, OTHER_SECRET] } });
    const afterwards = rotated.browser();
    for (const [name, value] of alice.jar) afterwards.jar.set(name, value);

    pass(LIFETIME_MS * 0.7);
    expect(await afterwards.session()).toMatchObject({ accessTokenExpiresIn: 60 });
    await bob.signIn("bob");

    expect((await jwtOf(afterwards))?.["nolapse"]).toEqual(before);
    for (const [browser, user] of [
      [afterwards, "alice"],
      [bob, "bob"],
    ] as const) {
      const { accessToken } = await rotated.getAccessToken(browser.pageRequest());
      expect(world.server.userOf(accessToken)).toBe(user);
    }
    expect(world.server.requests.every(({ outcome }) => outcome === "rotated")).toBe(true);
  });

  it("can be taken out after a reseal, as soon as nobody needs it: nobody is signed out (SEC-59)", async () => {
    const world = await createWorld({ options: { secret: [OTHER_SECRET] } });
    const [alice, bob] = [world.browser(), world.browser()];
    await alice.signIn("alice");
    await bob.signIn("bob");
    const both = world.copy({ options: { secret: [THIRD_SECRET, OTHER_SECRET] } });

    const report = await both.resealGrants();
    const again = await both.resealGrants();

    expect(report).toMatchObject({ scanned: 2, resealed: 2, unopened: 0 });
    expect(again).toMatchObject({ scanned: 2, resealed: 0, unopened: 0 });
    // Everything is sealed by the new key; the sessions of before are still found by the old one.
    const [newest = "", old = "", nextAuth = ""] = again.keyIds;
    expect(again.needed).toEqual({ [newest]: { seals: 2, names: 0 }, [old]: { seals: 0, names: 2 } });
    expect(again.needed[nextAuth]).toBeUndefined();
    expect(again.keyIds).toHaveLength(3);
    expect(JSON.stringify(again)).not.toContain(OTHER_SECRET);

    // Taken out too early it fails closed, and everything is there again when it comes back.
    const tooEarly = world.copy({ options: { secret: [THIRD_SECRET] } });
    for (const browser of [alice, bob]) {
      await expect(tooEarly.getAccessToken(browser.pageRequest())).rejects.toMatchObject({
        code: "store_failed",
      });
    }
    pass(LIFETIME_MS);
    for (const [browser, user] of [
      [alice, "alice"],
      [bob, "bob"],
    ] as const) {
      const { accessToken } = await both.getAccessToken(browser.pageRequest());
      expect(world.server.userOf(accessToken)).toBe(user);
    }

    // After a new sign-in of each of them, and the end of the old sessions, nobody needs the old one.
    const signIns = [both.browser(), both.browser()] as const;
    await signIns[0].signIn("alice");
    await signIns[1].signIn("bob");
    for (const before of [alice, bob]) {
      const tab = both.browser();
      for (const [name, value] of before.jar) tab.jar.set(name, value);
      await tab.signOut();
    }
    expect((await both.resealGrants()).needed).toEqual({ [newest]: { seals: 2, names: 2 } });
    const { accessToken } = await tooEarly.getAccessToken(signIns[0].pageRequest());
    expect(world.server.userOf(accessToken)).toBe("alice");
    expect(world.server.requests.every(({ outcome }) => outcome !== "reused")).toBe(true);
  });

  it("may come in front of NextAuth's own, under which the store began: sessions go on (SEC-59)", async () => {
    const world = await createWorld();
    const alice = world.browser();
    await alice.signIn("alice");

    const own = world.copy({ options: { secret: [THIRD_SECRET] } });
    const report = await own.resealGrants();

    expect(report).toMatchObject({ resealed: 1, unopened: 0 });
    const { accessToken } = await own.getAccessToken(alice.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("alice");
  });

  it("that nobody has any more leaves its grants as they are, and says so (SEC-60)", async () => {
    const world = await createWorld({ options: { secret: OTHER_SECRET } });
    const [alice, bob] = [world.browser(), world.browser()];
    await alice.signIn("alice");
    const lost = world.copy({ options: { secret: THIRD_SECRET } });
    const late = lost.browser();
    await late.signIn("bob");
    for (const [name, value] of late.jar) bob.jar.set(name, value);

    const report = await lost.resealGrants();

    expect(report).toMatchObject({ scanned: 2, resealed: 0, unopened: 1 });
    const back = world.copy({ options: { secret: [THIRD_SECRET, OTHER_SECRET] } });
    for (const [browser, user] of [
      [alice, "alice"],
      [bob, "bob"],
    ] as const) {
      const { accessToken } = await back.getAccessToken(browser.pageRequest());
      expect(world.server.userOf(accessToken)).toBe(user);
    }
  });

  it("that is missing from the list fails closed, signs nobody out, and is told once (SEC-60, I6)", async () => {
    const said = captureConsole();
    const world = await createWorld({ options: { secret: OTHER_SECRET } });
    const alice = world.browser();
    await alice.signIn("alice");
    const lost = world.copy({ options: { secret: THIRD_SECRET } });
    const browser = lost.browser();
    for (const [name, value] of alice.jar) browser.jar.set(name, value);

    for (let read = 0; read < 3; read++) {
      expect(await browser.session()).toMatchObject({
        user: { name: "alice" },
        tokenState: { status: "retrying" },
      });
    }
    await expect(lost.getAccessToken(browser.pageRequest())).rejects.toMatchObject({
      code: "store_failed",
      message: expect.stringContaining("NOLAPSE_SECRET") as string,
    });

    expect(said.own()).toHaveLength(1);
    expect(said.own()[0]).toContain("Put the old secret back behind the new one");
    expect(said.text()).not.toContain(OTHER_SECRET);
    expect(said.text()).not.toContain(THIRD_SECRET);
    pass(LIFETIME_MS);
    for (const [name, value] of browser.jar) alice.jar.set(name, value);
    expect(await alice.session()).toMatchObject({
      tokenState: { status: "fresh" },
      accessTokenExpiresIn: 60,
    });
  });

  it.each([
    ["too short", "f3Kq9"],
    ["one character repeated", "a".repeat(40)],
    ["a placeholder", "your-secret-goes-here-change-me-please-1"],
  ])("and is %s is refused at first use, not before, and never repeated (SEC-61)", async (_what, secret) => {
    const said = captureConsole();
    const world = await createWorld({ options: { secret: [OTHER_SECRET, secret] } });
    const alice = world.browser();

    const answer = await alice.signIn("alice");

    expect(answer.headers.get("location")).toMatch(/error=Configuration$/);
    expect(said.own()[0]).toContain("(secret 2 of 2)");
    expect(said.text()).not.toContain(secret);
  });
});
