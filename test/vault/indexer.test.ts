import { describe, expect, it } from "vitest";

import { createIndexer } from "../../src/vault/indexer.ts";
import { lengthPrefixed } from "../../src/vault/parts.ts";
import { newSecret, ringOf } from "./fixtures.ts";

const [NEWER, OLDER] = [newSecret(), newSecret()];
const indexer = createIndexer(ringOf(NEWER, OLDER));
const [newest, oldest] = indexer.keyIds() as [string, string];

describe("a handle", () => {
  it("is 256 random bits as base64url (SEC-08)", () => {
    const sizes: number[] = [];
    const spied = createIndexer(ringOf(NEWER), {
      randomBytes: (size) => {
        sizes.push(size);
        return new Uint8Array(size).fill(0xff);
      },
    });

    expect(spied.newHandle()).toBe(`${"_".repeat(42)}8`);
    expect(sizes).toEqual([32]);
    expect(indexer.newHandle()).toMatch(/^[\w-]{43}$/);
  });

  it("is unlike any other and uniform in every byte (SEC-09)", () => {
    const handles = Array.from({ length: 10_000 }, () => indexer.newHandle());
    const ones = new Array<number>(256).fill(0);
    for (const handle of handles) {
      for (const [index, byte] of Buffer.from(handle, "base64url").entries()) {
        for (let bit = 0; bit < 8; bit++) ones[index * 8 + bit]! += (byte >> bit) & 1;
      }
    }

    expect(new Set(handles).size).toBe(handles.length);
    // Six standard deviations of 10,000 coin throws: a fair source misses it once in two million runs.
    for (const count of ones) expect(Math.abs(count - 5_000)).toBeLessThan(300);
  });

  it("of an adopted session is the same for the same refresh token and key only, and looks like any other", () => {
    const adopted = indexer.adoptedHandleOf(newest, "R1");

    expect(adopted).toMatch(/^[\w-]{43}$/);
    expect(indexer.adoptedHandleOf(newest, "R1")).toBe(adopted);
    expect(indexer.adoptedHandleOf(newest, "R2")).not.toBe(adopted);
    expect(indexer.adoptedHandleOf(oldest, "R1")).not.toBe(adopted);
    expect(adopted).not.toContain(Buffer.from("R1").toString("base64url"));
  });
});

describe("what names a session in a page", () => {
  it("is not what names it in the store, and is found again under an older key (SEC-15, SEC-59)", () => {
    const sessionRef = indexer.sessionRefOf(newest, indexer.newHandle()) ?? "";
    const [now, before, ...more] = indexer.pageRefsOf(sessionRef);

    expect(now).toMatch(/^[\w-]{43}$/);
    expect(now).not.toBe(sessionRef);
    expect(createIndexer(ringOf(OLDER)).pageRefsOf(sessionRef)).toEqual([before]);
    expect(more).toEqual([]);
    expect(indexer.pageRefsOf(`${sessionRef}.added`)).not.toContain(now);
  });
});

describe("the index", () => {
  it("holds keyed hashes that contain neither handle nor person (SEC-10)", () => {
    const handle = indexer.newHandle();
    const references = [
      indexer.grantIdOf(newest, handle, "keycloak"),
      indexer.sessionRefOf(newest, handle),
      indexer.subjectRefOf("https://as.example", "alice"),
      indexer.sidRefOf("https://as.example", "sid-1"),
    ];

    expect(new Set(references).size).toBe(4);
    for (const reference of references) {
      expect(reference).toMatch(/^([\w-]{4}\.)?[\w-]{43}$/);
      for (const clear of [handle, "alice", "keycloak", "sid-1"]) expect(reference).not.toContain(clear);
    }
  });

  it("prefixes a grant id with the key's id, so that the rows of a key can be counted (SEC-59)", () => {
    expect(indexer.grantIdOf(newest, "h", "p")).toMatch(new RegExp(`^${newest}\\.`));
    expect(indexer.grantIdOf(oldest, "h", "p")).toMatch(new RegExp(`^${oldest}\\.`));
    expect(indexer.newestKeyId()).toBe(newest);
  });

  it("finds what an older key named, and nothing once that key has left the ring", () => {
    const before = createIndexer(ringOf(OLDER));
    const rotated = createIndexer(ringOf(newSecret()));

    expect(indexer.grantIdOf(oldest, "h", "p")).toBe(before.grantIdOf(oldest, "h", "p"));
    expect(indexer.sessionRefOf(oldest, "h")).toBe(before.sessionRefOf(oldest, "h"));
    expect(rotated.grantIdOf(oldest, "h", "p")).toBeUndefined();
    expect(rotated.sessionRefOf(oldest, "h")).toBeUndefined();
    expect(rotated.adoptedHandleOf(oldest, "R1")).toBeUndefined();
    expect(rotated.grantIdOf("__proto__", "h", "p")).toBeUndefined();
  });

  it("stores a person under the newest key and looks the person up under all", () => {
    const [byNewest, byOldest] = indexer.subjectRefsOf("https://as.example", "alice");

    expect(byNewest).toBe(indexer.subjectRefOf("https://as.example", "alice"));
    expect(byOldest).toBe(createIndexer(ringOf(OLDER)).subjectRefOf("https://as.example", "alice"));
    expect(indexer.sidRefsOf("https://as.example", "s")[0]).toBe(indexer.sidRefOf("https://as.example", "s"));
    expect(indexer.sidRefsOf("https://as.example", "s")).toHaveLength(2);
  });

  it("keeps apart what only runs together to the same text (SEC-72, SEC-45)", () => {
    const references = [
      indexer.subjectRefOf("https://as.example/a", "b"),
      indexer.subjectRefOf("https://as.example/", "ab"),
      indexer.subjectRefOf("", "https://as.example/ab"),
      indexer.sidRefOf("https://as.example/a", "b"),
      indexer.grantIdOf(newest, "https://as.example/a", "b")?.slice(5),
      indexer.sessionRefOf(newest, "https://as.example/a"),
      indexer.adoptedHandleOf(newest, "https://as.example/a"),
    ];

    expect(new Set(references).size).toBe(references.length);
  });
});

describe("length-prefixed parts", () => {
  it("never meet for different lists (SEC-72)", () => {
    const lists = [
      [],
      [""],
      ["", ""],
      ["a"],
      ["a", ""],
      ["", "a"],
      ["ab"],
      ["a", "b"],
      ["ä"],
      ["a\u0308"],
      ["\0\0\0\u0001a"],
    ];
    const bytes = lists.map((list) => lengthPrefixed(list).toString("hex"));

    expect(new Set(bytes).size).toBe(lists.length);
  });
});
