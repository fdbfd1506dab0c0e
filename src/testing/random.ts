/**
 * Chance that can be repeated.
 *
 * @module
 */

/**
 * A stand-in for `Math.random` whose numbers follow from the seed alone (mulberry32). For tests and simulations
 * only: it is predictable.
 *
 * @param seed - Any integer; only its low 32 bits count.
 * @returns a function that gives the next number in [0, 1).
 */
export function deterministicRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
