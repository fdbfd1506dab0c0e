/**
 * Two refresh requests of one chain that were out at the same time (I1), and which of them a blow explains.
 */

/** One that arrived while another was still waited for. */
export interface Overlap {
  readonly chain: string;
  readonly first: { readonly pid: number; readonly atMs: number };
  readonly second: { readonly pid: number; readonly atMs: number };
}

/** A process that was stopped or killed. */
export interface StruckProcess {
  readonly pid: number;
  readonly atMs: number;
}

/**
 * The overlaps that nothing explains: the process of the first request went on, so its lease did not run out. A request
 * whose connection has ended is not out any more, so that a kill explains only what the gate had not noticed yet.
 */
export function unexplained(
  overlaps: readonly Overlap[],
  struck: readonly StruckProcess[],
): readonly Overlap[] {
  return overlaps.filter(
    ({ first, second }) =>
      !struck.some(({ pid, atMs }) => pid === first.pid && atMs >= first.atMs && atMs <= second.atMs),
  );
}
