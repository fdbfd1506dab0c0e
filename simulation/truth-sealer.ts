/**
 * The real sealer, and beside it the truth about what it sealed: checkers read rows through this.
 *
 * @module
 */
import { SealError, type Sealer, type SealSlot } from "../src/core/sealer.ts";
import type { TokenSet } from "../src/core/token-set.ts";
import { createKeyRing, type KeyRing } from "../src/vault/key-ring.ts";
import { createSealer } from "../src/vault/sealer.ts";
import type { Chance } from "./chance.ts";

/** What is in a sealed value, and where it belongs. */
export interface Sealed {
  readonly tokenSet: TokenSet;
  readonly slot: SealSlot;
}

/** Told of each value that opened, with the slot that it was sealed for. */
export type OnOpened = (slot: SealSlot, sealedFor: SealSlot | undefined) => void;

const OLD_SECRET = "3q2+7wvTmXk1c5ZrJ8yLQaPnDfGhUoEi";
const NEW_SECRET = "Zx81LmQpW0r7TbYcVn4sKdJfHgUaEoIi";

/** The key rings that a server may have. Derived once for all runs. */
export const RINGS: Readonly<Record<"old" | "both" | "new", KeyRing>> = {
  old: createKeyRing({ secrets: [OLD_SECRET] }),
  both: createKeyRing({ secrets: [NEW_SECRET, OLD_SECRET] }),
  new: createKeyRing({ secrets: [NEW_SECRET] }),
};

/** Knows the content of everything that was sealed in one run. */
export class SealingTruth {
  readonly #sealed = new Map<string, Sealed>();
  readonly #opened = new Map<string, string>();
  readonly #chance: Chance;
  readonly #real: boolean;
  #count = 0;

  /** @param real Whether to encrypt for real. Otherwise a value opens by the same rules, and costs next to nothing. */
  constructor(chance: Chance, real: boolean) {
    this.#chance = chance;
    this.#real = real;
  }

  /** What is in a sealed value; `undefined` for the empty string and for what nobody sealed. */
  reveal(sealed: string): Sealed | undefined {
    return this.#sealed.get(sealed);
  }

  /** A sealer with that key ring. */
  sealer(ring: keyof typeof RINGS, onOpened: OnOpened): Sealer {
    return this.#real ? this.#realSealer(ring, onOpened) : this.#modelSealer(ring, onOpened);
  }

  #modelSealer(ring: keyof typeof RINGS, onOpened: OnOpened): Sealer {
    const keyIds = RINGS[ring].keys().map(({ id }) => id);
    return {
      seal: (plaintext, slot) => {
        const keyId = keyIds[0] ?? "";
        const sealed = `model.${keyId}.${++this.#count}.${"=".repeat(30)}`;
        this.#sealed.set(sealed, { tokenSet: JSON.parse(plaintext || "{}") as TokenSet, slot: { ...slot } });
        return { sealed, keyId };
      },
      open: (sealed, slot) => {
        const key = `${ring}|${slot.grantId}|${slot.field}|${slot.version}|${sealed}`;
        const opened = this.#opened.get(key);
        if (opened !== undefined) return opened;
        const known = this.#sealed.get(sealed);
        const { grantId, field, version } = known?.slot ?? {};
        const fits = grantId === slot.grantId && field === slot.field && version === slot.version;
        if (known === undefined || !fits || !keyIds.includes(sealed.split(".")[1] ?? ""))
          throw new SealError();
        onOpened(slot, known.slot);
        const plaintext = JSON.stringify(known.tokenSet);
        this.#opened.set(key, plaintext);
        return plaintext;
      },
    };
  }

  #realSealer(ring: keyof typeof RINGS, onOpened: OnOpened): Sealer {
    const real = createSealer(RINGS[ring], { randomBytes: (size) => this.#bytes(size) });
    return {
      seal: (plaintext, slot) => {
        const result = real.seal(plaintext, slot);
        this.#sealed.set(result.sealed, {
          tokenSet: JSON.parse(plaintext || "{}") as TokenSet,
          slot: { ...slot },
        });
        return result;
      },
      open: (sealed, slot) => {
        // What has opened once opens again: the second time need not cost a decryption.
        const key = `${ring}|${slot.grantId}|${slot.field}|${slot.version}|${sealed}`;
        const known = this.#opened.get(key);
        if (known !== undefined) return known;
        const plaintext = real.open(sealed, slot);
        this.#opened.set(key, plaintext);
        onOpened(slot, this.#sealed.get(sealed)?.slot);
        return plaintext;
      },
    };
  }

  #bytes(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => this.#chance.int(256));
  }
}
