/**
 * The port that seals what a store keeps. Synchronous on purpose: `node:crypto` is, and a simulation stays deterministic.
 *
 * @module
 */

/** The one place in which a sealed value may be opened again (I15, SEC-58). All of it is authenticated. */
export interface SealSlot {
  readonly grantId: string;
  readonly field: "token-set" | "candidate";
  /** The version of the token set inside. */
  readonly version: number;
}

/** Seals with the newest key, opens with any key of the ring. */
export interface Sealer {
  /** Encrypts and binds to the slot. */
  seal(plaintext: string, slot: SealSlot): { readonly sealed: string; readonly keyId: string };
  /**
   * Decrypts.
   *
   * @throws {@link SealError} for a wrong slot, a missing key or any change of the sealed value; always the same message.
   */
  open(sealed: string, slot: SealSlot): string;
}

/** A sealed value that did not open. Says nothing about why, on purpose (SEC-60). */
export class SealError extends Error {
  override readonly name = "SealError";
  constructor() {
    super(
      "A stored value could not be opened: its key is missing from the key ring, or the value was changed",
    );
  }
}
