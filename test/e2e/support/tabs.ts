/**
 * Tabs that hammer the app as a page does: one page and four parallel route calls, again and again.
 */
import type { Browserless } from "./browserless.ts";

/** What the tabs of one browser met. */
export interface TabReport {
  /** Requests sent. */
  sent: number;
  /** Requests that did not bring the orders: what was asked for and what came. */
  readonly failed: string[];
  /** Milliseconds that each request took. */
  readonly tookMs: number[];
  /** When the first of those that failed was sent, in milliseconds since the epoch. */
  firstFailedAtMs?: number;
}

/** One request of a tab; adds to the report. */
export async function ask(browser: Browserless, url: string, report: TabReport): Promise<void> {
  const startedAtMs = Date.now();
  report.sent += 1;
  const fail = (what: string): void => {
    report.failed.push(`${new URL(url).pathname}${what}`);
    report.firstFailedAtMs = Math.min(report.firstFailedAtMs ?? Infinity, startedAtMs);
  };
  try {
    const { status, body } = await browser.visit(url);
    report.tookMs.push(Date.now() - startedAtMs);
    const good = [`"ok":true`, 'data-testid="orders"', 'data-testid="proxy-token-left"'].some((mark) =>
      body.includes(mark),
    );
    if (status !== 200 || !good) fail(` ${status}: ${body.slice(0, 200)}`);
  } catch (error) {
    fail(`: ${String(error)}`);
  }
}

/** One load of a tab: a page and four parallel calls of a route. */
export async function loadPage(browser: Browserless, appUrl: string, report: TabReport): Promise<void> {
  await Promise.all([
    ask(browser, `${appUrl}/protected`, report),
    ...[1, 2, 3, 4].map((call) => ask(browser, `${appUrl}/api/orders?call=${call}`, report)),
  ]);
}

/** Keeps `tabs` tabs of one browser loading every `everyMs` milliseconds until `endMs`. */
export async function keepLoading(
  browser: Browserless,
  appUrl: string,
  { tabs, everyMs, endMs }: { readonly tabs: number; readonly everyMs: number; readonly endMs: number },
): Promise<TabReport> {
  const report: TabReport = { sent: 0, failed: [], tookMs: [] };
  const tab = async (index: number): Promise<void> => {
    await pause((everyMs / tabs) * index);
    while (Date.now() < endMs) {
      const nextMs = Date.now() + everyMs;
      await loadPage(browser, appUrl, report);
      await pause(nextMs - Date.now());
    }
  };
  await Promise.all(Array.from({ length: tabs }, (_, index) => tab(index)));
  return report;
}

/** A real wait: the authorization server of these tests lives in real time. */
export function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, durationMs)));
}
