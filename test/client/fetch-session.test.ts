import { afterEach, describe, expect, it, vi } from "vitest";
import { browserFetchSession } from "../../src/client/browser.ts";
import { readSession } from "../../src/client/fetch-session.ts";

const signal = new AbortController().signal;

afterEach(() => vi.unstubAllGlobals());

describe("the answer of the session route", () => {
  it("is a session when it is one", async () => {
    const answer = await readSession(Response.json({ user: { name: "alice" }, expires: "x" }));
    expect(answer).toEqual({ kind: "session", session: { user: { name: "alice" }, expires: "x" } });
  });

  it.each([["{}"], ["null"]])("says signed out only as 200 with %s", async (body) => {
    expect(await readSession(new Response(body))).toEqual({ kind: "signed_out" });
    expect(await readSession(new Response(body, { status: 500 }))).toEqual({ kind: "failed" });
    expect(await readSession(new Response(body, { status: 202 }))).toEqual({ kind: "failed" });
  });

  it.each([["<!doctype html><h1>Sign in</h1>"], [""], ['{"user":'], ["[]"], ["true"], ['"x"'], ["7"]])(
    "is a failure, and no sign-out, when it is %j (F30)",
    async (body) => {
      expect(await readSession(new Response(body))).toEqual({ kind: "failed" });
    },
  );

  it.each([401, 403])("is a refusal at %i", async (status) => {
    expect(await readSession(new Response("{}", { status }))).toEqual({ kind: "refused" });
  });

  it("is asked for uncached, with the reason in a header", async () => {
    const fetched = vi.fn(async () => Response.json({}));
    vi.stubGlobal("fetch", fetched);

    await browserFetchSession(() => "/custom/api/auth/session")("idle", signal);

    expect(fetched).toHaveBeenCalledExactlyOnceWith("/custom/api/auth/session", {
      cache: "no-store",
      headers: { accept: "application/json", "x-nolapse-ask": "idle" },
      signal,
    });
  });
});
