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

/** Who notices a bug: one of these rules breaks, or one of these test files fails. */
export type Proof =
  | {
      readonly rules: readonly string[];
      /** In which world. @defaultValue "server" */
      readonly world?: "browser";
    }
  | { readonly tests: readonly string[] };

/** A bug, and its proof. */
export interface Mutant {
  readonly id: string;
  readonly what: string;
  readonly patches: readonly Patch[];
  readonly caughtBy: Proof;
  /** Who has to notice it as well. */
  readonly alsoCaughtBy?: Proof;
}
