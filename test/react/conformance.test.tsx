/**
 * What next-auth 4.24.15's own tests of its provider and of `useSession` promise (`client-provider.test.js` and
 * `use-session-hook.test.js` there), and what `update()` does, held against both providers, so that ours is a drop-in.
 *
 * @module
 */
import "./setup.ts";
import { act, render, renderHook, screen } from "@testing-library/react";
import type { Session } from "next-auth";
import { getSession, SessionProvider as NextAuthProvider, signOut, useSession } from "next-auth/react";
import type { ComponentType, ReactElement } from "react";
import { describe, expect, it, vi } from "vitest";
import { SessionProvider, type SessionProviderProps } from "../../src/react/index.ts";
import { Browser, pass, show } from "./browser.tsx";
import { otherTabHears, otherTabSays } from "./other-tab.ts";
import { REQUESTS_OF_NEXT_AUTH, VERSION } from "./version.ts";

const MINUTE_MS = 60_000;
/** How long nolapse's tab waits for other tabs' news before it asks. */
const TURN_MS = 50;
const john: Session = { user: { name: "John", email: "john@email.com", image: null }, expires: "123213139" };

function Consumer({ id }: { id: number }): ReactElement {
  const { data, status } = useSession();
  return <div data-testid={`session-${id}`}>{status === "loading" ? "loading" : JSON.stringify(data)}</div>;
}

/** Each with how many requests it makes of one. */
const providers: [string, ComponentType<SessionProviderProps>, number][] = [
  ["nolapse's SessionProvider", SessionProvider, 1],
  ["next-auth's SessionProvider", NextAuthProvider, REQUESTS_OF_NEXT_AUTH],
];

const text = (id: number): string | null => screen.getByTestId(`session-${id}`).textContent;

describe.each(providers)("%s", (_whose, Provider, requests) => {
  function open(props: Omit<SessionProviderProps, "children"> = {}): void {
    render(
      <Provider {...props}>
        <Consumer id={1} />
        <Consumer id={2} />
      </Provider>,
    );
  }

  it("fetches the session once and shows it to every consumer", async () => {
    const browser = new Browser();
    open();
    expect([text(1), text(2)]).toEqual(["loading", "loading"]);

    await pass(100);
    expect(browser.calls).toEqual(Array(requests).fill("GET /api/auth/session"));
    expect(text(1)).toContain("alice");
    expect(text(2)).toBe(text(1));
  });

  it("fetches nothing at first when it is given a session", async () => {
    const browser = new Browser();
    open({ session: john });
    await pass(5_000);

    expect(browser.calls).toEqual([]);
    expect(text(1)).toContain("John");
  });

  it("fetches when the page becomes visible again, and not when it is hidden", async () => {
    const browser = new Browser();
    open({ session: john });
    await pass(0);
    await show("hidden");
    expect(browser.calls).toEqual([]);

    await show("visible");
    await pass(TURN_MS);
    expect(browser.calls).toEqual(Array(requests).fill("GET /api/auth/session"));
  });

  it("does not when that is switched off", async () => {
    const browser = new Browser();
    open({ session: john, refetchOnWindowFocus: false });
    await show("hidden");
    await show("visible");

    expect(browser.calls).toEqual([]);
  });

  it("fetches after signOut({ redirect: false }), which reaches the page", async () => {
    const browser = new Browser();
    open({ session: john });
    await pass(0);
    void signOut({ redirect: false });
    await pass(100);

    expect(browser.calls.slice(0, 3)).toEqual([
      "GET /api/auth/csrf",
      "POST /api/auth/signout",
      "GET /api/auth/session",
    ]);
    expect(text(1)).toBe("null");
  });

  it("fetches when another tab says so", async () => {
    const browser = new Browser();
    open({ session: john });
    await pass(0);
    await otherTabSays("getSession");

    expect(browser.calls[0]).toBe("GET /api/auth/session");
    expect(text(1)).toContain("alice");
  });

  it("polls at refetchInterval", async () => {
    const browser = new Browser();
    open({ session: john, refetchInterval: 1 });
    await pass(999);
    expect(browser.asked).toBe(0);

    await pass(1 + TURN_MS);
    expect(browser.asked).toBe(requests);

    await pass(1_000 + TURN_MS);
    expect(browser.asked).toBe(2 * requests);
  });

  it("uses basePath, for its own requests and for next-auth's functions", async () => {
    const browser = new Browser("/api/v1/auth");
    open({ basePath: "/api/v1/auth", session: browser.server.session() as Session });
    await pass(0);
    void getSession();
    await pass(0);
    await show("visible");
    await pass(TURN_MS);
    const visible = requests;
    expect(browser.calls).toEqual(Array(REQUESTS_OF_NEXT_AUTH + visible).fill("GET /api/v1/auth/session"));
  });
});

describe.each(providers)("update() below %s", (_whose, Provider) => {
  /** A page whose `update()` is in the test's hands. `calls` are those that it makes. */
  async function openPage(browser: Browser) {
    const seen: string[] = [];
    const { result } = renderHook(
      () => {
        const session = useSession();
        const line = `${session.status}: ${session.data?.user?.name ?? "nobody"}`;
        if (seen.at(-1) !== line) seen.push(line);
        return session;
      },
      { wrapper: Provider },
    );
    await pass(0);
    seen.length = 0;
    browser.calls.length = 0;
    return {
      seen,
      async update(...data: unknown[]) {
        let release!: () => void;
        browser.server.held = new Promise((resolve) => (release = resolve));
        let updated!: Promise<Session | null>;
        act(() => {
          updated = result.current.update(...data);
        });
        await pass(0);
        release();
        await pass(0);
        return updated;
      },
    };
  }
  const posts = ["GET /api/auth/csrf", "POST /api/auth/session"];
  const gets = ["GET /api/auth/session"];

  it("posts the data with a CSRF token, and passes through loading", async () => {
    const browser = new Browser();
    const page = await openPage(browser);

    expect(await page.update({ theme: "dark" })).toMatchObject({ user: { name: "alice" } });
    expect(browser.calls.slice(0, 2)).toEqual(posts);
    expect(page.seen.slice(-2)).toEqual(["loading: alice", "authenticated: alice"]);
  });

  it("only asks for the session where version 5 is given nothing, and posts in version 4", async () => {
    const browser = new Browser();
    const page = await openPage(browser);

    expect(await page.update()).toMatchObject({ user: { name: "alice" } });
    expect(browser.calls).toEqual(VERSION === 4 ? posts : gets);
  });

  it("finds what a server action signed in, in version 5, and does nothing in version 4", async () => {
    const browser = new Browser();
    browser.server.user = null;
    const page = await openPage(browser);
    browser.server.user = "bob";
    await page.update();

    expect(browser.calls.slice(0, 1)).toEqual(VERSION === 4 ? [] : gets);
    expect(page.seen).toEqual(VERSION === 4 ? [] : ["loading: nobody", "authenticated: bob"]);
  });

  it("is null where nobody is signed in, and stays so", async () => {
    const browser = new Browser();
    browser.server.user = null;
    const page = await openPage(browser);

    expect(await page.update()).toBe(VERSION === 4 ? undefined : null);
    expect(browser.calls).toEqual(VERSION === 4 ? [] : gets);
    expect(page.seen.at(-1)).toBe(VERSION === 4 ? undefined : "unauthenticated: nobody");
  });

  it("is null when it fails, and keeps the session", async () => {
    const browser = new Browser();
    const page = await openPage(browser);
    browser.server.fault = "500";

    expect(await page.update()).toBeNull();
    expect(page.seen).toEqual(["loading: alice", "authenticated: alice"]);
  });

  it("tells the other tabs", async () => {
    const browser = new Browser();
    const page = await openPage(browser);
    const heard = otherTabHears();
    await page.update({ theme: "dark" });
    await pass(0);

    expect(heard()).toMatchObject([{ event: "session", data: { trigger: "getSession" } }]);
  });
});

describe.each(providers)("useSession below %s", (_whose, Provider) => {
  const wrapper = Provider;

  it("is loading, without data, while the session is fetched", async () => {
    new Browser();
    const { result } = renderHook(() => useSession(), { wrapper });

    expect(result.current).toMatchObject({ data: undefined, status: "loading" });
    // next-auth writes the answer into its module, where the next test would find it.
    await pass(0);
  });

  it("is authenticated, with data, once it is there", async () => {
    new Browser();
    const { result } = renderHook(() => useSession(), { wrapper });
    await pass(0);

    expect(result.current).toMatchObject({ data: { user: { name: "alice" } }, status: "authenticated" });
  });

  it.each(["signed out", "refused"] as const)("is unauthenticated, with null, when %s", async (why) => {
    const { server } = new Browser();
    if (why === "refused") server.fault = "401";
    else server.user = null;
    const { result } = renderHook(() => useSession(), { wrapper });
    await pass(0);

    expect(result.current).toMatchObject({ data: null, status: "unauthenticated" });
  });

  it("calls onUnauthenticated once where the session is required, and stays loading", async () => {
    const { server } = new Browser();
    server.user = null;
    const onUnauthenticated = vi.fn();
    const { result } = renderHook(() => useSession({ required: true, onUnauthenticated }), { wrapper });
    await pass(MINUTE_MS);

    expect(onUnauthenticated).toHaveBeenCalledOnce();
    expect(result.current).toMatchObject({ data: null, status: "loading" });
  });

  it.each([
    ["", "/api/auth"],
    ["/api/v1/auth", VERSION === 4 ? "/api/auth" : "/api/v1/auth"],
  ])(
    "with basePath %j goes to the sign-in page below %s where the session is required",
    async (basePath, below) => {
      const { server } = new Browser(basePath || "/api/auth");
      server.user = null;
      const location = { href: "http://localhost:3000/orders" };
      vi.stubGlobal(
        "window",
        new Proxy(window, { get: (w, key) => (key === "location" ? location : Reflect.get(w, key)) }),
      );
      renderHook(() => useSession({ required: true }), {
        wrapper: ({ children }) => <Provider basePath={basePath}>{children}</Provider>,
      });
      await pass(0);

      expect(location.href).toBe(
        `${below}/signin?error=SessionRequired&callbackUrl=http%3A%2F%2Flocalhost%3A3000%2Forders`,
      );
    },
  );

  it("does not work without a provider", () => {
    expect(() => renderHook(() => useSession())).toThrow("must be wrapped in a <SessionProvider />");
  });
});
