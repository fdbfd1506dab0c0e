/**
 * Chance that follows from a seed and a name. Each part of the simulated world draws from a stream of its own, so that
 * leaving out one fault while a failing run is shrunk does not change the luck of all others.
 *
 * @module
 */
import { deterministicRandom } from "../src/testing/random.ts";

/** A stream of repeatable chance. */
export interface Chance {
  /** A number in [0, 1). */
  next(): number;
  /** A whole number in [0, below). */
  int(below: number): number;
  /** A whole number in [from, to]. */
  between(from: number, to: number): number;
  /** True with that probability. */
  hits(probability: number): boolean;
  /** One of a list that is not empty. */
  pick<T>(list: readonly [T, ...T[]] | readonly T[]): T;
  /** One of a list of `[weight, value]`. */
  weighted<T>(list: readonly (readonly [number, T])[]): T;
}

/** FNV-1a over text, as an unsigned number of 32 bits; `from` continues an earlier hash. */
export function hashText(text: string, from: number = 0x811c9dc5): number {
  let hash = from;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** The stream of that name under that seed. */
export function chanceOf(seed: number, name: string): Chance {
  const next = deterministicRandom(hashText(`${seed}/${name}`));
  // The first numbers of neighbouring seeds resemble each other.
  next();
  const pick = <T>(list: readonly T[]): T => {
    if (list.length === 0) throw new RangeError(`Nothing to pick from for "${name}"`);
    return list[Math.floor(next() * list.length)] as T;
  };
  return {
    next,
    int: (below) => Math.floor(next() * below),
    between: (from, to) => from + Math.floor(next() * (to - from + 1)),
    hits: (probability) => next() < probability,
    pick,
    weighted(list) {
      let left = next() * list.reduce((sum, [weight]) => sum + weight, 0);
      for (const [weight, value] of list) if ((left -= weight) < 0) return value;
      return pick(list)[1];
    },
  };
}
