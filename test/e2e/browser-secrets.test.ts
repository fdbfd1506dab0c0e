/**
 * Nothing secret is within reach of a page: whatever the browser is sent, keeps or shows is searched for every token,
 * handle and secret there is.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";

import { TEST_BUILD } from "../../scripts/lib/paths.ts";
import { startStage, type Stage } from "./support/app.ts";
import { secretsOf, sessionCookieText, sessionSecrets } from "./support/canaries.ts";
import { describeInChromium, launchChromium } from "./support/chromium.ts";
import { EXAMPLE } from "./support/example.ts";
import { recordStreams, streamMessages } from "./support/page-scripts.ts";
import { expectSeen, reachable, recordEverything, uniqueBy } from "./support/reach.ts";
import { findLeaks, type Canary, type Place } from "./support/secret-scan.ts";
import {
  DOORS,
  fillSignIn,
  hydrated,
  markOf,
  newVisitor,
  renewals,
  signIn,
  signOut,
  type Visitor,
} from "./support/visitor.ts";

const TOKEN_TTL_SECONDS = 8;
const PEOPLE = ["alice", "dave"] as const;
const KINDS = ["AccessToken", "RefreshToken", "accessToken", "refreshToken", "idToken", "handle"];
const SESSION_ROUTE = /\/api\/auth\/session$/;
const ANY_JWT = /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}/;

describeInChromium("a page's reach", () => {
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

  it("holds no token, handle or secret, signed in, signed out and offline (SEC-01, SEC-03, SEC-05, SEC-06, F44)", async () => {
    const init = { script: recordStreams };
    const people = await Promise.all(PEOPLE.map(() => newVisitor(browser, stage, { init })));
    const records = people.map(recordEverything);
    for (const [index, me] of people.entries()) {
      await me.page.goto(`${stage.app.url}/signin`);
      await fillSignIn(me.page, PEOPLE[index]!);
      await me.page.waitForURL(`${stage.app.url}/`);
      await signIn(me, PEOPLE[index]!, "/");
    }

    const canaries: Canary[] = [];
    const keepCanaries = async (): Promise<void> => {
      canaries.push(...secretsOf(stage), ...(await Promise.all(people.map(sessionSecrets))).flat());
    };
    await keepCanaries();
    await Promise.all(people.map(visitEverything));
    await keepCanaries();
    for (const me of people) expect(renewals(me), "no renewed token was looked for").toBeGreaterThan(0);
    for (const kind of KINDS) expect(canaries.map(({ name }) => name)).toContain(kind);

    const places = bundles();
    for (const [index, me] of people.entries()) {
      places.push({ where: "event stream", text: (await streamMessages(me.page)).join("\n") });
      places.push(...(await reachable(me.page, "signed in")));
      expect(
        carried(await sessionCookieText(me), canaries),
        "the cookie carries more than the handle",
      ).toEqual(["handle"]);
      await signOut(me.page);
      places.push(...(await reachable(me.page, "signed out")));
      await me.context.setOffline(true);
      places.push(...(await reachable(me.page, "signed out and offline")));
      places.push(...(await records[index]!()));
    }

    expectSeen(places, SESSION_ROUTE, /"accessTokenExpires":\d/);
    expectSeen(places, /[?&]_rsc=/, /\w{20}/);
    expectSeen(places, /_next\/static\/.*\.js/, /function/);
    expectSeen(places, /^html while signed in/, /data-testid/);
    expectSeen(places, /^event stream/, /"kind":"renewed"/);
    const leaks = findLeaks(uniqueBy(canaries, "value"), uniqueBy(places, "text"));
    expect(leaks.map(({ where, name, below }) => `${name} in ${where} ${below}`)).toEqual([]);
    expect(places.filter(({ text }) => ANY_JWT.test(text)).map(({ where }) => where)).toEqual([]);
    await Promise.all(people.map((me) => me.close()));
  });
});

function carried(text: string, canaries: readonly Canary[]): readonly string[] {
  return [
    ...new Set(findLeaks(uniqueBy(canaries, "value"), [{ where: "cookie", text }]).map(({ name }) => name)),
  ];
}

/** Every page by a click on its link, some by address, a server action, both routes; to end on the live page. */
async function visitEverything({ page }: Visitor): Promise<void> {
  const { origin } = new URL(page.url());
  for (const door of DOORS) {
    await (await hydrated(page.locator(`nav a[href="${door}"]`))).click();
    await page.waitForURL(origin + door);
    await page.getByTestId(markOf(door)).first().waitFor();
  }
  await page.goto(`${origin}/client`);
  for (const button of ["call-pages-api", "call-route"]) {
    await (await hydrated(page.getByTestId(button))).click();
    await page.getByTestId("orders").waitFor();
  }
  await page.goto(`${origin}/action`);
  await (await hydrated(page.getByTestId("run-action"))).click();
  await page.getByTestId("orders").waitFor();
  await page.goto(`${origin}/live`);
  const renewed = page.getByTestId("counter-refreshes").filter({ hasText: /[1-9]/ });
  await renewed.waitFor();
  // Pages come with the session, and a tab asks only when its token is due: a quick visit would end before.
  await page.evaluate(async () => (await fetch("/api/auth/session")).text());
}

/** Everything that the built app gives to any browser that asks. */
function bundles(): Place[] {
  return readdirSync(join(EXAMPLE.folder, TEST_BUILD, "static"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(js|css|json|map|html)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ where: path.slice(EXAMPLE.folder.length), text: readFileSync(path, "utf8") }));
}
