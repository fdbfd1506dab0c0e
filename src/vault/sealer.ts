/**
 * Sealing with AES-256-GCM: what a store keeps is unreadable without a key, and opens in its own place only.
 *
 * Each value gets a key of its own, derived by HKDF from the sealing key and 128 random bits, and a random nonce of
 * 96 bits. A nonce is repeated under one key only if all 224 bits meet again, so the limit of 2^32 values per key
 * that random nonces alone would impose (SP 800-38D) is out of reach and nothing has to be counted (SEC-56).
 *
 * A sealed value is `1.<key id>.<base64url of salt, nonce, ciphertext, tag>`.
 *
 * @module
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, type KeyObject } from "node:crypto";

import { SealError, type Sealer, type SealSlot } from "../core/sealer.ts";
import type { KeyRing } from "./key-ring.ts";
import { lengthPrefixed } from "./parts.ts";

/** Gives `size` unpredictable bytes. */
export type RandomBytes = (size: number) => Uint8Array;

/** What {@link createSealer} can be told. */
export interface SealerOptions {
  /** Where salts and nonces come from. @defaultValue `randomBytes` of `node:crypto` */
  readonly randomBytes?: RandomBytes;
}

const FORMAT = "1";
const ALGORITHM = "aes-256-gcm";
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const RECORD_KEY_INFO = "nolapse/1/sealed-value";

/**
 * Makes a sealer that seals with the newest key of the ring and opens with any.
 *
 * Beside what the port says, both methods throw `InvalidOptionError` while the ring's secrets are missing or weak.
 */
export function createSealer(ring: KeyRing, options: SealerOptions = {}): Sealer {
  const random = options.randomBytes ?? randomBytes;
  return {
    seal(plaintext, slot) {
      const [{ id, sealingKey }] = ring.keys();
      const salt = random(SALT_BYTES);
      const nonce = random(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, recordKey(sealingKey, salt), nonce, {
        authTagLength: TAG_BYTES,
      });
      cipher.setAAD(associatedData(id, slot));
      const ciphertext = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final()]);
      const body = Buffer.concat([salt, nonce, ciphertext, cipher.getAuthTag()]);
      return { sealed: `${FORMAT}.${id}.${body.toString("base64url")}`, keyId: id };
    },

    open(sealed, slot) {
      const keys = ring.keys();
      const [format, id, text, ...more] = sealed.split(".");
      const key = keys.find((candidate) => candidate.id === id);
      if (format !== FORMAT || key === undefined || text === undefined || more.length > 0) {
        throw new SealError();
      }
      return opened(key.sealingKey, bodyFrom(text), associatedData(key.id, slot));
    },
  };
}

function opened(sealingKey: KeyObject, body: Buffer, aad: Buffer): string {
  const salt = body.subarray(0, SALT_BYTES);
  const nonce = body.subarray(SALT_BYTES, SALT_BYTES + NONCE_BYTES);
  const ciphertext = body.subarray(SALT_BYTES + NONCE_BYTES, -TAG_BYTES);
  try {
    const decipher = createDecipheriv(ALGORITHM, recordKey(sealingKey, salt), nonce, {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(aad);
    decipher.setAuthTag(body.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString("utf8");
  } catch {
    // OpenSSL's own words would tell a wrong key from a changed value.
    throw new SealError();
  }
}

/** The bytes of a sealed value. Only the one canonical spelling counts, so that no changed character goes unseen. */
function bodyFrom(text: string): Buffer {
  const body = Buffer.from(text, "base64url");
  const complete = body.length >= SALT_BYTES + NONCE_BYTES + TAG_BYTES;
  if (!complete || body.toString("base64url") !== text) throw new SealError();
  return body;
}

function recordKey(sealingKey: KeyObject, salt: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", sealingKey, salt, RECORD_KEY_INFO, KEY_BYTES));
}

function associatedData(keyId: string, { grantId, field, version }: SealSlot): Buffer {
  return lengthPrefixed([FORMAT, grantId, field, String(version), keyId]);
}
