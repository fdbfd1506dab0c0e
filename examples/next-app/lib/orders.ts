/**
 * The call that every page and route of this app makes: the signed-in user's orders, from the protected API.
 *
 * @module
 */
import type { Locale } from "@/lib/i18n";
import { recordCall } from "@/lib/live/hub";
import { isTokenProblem, problemFrom, type Problem } from "@/lib/problems";
import { API_TIMEOUT_MS, API_URL } from "@/lib/settings";

/** One order, as the API sends it. */
export interface Order {
  readonly id: string;
  readonly item: Readonly<Record<Locale, string>>;
  /** In won. */
  readonly priceKrw: number;
  readonly status: string;
}

/** What a page shows: orders and the life left in the token that fetched them, or what went wrong. */
export type OrdersOutcome =
  | { readonly ok: true; readonly orders: readonly Order[]; readonly tokenLeftMs: number | null }
  | { readonly ok: false; readonly problem: Problem };

/** What `getAccessToken` gives, as far as it matters here. */
interface Token {
  readonly accessToken: string;
  readonly expiresAtMs?: number;
  readonly grantRef?: string;
}

/**
 * Calls the API with a token and counts the call for the live page.
 *
 * @param getToken `getAccessToken` in the form that fits the door.
 * @param send Sends the request; the default adds the token to it.
 */
export async function loadOrders(
  getToken: () => Promise<Token>,
  send?: (url: string, init: RequestInit) => Promise<Response>,
): Promise<OrdersOutcome> {
  let token: Token | undefined;
  let problem: Problem;
  try {
    token = await getToken();
    const init: RequestInit = { cache: "no-store", signal: AbortSignal.timeout(API_TIMEOUT_MS) };
    const answer = await (send === undefined
      ? fetch(`${API_URL}/orders`, { ...init, headers: { authorization: `Bearer ${token.accessToken}` } })
      : send(`${API_URL}/orders`, init));
    if (answer.ok) {
      const { orders } = (await answer.json()) as { orders: readonly Order[] };
      recordCall(token, "answered");
      return { ok: true, orders, tokenLeftMs: leftMs(token) };
    }
    await answer.body?.cancel();
    problem = { code: "api_refused", status: answer.status };
  } catch (error) {
    problem = token === undefined || isTokenProblem(error) ? problemFrom(error) : { code: "api_unavailable" };
    token ??= { accessToken: "", ...grantRefOf(error) };
  }
  recordCall(token, "refused");
  return { ok: false, problem };
}

function leftMs(token: Token): number | null {
  return token.expiresAtMs === undefined ? null : Math.max(0, token.expiresAtMs - Date.now());
}

/** nolapse's errors name the grant by a harmless prefix: the refused call is counted there. */
function grantRefOf(error: unknown): { grantRef?: string } {
  const { grantRef } = error as { grantRef?: unknown };
  return typeof grantRef === "string" ? { grantRef } : {};
}
