/**
 * The real {@link FetchToken} and {@link MarkerJar}: what the token in the browser and the marker touch of the page.
 *
 * @module
 */
import { readTokenAnswer, type FetchToken } from "./fetch-token.ts";
import { MARKER_COOKIE, type MarkerJar } from "./marker.ts";

/**
 * The real {@link FetchToken}: a POST to `url()`, never from a cache, never to where a redirect leads.
 *
 * @param url Where the route is: `access-token` beside the session route. Read at each request.
 * @param sender What sends it in place of the page's `fetch`; `undefined`: nothing does. Read at each request.
 */
export function browserFetchToken(
  url: () => string,
  sender: () => typeof fetch | undefined = () => undefined,
): FetchToken {
  return async ({ minValidityMs, renew }, signal) =>
    readTokenAnswer(
      await (sender() ?? fetch)(url(), {
        method: "POST",
        cache: "no-store",
        credentials: "same-origin",
        redirect: "error",
        headers: { accept: "application/json", "content-type": "application/json", "x-nolapse-csrf": "1" },
        body: JSON.stringify({ ...(minValidityMs > 0 && { minValidityMs }), ...(renew && { renew }) }),
        signal,
      }),
    );
}

/** The cookies of the page, as far as scripts may read them. */
export function browserMarkerJar(): MarkerJar {
  return {
    read() {
      try {
        const start = `${MARKER_COOKIE}=`;
        const found = document.cookie.split("; ").find((cookie) => cookie.startsWith(start));
        return found?.slice(start.length);
      } catch {
        // A sandboxed frame has no cookies.
        return undefined;
      }
    },
    onChange(listener) {
      const { cookieStore } = globalThis as { readonly cookieStore?: EventTarget };
      cookieStore?.addEventListener("change", listener);
      return () => cookieStore?.removeEventListener("change", listener);
    },
  };
}
