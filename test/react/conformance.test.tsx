/**
 * What next-auth 4.24.15's own tests of its provider and of `useSession` promise (`client-provider.test.js` and
 * `use-session-hook.test.js` there), written anew and held against both providers, so that ours is a drop-in.
 *
 * @module
 */
import "./setup.ts";
import { render, renderHook, screen } from "@testing-library/react";
import type { Session } from "next-auth";
import { getSession, SessionProvider as NextAuthProvider, signOut, useSession } from "next-auth/react";
import type { ComponentType, ReactElement } from "react";
import { describe, expect, it, vi } from "vitest";
import { SessionProvider, type SessionProviderProps } from "../../src/react/index.ts";
import { Browser, otherTabSays, pass, show } from "./browser.tsx";

const john: Session = { user: { name: "John", email: "john@email.com", image: null }, expires: "123213139" };

function Consumer({ id }: { id: number }): ReactElement {
  const { data, status } = useSession();
  return <div data-testid={`session-${id}`}>{status === "loading" ? "loading" : JSON.stringify(data)}</div>;
}

const providers: [string, ComponentType<SessionProviderProps>][] = [
  ["nolapse's SessionProvider", SessionProvider],
  ["next-auth's SessionProvider", NextAuthProvider],
];

const text = (id: number): string | null => screen.getByTestId(`session-${id}`).textContent;

describe.each(providers)("%s", (_whose, Provider) => {
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
    expect(browser.calls).toEqual(["GET /api/auth/session"]);
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
    expect(browser.calls).toEqual(["GET /api/auth/session"]);
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

    await pass(1);
    expect(browser.asked).toBe(1);

    await pass(1_000);
    expect(browser.asked).toBe(2);
  });

  it("uses basePath, for its own requests and for next-auth's functions", async () => {
    const browser = new Browser("/api/v1/auth");
    open({ basePath: "/api/v1/auth", session: john });
    await pass(0);
    void getSession();
    await pass(0);
    await show("visible");
    expect(browser.calls).toEqual(["GET /api/v1/auth/session", "GET /api/v1/auth/session"]);
  });
});

describe.each(providers)("useSession below %s", (_whose, wrapper) => {
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

  it("goes to the sign-in page, with the way back, where the session is required", async () => {
    const { server } = new Browser();
    server.user = null;
    const location = { href: "http://localhost:3000/orders" };
    vi.stubGlobal(
      "window",
      new Proxy(window, { get: (w, key) => (key === "location" ? location : Reflect.get(w, key)) }),
    );
    renderHook(() => useSession({ required: true }), { wrapper });
    await pass(0);

    expect(location.href).toBe(
      "/api/auth/signin?error=SessionRequired&callbackUrl=http%3A%2F%2Flocalhost%3A3000%2Forders",
    );
  });

  it("does not work without a provider", () => {
    expect(() => renderHook(() => useSession())).toThrow("must be wrapped in a <SessionProvider />");
  });
});

const MINUTE_MS = 60_000;
