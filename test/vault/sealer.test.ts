import { randomBytes } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { SealError, type SealSlot } from "../../src/core/sealer.ts";
import { createSealer } from "../../src/vault/sealer.ts";
import { newSecret, ringOf, SLOT } from "./fixtures.ts";

const SECRET = newSecret();
const sealer = createSealer(ringOf(SECRET));
const SALT_AND_NONCE_BYTES = 28;
const CHARACTERS = Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/.= \n\0ä");

const bodyOf = (sealed: string): Buffer => Buffer.from(sealed.split(".")[2]!, "base64url");
const withBody = (sealed: string, body: Buffer): string =>
  [...sealed.split(".").slice(0, 2), body.toString("base64url")].join(".");

describe("a sealed value", () => {
  it.each(["", "x", '{"accessToken":"ä€😀"}', "t".repeat(100_000)])("opens again in its slot", (text) => {
    expect(sealer.open(sealer.seal(text, SLOT).sealed, SLOT)).toBe(text);
  });

  it("names its format and key, and shows nothing of the text (SEC-55)", () => {
    const { sealed, keyId } = sealer.seal("canary-token", SLOT);

    expect(sealed).toMatch(/^1\.[\w-]{4}\.[\w-]+$/);
    expect(sealed.split(".")[1]).toBe(keyId);
    expect(bodyOf(sealed).includes("canary")).toBe(false);
  });

  it.each<[string, Partial<SealSlot>]>([
    ["grant", { grantId: "k1.bob" }],
    ["field", { field: "candidate" }],
    ["version", { version: 8 }],
  ])("does not open in the slot of another %s (SEC-58, I15)", (_part, other) => {
    const alice = sealer.seal("alice", SLOT).sealed;
    const bob = sealer.seal("bob", { ...SLOT, ...other }).sealed;

    expect(() => sealer.open(alice, { ...SLOT, ...other })).toThrow(SealError);
    expect(() => sealer.open(bob, SLOT)).toThrow(SealError);
  });

  it("does not open where parts of two slots run together to the same text (SEC-72)", () => {
    const { sealed } = sealer.seal("x", { grantId: "a1", field: "token-set", version: 1 });

    expect(() => sealer.open(sealed, { grantId: "a", field: "token-set", version: 11 })).toThrow(SealError);
  });

  it("does not open after any bit of any byte was flipped (SEC-60)", () => {
    const { sealed } = sealer.seal("a short text", SLOT);
    const body = bodyOf(sealed);
    for (let index = 0; index < body.length; index++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = Buffer.from(body);
        changed[index]! ^= 1 << bit;
        expect(() => sealer.open(withBody(sealed, changed), SLOT)).toThrow(SealError);
      }
    }
  });

  it("does not open after any character was changed, the unused bits of the last one included (SEC-60)", () => {
    for (const text of ["a", "ab", "abc"]) {
      const { sealed } = sealer.seal(text, SLOT);
      for (let index = 0; index < sealed.length; index++) {
        for (const character of CHARACTERS) {
          if (character === sealed[index]) continue;
          const changed = sealed.slice(0, index) + character + sealed.slice(index + 1);
          expect(() => sealer.open(changed, SLOT)).toThrow(SealError);
        }
      }
      for (const changed of [`${sealed}=`, ` ${sealed}`, `${sealed}.`, sealed.slice(0, -1), `${sealed}A`]) {
        expect(() => sealer.open(changed, SLOT)).toThrow(SealError);
      }
    }
  });

  it("does not open with a tag cut to 4 to 15 bytes (SEC-57)", () => {
    const { sealed } = sealer.seal("", SLOT);
    const body = bodyOf(sealed);
    for (let tagBytes = 0; tagBytes < 16; tagBytes++) {
      const cut = body.subarray(0, SALT_AND_NONCE_BYTES + tagBytes);
      expect(() => sealer.open(withBody(sealed, cut), SLOT)).toThrow(SealError);
    }
  });

  it.each([
    "",
    ".",
    "..",
    "1..",
    "1.abcd.",
    "2.abcd.AAAA",
    "__proto__",
    "1.__proto__.x",
    "A".repeat(100_000),
  ])("does not open if it is the odd text %.20j (SEC-72)", (odd) => {
    expect(() => sealer.open(odd, SLOT)).toThrow(SealError);
  });

  it("fails with one and the same error for every reason (SEC-60)", () => {
    const { sealed } = sealer.seal("x", SLOT);
    const stranger = createSealer(ringOf(newSecret())).seal("x", SLOT).sealed;
    const renamed = stranger.replace(/^1\.[^.]+/, sealed.split(".").slice(0, 2).join("."));
    const attempts = [
      () => sealer.open(sealed, { ...SLOT, version: 8 }),
      () => sealer.open(stranger, SLOT),
      () => sealer.open(renamed, SLOT),
      () => sealer.open(sealed.slice(0, -4), SLOT),
      () => sealer.open("nonsense", SLOT),
    ];

    const errors = attempts.map((attempt) => {
      try {
        return attempt();
      } catch (error) {
        const { name, message, cause } = error as Error;
        return JSON.stringify({ name, message, cause, own: Object.keys(error as Error) });
      }
    });

    expect(new Set(errors).size).toBe(1);
    expect(errors[0]).toContain("SealError");
  });
});

describe("a sealer", () => {
  it("seals with the newest secret and opens what any listed one sealed (SEC-59)", () => {
    const [older, newer] = [newSecret(), newSecret()];
    const before = createSealer(ringOf(older)).seal("before", SLOT);
    const rotated = createSealer(ringOf(newer, older));
    const after = rotated.seal("after", SLOT);

    expect(rotated.open(before.sealed, SLOT)).toBe("before");
    expect(after.keyId).not.toBe(before.keyId);
    expect(createSealer(ringOf(newer)).open(after.sealed, SLOT)).toBe("after");
    expect(() => createSealer(ringOf(newer)).open(before.sealed, SLOT)).toThrow(SealError);
  });

  it("draws a fresh salt and nonce each time and uses exactly what it drew (SEC-56)", () => {
    const drawn: string[] = [];
    const spied = createSealer(ringOf(SECRET), {
      randomBytes: (size) => {
        const bytes = randomBytes(size);
        drawn.push(bytes.toString("hex"));
        return bytes;
      },
    });
    const used = new Set<string>();
    const rounds = 20_000;
    for (let round = 0; round < rounds; round++) {
      const { sealed } = spied.seal("the same text", SLOT);
      const prefix = bodyOf(sealed).subarray(0, SALT_AND_NONCE_BYTES).toString("hex");
      expect(prefix).toBe(drawn.splice(0).join(""));
      used.add(prefix);
    }

    expect(used.size).toBe(rounds);
  });

  it("encrypts under a key of its own for each salt, so that an equal nonce alone repeats nothing (SEC-56)", () => {
    let salt = 0;
    const sameNonce = createSealer(ringOf(SECRET), {
      randomBytes: (size) => (size === 12 ? Buffer.alloc(12, 9) : Buffer.alloc(size, salt++)),
    });
    const ciphertexts = Array.from({ length: 50 }, () =>
      bodyOf(sameNonce.seal("the same text", SLOT).sealed).subarray(SALT_AND_NONCE_BYTES).toString("hex"),
    );

    expect(new Set(ciphertexts).size).toBe(50);
  });

  it("uses no cryptography but node:crypto (SEC-64)", () => {
    const folder = new URL("../../src/vault/", import.meta.url);
    for (const file of readdirSync(folder)) {
      const imports = [...readFileSync(new URL(file, folder), "utf8").matchAll(/from "([^"]+)"/g)];
      for (const [, source] of imports) expect(source).toMatch(/^(node:crypto|\.\/|\.\.\/core\/)/);
    }
  });
});
