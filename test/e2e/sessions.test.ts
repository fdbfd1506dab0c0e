/**
 * A user's own list of live sessions, in real browsers: two users with two browsers each, and the page of the example that
 * lists and ends their sessions.
 */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";

import { startStage, type Stage } from "./support/app.ts";
import { describeInChromium, launchChromium } from "./support/chromium.ts";
import {
  hydrated,
  newVisitor,
  signIn,
  type Person,
  type SessionJson,
  type Visitor,
} from "./support/visitor.ts";

/** Long enough that no token is due while the test runs. */
const TOKEN_TTL_SECONDS = 120;

describeInChromium("the page of a user's sessions", () => {
  let stage: Stage;
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
    stage = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS });
  });
  afterAll(async () => {
    await browser.close();
    await stage.stop();
  });

  const signedIn = async (person: Person): Promise<Visitor> => {
    const visitor = await newVisitor(browser, stage);
    await signIn(visitor, person, "/sessions");
    return visitor;
  };
  const rows = ({ page }: Visitor) => page.getByTestId("session");
  const reload = async (visitor: Visitor): Promise<number> => {
    await visitor.page.goto(`${stage.app.url}/sessions`);
    await visitor.page.getByTestId("sessions").waitFor();
    return rows(visitor).count();
  };
  /** Who is signed in, by NextAuth's own session route. */
  const userOf = ({ page }: Visitor): Promise<string | undefined> =>
    page.evaluate(async () => {
      const answer = await fetch("/api/auth/session", { cache: "no-store" });
      return ((await answer.json()) as SessionJson | null)?.user?.name;
    });
  const usersOf = (visitors: readonly Visitor[]): Promise<(string | undefined)[]> =>
    Promise.all(visitors.map(userOf));
  /** Presses a button, and waits until it has gone, or the page has. */
  const press = async ({ page }: Visitor, testId: string): Promise<void> => {
    const button = await hydrated(page.getByTestId(testId));
    await button.click();
    await button.waitFor({ state: "hidden" });
  };

  it("shows each user's own, and ends one, the others or all, each at its browser's next session read (SEC-15, I8)", async () => {
    const [laptop, phone] = [await signedIn("alice"), await signedIn("alice")];
    const [bobs, bobsPhone] = [await signedIn("bob"), await signedIn("bob")];
    const everybody = [laptop, phone, bobs, bobsPhone];
    const before = await usersOf(everybody);
    const [alice, bob] = [before[0], before[2]];
    expect(before).toEqual([alice, alice, bob, bob]);
    expect(alice).not.toBe(bob);

    expect(await Promise.all(everybody.map(reload))).toEqual([2, 2, 2, 2]);
    expect(await rows(laptop).first().getAttribute("data-this")).toBe("true");
    await press(laptop, "end-one");

    expect(await rows(laptop).count()).toBe(1);
    expect(await usersOf(everybody)).toEqual([alice, undefined, bob, bob]);
    expect(await reload(bobs)).toBe(2);
    await phone.page.goto(`${stage.app.url}/sessions`);
    await phone.page.waitForURL(/\/signin\?/);

    const tablet = await signedIn("alice");
    const third = await signedIn("alice");
    expect(await reload(laptop)).toBe(3);
    await press(laptop, "end-others");

    expect(await rows(laptop).count()).toBe(1);
    expect(await usersOf([laptop, tablet, third, bobs, bobsPhone])).toEqual([
      alice,
      undefined,
      undefined,
      bob,
      bob,
    ]);

    await press(bobsPhone, "end-all");
    await bobsPhone.page.waitForURL(/\/signin\?/);
    await bobsPhone.page.getByTestId("sign-in-demo").waitFor();

    expect(await usersOf([laptop, bobs, bobsPhone])).toEqual([alice, undefined, undefined]);
    // One, two, two: at the authorization server they end in the background.
    const revoked = (): unknown => stage.servers.authorizationServer.audit("grant.revoked").length;
    await expect.poll(revoked, { timeout: 20_000 }).toBe(5);
    for (const { trouble } of [...everybody, tablet, third]) expect(trouble).toEqual([]);
    await Promise.all([...everybody, tablet, third].map((visitor) => visitor.close()));
  });
});
