import { describe, expect, it } from "vitest";

import { isTokenError } from "../../src/core/errors.ts";
import { deterministicRandom } from "../../src/testing/random.ts";
import { checkedSecrets, secretList, weaknessOf } from "../../src/vault/secrets.ts";

const bytesFrom = (random: () => number, count: number): Buffer =>
  Buffer.from(Array.from({ length: count }, () => Math.floor(random() * 256)));

describe("a secret", () => {
  it.each([
    ["", /too short/],
    ["secret", /too short/],
    ["Zk3v9Qm1xT7bR5wY8nL2", /too short/],
    ["a".repeat(64), /repeats itself/],
    ["changeme".repeat(5), /repeats itself/],
    ["0123456789abcdef0123456789abcdef", /repeats itself/],
    ["abcdefghijklmnopqrstuvwxyz123456", /run/],
    ["zyxwvutsrqponmlkjihgfedcba987654", /run/],
    ["abababababababbabababbababababbaab", /run|few/],
    ["13131313131133113131331313113313", /few/],
    ["your-secret-key-at-least-32-characters-long", /placeholder/],
    ["complex_password_at_least_32_characters_long", /placeholder/],
    ["YOUR_NEXTAUTH_SECRET_GOES_HERE_PLEASE", /placeholder/],
    ["my-super-secret-key-for-nextauth-please-change-this", /placeholder/],
    ["this-is-a-very-long-secret-for-local-development-1", /placeholder/],
  ])("like %j is refused as weak (SEC-61)", (secret, weakness) => {
    expect(weaknessOf(secret)).toMatch(weakness);
  });

  it("that is no string is refused (SEC-72)", () => {
    for (const value of [undefined, null, 42, ["x".repeat(40)], { length: 40 }]) {
      expect(weaknessOf(value)).toMatch(/not a string/);
    }
  });

  it("that a random generator made is accepted, in any usual spelling", () => {
    const random = deterministicRandom(1);
    for (let round = 0; round < 3_000; round++) {
      expect(weaknessOf(bytesFrom(random, 32).toString("base64"))).toBeUndefined();
      expect(weaknessOf(bytesFrom(random, 24).toString("base64url"))).toBeUndefined();
      expect(weaknessOf(bytesFrom(random, 32).toString("hex"))).toBeUndefined();
      expect(weaknessOf(bytesFrom(random, 16).toString("hex"))).toBeUndefined();
    }
  });

  it("that is random behind a telling prefix is accepted", () => {
    const random = deterministicRandom(2);
    expect(weaknessOf(`prod-secret-${bytesFrom(random, 32).toString("base64")}`)).toBeUndefined();
  });
});

describe("a list of secrets", () => {
  it("is separated by commas, and blanks and empty parts do not count", () => {
    expect(secretList(" new , old,, older ,")).toEqual(["new", "old", "older"]);
    expect(secretList(undefined)).toEqual([]);
    expect(secretList(" , ")).toEqual([]);
  });

  it("names the option and the place of a weak one, never the secret (SEC-83)", () => {
    const strong = bytesFrom(deterministicRandom(3), 32).toString("base64");
    const weak = "my-own-weak-password-canary-secret";
    let error: unknown;
    try {
      checkedSecrets("NOLAPSE_SECRET", [strong, weak.slice(0, 20)]);
    } catch (thrown) {
      error = thrown;
    }

    expect(isTokenError(error)).toBe(true);
    expect(error).toMatchObject({ code: "invalid_option", option: "NOLAPSE_SECRET" });
    expect(String(error)).toMatch(/secret 2 of 2.*openssl rand -base64 32/);
    expect(String((error as Error).stack)).not.toContain("canary");
    expect(String((error as Error).stack)).not.toContain(weak.slice(0, 12));
  });

  it("is bounded", () => {
    const strong = bytesFrom(deterministicRandom(4), 32).toString("base64");
    expect(() => checkedSecrets("x", Array<string>(21).fill(strong))).toThrow(/20 is the most/);
    expect(checkedSecrets("x", [strong, strong])).toEqual([strong]);
  });
});
