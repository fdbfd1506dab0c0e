/**
 * Whether a request comes from a page of this app: every method, because an API's GET may do something, and its answer
 * is the user's (SEC-25, SEC-30).
 *
 * Two guards stand in a row. A header of our own makes another site's browser ask first (preflight), and nobody answers.
 * Then the browser has to say that it is the app itself that asks: a page of a sister domain is another site, too.
 *
 * @see [Fetch Metadata Request Headers](https://www.w3.org/TR/fetch-metadata/)
 * @see [OAuth 2.0 for Browser-Based Applications, section 6.1.3.3](https://datatracker.ietf.org/doc/html/draft-ietf-oauth-browser-based-apps#section-6.1.3.3) - CSRF
 * @module
 */

/** Why a request is refused. */
export type GuardRefusal = "missing_header" | "cross_site";

/** What is compared. */
export interface GuardRules {
  readonly csrfHeader: string;
  /** The app's own origins. */
  readonly origins: readonly string[];
}

/** `undefined` for a request of the app's own pages. */
export function refusalOf(headers: Headers, { csrfHeader, origins }: GuardRules): GuardRefusal | undefined {
  if ((headers.get(csrfHeader) ?? "") === "") return "missing_header";
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  if (site !== null && site !== "same-origin") return "cross_site";
  if (origin !== null && !origins.includes(origin)) return "cross_site";
  if ((headers.get("sec-fetch-dest") ?? "empty") !== "empty") return "cross_site";
  if (["navigate", "no-cors", "websocket"].includes(headers.get("sec-fetch-mode") ?? "")) return "cross_site";
  if (site !== null || origin !== null) return undefined;
  // Without https a browser sends no Sec-Fetch-Site, and with a GET no Origin: then the address of the page tells.
  const referer = headers.get("referer") ?? "";
  const isOwn = URL.canParse(referer) && origins.includes(new URL(referer).origin);
  return isOwn ? undefined : "cross_site";
}
