/**
 * The life of a row: two users sign in, and for several lifetimes of their tokens everything that can ask for a token
 * asks at the same time, again and again. Afterwards it is counted.
 *
 * @module
 */
import type { Browser } from "playwright-core";

import { browserless, signInWithProvider, signOut, type Browserless } from "../e2e/support/browserless.ts";
import { LOGINS, type Servers } from "../e2e/support/servers.ts";
import { pause } from "../e2e/support/tabs.ts";
import { CONFIGURATIONS, type Configuration } from "./configurations.ts";
import { startRowApp, type Built, type RowApp } from "./row-app.ts";
import { doorBefore, type Row } from "./rows.ts";
import { openTab, type TabReport } from "./tab.ts";

/** How a row lives. */
export interface LifeOptions {
  readonly tokenTtlSeconds: number;
  readonly lifetimes: number;
  /** For the tab. Default: there is none. */
  readonly browser?: Browser | undefined;
}

/** What was counted. */
export interface Life {
  readonly lifetimes: number;
  /** Requests to the app, and those that did not bring what they should. */
  readonly requests: number;
  readonly failed: readonly string[];
  /** Refresh requests to the authorization server, and the access tokens that it issued for them. */
  readonly refreshRequests: number;
  readonly issued: number;
  /** Refresh tokens that came more than once. */
  readonly presentedTwice: number;
  readonly tab?: TabReport | undefined;
  /** The end of what the app printed. */
  readonly said: string;
}

const USERS = ["alice", "bob"] as const;
type User = (typeof USERS)[number];
type People = readonly { readonly user: User; readonly browser: Browserless }[];

const ROUND_MS = 800;
const SHOWN_CHARS = 3_000;

/** Starts the row's app, lives, and stops it. Rejects where something could not even begin; everything else is counted. */
export async function live(row: Row, built: Built, options: LifeOptions): Promise<Life> {
  const app = await startRowApp(row, built, options.tokenTtlSeconds);
  try {
    return await liveIn(row, app, options);
  } catch (error) {
    throw new Error(`${String(error)}\n${endOf(app.output())}`, { cause: error });
  } finally {
    await app.stop();
  }
}

/** What is wrong with a life. Nothing, if all is well. */
export function troublesOf(life: Life): readonly string[] {
  const { lifetimes, failed, refreshRequests, issued, presentedTwice, tab, said } = life;
  const found = [
    ...failed.slice(0, 5),
    refreshRequests !== issued && `${refreshRequests} refresh requests for ${issued} access tokens`,
    presentedTwice > 0 && `${presentedTwice} refresh tokens were presented twice`,
    issued < lifetimes * USERS.length && `only ${issued} renewals in ${lifetimes} lifetimes`,
    ...(tab?.trouble ?? []).map((each) => `in the tab: ${each}`),
    // Its first question, and one whenever its token is due.
    tab !== undefined && tab.sessions < lifetimes && `the tab asked ${tab.sessions} times only`,
  ];
  const wrong = found.filter((each) => each !== false);
  return wrong.length === 0 ? [] : [...wrong, `The app said:\n${said}`];
}

async function liveIn(row: Row, app: RowApp, options: LifeOptions): Promise<Life> {
  const { later }: Configuration = CONFIGURATIONS[row.configuration];
  const { lifetimes, tokenTtlSeconds, browser } = options;
  const people: { user: User; browser: Browserless }[] = [];
  for (const user of USERS) people.push({ user, browser: await signIn(app, row, user) });
  const jar = people[0]?.browser.jar;
  const tab =
    browser && jar && (await openTab(browser, app, { path: pageOf(row), jar, email: emailOf("alice") }));

  const report: Report = { requests: 0, failed: [] };
  const halfMs = (lifetimes * tokenTtlSeconds * 1000) / 2;
  await read(app, row, people, halfMs, report);
  if (later) await app.restart();
  await read(app, row, people, halfMs, report);

  const tabReport = await tab?.close();
  await endOfBob(app, row, people, report);
  return { lifetimes, ...report, ...counts(app.servers), tab: tabReport, said: endOf(app.output()) };
}

/** Bob signs out: a copy of his cookie from before shows nobody and gives no token, and Alice stays signed in. */
async function endOfBob(app: RowApp, row: Row, [alice, bob]: People, { failed }: Report): Promise<void> {
  if (alice === undefined || bob === undefined) return;
  const { origin, authPath } = app.place;
  const copy = browserless({ jar: await bob.browser.jar.clone() });
  await signOut(bob.browser, { url: origin, authPath, callbackUrl: app.url });
  if ((await bob.browser.cookie(app.url, app.cookieName)) !== undefined)
    failed.push("bob has his session cookie after the sign-out");
  const { body } = await copy.visit(`${origin}${authPath}/session`);
  if (body !== "{}" && body !== "null") failed.push(`bob's old cookie after the sign-out: ${body}`);
  const page = await copy.visit(app.url + pageOf(row));
  if (page.status < 500) failed.push(`a page for bob's old cookie after the sign-out: ${page.status}`);
  const left = doorsOf(row, app).map((door) => ask(alice.browser, alice.user, door, { requests: 0, failed }));
  await Promise.all(left);
}

function endOf(output: string): string {
  return output.slice(-SHOWN_CHARS);
}

function emailOf(user: User): string {
  return `${user}@example.com`;
}

/** Signs in, and makes sure that the session's cookie is what the configuration says. */
async function signIn(app: RowApp, row: Row, user: User): Promise<Browserless> {
  const browser = browserless();
  const { origin, authPath } = app.place;
  const callbackUrl = app.url + pageOf(row);
  const target = { url: origin, authPath, providerId: "demo", callbackUrl };
  const page = await signInWithProvider(browser, target, LOGINS[user]);
  if (page.status !== 200 || page.url !== callbackUrl)
    throw new Error(`${user} ended up at ${page.url} with ${page.status}, by ${page.visited.join(" → ")}`);
  const cookies = await browser.jar.getCookies(app.url);
  const session = cookies.filter(({ key }) => key === app.cookieName);
  if (session.length !== 1 || !session[0]?.httpOnly || session[0].secure !== origin.startsWith("https:"))
    throw new Error(
      `The cookies are ${cookies
        .map(String)
        .join(" and ")
        .replace(/=[^;]*/g, "=…")}`,
    );
  const { sessionsInDatabase = false }: Configuration = CONFIGURATIONS[row.configuration];
  // An encrypted JWT begins with its header; the token of a row has no dots in it.
  if (session[0].value.includes(".") === sessionsInDatabase)
    throw new Error(`The cookie holds ${sessionsInDatabase ? "a JWT" : "the token of a row"}`);
  return browser;
}

interface Report {
  requests: number;
  readonly failed: string[];
}

/** One question to the app, and whether its answer is right. */
interface Door {
  readonly url: string;
  isRight(body: string, user: User): boolean;
}

function pageOf({ router }: Row): string {
  return router === "pages" ? "/in-pages" : "/in-app";
}

/** All that asks for a token, and the session. */
function doorsOf(row: Row, { url, place }: RowApp): readonly Door[] {
  const { asksItself }: Configuration = CONFIGURATIONS[row.configuration];
  const inApp = row.router !== "pages" ? ["/in-app", "/api/in-app", "/api/in-app"] : [];
  const inPages = row.router !== "app" ? ["/in-pages", "/api/in-pages", "/api/in-pages"] : [];
  const loopback = row.router !== "app" && asksItself ? ["/api/loopback"] : [];
  return [
    ...[...inApp, ...inPages, ...loopback].map((path) => ({
      url: url + path,
      isRight: (body: string, user: User) => body.includes(`${emailOf(user)} ${user} ${user}`),
    })),
    ...(doorBefore(row)
      ? [{ url: `${url}/via-proxy`, isRight: (body: string, user: User) => body === user }]
      : []),
    { url: `${place.origin}${place.authPath}/session`, isRight: isFreshSession },
  ];
}

function isFreshSession(body: string, user: User): boolean {
  const session = JSON.parse(body) as {
    user?: { email?: string };
    tokenState?: { status: string };
    error?: string;
  } | null;
  return (
    session?.user?.email === emailOf(user) &&
    session.tokenState?.status === "fresh" &&
    session.error === undefined
  );
}

/** Everybody asks by every door at once, round after round. */
async function read(
  app: RowApp,
  row: Row,
  people: People,
  durationMs: number,
  report: Report,
): Promise<void> {
  const doors = doorsOf(row, app);
  const endMs = Date.now() + durationMs;
  while (Date.now() < endMs) {
    const nextMs = Date.now() + ROUND_MS;
    await Promise.all(
      people.flatMap(({ user, browser }) => doors.map((door) => ask(browser, user, door, report))),
    );
    await pause(nextMs - Date.now());
  }
}

async function ask(browser: Browserless, user: User, door: Door, report: Report): Promise<void> {
  report.requests += 1;
  const what = `${user} at ${new URL(door.url).pathname}`;
  try {
    const { status, body } = await browser.visit(door.url);
    if (status !== 200 || !door.isRight(body, user))
      report.failed.push(`${what}: ${status} ${body.slice(0, 200)}`);
  } catch (error) {
    report.failed.push(`${what}: ${String(error)}`);
  }
}

function counts({
  authorizationServer: { proxy, audit },
}: Servers): Pick<Life, "refreshRequests" | "issued" | "presentedTwice"> {
  const refreshes = proxy.log.filter(({ grantType }) => grantType === "refresh_token");
  const presented = new Set(refreshes.map(({ refreshTokenHash }) => refreshTokenHash));
  const issued = audit("access_token.issued").filter(({ grantType }) => grantType === "refresh_token");
  return {
    refreshRequests: refreshes.length,
    issued: issued.length,
    presentedTwice: refreshes.length - presented.size + audit("refresh_token.reused").length,
  };
}
