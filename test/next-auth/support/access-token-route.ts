/**
 * The route that hands access tokens to pages, as a page asks it; the same promises under both versions.
 */
import { expect } from "vitest";
import type { Answer, Browser } from "./browser.ts";

/** Where browsers find the app of a world. */
export const APP = "http://localhost:3000";

/** What a page of the app sends by itself. */
const PAGE: Readonly<Record<string, string>> = {
  "x-nolapse-csrf": "1",
  "content-type": "application/json",
  "sec-fetch-site": "same-origin",
  "sec-fetch-mode": "cors",
  "sec-fetch-dest": "empty",
  origin: APP,
};

/** What a test changes; headers of `null` are left out. */
export interface PageAsk {
  readonly method?: string;
  readonly path?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | null>>;
}

/** Asks the route as a page does. */
export function askForToken(browser: Browser, given: PageAsk = {}): Promise<Answer> {
  const { method = "POST", path = "access-token", body = {} } = given;
  const headers = Object.fromEntries(
    Object.entries({ ...PAGE, ...given.headers }).filter(
      (entry): entry is [string, string] => entry[1] !== null,
    ),
  );
  const hasBody = method !== "GET" && method !== "HEAD";
  return browser.send(method, path, { headers, ...(hasBody && { body }) });
}

/** The token of an answer that has to be one. */
export function tokenIn(answer: Answer): string {
  expect(answer.status).toBe(200);
  return String(answer.json()["accessToken"]);
}

/** Status and code of an answer that is an error: the header and the body have to agree, and there is no token. */
export function errorIn(answer: Answer): readonly [status: number, code: string | null] {
  const code = answer.headers.get("x-nolapse-error");
  expect(answer.json()).not.toHaveProperty("accessToken");
  expect(answer.json()["error"]).toBe(code);
  return [answer.status, code];
}
