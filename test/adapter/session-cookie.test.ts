import { describe, expect, it } from "vitest";
import { deletingSession, isSessionCookie, sessionCookieValue } from "../../src/adapter/session-cookie.ts";

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
  it("deletes the session cookie and its chunks with their attributes, and leaves the others", () => {
    const lines = [
      `${NAME}=abc; Path=/; Expires=Sat, 31 Jan 2026 00:00:00 GMT; HttpOnly; SameSite=Lax; Secure`,
      `${NAME}.0=abc; Path=/; Max-Age=100; Domain=app.example`,
      `${NAME}-theme=dark; Path=/`,
      "next-auth.csrf-token=x; Path=/; HttpOnly",
    ];

    const deleting = deletingSession(lines, NAME);

    expect(deleting).toEqual([
      `${NAME}=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0`,
      `${NAME}.0=; Path=/; Domain=app.example; Max-Age=0`,
      lines[2],
      lines[3],
    ]);
    expect(deletingSession(deleting, NAME), "once more").toEqual(deleting);
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
