import "./setup.ts";
import { act, render, screen } from "@testing-library/react";
import { signIn, signOut, useSession } from "next-auth/react";
import { memo, StrictMode, type ReactElement, type ReactNode } from "react";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  getAccessToken,
  isBrowserTokenError,
  onTokenChange,
  SessionProvider,
  useAccessToken,
  type UseAccessToken,
} from "../../src/react/index.ts";
import { lastShown } from "../../src/react/live-context.ts";
import { Browser, clearMarker, fire, pass, refreshOnServer } from "./browser.tsx";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

// Their first import takes longer than a test waits.
beforeAll(async () => {
  await import("../../src/react/after-load.ts");
  await import("../../src/react/live-token.ts");
});
beforeEach(() => vi.spyOn(Math, "random").mockReturnValue(0));
afterEach(clearMarker);

/** A page with a component that reads the token. */
function openPage(strict = false, children: ReactNode = null) {
  let value!: UseAccessToken;
  const seen: string[] = [];
  let renders = 0;
  const Reader = memo(function Reader(): ReactElement {
    renders++;
    value = useAccessToken();
    const line = value.accessToken ?? value.error?.code ?? value.status;
    if (seen.at(-1) !== line) seen.push(line);
    return <output>{line}</output>;
  });
  const tree = (
    <SessionProvider>
      <Reader />
      {children}
    </SessionProvider>
  );
  const { unmount } = render(strict ? <StrictMode>{tree}</StrictMode> : tree);
  return {
    seen,
    unmount,
    shows: () => screen.getByRole("status").textContent,
    value: () => value,
    renders: () => renders,
  };
}

async function outcome(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return isBrowserTokenError(error) ? error.code : error;
  }
}

/** Waits for a promise while time passes for the page. */
async function soon<T>(promise: Promise<T>, withinMs = 100): Promise<T> {
  const ended = promise.catch(() => undefined);
  await pass(withinMs);
  await ended;
  return promise;
}

describe.each([
  ["", false],
  [" in StrictMode", true],
])("useAccessToken%s", (_name, strict) => {
  it("shows the token, and renders again for a new one only, through five lifetimes (F36, F38)", async () => {
    const { server, tokenRequests } = new Browser("/api/auth", HOUR_MS);
    const page = openPage(strict);
    expect(page.shows()).toBe("loading");
    await pass(1_000);
    expect(page.shows()).toBe("alice-0");
    const before = page.renders();
    await pass(5 * (server.idleMs + 5_000));

    expect(page.seen).toEqual(["loading", ...[0, 1, 2, 3, 4, 5].map((i) => `alice-${i}`)]);
    expect(page.renders()).toBeLessThanOrEqual(before + 5 * (strict ? 2 : 1));
    expect(tokenRequests).toHaveLength(6);
    expect(page.value()).toMatchObject({ status: "ready", expiresAtMs: expect.any(Number) as number });
  });

  it("shows nothing of the user before after a sign-out, and the next user's token after a sign-in (I13, F43)", async () => {
    new Browser();
    const page = openPage(strict);
    await pass(1_000);
    await act(() => signOut({ redirect: false }));
    await pass(1_000);
    expect(page.value()).toMatchObject({ status: "error", error: { code: "not_signed_in" } });
    expect(page.value()).not.toHaveProperty("accessToken");

    await act(() => signIn("credentials", { redirect: false, username: "bob" }));
    await pass(1_000);
    expect(page.shows()).toBe("bob-0");
  });

  it("says that the app did not opt in (SEC-01)", async () => {
    const browser = new Browser();
    browser.exposesToken = false;
    const page = openPage(strict);
    await pass(5 * MINUTE_MS);

    expect(page.value()).toMatchObject({ status: "error", error: { code: "not_exposed" } });
    expect(page.seen).toEqual(["loading", "not_exposed"]);
    expect(browser.calls.filter((call) => call.startsWith("POST")).length).toBeLessThanOrEqual(8);
  });

  it("shows the token as soon as there is one after an outage (F23)", async () => {
    const { server } = new Browser();
    server.fault = "500";
    const page = openPage(strict);
    await pass(MINUTE_MS);
    expect(page.shows()).toBe("refresh_unavailable");
    server.fault = undefined;
    await pass(MINUTE_MS);

    expect(page.shows()).toMatch(/^alice-/);
  });
});

describe("useAccessToken", () => {
  it("gives a function that stays the same, and has a live token", async () => {
    const { tokenRequests } = new Browser("/api/auth", HOUR_MS);
    const page = openPage();
    await pass(1_000);
    const { getAccessToken: first } = page.value();
    await pass(MINUTE_MS);

    expect(page.value().getAccessToken).toBe(first);
    expect(await soon(first())).toMatchObject({ accessToken: "alice-0" });
    expect(await soon(first({ renew: true }))).toMatchObject({ accessToken: "alice-1" });
    expect(page.shows()).toBe("alice-1");
    expect(tokenRequests).toEqual([{}, { renew: true }]);
  });

  it("outside nolapse's provider says what to do", () => {
    function Reader(): null {
      useAccessToken();
      return null;
    }
    expect(() => render(<Reader />)).toThrow(/useAccessToken has to be below the SessionProvider of nolapse/);
  });

  it("leaves no timer behind when the page is taken away", async () => {
    const { server } = new Browser();
    server.fault = "500";
    const page = openPage();
    await pass(10_000);
    page.unmount();
    await pass(0);

    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("getAccessToken outside React", () => {
  it("acts on the mounted provider: 100 calls send one request (F37)", async () => {
    const { tokenRequests } = new Browser("/api/auth", HOUR_MS);
    render(<SessionProvider>{null}</SessionProvider>);
    await pass(1_000);
    const tokens = await soon(Promise.all(Array.from({ length: 100 }, () => getAccessToken())));

    expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set(["alice-0"]));
    expect(tokenRequests).toHaveLength(1);
  });

  it("holds the new token right after a refresh in a server action (F35)", async () => {
    const browser = new Browser("/api/auth", HOUR_MS);
    render(<SessionProvider>{null}</SessionProvider>);
    await pass(1_000);
    await soon(getAccessToken());
    await pass(10_000);
    refreshOnServer(browser);

    expect(await soon(getAccessToken())).toMatchObject({ accessToken: "alice-1" });
    await pass(5_000);
    expect(browser.server.reasons).toEqual(["mount", "marker"]);
    expect(browser.tokenRequests).toHaveLength(2);
  });

  it("renews once for 20 calls whose token was refused (F39)", async () => {
    const { server, tokenRequests } = new Browser("/api/auth", HOUR_MS);
    render(<SessionProvider>{null}</SessionProvider>);
    await pass(1_000);
    const { accessToken: rejected } = await soon(getAccessToken());
    const retries = await soon(Promise.all(Array.from({ length: 20 }, () => getAccessToken({ rejected }))));

    expect(new Set(retries.map(({ accessToken }) => accessToken))).toEqual(new Set(["alice-1"]));
    expect([server.refreshes, tokenRequests.length]).toEqual([1, 2]);
  });

  it("waits for a provider, for 10 s at most, or as long as its signal says", async () => {
    new Browser();
    const first = outcome(getAccessToken());
    await pass(9_000);
    render(<SessionProvider>{null}</SessionProvider>);
    await pass(500);
    expect(await first).toMatchObject({ accessToken: "alice-0" });
    document.body.replaceChildren();
  });

  it("on a page that never had a provider rejects after 10 s, and leaves nothing behind", async () => {
    // As after a reload: what the tests before have shown is forgotten.
    delete lastShown.live;
    const late = outcome(getAccessToken());
    const abort = new AbortController();
    const gone = outcome(getAccessToken({ signal: abort.signal }));
    await pass(1_000);
    abort.abort("enough");
    expect(await gone).toBe("enough");
    expect(await outcome(getAccessToken({ signal: AbortSignal.abort("before") }))).toBe("before");
    await pass(10_000);

    expect(await late).toBe("no_provider");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("after the provider was taken away hears within 10 s that it may be tried again", async () => {
    new Browser();
    render(<SessionProvider>{null}</SessionProvider>).unmount();
    const late = getAccessToken().catch((error: unknown) => error);
    await pass(10_000);

    expect(await late).toMatchObject({ code: "refresh_unavailable", reason: "not_ready" });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("acts on the provider that was mounted last, and on the other when that is gone", async () => {
    const browser = new Browser("/api/auth", HOUR_MS);
    render(<SessionProvider>{null}</SessionProvider>);
    await pass(1_000);
    const second = render(<SessionProvider basePath="/other">{null}</SessionProvider>);
    await pass(1_000);
    const lost = outcome(getAccessToken());
    await pass(20_000);
    expect(await lost).toBe("not_exposed");
    second.unmount();
    await pass(0);

    expect(await soon(getAccessToken())).toMatchObject({ accessToken: "alice-0" });
    expect(browser.calls.filter((call) => call.includes("access-token"))).toEqual([
      "POST /other/access-token",
      "POST /api/auth/access-token",
    ]);
  });
});

describe("who waits for the token of somebody who is signed in (I13)", () => {
  /** The token's route answers once it is let go. */
  function holdToken(): () => void {
    const route = fetch;
    let letGo!: () => void;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    vi.stubGlobal("fetch", async (url: string, init?: RequestInit) => {
      if (url.endsWith("/access-token")) await held;
      return route(url, init);
    });
    return letGo;
  }

  it("is not told to sign in when the provider is taken away", async () => {
    new Browser();
    const { unmount } = render(<SessionProvider>{null}</SessionProvider>);
    await pass(1_000);
    holdToken();
    const late = getAccessToken().catch((error: unknown) => error);
    await pass(100);
    unmount();
    await pass(100);

    expect(await late).toMatchObject({ code: "refresh_unavailable", reason: "stopped" });
  });

  it("gets it although the user changed the name, where the session has no id", async () => {
    const { server } = new Browser("/api/auth", HOUR_MS);
    const sessionOf = server.session.bind(server);
    let name = "alice";
    server.session = () => {
      const session = sessionOf();
      return session && { ...session, user: { ...(session.user as object), name } };
    };
    let update!: ReturnType<typeof useSession>["update"];
    function Name(): ReactElement {
      const session = useSession();
      update = session.update;
      return <output>{session.data?.user?.name}</output>;
    }
    render(
      <SessionProvider>
        <Name />
      </SessionProvider>,
    );
    await pass(1_000);
    const letGo = holdToken();
    const token = outcome(getAccessToken());
    await pass(100);
    name = "Alice Smith";
    await act(() => update({ name }));
    letGo();
    await pass(1_000);

    expect(screen.getByRole("status").textContent).toBe("Alice Smith");
    expect(await token).toMatchObject({ accessToken: "alice-0" });
  });
});

describe("a page that has not heard of another user's sign-in in the same browser (I13)", () => {
  /** Another tab signs bob in, whose token ends at another time, and nothing of it gets here. */
  async function openAlice(): Promise<Browser> {
    const browser = new Browser("/api/auth", HOUR_MS);
    render(
      <SessionProvider>
        <Name />
      </SessionProvider>,
    );
    await pass(10_000);
    browser.server.user = "bob";
    browser.server.expiresAtMs += 10_000;
    return browser;
  }
  function Name(): ReactElement {
    return <output>{useSession().data?.user?.name}</output>;
  }
  const shows = (): string | null => screen.getByRole("status").textContent;

  it("hands out no token of that user's, and shows that user from then on", async () => {
    const { server } = await openAlice();
    const heard: string[] = [];
    const stop = onTokenChange(({ accessToken }) => heard.push(accessToken));
    expect(await soon(outcome(getAccessToken()))).toBe("not_signed_in");
    await pass(1_000);
    expect(shows()).toBe("bob");
    expect(await soon(getAccessToken())).toMatchObject({ accessToken: "bob-0" });
    stop();

    expect(heard).toEqual(["bob-0"]);
    expect(server.reasons).toEqual(["mount", "marker"]);
  });

  it("nor one that was renewed in place of a refused one", async () => {
    const browser = new Browser("/api/auth", HOUR_MS);
    render(<SessionProvider>{null}</SessionProvider>);
    await pass(10_000);
    const { accessToken: rejected } = await soon(getAccessToken());
    browser.server.user = "bob";

    expect(await soon(outcome(getAccessToken({ rejected })))).toBe("not_signed_in");
  });

  it("nor while its session route fails: it hands out nothing new", async () => {
    const { server } = await openAlice();
    server.fault = "500";
    vi.stubGlobal("fetch", withTokens(fetch, "bob-0", server.expiresAtMs));
    expect(await soon(outcome(getAccessToken()))).toBe("refresh_unavailable");
    expect(shows()).toBe("alice");
  });

  it("nor while nobody uses it, when it asks for itself (F29)", async () => {
    const { server } = new Browser("/api/auth", 4 * HOUR_MS);
    render(
      <SessionProvider keepAlive="user-active" idleLimitMs={15 * MINUTE_MS}>
        <Name />
      </SessionProvider>,
    );
    await pass(HOUR_MS);
    server.user = "bob";
    server.expiresAtMs += 10_000;

    expect(await soon(outcome(getAccessToken()))).toBe("not_signed_in");
    expect(shows()).toBe("bob");
  });
});

/** The token's route works, whatever else does not. */
function withTokens(other: typeof fetch, accessToken: string, expiresAtMs: number): typeof fetch {
  return (url, init) => {
    const body = {
      accessToken,
      expiresInMs: Math.round(expiresAtMs - performance.now()),
      accessTokenExpires: Math.floor(expiresAtMs / 1_000),
    };
    return url === "/api/auth/access-token" ? Promise.resolve(Response.json(body)) : other(url, init);
  };
}

describe("onTokenChange", () => {
  it("calls back once with each token of whatever provider comes, until its end (F38)", async () => {
    const { server } = new Browser("/api/auth", HOUR_MS);
    const heard: string[] = [];
    const stop = onTokenChange(({ accessToken }) => heard.push(accessToken));
    render(
      <StrictMode>
        <SessionProvider>{null}</SessionProvider>
      </StrictMode>,
    );
    await pass(1_000);
    await pass(3 * (server.idleMs + 5_000));
    expect(heard).toEqual(expect.arrayContaining(["alice-1", "alice-2", "alice-3"]));
    expect(new Set(heard).size).toBe(heard.length);

    stop();
    const before = heard.length;
    await pass(2 * server.idleMs);
    expect(heard).toHaveLength(before);
  });

  it("has the token that the session named before anybody listened (F38)", async () => {
    const { tokenRequests } = new Browser("/api/auth", HOUR_MS);
    render(<SessionProvider>{null}</SessionProvider>);
    await pass(5_000);
    const heard: string[] = [];
    const stop = onTokenChange(({ accessToken }) => heard.push(accessToken));
    await pass(100);
    stop();

    expect(heard).toEqual(["alice-0"]);
    expect(tokenRequests).toHaveLength(1);
  });

  it("has the next token ready when a server action refreshed it, without a call (F35, F38)", async () => {
    const cookieStore = new EventTarget();
    vi.stubGlobal("cookieStore", cookieStore);
    const browser = new Browser("/api/auth", HOUR_MS);
    const heard: string[] = [];
    const stop = onTokenChange(({ accessToken }) => heard.push(accessToken));
    render(<SessionProvider>{null}</SessionProvider>);
    await pass(1_000);
    await soon(getAccessToken());
    await pass(10_000);
    refreshOnServer(browser);
    cookieStore.dispatchEvent(new Event("change"));
    await pass(100);
    stop();

    expect(heard).toEqual(["alice-0", "alice-1"]);
  });

  it("lets a socket connect again with the current token, through three lifetimes (F38)", async () => {
    const { server } = new Browser("/api/auth", HOUR_MS);
    const opened: { readonly token: string; isOpen: boolean }[] = [];
    const connect = async (): Promise<void> => {
      const { accessToken } = await getAccessToken();
      opened.push({ token: accessToken, isOpen: true });
    };
    const stop = onTokenChange(({ accessToken }) => {
      const socket = opened.at(-1);
      if (!socket || socket.token === accessToken) return;
      socket.isOpen = false;
      void connect();
    });
    render(<SessionProvider>{null}</SessionProvider>);
    await pass(1_000);
    void connect();
    for (let lifetime = 0; lifetime < 3; lifetime++) {
      await pass(server.idleMs + 5_000);
      expect(opened.filter(({ isOpen }) => isOpen)).toEqual([
        { token: `alice-${server.refreshes}`, isOpen: true },
      ]);
      expect(server.expiresAtMs).toBeGreaterThan(server.nowMs());
    }
    stop();

    expect(opened.map(({ token }) => token)).toEqual(["alice-0", "alice-1", "alice-2", "alice-3"]);
  });

  it("lets a listener throw without harm to others", async () => {
    const reported = vi.fn();
    vi.stubGlobal("reportError", reported);
    new Browser("/api/auth", HOUR_MS);
    const second = vi.fn();
    const stops = [
      onTokenChange(() => {
        throw new Error("mine");
      }),
      onTokenChange(second),
    ];
    render(<SessionProvider>{null}</SessionProvider>);
    await pass(1_000);
    await soon(getAccessToken());
    for (const stop of stops) stop();

    expect(second).toHaveBeenCalledTimes(1);
    expect(reported).toHaveBeenCalledWith(new Error("mine"));
  });
});

describe("a browser that nobody uses", () => {
  it("has no token renewed by a listener, only by a call (F29)", async () => {
    const { server, tokenRequests } = new Browser("/api/auth", HOUR_MS);
    const stop = onTokenChange(() => undefined);
    render(
      <SessionProvider keepAlive="user-active" idleLimitMs={15 * MINUTE_MS}>
        {null}
      </SessionProvider>,
    );
    await pass(1_000);
    await soon(getAccessToken());
    await pass(2 * HOUR_MS);
    await fire("online");
    await pass(MINUTE_MS);
    expect([server.refreshes, tokenRequests.length]).toEqual([0, 1]);

    expect(await soon(getAccessToken())).toMatchObject({ accessToken: "alice-1" });
    stop();
  });
});

describe("the token", () => {
  it("is in no storage, cookie, message, element that does not show it, or log (SEC-01, SEC-03, SEC-06)", async () => {
    const posted = vi.spyOn(BroadcastChannel.prototype, "postMessage");
    const logs = (["log", "info", "warn", "error", "debug"] as const).map((name) =>
      vi.spyOn(console, name).mockImplementation(() => undefined),
    );
    const browser = new Browser("/api/auth", HOUR_MS);
    browser.server.user = "canary";
    render(
      <SessionProvider>
        <p>page</p>
      </SessionProvider>,
    );
    await pass(1_000);
    const { accessToken } = await soon(getAccessToken());
    expect(accessToken).toBe("canary-0");
    await soon(getAccessToken({ rejected: accessToken }));
    browser.server.fault = "500";
    await outcome(soon(getAccessToken({ renew: true }), 20_000));
    await pass(2 * browser.server.idleMs);
    await fire("focus");

    const dump = JSON.stringify([
      Object.entries(localStorage),
      Object.entries(sessionStorage),
      document.cookie,
      document.documentElement.outerHTML,
      posted.mock.calls,
      logs.map(({ mock }) => mock.calls),
      browser.calls,
    ]);
    expect(posted.mock.calls.length).toBeGreaterThan(0);
    expect(dump).not.toMatch(/canary-\d/);
  });
});
