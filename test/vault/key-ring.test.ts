import { inspect } from "node:util";

import { describe, expect, it } from "vitest";

import { createKeyRing } from "../../src/vault/key-ring.ts";
import { newSecret, ringOf } from "./fixtures.ts";

const NEW = newSecret();
const OLD = newSecret();
const NEXTAUTH = newSecret();
const idsOf = (...secrets: string[]): string[] =>
  ringOf(...secrets)
    .keys()
    .map(({ id }) => id);

describe("a key ring", () => {
  it("lists own secrets first and NextAuth's after them, each once (SEC-59)", () => {
    const ring = createKeyRing({ secrets: [NEW, OLD, NEW], extraSecrets: [NEXTAUTH, OLD] });

    expect(ring.keys().map(({ id }) => id)).toEqual(idsOf(NEW, OLD, NEXTAUTH));
  });

  it("derives the same keys from the same secret, and other keys from another", () => {
    const [first] = ringOf(NEW).keys();
    const [again] = ringOf(NEW).keys();
    const [other] = ringOf(OLD).keys();

    expect(again.id).toBe(first.id);
    expect(again.sealingKey.equals(first.sealingKey)).toBe(true);
    expect(other.sealingKey.equals(first.sealingKey)).toBe(false);
    expect(other.indexKey.equals(first.indexKey)).toBe(false);
  });

  it("has a separate 256-bit key for each purpose, and an id that shows none of them (SEC-62)", () => {
    const [key] = ringOf(NEW).keys();
    const [sealing, index] = [key.sealingKey.export(), key.indexKey.export()];

    expect([sealing.length, index.length]).toEqual([32, 32]);
    expect(sealing.equals(index)).toBe(false);
    expect(key.id).toMatch(/^[\w-]{4}$/);
    for (const bytes of [sealing, index, Buffer.from(NEW)]) {
      expect(bytes.toString("base64url")).not.toContain(key.id);
    }
  });

  it("shows no key material when it is logged (SEC-83)", () => {
    const ring = ringOf(NEW);
    const [key] = ring.keys();
    const shown =
      inspect(ring, { depth: 9, showHidden: true }) + inspect(key, { depth: 9 }) + JSON.stringify(key);

    for (const bytes of [key.sealingKey.export(), key.indexKey.export(), Buffer.from(NEW)]) {
      for (const encoding of ["hex", "base64", "base64url", "latin1"] as const) {
        expect(shown).not.toContain(bytes.toString(encoding));
      }
    }
  });

  it("reads nothing while it is made, and each first use looks again until it succeeds", () => {
    let environment: string[] = [];
    let looked = 0;
    const ring = createKeyRing({
      secrets: () => {
        looked++;
        return environment;
      },
    });
    expect(looked).toBe(0);

    expect(() => ring.keys()).toThrow(/"NOLAPSE_SECRET" is missing, and so is NEXTAUTH_SECRET/);
    environment = [NEW];
    expect(ring.keys()).toHaveLength(1);
    ring.keys();
    expect(looked).toBe(2);
  });

  it("refuses a weak own secret at first use (SEC-61)", () => {
    const ring = createKeyRing({ secrets: ["changeme"], extraSecrets: [NEXTAUTH] });

    expect(() => ring.keys()).toThrow(/"NOLAPSE_SECRET" is too short/);
  });

  it("refuses NextAuth's weak secret where it would have to seal, under its own name", () => {
    const ring = createKeyRing({ secrets: [], extraSecrets: ["secret"], extraOption: "secret" });

    expect(() => ring.keys()).toThrow(/"secret" is too short/);
  });

  it("leaves NextAuth's weak secret out beside a strong own one", () => {
    const ring = createKeyRing({ secrets: [NEW], extraSecrets: ["secret", NEXTAUTH] });

    expect(ring.keys().map(({ id }) => id)).toEqual(idsOf(NEW, NEXTAUTH));
  });
});
