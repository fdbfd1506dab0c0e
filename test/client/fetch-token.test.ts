import { describe, expect, it, vi } from "vitest";
import { BrowserTokenError, isBrowserTokenError } from "../../src/client/browser-token-error.ts";
import { browserFetchToken } from "../../src/client/browser-token.ts";
import { readTokenAnswer } from "../../src/client/fetch-token.ts";

const UNAVAILABLE = { kind: "failed", code: "refresh_unavailable" };

describe("an answer of the token's route", () => {
  it("is a token with its life, where that is known", async () => {
    const whole = { accessToken: "A1", expiresInMs: 5, accessTokenExpires: 7 };
    expect(await readTokenAnswer(Response.json(whole))).toEqual({ kind: "token", ...whole });
    expect(await readTokenAnswer(Response.json({ accessToken: "A1" }))).toMatchObject({
      kind: "token",
      expiresInMs: undefined,
    });
  });

  it.each([
    ["a login page", new Response("<!doctype html><h1>Sign in</h1>")],
    ["nothing", new Response(null, { status: 204 })],
    ["no token", Response.json({})],
    ["null", Response.json(null)],
    ["an empty token", Response.json({ accessToken: "" })],
    ["a token that is none", Response.json({ accessToken: ["A1"] })],
    ["a life that is none", Response.json({ accessToken: "A1", expiresInMs: "5" })],
    ["a negative life", Response.json({ accessToken: "A1", expiresInMs: -5 })],
    ["an end that is none", Response.json({ accessToken: "A1", accessTokenExpires: null })],
  ])("that is %s is none for now", async (_what, response) => {
    expect(await readTokenAnswer(response)).toMatchObject(UNAVAILABLE);
  });

  it.each([
    [401, "reauthentication_required", "reauthentication_required"],
    [401, "not_signed_in", "not_signed_in"],
    [401, "", "not_signed_in"],
    [403, "cross_site", "refused"],
    [400, "invalid_request", "invalid_option"],
    [400, "", "not_exposed"],
    [413, "request_too_large", "refused"],
    [408, "request_timeout", "refresh_unavailable"],
    [404, "", "not_exposed"],
    [405, "method_not_allowed", "refused"],
    [500, "invalid_option", "invalid_option"],
    [500, "internal", "refresh_unavailable"],
    [503, "store_failed", "store_failed"],
    [503, "", "refresh_unavailable"],
    [429, "", "refresh_unavailable"],
    [500, "toString", "refresh_unavailable"],
  ])("of the status %i with %j is %s", async (status, header, code) => {
    const headers = header === "" ? {} : { "x-nolapse-error": header };
    expect(await readTokenAnswer(Response.json({ error: header }, { status, headers }))).toMatchObject({
      kind: "failed",
      code,
    });
  });

  it("says why a sign-in ended, in a word and nothing else", async () => {
    const answer = (reason: unknown): Promise<unknown> =>
      readTokenAnswer(
        Response.json(
          { reason },
          { status: 401, headers: { "x-nolapse-error": "reauthentication_required" } },
        ),
      );

    expect(await answer("rejected")).toMatchObject({ reason: "rejected" });
    for (const odd of ["<b>", 7, "x".repeat(41), "eyJhbGciOiJub25lIn0.e30.", undefined])
      expect(await answer(odd)).toMatchObject({ reason: undefined });
  });

  it("says when to ask again, and is believed for a minute at most", async () => {
    const answer = (retryAfter: string): Promise<unknown> =>
      readTokenAnswer(new Response("", { status: 503, headers: { "retry-after": retryAfter } }));

    expect(await answer("2")).toMatchObject({ retryAfterMs: 2_000 });
    expect(await answer("86400")).toMatchObject({ retryAfterMs: 60_000 });
    expect(await answer("-1")).toMatchObject({ retryAfterMs: undefined });
    expect(await answer("Wed, 21 Oct 2026 07:28:00 GMT")).toMatchObject({ retryAfterMs: undefined });
  });
});

describe("the request for the token", () => {
  it("is a POST of this origin with the header against forgery, and holds no token (SEC-02)", async () => {
    const fetched = vi
      .spyOn(globalThis, "fetch")
      .mockImplementation(() => Promise.resolve(Response.json({ accessToken: "A1" })));
    const fetchToken = browserFetchToken(() => "/app/api/auth/access-token");
    const { signal } = new AbortController();
    await fetchToken({ minValidityMs: 0, renew: false }, signal);
    await fetchToken({ minValidityMs: 600_000, renew: true }, signal);

    const [url, init] = fetched.mock.calls[0]!;
    expect(url).toBe("/app/api/auth/access-token");
    expect(init).toMatchObject({
      method: "POST",
      cache: "no-store",
      credentials: "same-origin",
      redirect: "error",
      headers: { "content-type": "application/json", "x-nolapse-csrf": "1" },
      signal,
    });
    expect(fetched.mock.calls.map(([, sent]) => sent!.body)).toEqual([
      "{}",
      '{"minValidityMs":600000,"renew":true}',
    ]);
    fetched.mockRestore();
  });
});

describe("BrowserTokenError", () => {
  it("is known also where the package was loaded twice", async () => {
    vi.resetModules();
    const other = await import("../../src/client/browser-token-error.ts");

    expect(other.BrowserTokenError).not.toBe(BrowserTokenError);
    expect(isBrowserTokenError(new other.BrowserTokenError("not_exposed"))).toBe(true);
    expect(isBrowserTokenError(new Error("x"))).toBe(false);
    expect(isBrowserTokenError(null)).toBe(false);
  });
});
