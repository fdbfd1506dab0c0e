/**
 * What goes wrong around a page in a real browser: session requests that fail sign nobody out, and a sign-in that has
 * ended is asked for once, without taking anybody away.
 */
import type { Browser, Page, Route } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";

import { startStage, type Stage } from "./support/app.ts";
import { describeInChromium, launchChromium } from "./support/chromium.ts";
import { EXAMPLE } from "./support/example.ts";
import { watched, watchFor } from "./support/page-scripts.ts";
import { revokeGrant } from "./support/revoke-grant.ts";
import { pause } from "./support/tabs.ts";
import {
  callOrders,
  hydrated,
  newTab,
  newVisitor,
  renewals,
  shownName,
  signIn,
  type Person,
  type SessionJson,
  type Visitor,
  type VisitorOptions,
} from "./support/visitor.ts";

const TOKEN_TTL_SECONDS = 12;
const SESSION = "**/api/auth/session";
const LIMIT_MS = 120_000;

const FAULTS: readonly {
  readonly name: string;
  readonly person: Person;
  readonly fail: (me: Visitor) => Promise<void>;
  readonly mend: (me: Visitor) => Promise<void>;
  /** How often the page asks in the meantime, at least and at most. Default: at 7.8 s, and then 1, 2, 4 seconds apart, each cut by up to a half. */
  readonly tries?: readonly [number, number];
}[] = [
  {
    name: "the network is gone",
    person: "alice",
    fail: (me) => me.context.setOffline(true),
    mend: (me) => me.context.setOffline(false),
  },
  answering("the app answers 503", "bob", (route) => route.fulfill({ status: 503, body: "down" })),
  answering("a web page comes instead of the session", "carol", (route) =>
    route.fulfill({
      status: 200,
      contentType: "text/html",
      body: "<!doctype html><title>Sign in to the Wi-Fi</title>",
    }),
  ),
  answering("the connection is cut", "dave", (route) => route.abort("connectionreset")),
  // It waits for its one request for 15 s, which is longer than the token lives.
  { ...answering("the app never answers", "bob", () => new Promise(() => undefined)), tries: [1, 1] },
];

function answering(
  name: string,
  person: Person,
  answer: (route: Route) => Promise<void>,
): (typeof FAULTS)[number] {
  return {
    name,
    person,
    fail: async (me) => {
      await me.context.route(SESSION, answer);
    },
    mend: (me) => me.context.unroute(SESSION, answer),
  };
}

vi.setConfig({ maxConcurrency: 12 });

describeInChromium("a page in a world that fails", () => {
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

  const visitor = (options?: VisitorOptions): Promise<Visitor> => newVisitor(browser, stage, options);

  for (const { name, person, fail, mend, tries: [least, most] = [2, 6] } of FAULTS) {
    it.concurrent(
      `keeps ${person} signed in while ${name}, over the end of the token, and recovers by itself (F23, F30, F33)`,
      { timeout: LIMIT_MS },
      async () => {
        const me = await visitor({
          expects: (trouble) =>
            trouble.includes("/api/auth/session") || trouble.includes("ERR_INTERNET_DISCONNECTED"),
        });
        await signIn(me, person, "/action");
        const note = await hydrated(me.page.getByTestId("note"));
        await note.fill("half a thought");
        const shown = me.shown.length;
        await watchFor(me.page, ["sign-in", "reauth-prompt"]);

        await fail(me);
        const before = me.sessionRequests.length;
        await pause(TOKEN_TTL_SECONDS * 1000 + 2_000);
        const failed = me.sessionRequests.slice(before);
        expect(failed.length, "it does not try again").toBeGreaterThanOrEqual(least);
        expect(failed.length, "it asks in a hot loop").toBeLessThanOrEqual(most);
        expect(failed.every(({ session }) => session === undefined)).toBe(true);
        expect(await shownName(me.page)).not.toBeNull();
        await mend(me);

        const back = (): SessionJson | undefined =>
          me.sessionRequests.slice(before).find(({ session }) => session !== undefined)?.session;
        await vi.waitFor(() => expect(back()).toMatchObject({ tokenState: { status: "fresh" } }), {
          // The longest time after six failures; a page that is up late, and asks early, may have had as many.
          timeout: 35_000,
        });
        expect(renewals(me)).toBeGreaterThanOrEqual(1);
        expect(await callOrders(me.page)).toMatchObject({ ok: true });
        expect(await note.inputValue()).toBe("half a thought");
        expect(await watched(me.page), "something on the page moved").toEqual([]);
        expect(me.shown.length, "the page was left").toBe(shown);
        expect(me.trouble).toEqual([]);
        await me.close();
      },
    );
  }

  it.concurrent(
    "asks for one sign-in, with the reason, in each tab of a grant that has ended, and comes back to the same page (F31, F32)",
    { timeout: LIMIT_MS },
    async () => {
      const [me, other] = [await visitor(), await visitor()];
      await signIn(me, "alice", "/action");
      await signIn(other, "bob", "/action");
      const second = await newTab(me, "/client");
      const tabs = [me.page, second];
      for (const tab of tabs) await hydrated(tab.getByTestId("user"));
      await (await hydrated(me.page.getByTestId("note"))).fill("half a thought");
      const shown = countDocuments(tabs);

      const rejectedBefore = rejected(stage);
      await revokeGrant(me);
      for (const tab of tabs) {
        await tab.getByTestId("reauth-reason").waitFor();
        expect(await tab.getByTestId("reauth-reason").textContent()).toBe(
          "The authorization server has withdrawn your sign-in.",
        );
      }
      const told = me.sessionRequests.length;
      const refused = rejected(stage) - rejectedBefore;
      await pause(TOKEN_TTL_SECONDS * 1000);

      expect(shown(), "a tab was taken away").toBe(0);
      expect(me.sessionRequests.length, "a tab asks about a dead sign-in again and again").toBe(told);
      expect(me.sessionRequests.findLast(({ session }) => session)?.session).toMatchObject({
        error: EXAMPLE.signInAgainError,
        tokenState: { status: "reauthentication_required", reason: "rejected" },
      });
      expect(refused, "a dead grant was asked for more than once").toBe(1);
      expect(rejected(stage) - rejectedBefore).toBe(1);
      expect(await other.page.getByTestId("reauth-prompt").count()).toBe(0);
      expect(await callOrders(other.page)).toMatchObject({ ok: true });

      await me.page.getByTestId("reauth-sign-in").click();
      await me.page.getByTestId("signin-reason").waitFor();
      expect(await me.page.getByTestId("signin-reason").getAttribute("data-code")).toBe("rejected");
      await (await hydrated(me.page.getByTestId("sign-in-demo"))).click();
      await me.page.waitForURL(`${stage.app.url}/action`);
      await hydrated(me.page.getByTestId("note"));
      expect(await callOrders(me.page)).toMatchObject({ ok: true });
      for (const tab of tabs) await tab.getByTestId("reauth-reason").waitFor({ state: "detached" });
      expect(await callOrders(second)).toMatchObject({ ok: true });
      expect([...me.trouble, ...other.trouble]).toEqual([]);
      await Promise.all([me.close(), other.close()]);
    },
  );
});

/** How many documents these tabs have shown since. */
function countDocuments(tabs: readonly Page[]): () => number {
  let count = 0;
  for (const tab of tabs) tab.on("framenavigated", () => (count += 1));
  return () => count;
}

function rejected({ servers }: Stage): number {
  return servers.authorizationServer
    .audit("token_request")
    .filter(({ outcome }) => outcome === "invalid_grant").length;
}
