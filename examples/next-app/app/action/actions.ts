"use server";

import { fetchWithToken, getAccessToken, renewAccessToken } from "@/lib/auth";
import { loadOrders, type OrdersOutcome } from "@/lib/orders";
import { redirectToSignIn, signedInOutcome } from "@/lib/page-token";
import { problemFrom, type Problem } from "@/lib/problems";

/** The end of the token in hand, in epoch milliseconds, or why there is no new one. */
export type RenewOutcome =
  { readonly ok: true; readonly expiresAtMs?: number } | { readonly ok: false; readonly problem: Problem };

/** Calls the API in the name of the signed-in user. */
export async function loadMyOrders(): Promise<OrdersOutcome> {
  return signedInOutcome(await loadOrders(getAccessToken, fetchWithToken), "/action");
}

/** Renews the token before its time, as after a change of roles. One that is just born is left as it is. */
export async function renewMyToken(): Promise<RenewOutcome> {
  try {
    const { expiresAtMs } = await renewAccessToken();
    return { ok: true, ...(expiresAtMs !== undefined && { expiresAtMs }) };
  } catch (error) {
    const problem = problemFrom(error);
    redirectToSignIn(problem, "/action");
    return { ok: false, problem };
  }
}
