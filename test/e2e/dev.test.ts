/**
 * `next dev`: files are edited while tokens are due and requests run. Modules are evaluated again and again in the same
 * process, and there is still one refresh for each token, and every session is kept (F21).
 */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { copyExample } from "./support/app-copy.ts";
import { startStage, type Stage } from "./support/app.ts";
import {
  browserless,
  signInWithCredentials,
  signInWithProvider,
  type Browserless,
} from "./support/browserless.ts";
import { LOGINS } from "./support/servers.ts";
import { pause } from "./support/tabs.ts";

const TOKEN_TTL_SECONDS = 12;
const LIFETIME_MS = TOKEN_TTL_SECONDS * 1000;
const IS_FULL = process.env["NOLAPSE_FULL"] === "1";
/** In `npm run test:full`. */
const LIFETIMES = 6;
/** How long Next may take to build a page again on a loaded machine, in milliseconds. */
const ANSWER_LIMIT_MS = 60_000;
/** What is edited, one after the other: the module that makes everything, what it imports, what imports it, a page. */
const EDITED = [
  "lib/auth.ts",
  "lib/auth-providers.ts",
  "lib/page-token.ts",
  "app/protected/page.tsx",
  "app/api/auth/[...nextauth]/route.ts",
];
const DOORS = ["/protected", "/api/orders", "/api/pages/orders", "/pages-router", "/via-proxy"];

/** What an answer with the orders, or with the token's life, holds. */
const MARKS = ['"ok":true', 'data-testid="orders"', 'data-testid="proxy-token-left"'];

let stage: Stage;
let folder: string;

beforeAll(async () => {
  folder = copyExample("dev");
  stage = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS, mode: "dev", folder });
  // Next builds each door when it is asked for first.
  const visitor = await signedIn("alice");
  for (const path of DOORS) expect(await answered(visitor, path)).toBe("answered");
});
afterAll(async () => {
  await stage.stop();
});

async function signedIn(user: "alice" | "bob" | "carol"): Promise<Browserless> {
  const browser = browserless();
  const { url } = stage.app;
  const callbackUrl = `${url}/protected`;
  const page =
    user === "carol"
      ? await signInWithCredentials(browser, { url, providerId: "credentials", callbackUrl }, LOGINS[user])
      : await signInWithProvider(browser, { url, providerId: "demo", callbackUrl }, LOGINS[user]);
  expect(page.body).toContain('data-testid="orders"');
  return browser;
}

function refreshTokensPresented(): readonly (string | undefined)[] {
  return [stage.servers.authorizationServer, stage.servers.api].flatMap(({ proxy }) =>
    proxy.log
      .filter(({ grantType }) => grantType === "refresh_token")
      .map(({ refreshTokenHash }) => refreshTokenHash),
  );
}

function edit(path: string, text: string): void {
  appendFileSync(join(folder, path), `\n// ${text}\n`);
}

/** Asks a door until it opens, and says how that went. */
async function answered(browser: Browserless, path: string): Promise<string> {
  const endMs = Date.now() + ANSWER_LIMIT_MS;
  for (;;) {
    let told: string;
    try {
      const { url, status, body } = await browser.visit(stage.app.url + path);
      if (status === 200 && MARKS.some((mark) => body.includes(mark))) return "answered";
      told = `${path} ${status} at ${new URL(url).pathname}: ${body.slice(0, 200)}`;
      if (!isNextsOwnTrouble(status, url, body)) return told;
    } catch (error) {
      told = `${path}: ${String(error)}`;
    }
    if (Date.now() > endMs) return told;
    await pause(500);
  }
}

/** Next answers with its error page now and then while it exchanges the modules of a page that is being rendered. */
function isNextsOwnTrouble(status: number, url: string, body: string): boolean {
  return (status === 500 || status === 200) && !url.includes("/signin") && body.startsWith("<!DOCTYPE html>");
}

function everybody(): Promise<Browserless[]> {
  return Promise.all((["alice", "bob", "carol"] as const).map(signedIn));
}

async function expectEverythingKept(people: readonly Browserless[]): Promise<void> {
  const presented = refreshTokensPresented();
  expect(new Set(presented).size, "a refresh token was presented twice").toBe(presented.length);
  expect(stage.servers.authorizationServer.audit("refresh_token.reused")).toEqual([]);
  expect(stage.servers.authorizationServer.audit("grant.revoked")).toEqual([]);
  for (const browser of people) {
    const { body } = await browser.visit(`${stage.app.url}/api/auth/session`);
    expect(JSON.parse(body)).toMatchObject({ tokenState: { status: "fresh" } });
  }
  expect(stage.app.output()).not.toMatch(/\[nolapse\]|Unhandled|database is locked/i);
}

describe("an app in development", () => {
  it.each(EDITED.slice(0, 2))(
    "renews each token once although %s is edited when it is due, and a page while the request runs (F21)",
    async (path) => {
      const people = await everybody();
      const { authorizationServer, api } = stage.servers;
      const before = refreshTokensPresented().length;
      await pause(LIFETIME_MS / 2 + 500);
      const askEverywhere = (): Promise<string[]> =>
        Promise.all(people.flatMap((browser) => DOORS.map((door) => answered(browser, door))));

      for (const { proxy } of [authorizationServer, api]) proxy.hold("answer");
      edit(path, "while the tokens are due");
      const first = askEverywhere();
      await Promise.all([authorizationServer.proxy.untilHeld(2, 20_000), api.proxy.untilHeld(1, 20_000)]);
      edit("app/protected/page.tsx", "while the requests run");
      const second = askEverywhere();
      await pause(500);
      // Counted while no answer is out yet: on a slow machine the new tokens are due again before every page is built.
      const presented = refreshTokensPresented().length - before;
      for (const { proxy } of [authorizationServer, api]) proxy.release();

      expect([...(await first), ...(await second)].filter((answer) => answer !== "answered")).toEqual([]);
      expect(presented).toBe(people.length);
      await expectEverythingKept(people);
    },
  );

  if (!IS_FULL) return;
  it(`renews each token once over ${LIFETIMES} lifetimes in which its files are edited, and keeps every session (F21)`, async () => {
    const people = await everybody();
    const before = refreshTokensPresented().length;
    const renewed = (): number => refreshTokensPresented().length - before;
    const startedAtMs = Date.now();
    const goesOn = (): boolean => {
      const passedMs = Date.now() - startedAtMs;
      return (
        passedMs < LIFETIMES * LIFETIME_MS ||
        (renewed() < 3 * LIFETIMES && passedMs < 4 * LIFETIMES * LIFETIME_MS)
      );
    };
    const answers: string[] = [];
    let edits = 0;

    const keepAsking = async (browser: Browserless): Promise<void> => {
      while (goesOn()) {
        answers.push(...(await Promise.all(DOORS.map((path) => answered(browser, path)))));
        await pause(400);
      }
    };
    const keepEditing = async (): Promise<void> => {
      while (goesOn()) {
        edit(EDITED[edits++ % EDITED.length]!, `edit ${edits}`);
        await pause(LIFETIME_MS / 8);
      }
    };
    await Promise.all([...people.map(keepAsking), keepEditing()]);

    const lifetimes = (Date.now() - startedAtMs) / LIFETIME_MS;
    expect(answers.filter((answer) => answer !== "answered")).toEqual([]);
    expect(edits).toBeGreaterThanOrEqual(4 * LIFETIMES);
    // A token is due at half of its life: three people renew at most twice in a lifetime, however many modules ask.
    expect(renewed()).toBeGreaterThanOrEqual(3 * LIFETIMES);
    expect(renewed()).toBeLessThanOrEqual(3 * Math.ceil(2 * lifetimes + 1));
    await expectEverythingKept(people);
  });
});
