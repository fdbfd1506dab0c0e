/**
 * A person with a browser of their own: signs in, and keeps account of what the browser asked for and what went wrong.
 */
import type { Browser, BrowserContext, Locator, Page, Request, Response } from "playwright-core";

import type { Stage } from "./app.ts";
import { browserless, signInWithCredentials, signInWithProvider } from "./browserless.ts";
import { LOGINS, type AuditEntry } from "./servers.ts";

/** Everybody who can sign in: alice and bob at the authorization server, carol and dave at the backend. */
export type Person = keyof typeof LOGINS;

/** The session as the browser gets it. */
export interface SessionJson {
  readonly user?: { readonly name?: string };
  readonly accessTokenExpires?: number;
  readonly accessTokenExpiresIn?: number;
  readonly tokenState?: { readonly status: string; readonly askInMs?: number; readonly reason?: string };
  readonly error?: string;
}

/** One request for the session. `status` and `session` once it was answered. */
export interface SessionRequest<Tab = Page> {
  readonly tab: Tab;
  readonly method: string;
  /** What the tab said about why it asks; `undefined` where next-auth's own code asked. */
  readonly reason: string | undefined;
  readonly atMs: number;
  /** The page did not wait for the answer: another tab had one. */
  canceled?: boolean;
  answeredAtMs?: number;
  status?: number;
  session?: SessionJson;
}

/** What every browser's account has, whichever way the browser is driven. */
export interface Account<Tab = unknown> {
  readonly stage: Stage;
  /** Requests for the session, of all tabs, in the order in which they were sent. */
  readonly sessionRequests: readonly Readonly<SessionRequest<Tab>>[];
  /** Requests that failed, answers from 400 on, errors thrown in a page. */
  readonly trouble: readonly string[];
  /** The newest sign-in's grant as the audit files name it. */
  readonly grant?: string;
  close(): Promise<void>;
}

/** A browser with its first tab, and what it did. */
export interface Visitor extends Account<Page> {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Addresses of all documents that the first tab showed. */
  readonly shown: readonly string[];
  grant?: string;
}

/** What a new visitor brings along. */
export interface VisitorOptions {
  /** Runs in every page before its own scripts. */
  readonly init?: { readonly script: (argument: never) => void; readonly argument?: unknown };
  /** For tests that break things: what is not to be noted as trouble. */
  readonly expects?: (trouble: string) => boolean;
}

/** The pages that ask for a token. */
export const DOORS = ["/protected", "/client", "/action", "/pages-router", "/via-proxy", "/live"] as const;

/** The test id of what a door's page shows when all is well. */
export function markOf(door: string): string {
  return { "/action": "run-action", "/via-proxy": "proxy-token-left", "/live": "timeline" }[door] ?? "orders";
}

/** Where the session route is. */
export const SESSION_PATH = "/api/auth/session";
const STEP_LIMIT_MS = 30_000;

/** Opens a browser with nothing in it. */
export async function newVisitor(
  browser: Browser,
  stage: Stage,
  options: VisitorOptions = {},
): Promise<Visitor> {
  const context = await browser.newContext({ locale: "en-US", viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(STEP_LIMIT_MS);
  const sessionRequests: SessionRequest[] = [];
  const trouble: string[] = [];
  const shown: string[] = [];
  const note = (what: string): void => {
    if (options.expects?.(what) !== true) trouble.push(what);
  };
  if (options.init) await context.addInitScript(options.init.script as () => void, options.init.argument);
  const bySent = new Map<Request, SessionRequest>();
  context.on("request", (request) => {
    if (new URL(request.url()).pathname !== SESSION_PATH) return;
    const entry: SessionRequest = {
      tab: request.frame().page(),
      method: request.method(),
      reason: request.headers()["x-nolapse-ask"],
      atMs: Date.now(),
    };
    bySent.set(request, entry);
    sessionRequests.push(entry);
  });
  context.on("response", (response) => {
    void keepAnswer(response, bySent.get(response.request()));
    if (response.status() >= 400) note(`${response.status()} ${response.url()}`);
  });
  context.on("requestfailed", (request) => {
    const error = request.failure()?.errorText ?? "failed";
    const entry = bySent.get(request);
    // A tab that is left or closed cuts what it had under way.
    if (error !== "net::ERR_ABORTED") note(`${error} ${request.url()}`);
    else if (entry) entry.canceled = true;
  });
  context.on("weberror", (error) => note(`thrown: ${String(error.error())}`));
  const page = await context.newPage();
  page.on("framenavigated", (frame) => {
    if (frame === page.mainFrame()) shown.push(frame.url());
  });
  return { stage, context, page, sessionRequests, trouble, shown, close: () => context.close() };
}

async function keepAnswer(response: Response, entry: SessionRequest | undefined): Promise<void> {
  if (entry === undefined) return;
  entry.status = response.status();
  entry.answeredAtMs = Date.now();
  try {
    entry.session = (await response.json()) as SessionJson;
  } catch {
    // No JSON, or the tab is gone.
  }
}

let signingIn: Promise<unknown> = Promise.resolve();

/** A cookie as both ways into a browser take it. */
export interface BrowserCookie {
  readonly name: string;
  readonly value: string;
  readonly httpOnly: boolean;
  readonly domain: string;
  readonly path: string;
  readonly sameSite: "Lax";
}

/** Signs somebody in without a browser and its forms, which have tests of their own: one after the other, so that it is clear whose grant is whose. */
export function cookiesOf(
  stage: Stage,
  person: Person,
): Promise<{ readonly cookies: readonly BrowserCookie[]; readonly grant: string }> {
  const mine = signingIn.then(async () => {
    const client = browserless();
    const credentials = person === "carol" || person === "dave";
    const app = { url: stage.app.url, providerId: credentials ? "credentials" : "demo" };
    await (credentials ? signInWithCredentials : signInWithProvider)(client, app, LOGINS[person]);
    const jars = [stage.app.url, stage.servers.issuer].map(async (url) =>
      (await client.jar.getCookies(url)).map(({ key, value, httpOnly, path }) => ({
        ...{ name: key, value, httpOnly, domain: new URL(url).hostname },
        path: path ?? "/",
        sameSite: "Lax" as const,
      })),
    );
    return { cookies: (await Promise.all(jars)).flat(), grant: newestGrant(stage, person) };
  });
  signingIn = mine.catch(() => undefined);
  return mine;
}

/** Signs the visitor in and opens `path`. */
export async function signIn(visitor: Visitor, person: Person, path: string): Promise<void> {
  const { stage, context, page } = visitor;
  const { cookies, grant } = await cookiesOf(stage, person);
  await context.addCookies([...cookies]);
  visitor.grant = grant;
  await page.goto(stage.app.url + path);
  await hydrated(page.getByTestId("user"));
}

/** Fills the forms from the app's sign-in page on. */
export async function fillSignIn(tab: Page, person: Person): Promise<void> {
  const { username, password } = LOGINS[person];
  if (person === "alice" || person === "bob") {
    await (await hydrated(tab.getByTestId("sign-in-demo"))).click();
    const form = tab.locator("form#login");
    await form.locator("input[name=username]").fill(username);
    await form.locator("input[name=password]").fill(password);
    await form.locator("button[type=submit]").click();
  } else {
    const form = await hydrated(tab.getByTestId("credentials-form"));
    await form.locator("input[name=username]").fill(username);
    await form.locator("input[name=password]").fill(password);
    await form.locator("button[type=submit]").click();
  }
}

/** Waits until React has taken over the element: before that, a click is lost. */
export async function hydrated(element: Locator): Promise<Locator> {
  await element.waitFor();
  const handle = await element.elementHandle();
  await element
    .page()
    .waitForFunction((node) => Object.keys(node).some((key) => key.startsWith("__reactProps")), handle);
  return element;
}

/** Signs out by the menu of the page. */
export async function signOut(tab: Page): Promise<void> {
  await (await hydrated(tab.getByTestId("user"))).click();
  await tab.getByTestId("sign-out").click();
  await tab.getByTestId("sign-in").waitFor();
}

/** The name in the user menu. */
export async function shownName(tab: Page): Promise<string | null> {
  return tab.getByTestId("user").getAttribute("aria-label");
}

/** Opens another tab of the visitor on `path`. */
export async function newTab(visitor: Visitor, path: string): Promise<Page> {
  const tab = await visitor.context.newPage();
  await tab.goto(visitor.stage.app.url + path);
  return tab;
}

/** Calls the app's route from the page, as its own scripts do. */
export function callOrders(tab: Page): Promise<{ ok: boolean; tokenLeftMs?: number }> {
  return tab.evaluate(async () => {
    const response = await fetch("/api/orders", { cache: "no-store" });
    return (await response.json()) as { ok: boolean; tokenLeftMs?: number };
  });
}

/** How many access tokens the visitor's grant got after its sign-in, by the audit file of who issued them. */
export function renewals(visitor: Pick<Account, "stage" | "grant">): number {
  return issued(visitor.stage).filter(
    ({ grant, grantType }) => grant === visitor.grant && grantType === "refresh_token",
  ).length;
}

function newestGrant(stage: Stage, person: Person): string {
  const mine = issued(stage).filter((entry) => entry.user === person && entry.grantType !== "refresh_token");
  const grant = mine.at(-1)?.grant;
  if (grant == null) throw new Error(`No sign-in of ${person} in the audit files`);
  return grant;
}

function issued(stage: Stage): readonly AuditEntry[] {
  return [stage.servers.authorizationServer, stage.servers.api].flatMap((server) =>
    server.audit("access_token.issued"),
  );
}
