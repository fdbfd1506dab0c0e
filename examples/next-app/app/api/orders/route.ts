import { fetchWithToken, getAccessToken } from "@/lib/auth";
import { loadOrders } from "@/lib/orders";
import { needsSignIn, statusOf } from "@/lib/problems";

/** The orders for a client component: the token is added here and never reaches the browser. */
export async function GET(): Promise<Response> {
  const outcome = await loadOrders(getAccessToken, fetchWithToken);
  const headers = { "cache-control": "no-store" };
  if (outcome.ok) return Response.json(outcome, { headers });
  const retry = needsSignIn(outcome.problem) ? undefined : { "retry-after": "2" };
  return Response.json(outcome, { status: statusOf(outcome.problem), headers: { ...headers, ...retry } });
}
