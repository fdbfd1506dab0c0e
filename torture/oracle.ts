/**
 * Which sessions could not be kept by any client: a strict server had spent the refresh token, and the only answer with
 * its successor went to a process that was killed, or over a connection that was cut, before anything durable had it.
 *
 * Judged from the authorization server's truth, the log of blows and the stored rows; not from what the engine says.
 */
import type { Rotation } from "./authorization-server.ts";

/** A process that was killed. */
export interface Kill {
  readonly pid: number;
  readonly atMs: number;
}

/**
 * How long after an answer a kill still excuses that it was not stored, in milliseconds. The write is one round trip; the
 * rest is a loaded machine.
 */
export const EXCUSED_WITHIN_MS = 2_000;

/**
 * The chains that were unavoidably lost.
 *
 * @param arrived Hashes of the refresh tokens whose answer reached a process.
 * @param stored By chain, hashes of the refresh tokens that are stored at the end: current and kept ones.
 */
export function unavoidablyLost(
  rotations: readonly Rotation[],
  arrived: ReadonlySet<string>,
  kills: readonly Kill[],
  stored: ReadonlyMap<string, ReadonlySet<string>>,
): ReadonlySet<string> {
  const killedAtMs = new Map(kills.map(({ pid, atMs }) => [pid, atMs]));
  const lost = new Set<string>();
  for (const rotation of new Map(rotations.map((one) => [one.chain, one])).values()) {
    const { chain, issued, pid, atMs } = rotation;
    if (stored.get(chain)?.has(issued) !== false) continue;
    const killed = killedAtMs.get(pid);
    const excused = !arrived.has(issued) || (killed !== undefined && killed - atMs <= EXCUSED_WITHIN_MS);
    if (excused) lost.add(chain);
  }
  return lost;
}
