/**
 * A page calls the API through the example's token handler, in a real browser: the browser's own headers pass the guards,
 * an event stream outlives its token, and no token gets near the page.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";

import { startStage, type Stage } from "./support/app.ts";
import { secretsOf, sessionSecrets } from "./support/canaries.ts";
import { describeInChromium, launchChromium } from "./support/chromium.ts";
import { findLeaks, type Canary, type Place } from "./support/secret-scan.ts";
import { hydrated, newTab, newVisitor, renewals, signIn, signOut, type Visitor } from "./support/visitor.ts";

const TOKEN_TTL_SECONDS = 8;
const LIVES = 3;

describeInChromium("the token handler of the example", () => {
  let stage: Stage;
  let browser: Browser;
  /** Path and query of every request that the API has answered, once that has ended. */
  const reachedApi: string[] = [];
  beforeAll(async () => {
    browser = await launchChromium();
    stage = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS });
    stage.servers.api.proxy.onExchange = ({ url }) => void reachedApi.push(url);
  });
  afterAll(async () => {
    await browser.close();
    await stage.stop();
  });

  it.concurrent(
    "calls the API for a page as its own user, with no token in anything the browser gets (SEC-01)",
    async () => {
      const people = await Promise.all((["alice", "dave"] as const).map(async (name) => open(name)));
      const places = people.map(({ me }) => recordAnswers(me));
      const canaries: Canary[] = [];

      for (let round = 0; round < 3; round++) {
        for (const { me, name } of people) {
          await (await hydrated(me.page.getByTestId("ask-api"))).click();
          await me.page.locator(`[data-testid=api-user][data-user=${name}]`).waitFor();
          canaries.push(...(await sessionSecrets(me)));
        }
        canaries.push(...secretsOf(stage));
        await people[0]!.me.page.waitForTimeout((TOKEN_TTL_SECONDS * 1_000) / 2);
      }

      for (const [index, { me }] of people.entries()) {
        const seen = await places[index]!();
        expect(seen.some(({ where }) => where.includes("/api/proxy/shop/me"))).toBe(true);
        const inPage = await me.page.content();
        const leaks = findLeaks(canaries, [...seen, { where: "page", text: inPage }]);
        expect(leaks.map(({ where, name, below }) => `${name} in ${where} ${below}`)).toEqual([]);
        expect(me.trouble).toEqual([]);
        await me.close();
      }
    },
  );

  it.concurrent(
    "streams an answer without an end over three lives of its token, and stops at the API when the page stops (F38)",
    async () => {
      const { me } = await open("alice");
      const { page } = me;
      await (await hydrated(page.getByTestId("start-ticks"))).click();
      await page.getByTestId("ticks").waitFor();
      const begunMs = Date.now();
      const first = await ticksOf(page);

      await page.waitForTimeout(LIVES * TOKEN_TTL_SECONDS * 1_000 + 1_000);

      const passedS = (Date.now() - begunMs) / 1_000;
      expect((await ticksOf(page)) - first).toBeGreaterThan(passedS - 4);
      expect(renewals(me), "the tab renewed nothing meanwhile").toBeGreaterThanOrEqual(LIVES - 1);
      expect(reachedApi).not.toContain("/ticks");
      await page.getByTestId("stop-ticks").click();
      await page.getByTestId("start-ticks").waitFor();
      const stopped = await ticksOf(page);
      await page.waitForTimeout(2_500);
      expect(await ticksOf(page)).toBe(stopped);
      expect(reachedApi, "the stream went on at the API").toContain("/ticks");
      await signOut(page);
      expect(me.trouble).toEqual([]);
      await me.close();
    },
  );

  it.concurrent(
    "takes what the browser itself says, and from nobody else (SEC-25, SEC-26, SEC-30)",
    async () => {
      const { me } = await open("carol");
      const url = `${stage.app.url}/api/proxy/shop/me`;
      const statuses = await me.page.evaluate(async (address) => {
        const ask = async (init: RequestInit): Promise<number> => (await fetch(address, init)).status;
        const own = { "x-nolapse-csrf": "1" };
        return {
          own: (await fetch(`${address}?from=here`, { headers: own })).status,
          without: await ask({}),
          post: await ask({ method: "POST", headers: own }),
          echo: (
            await fetch(address.replace("/me", "/echo"), {
              method: "POST",
              headers: { ...own, "content-type": "application/json" },
              body: '{"a":1}',
            })
          ).status,
          unlisted: (await fetch(address.replace("/me", "/orders"), { headers: own })).status,
        };
      }, url);
      expect(statuses).toEqual({ own: 200, without: 403, post: 404, echo: 200, unlisted: 404 });

      // A page of another site. What it may send, the route refuses; what came back, its browser keeps from it.
      const foreign = await me.context.newPage();
      await foreign.goto(`${stage.servers.apiUrl}/health`);
      const reached = await foreign.evaluate(async (address) => {
        const ask = (init: RequestInit): Promise<string> =>
          fetch(`${address}?from=elsewhere`, { credentials: "include", ...init }).then(
            (answer) => `${answer.type} ${answer.status}`,
            () => "blocked",
          );
        return [
          await ask({ headers: { "x-nolapse-csrf": "1" } }),
          await ask({}),
          await ask({ mode: "no-cors" }),
          await ask({ method: "POST", mode: "no-cors", body: "a=b" }),
        ];
      }, url);
      expect(reached).toEqual(["blocked", "blocked", "blocked", "blocked"]);
      expect(reachedApi).toContain("/me?from=here");
      expect(reachedApi).not.toContain("/me?from=elsewhere");
      const direct = await newTab(me, "/api/proxy/shop/me");
      expect(await direct.locator("body").innerText()).toContain('"missing_header"');
      await me.close();
    },
  );

  async function open(name: "alice" | "carol" | "dave"): Promise<{ me: Visitor; name: string }> {
    const me = await newVisitor(browser, stage, {
      expects: (trouble) => name === "carol" && /^(40[34]|net::)/.test(trouble),
    });
    await signIn(me, name, "/client");
    return { me, name };
  }
});

async function ticksOf(page: Page): Promise<number> {
  return Number(await page.getByTestId("ticks").getAttribute("data-count"));
}

/** Addresses, headers and bodies of everything that the visitor's browser is sent, but the session cookie's own line. */
function recordAnswers({ context }: Visitor): () => Promise<readonly Place[]> {
  const places: Place[] = [];
  const pending: Promise<void>[] = [];
  context.on("response", (response) => {
    const where = response.url();
    pending.push(
      response.headersArray().then(
        (headers) => {
          const plain = headers.filter(({ name }) => name.toLowerCase() !== "set-cookie");
          places.push({ where: `headers of ${where}`, text: JSON.stringify(plain) });
        },
        () => undefined,
      ),
      response.text().then(
        (text) => void places.push({ where, text }),
        () => undefined,
      ),
    );
  });
  return async () => {
    await Promise.all(pending);
    return places;
  };
}
