import { describe, expect, it } from "vitest";
import {
  isSessionCookie,
  sessionCookieValue,
  withoutSessionCookies,
} from "../../src/adapter/session-cookie.ts";

const NAME = "next-auth.session-token";

describe("the value of the session cookie", () => {
  it.each([
    ["the whole one", { [NAME]: "abc" }, "abc"],
    ["its chunks in order, past ten", chunks(12), "abcdefghijkl"],
    ["the whole one beside a stale chunk (D15)", { [NAME]: "abc", [`${NAME}.0`]: "old" }, "abc"],
    ["the chunks where the whole one is empty", { [NAME]: "", [`${NAME}.0`]: "a", [`${NAME}.1`]: "b" }, "ab"],
    ["the chunks before a gap", { [`${NAME}.0`]: "a", [`${NAME}.2`]: "c" }, "a"],
  ])("is %s", (_what, cookies, expected) => {
    expect(sessionCookieValue(new Map(Object.entries(cookies)), NAME)).toBe(expected);
  });

  it.each([
    ["nothing", {}],
    ["another cookie that begins alike", { [`${NAME}-theme`]: "x", [`${NAME}.theme`]: "x" }],
    ["a chunk without the first", { [`${NAME}.1`]: "b" }],
  ])("is not there for %s", (_what, cookies) => {
    expect(sessionCookieValue(new Map(Object.entries(cookies)), NAME)).toBeUndefined();
  });
});

describe("a response for a session that has ended", () => {
  it("neither sets nor deletes the session cookie and its chunks, and leaves the others (F18, F43)", () => {
    const others = [`${NAME}-theme=dark; Path=/`, "next-auth.csrf-token=x; Path=/; HttpOnly"];
    const lines = [
      `${NAME}=abc; Path=/; Expires=Sat, 31 Jan 2026 00:00:00 GMT; HttpOnly; SameSite=Lax; Secure`,
      `${NAME}.0=; Path=/; Max-Age=0; Domain=app.example`,
      ...others,
    ];

    expect(withoutSessionCookies(lines, NAME)).toEqual(others);
  });
});

describe("a cookie's name", () => {
  it.each([
    [NAME, true],
    [`${NAME}.0`, true],
    [`${NAME}.10`, true],
    [`${NAME}.x`, false],
    [`${NAME}-x`, false],
    [`${NAME}.`, false],
    ["", false],
  ])("%s is the session's: %s", (name, expected) => {
    expect(isSessionCookie(name, NAME)).toBe(expected);
  });
});

function chunks(count: number): Record<string, string> {
  const entries = Array.from({ length: count }, (_, index): [string, string] => [
    `${NAME}.${index}`,
    String.fromCharCode(97 + index),
  ]);
  return Object.fromEntries(entries.reverse());
}
