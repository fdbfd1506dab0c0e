/**
 * Calls one of the app's own routes from the browser.
 *
 * @module
 */
import { withBasePath, withoutBasePath } from "@/lib/base-path";
import { signInPath } from "@/lib/callback-url";
import type { OrdersOutcome } from "@/lib/orders";

const TIMEOUT_MS = 15_000;

/** The route's answer. Who is not signed in at all is taken to sign in, and comes back to the page. */
export async function callRoute(route: string): Promise<OrdersOutcome> {
  try {
    const answer = await fetch(withBasePath(route), {
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const outcome = (await answer.json()) as OrdersOutcome;
    if (!outcome.ok && outcome.problem.code === "not_signed_in") {
      const here = withoutBasePath(window.location.pathname) + window.location.search;
      window.location.assign(withBasePath(signInPath(here)));
    }
    return outcome;
  } catch {
    return { ok: false, problem: { code: "api_unavailable" } };
  }
}
