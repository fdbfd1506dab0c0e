/**
 * What a seeded bug is: a change of the engine's text, and who has to notice it. It is applied to a copy of the tree,
 * never to the published code.
 *
 * @module
 */

/** One replacement in one file. The text has to be there exactly once, or the list is out of date. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A bug, and its proof. */
export interface Mutant {
  readonly id: string;
  readonly what: string;
  readonly patches: readonly Patch[];
  /** The rules of which one has to break, or the test files of which one has to fail. */
  readonly caughtBy: { readonly rules: readonly string[] } | { readonly tests: readonly string[] };
}
