import { afterEach, describe, expect, it, vi } from "vitest";
import type { RefreshOutcome, RefreshRequest } from "../../src/core/refresher.ts";
import {
  createCustomRefresher,
  type CustomRefresh,
  type CustomRefresherOptions,
} from "../../src/oauth/custom-refresher.ts";
import { jwtExp } from "../../src/oauth/jwt-exp.ts";
import { isRefreshRejected, RefreshRejected } from "../../src/oauth/refresh-rejected.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { brief, jwt, peer, sendJson, tokens } from "./support.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const clock = new FakeClock();
const NOW_MS = clock.nowMs();

function requestWith(overrides: Partial<RefreshRequest> = {}): RefreshRequest {
  return {
    provider: "credentials",
    issuer: "backend",
    clientId: "app",
    tokenSet: tokens(),
    attemptId: "attempt-1",
    signal: new AbortController().signal,
    ...overrides,
  };
}

function refresh(
  work: CustomRefresh,
  options: Partial<CustomRefresherOptions> = {},
  request: Partial<RefreshRequest> = {},
): Promise<RefreshOutcome> {
  return createCustomRefresher({ clock, onProblem: () => undefined, ...options, refresh: work }).refresh(
    requestWith(request),
  );
}

describe("a refresh function", () => {
  it("is given the tokens, the deadline and the name of the attempt", async () => {
    const work = vi.fn<CustomRefresh>(() => ({ access_token: "A2", expires_in: 60 }));
    const request = requestWith();

    await createCustomRefresher({ clock, refresh: work }).refresh(request);

    expect(work).toHaveBeenCalledExactlyOnceWith({
      refreshToken: "R1",
      accessToken: "A1",
      signal: request.signal,
      attemptId: "attempt-1",
    });
  });

  it.each<[string, Record<string, unknown>]>([
    ["OAuth's names", { access_token: "A2", refresh_token: "R2", expires_in: 60 }],
    ["camel case", { accessToken: "A2", refreshToken: "R2", expiresIn: 60 }],
    ["an epoch in seconds", { accessToken: "A2", refreshToken: "R2", expiresAt: NOW_MS / 1000 + 60 }],
    [
      "an epoch in milliseconds",
      { accessToken: "A2", refreshToken: "R2", accessTokenExpires: NOW_MS + 60_000 },
    ],
  ])("may return tokens in %s", async (_name, result) => {
    const outcome = await refresh(() => result);

    expect(outcome).toMatchObject({
      kind: "committed",
      tokenSet: { accessToken: "A2", refreshToken: "R2", expiresAtMs: NOW_MS + 60_000 },
    });
  });

  it("may return the backend's Response, in either way of naming", async () => {
    const backend = await peer(({ path }, response) =>
      sendJson(
        response,
        path === "/camel" ? { accessToken: "A2", expiresIn: 60 } : { access_token: "A2", expires_in: 60 },
      ),
    );

    for (const path of ["/camel", "/oauth"]) {
      const outcome = await refresh(({ signal }) => fetch(backend.url + path, { method: "POST", signal }));
      expect(outcome).toMatchObject({
        kind: "committed",
        tokenSet: { accessToken: "A2", refreshToken: "R1" },
      });
    }
  });

  it.each<[string, () => Response, string]>([
    [
      "400 invalid_grant",
      () => Response.json({ error: "invalid_grant" }, { status: 400 }),
      "rejected invalid_grant",
    ],
    [
      "401 without an OAuth error",
      () => Response.json({ message: "expired" }, { status: 401 }),
      "config http_401",
    ],
    [
      "429",
      () => new Response("", { status: 429, headers: { "retry-after": "2" } }),
      "not_committed http_429",
    ],
    ["503", () => new Response("", { status: 503 }), "unknown http_503"],
    [
      "an HTML page",
      () => new Response("<html>", { headers: { "content-type": "text/html" } }),
      "unknown html",
    ],
    ["broken JSON", () => new Response("{"), "committed_bad invalid_json"],
    ["a body of 2 MiB", () => new Response("x".repeat(2 * 1024 * 1024)), "committed_bad body_too_large"],
  ])("that returns %s is judged by the same table", async (_name, response, expected) => {
    expect(brief(await refresh(() => response()))).toBe(expected);
  });

  it("may name the statuses by which its backend refuses for good", async () => {
    const work: CustomRefresh = () => Response.json({ message: "expired" }, { status: 401 });

    expect(brief(await refresh(work, { rejectedStatuses: [401] }))).toBe("rejected http_401");
  });

  it.each<[string, CustomRefresh]>([
    [
      "throws RefreshRejected",
      () => {
        throw new RefreshRejected("gone for good R1\r\n");
      },
    ],
    ["rejects with RefreshRejected", () => Promise.reject(new RefreshRejected("gone for good R1\r\n"))],
    [
      "throws one of another copy of the package",
      () => {
        throw Object.defineProperty(new Error("gone for good"), Symbol.for("nolapse.refresh-rejected"), {
          value: true,
          enumerable: false,
        });
      },
    ],
  ])("that %s ends the grant", async (_name, work) => {
    const outcome = await refresh(work, {}, { tokenSet: tokens({ refreshToken: "R1-secret" }) });

    expect(outcome.kind).toBe("rejected");
    expect(JSON.stringify(outcome)).toContain("gone for good");
    expect(JSON.stringify(outcome)).not.toMatch(/R1-secret|\\r/);
  });

  it("that throws anything else leaves the grant alive, and its message is not told", async () => {
    const outcomes = [
      await refresh(() => {
        throw new Error("CANARY invalid_grant");
      }),
      await refresh(() => Promise.reject(Object.assign(new Error("CANARY"), { code: "ECONNREFUSED" }))),
      await refresh(() => Promise.reject(undefined)),
    ];

    expect(outcomes.map(brief)).toEqual(Array(3).fill("unknown refresh_function_threw"));
    expect(JSON.stringify(outcomes)).not.toContain("CANARY");
  });

  it.each([undefined, null, "A2", 7, [], {}, { access_token: "" }])(
    "that returns %j brought nothing",
    async (result) => {
      const outcome = await refresh(() => result as never);

      expect(outcome.kind).toBe("committed_bad");
    },
  );

  it("that returns what cannot be written as JSON brought nothing, and does not reject", async () => {
    const circular: Record<string, unknown> = { accessToken: "A2" };
    circular["self"] = circular;

    expect((await refresh(() => circular)).kind).toBe("unknown");
  });

  it("that does not return ends at the deadline (I11)", async () => {
    const deadline = new AbortController();

    const outcome = refresh(() => new Promise(() => undefined), {}, { signal: deadline.signal });
    deadline.abort();

    expect(await outcome).toMatchObject({ kind: "unknown", code: "timeout" });
  });

  it("is not called without a refresh token, nor after the deadline", async () => {
    const work = vi.fn<CustomRefresh>();
    const { refreshToken: _none, ...tokenSet } = tokens();

    expect(brief(await refresh(work, {}, { tokenSet }))).toBe("config no_refresh_token");
    expect(brief(await refresh(work, {}, { signal: AbortSignal.abort() }))).toBe("not_sent timeout");
    expect(work).not.toHaveBeenCalled();
  });
});

describe("an answer without an expiry", () => {
  it("is a clear error where no refresh token can be lost by it", async () => {
    expect(await refresh(() => ({ access_token: "A2" }))).toMatchObject({
      kind: "config",
      code: "missing_expiry",
    });
  });

  it("is kept for the default lifetime where it carries a refresh token, and reported once", async () => {
    const problems: string[] = [];
    const refresher = createCustomRefresher({
      clock,
      refresh: () => ({ accessToken: "A2-CANARY", refreshToken: "R2-CANARY" }),
      onProblem: (message) => problems.push(message),
    });

    const outcomes = [await refresher.refresh(requestWith()), await refresher.refresh(requestWith())];

    expect(outcomes).toMatchObject(
      Array(2).fill({
        kind: "committed",
        tokenSet: { refreshToken: "R2-CANARY", expiresAtMs: NOW_MS + 300_000 },
      }),
    );
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/missing_expiry.*expires_in/s);
    expect(problems[0]).not.toContain("CANARY");
  });

  it("is reported on the console where nobody listens", async () => {
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);

    await createCustomRefresher({
      clock,
      refresh: () => ({ access_token: "A2", refresh_token: "R2" }),
    }).refresh(requestWith());

    expect(error).toHaveBeenCalledOnce();
  });

  it("is read from the JWT only if the app opts in (SEC-46)", async () => {
    const exp = NOW_MS / 1000 + 90;
    const accessToken = jwt({ exp });

    const optedIn = await refresh(() => ({ accessToken }), { expiryFrom: "jwt-exp" });
    const not = await refresh(() => ({ accessToken }));
    const opaque = await refresh(() => ({ accessToken: "opaque" }), { expiryFrom: "jwt-exp" });
    const told = await refresh(() => ({ accessToken, expiresIn: 30 }), { expiryFrom: "jwt-exp" });

    expect(optedIn).toMatchObject({ kind: "committed", tokenSet: { expiresAtMs: NOW_MS + 90_000 } });
    expect([brief(not), brief(opaque)]).toEqual(["config missing_expiry", "config missing_expiry"]);
    expect(told).toMatchObject({ tokenSet: { expiresAtMs: NOW_MS + 30_000 } });
  });
});

describe("the exp of a JWT", () => {
  it.each([
    [jwt({ exp: 7 }), 7],
    [jwt({ exp: "7" }), undefined],
    [jwt({ exp: -1 }), undefined],
    [jwt({}), undefined],
    [jwt([7]), undefined],
    ["a.b", undefined],
    ["a.b.c", undefined],
    ["a.b.c.d.e", undefined],
    ["", undefined],
  ])("of %s is %s", (token, expected) => {
    expect(jwtExp(token)).toBe(expected);
  });
});

describe("a revoke function", () => {
  const revoke = (
    work: CustomRefresherOptions["revoke"],
    request: Partial<RefreshRequest> = {},
  ): Promise<string> =>
    createCustomRefresher({ clock, refresh: () => ({}), ...(work && { revoke: work }) }).revoke(
      requestWith(request),
    );

  it("is told the tokens, and its answer or throw decides", async () => {
    const work = vi.fn(() => undefined);

    expect(await revoke(work)).toBe("revoked");
    expect(work).toHaveBeenCalledWith(expect.objectContaining({ refreshToken: "R1", accessToken: "A1" }));
    expect(await revoke(() => new Response("", { status: 200 }))).toBe("revoked");
    expect(await revoke(() => new Response("", { status: 500 }))).toBe("failed");
    expect(await revoke(() => Promise.reject(new Error("x")))).toBe("failed");
    expect(await revoke(() => new Promise(() => undefined), { signal: AbortSignal.abort() })).toBe("failed");
    expect(await revoke(undefined)).toBe("unsupported");
  });
});

describe("RefreshRejected", () => {
  it("is known by its brand and has a stable code", () => {
    const error = new RefreshRejected();

    expect(error).toMatchObject({ name: "RefreshRejected", code: "refresh_rejected" });
    expect([isRefreshRejected(error), isRefreshRejected(new Error("x")), isRefreshRejected(null)]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
