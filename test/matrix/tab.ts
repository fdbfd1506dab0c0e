/**
 * One tab of a real browser that nobody touches: it shows whose session it has, and keeps the session fresh by itself.
 *
 * @module
 */
import type { Browser, Cookie } from "playwright-core";
import type { CookieJar } from "tough-cookie";

import type { RowApp } from "./row-app.ts";

/** What a tab did. */
export interface TabReport {
  /** How often it asked for its session and got it. */
  readonly sessions: number;
  /** Answers from 400 on, errors thrown, requests for the session at another place, and a name that went. */
  readonly trouble: readonly string[];
}

/** A tab that is open. */
export interface Tab {
  /** Looks once more whose session it shows, and closes it. */
  close(): Promise<TabReport>;
}

const SHOWN_LIMIT_MS = 30_000;

/** Opens a page as somebody whose cookies are in the jar, and waits until it shows the session of `email`. */
export async function openTab(
  browser: Browser,
  app: RowApp,
  { path, jar, email }: { readonly path: string; readonly jar: CookieJar; readonly email: string },
): Promise<Tab> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: "en-US" });
  const sessionUrl = `${app.place.origin}${app.place.authPath}/session`;
  const trouble: string[] = [];
  let sessions = 0;
  context.on("response", (response) => {
    const address = new URL(response.url());
    if (address.pathname === "/favicon.ico") return;
    if (response.status() >= 400) trouble.push(`${response.status()} ${response.url()}`);
    else if (response.url() === sessionUrl) sessions += 1;
    else if (address.pathname.endsWith("/session")) trouble.push(`asked at ${response.url()}`);
  });
  context.on("weberror", (error) => trouble.push(`thrown: ${String(error.error())}`));
  await context.addCookies(await cookiesOf(jar, app.place.origin));
  const page = await context.newPage();
  await page.goto(app.url + path);
  const shown = page.locator("#tab", { hasText: `authenticated ${email}` });
  await shown.waitFor({ timeout: SHOWN_LIMIT_MS });
  return {
    async close() {
      if (!(await shown.isVisible()))
        trouble.push(`shows "${String(await page.locator("#tab").textContent())}"`);
      await context.close();
      return { sessions, trouble };
    },
  };
}

async function cookiesOf(jar: CookieJar, origin: string): Promise<Pick<Cookie, "name" | "value">[]> {
  const cookies = await jar.getCookies(origin);
  return cookies.map(({ key, value, httpOnly, secure, path }) => ({
    ...{ name: key, value, httpOnly, secure, path: path ?? "/", sameSite: "Lax" as const },
    domain: new URL(origin).hostname,
  }));
}
