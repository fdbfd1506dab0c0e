"use server";

import { fetchWithToken, getAccessToken } from "@/lib/auth";
import { loadOrders, type OrdersOutcome } from "@/lib/orders";
import { signedInOutcome } from "@/lib/page-token";

/** Calls the API in the name of the signed-in user. */
export async function loadMyOrders(): Promise<OrdersOutcome> {
  return signedInOutcome(await loadOrders(getAccessToken, fetchWithToken), "/action");
}
