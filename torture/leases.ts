/**
 * Whether the history of a grant's leases, by the store's clock alone, explains that it was refreshed more than once.
 */
import type { ArrivedRequest } from "./authorization-server.ts";
import type { LeaseNews } from "./telling-store.ts";

/** One refresh request; more, each after the first under a lease that was taken when the earlier one's had run out; or neither. */
export type RoundVerdict = "one" | "excused" | "neither";

/** Judges the refresh requests of one token, in the order in which they arrived. */
export function judgeRound(
  requests: readonly Pick<ArrivedRequest, "attemptId">[],
  news: readonly LeaseNews[],
): RoundVerdict {
  if (requests.length === 1) return "one";
  if (requests.length === 0) return "neither";
  const isExcused = requests.every(({ attemptId }, index) => {
    const before = requests[index - 1];
    return before === undefined || hadRunOut(news, before.attemptId, attemptId);
  });
  return isExcused ? "excused" : "neither";
}

/**
 * Whether the lease of one attempt was over by itself when another attempt took the next: neither renewed beyond that
 * moment nor given back. After one that was given back, the other attempt had to find the new tokens, and send nothing.
 */
export function hadRunOut(news: readonly LeaseNews[], earlier: string, later: string): boolean {
  const taken = news.find((one) => one.what === "taken" && one.attemptId === later);
  const own = news.filter((one) => one.attemptId === earlier);
  if (taken === undefined || !own.some(({ what }) => what === "taken") || earlier === later) return false;
  const before = own.filter(({ atMs }) => atMs <= taken.atMs);
  if (before.some(({ what }) => what === "released")) return false;
  return Math.max(...before.map(({ untilMs }) => untilMs)) <= taken.atMs;
}
