import { randomBytes } from "node:crypto";

import type { SealSlot } from "../../src/core/sealer.ts";
import { createKeyRing, type KeyRing } from "../../src/vault/key-ring.ts";

/** A secret as the documentation tells people to make it. */
export const newSecret = (): string => randomBytes(32).toString("base64");

export const ringOf = (...secrets: string[]): KeyRing => createKeyRing({ secrets });

export const SLOT: SealSlot = { grantId: "k1.alice", field: "token-set", version: 7 };
