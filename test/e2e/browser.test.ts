/**
 * The example in a real browser: every way in and out, the way back, and several tabs.
 */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";

import { startStage, type Stage } from "./support/app.ts";
import { describeInChromium, launchChromium } from "./support/chromium.ts";
import { EXAMPLE } from "./support/example.ts";
import { notedSignIn, noteSignIn } from "./support/page-scripts.ts";
import { pause } from "./support/tabs.ts";
import {
  callOrders,
  DOORS,
  fillSignIn,
  hydrated,
  markOf,
  newTab,
  newVisitor,
  shownName,
  signIn,
  signOut,
  type Person,
  type Visitor,
  type VisitorOptions,
} from "./support/visitor.ts";

vi.setConfig({ maxConcurrency: 12 });

describeInChromium("the example in Chromium", () => {
  let stage: Stage;
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
    stage = await startStage({ tokenTtlSeconds: 12 });
  });
  afterAll(async () => {
    await browser.close();
    await stage.stop();
  });

  const visitor = (options?: VisitorOptions): Promise<Visitor> => newVisitor(browser, stage, options);

  for (const person of ["alice", "carol"] satisfies Person[]) {
    const how = person === "alice" ? "the authorization server's form" : "the backend's own login";

    it.concurrent(
      `leads a signed-out page to sign-in, through ${how} and back, and out again (F32)`,
      async () => {
        const me = await visitor();
        const { page } = me;

        await page.goto(`${stage.app.url}/protected`);
        expect(new URL(page.url()).pathname).toBe("/signin");
        await fillSignIn(page, person);
        await page.waitForURL(`${stage.app.url}/protected`);
        await page.getByTestId("order").first().waitFor();
        expect((await shownName(page))?.toLowerCase()).toContain(person);

        await hydrated(page.getByTestId("user"));
        await signOut(page);
        expect(await cookieNames(me)).not.toContain(EXAMPLE.sessionCookie);
        await page.goto(`${stage.app.url}/action`);
        expect(new URL(page.url()).pathname).toBe("/signin");
        expect(me.trouble).toEqual([]);
        await me.close();
      },
    );
  }

  it.concurrent(
    "shows every door's page to somebody who came to sign in for it, and to nobody else",
    async () => {
      const [me, stranger] = [await visitor(), await visitor()];
      await signIn(me, "bob", "/");
      for (const door of DOORS) {
        await stranger.page.goto(stage.app.url + door);
        expect(stranger.page.url(), door).toBe(
          `${stage.app.url}/signin?callbackUrl=${encodeURIComponent(door)}`,
        );
        await me.page.goto(stage.app.url + door);
        await me.page.getByTestId(markOf(door)).first().waitFor();
      }
      expect(me.trouble).toEqual([]);
      await Promise.all([me.close(), stranger.close()]);
    },
  );

  it.concurrent("says what is wrong with a password and stays on the page", async () => {
    const me = await visitor({ expects: (trouble) => trouble.startsWith("401 ") });
    await me.page.goto(`${stage.app.url}/signin?callbackUrl=%2Fprotected`);
    const form = await hydrated(me.page.getByTestId("credentials-form"));
    await form.locator("input[name=username]").fill("carol");
    await form.locator("input[name=password]").fill("not-her-password");
    await form.locator("button[type=submit]").click();

    await form.getByRole("alert").waitFor();

    expect(new URL(me.page.url()).pathname).toBe("/signin");
    expect(await form.locator("input[name=username]").inputValue()).toBe("carol");
    expect(me.trouble).toEqual([]);
    await me.close();
  });

  it.concurrent(
    "never sends a password in an address, even before the page's scripts have run (SEC-05)",
    async () => {
      const context = await browser.newContext({ javaScriptEnabled: false });
      const page = await context.newPage();
      await page.goto(`${stage.app.url}/signin`);
      await page.locator("[data-testid=credentials-form] input[name=username]").fill("carol");
      await page.locator("[data-testid=credentials-form] input[name=password]").fill("carol-demo");
      await page.locator("[data-testid=credentials-form] button[type=submit]").click({ noWaitAfter: true });
      await pause(1_000);

      expect(page.url()).not.toContain("carol-demo");
      await context.close();
    },
  );

  it.concurrent("tells every tab of a sign-out, and sends nothing more (F32, I16)", async () => {
    const [me, other] = [await visitor(), await visitor()];
    await signIn(me, "alice", "/protected");
    await signIn(other, "bob", "/protected");
    const [second, third] = [await newTab(me, "/client"), await newTab(me, "/action")];
    for (const tab of [second, third]) await hydrated(tab.getByTestId("user"));
    const before = me.sessionRequests.length;

    await signOut(me.page);
    for (const tab of [second, third]) await tab.getByTestId("sign-in").waitFor();

    // Who hears of it again within two seconds asks again at their end.
    await pause(4_000);
    const told = me.sessionRequests.length;
    // In each tab: next-auth's own code and the confirmation of it, once for the sign-out and once for whoever tells of it.
    expect(told - before).toBeLessThanOrEqual(3 * 4);
    await pause(9_000);
    expect(me.sessionRequests.length, "a signed-out tab asked again").toBe(told);
    expect(second.url(), "a tab was taken away").toBe(`${stage.app.url}/client`);
    expect(third.url()).toBe(`${stage.app.url}/action`);
    expect(await callOrders(other.page)).toMatchObject({ ok: true });
    expect(me.trouble).toEqual([]);
    await Promise.all([me.close(), other.close()]);
  });

  it.concurrent(
    "shows who signs out until the next page is there, however long that takes (F32)",
    async () => {
      const me = await visitor();
      await signIn(me, "bob", "/protected");
      const second = await newTab(me, "/client");
      await hydrated(second.getByTestId("user"));
      const next = `${stage.app.url}/`;
      let answer!: () => void;
      const held = new Promise<void>((resolve) => (answer = resolve));
      await me.page.route(next, (route) => held.then(() => route.continue()));
      await (await hydrated(me.page.getByTestId("user"))).click();
      await me.page.evaluate(noteSignIn);
      await me.page.getByTestId("sign-out").click({ noWaitAfter: true });
      await second.getByTestId("sign-in").waitFor();
      await pause(2_000);
      answer();
      await me.page.waitForURL(next);
      await me.page.getByTestId("sign-in").waitFor();
      expect(await me.page.evaluate(notedSignIn)).toBeNull();
      expect(me.trouble).toEqual([]);
      await me.close();
    },
  );

  it.concurrent("shows one user in all tabs when another signs in in a second one (F43)", async () => {
    const me = await visitor();
    await signIn(me, "alice", "/protected");
    const second = await newTab(me, "/action");
    expect(await shownName(second)).toContain("Alice");

    await second.goto(`${stage.app.url}/signin?callbackUrl=%2Fclient`);
    await fillSignIn(second, "dave");
    await second.waitForURL(`${stage.app.url}/client`);
    await me.page.waitForFunction(() =>
      document.querySelector('[data-testid="user"]')?.getAttribute("aria-label")?.includes("Dave"),
    );

    await pause(9_000);
    const names = me.sessionRequests.flatMap(({ session }) => session?.user?.name ?? []);
    expect(names.length).toBeGreaterThan(0);
    const firstDave = names.findIndex((name) => name.startsWith("Dave"));
    expect(
      names.slice(firstDave).every((name) => name.startsWith("Dave")),
      names.join(),
    ).toBe(true);
    expect(me.sessionRequests.some(({ session }) => session?.error !== undefined)).toBe(false);
    for (const tab of [me.page, second]) {
      expect(await shownName(tab)).toContain("Dave");
      expect(await callOrders(tab)).toMatchObject({ ok: true });
    }
    expect(me.trouble).toEqual([]);
    await me.close();
  });
});

async function cookieNames({ context }: Visitor): Promise<readonly string[]> {
  return (await context.cookies()).map(({ name }) => name);
}
