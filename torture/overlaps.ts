/**
 * Two refresh requests of one chain that were out at the same time (I1), and which of them a blow explains.
 */

import { hadRunOut } from "./leases.ts";
import type { LeaseNews } from "./telling-store.ts";

interface OneOfThem {
  readonly pid: number;
  readonly atMs: number;
  readonly attemptId: string;
}

/** One that arrived while another was still waited for. */
export interface Overlap {
  readonly chain: string;
  readonly first: OneOfThem;
  readonly second: OneOfThem;
}

/** A process that was stopped or killed. */
export interface StruckProcess {
  readonly pid: number;
  readonly atMs: number;
}

/**
 * The overlaps that nothing explains: the process of the first request went on, and by the store's clock its lease had not
 * run out when the second was taken, as it does where the store is away, or the machine too busy, for longer than a lease. A
 * request whose connection has ended is not out any more, so that a kill explains only what the gate had not noticed yet.
 */
export function unexplained(
  overlaps: readonly Overlap[],
  struck: readonly StruckProcess[],
  news: readonly LeaseNews[],
): readonly Overlap[] {
  return overlaps.filter(
    ({ first, second }) =>
      !struck.some(({ pid, atMs }) => pid === first.pid && atMs >= first.atMs && atMs <= second.atMs) &&
      !hadRunOut(news, first.attemptId, second.attemptId),
  );
}
