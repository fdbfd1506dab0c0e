import type { NextApiRequest, NextApiResponse } from "next";

import { getAccessToken } from "@/lib/auth";
import { loadOrders } from "@/lib/orders";
import { statusOf } from "@/lib/problems";

/** The orders, by an API route of the Pages Router. */
export default async function handler(req: NextApiRequest, res: NextApiResponse): Promise<void> {
  const outcome = await loadOrders(() => getAccessToken(req, res));
  res.setHeader("cache-control", "no-store");
  res.status(outcome.ok ? 200 : statusOf(outcome.problem)).json(outcome);
}
