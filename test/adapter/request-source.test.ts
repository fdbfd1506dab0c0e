import { describe, expect, it } from "vitest";
import { isPrefetch, isRequestLike, requestSourceOf } from "../../src/adapter/request-source.ts";

describe("a request source", () => {
  it("reads headers by lower-case name, of a web and of a Node request", () => {
    const web = requestSourceOf(new Request("http://x/", { headers: { "X-Own": "1" } }));
    const node = requestSourceOf({ headers: { "x-own": ["1", "2"], other: undefined } });

    expect([web.header("x-own"), node.header("x-own"), node.header("other"), web.header("none")]).toEqual([
      "1",
      "1",
      undefined,
      undefined,
    ]);
  });

  it("prefers the cookies that Next has parsed, and reads the request inside a page's context", () => {
    const request = { headers: { cookie: "a=header" }, cookies: { a: "parsed", b: undefined } };

    expect([...requestSourceOf(request).cookies]).toEqual([["a", "parsed"]]);
    expect([...requestSourceOf({ req: request }).cookies]).toEqual([["a", "parsed"]]);
    expect([...requestSourceOf({ headers: { cookie: "a=header" } }).cookies]).toEqual([["a", "header"]]);
  });

  it.each([
    [{ "sec-purpose": "prefetch" }, true],
    [{ "sec-purpose": "prefetch;prerender" }, true],
    [{ purpose: "Prefetch" }, true],
    [{ "next-router-prefetch": "1" }, true],
    [{ "sec-purpose": "prefetched" }, false],
    [{ "user-agent": "prefetch" }, false],
    [{}, false],
  ])("with %j is a prefetch: %s (SEC-26)", (headers, expected) => {
    expect(isPrefetch(requestSourceOf({ headers }))).toBe(expected);
  });

  it.each([
    [new Request("http://x/"), true],
    [{ headers: {} }, true],
    [{ req: { headers: {} } }, true],
    [{ minValidityMs: 1 }, false],
    [null, false],
    ["headers", false],
    [undefined, false],
  ])("is what has headers or a request: %o: %s", (value, expected) => {
    expect(isRequestLike(value)).toBe(expected);
  });
});
