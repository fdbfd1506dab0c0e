/**
 * What is within reach of a page: everything that its browser is sent, and everything that a script in it can read. A test
 * searches it for secrets.
 */
import type { Page } from "playwright-core";
import { expect } from "vitest";

import { EXAMPLE } from "./example.ts";
import type { Place } from "./secret-scan.ts";
import type { Visitor } from "./visitor.ts";

/** Addresses, headers and bodies of everything that the visitor's browser is sent, but the session cookie's own line. */
export function recordEverything({ context }: Visitor): () => Promise<readonly Place[]> {
  const places: Place[] = [];
  const pending: Promise<void>[] = [];
  const ignore = (): void => undefined;
  context.on("response", (response) => {
    const where = response.url();
    places.push({ where: `address of ${where}`, text: where });
    if (response.headers()["content-type"]?.startsWith("text/event-stream")) return;
    pending.push(
      response.headersArray().then((headers) => {
        const plain = headers.filter(({ value }) => !value.startsWith(`${EXAMPLE.sessionCookie}=`));
        places.push({ where: `headers of ${where}`, text: JSON.stringify(plain) });
      }, ignore),
      // A redirect has no body, and a page that was left has taken it along.
      response.text().then((text) => void places.push({ where, text }), ignore),
    );
  });
  return async () => {
    await Promise.all(pending);
    return places;
  };
}

/** What a script in the page can read: storages, cookies, the document. */
export async function reachable(page: Page, when: string): Promise<Place[]> {
  const parts = await page.evaluate(async () => {
    const stores = [await indexedDB.databases(), "caches" in globalThis ? await caches.keys() : []];
    return {
      cookie: document.cookie,
      localStorage: JSON.stringify(Object.entries(localStorage)),
      sessionStorage: JSON.stringify(Object.entries(sessionStorage)),
      html: document.documentElement.outerHTML,
      stores: JSON.stringify(stores),
      history: JSON.stringify([history.state, location.href, document.referrer]),
      flight: JSON.stringify((globalThis as { __next_f?: unknown }).__next_f ?? null),
    };
  });
  expect(parts.stores, "a database or cache that nobody looked into").toBe("[[],[]]");
  return Object.entries(parts).map(([name, text]) => ({ where: `${name} while ${when}`, text }));
}

/** The test has looked where it says: somewhere so named there is something like this. */
export function expectSeen(places: readonly Place[], where: RegExp, text: RegExp): void {
  const seen = places.some((place) => where.test(place.where) && text.test(place.text));
  expect(seen, `nothing like ${String(text)} was seen in ${String(where)}`).toBe(true);
}

/** The items with each value once. */
export function uniqueBy<Key extends string, Item extends Readonly<Record<Key, string>>>(
  items: readonly Item[],
  key: Key,
): readonly Item[] {
  return [...new Map(items.map((item) => [item[key], item])).values()];
}
