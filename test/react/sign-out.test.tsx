/**
 * A sign-out that next-auth's own message tells of: the page and the token believe it also while the session route cannot
 * say so, and only as long as nobody has signed in since.
 */
import "./setup.ts";
// Loaded before, because no fake clock waits for it to come.
import "../../src/react/after-load.ts";
import "../../src/react/live-token.ts";
import { act } from "@testing-library/react";
import { signIn, signOut } from "next-auth/react";
import { describe, expect, it, vi } from "vitest";
import { makeNextAuthAsk } from "../../src/react/other-tabs.ts";
import { Browser, pass } from "./browser.tsx";
import { otherTabHears, otherTabSays } from "./other-tab.ts";
import { VERSION } from "./version.ts";
import { openWhoPage, tokenOrCode } from "./who-page.tsx";

const immediately = setImmediate;

const SIGN_OUTS: readonly (readonly [where: string, signOut: (browser: Browser) => Promise<unknown>])[] = [
  ["signOut({ redirect: false }) in this tab", () => act(() => signOut({ redirect: false }))],
  [
    "a sign-out in another tab",
    ({ server }) => {
      server.user = null;
      return otherTabSays("signout");
    },
  ],
];

describe.each(SIGN_OUTS)("%s", (_where, leave) => {
  it("takes user and token away while the session route fails, and stays so", async () => {
    const browser = new Browser();
    const shows = await openWhoPage();
    expect(await tokenOrCode()).toBe("alice-0");
    browser.server.faultMeets = () => browser.server.user === null;
    browser.server.fault = "500";
    await leave(browser);
    await pass(2_000);
    expect(shows()).toBe("unauthenticated: nobody");
    expect(await tokenOrCode()).toBe("not_signed_in");

    await pass(120_000);
    browser.server.fault = undefined;
    await pass(120_000);
    expect(shows()).toBe("unauthenticated: nobody");
    const asked = browser.asked;
    await pass(600_000);
    expect(browser.asked).toBe(asked);
  });

  it("that the server does not confirm is taken back as soon as it says so", async () => {
    const browser = new Browser();
    const shows = await openWhoPage();
    browser.server.fault = "500";
    await leave(browser);
    await pass(5_000);
    expect(shows()).toBe("unauthenticated: nobody");

    browser.server.user = "alice";
    browser.server.fault = undefined;
    await pass(60_000);
    expect(shows()).toBe("authenticated: alice");
    expect(await tokenOrCode()).toContain("alice");
  });

  it("is over once somebody has signed in: what fails then signs nobody out (I13)", async () => {
    const browser = new Browser();
    const { server } = browser;
    const shows = await openWhoPage();
    await leave(browser);
    await pass(5_000);
    await act(() => signIn("credentials", { redirect: false, username: "bob" }));
    await pass(5_000);
    expect(shows()).toBe("authenticated: bob");

    server.fault = "500";
    act(makeNextAuthAsk);
    await pass(10_000);
    expect(shows()).toBe("authenticated: bob");
  });
});

describe("signOut({ redirect: false })", () => {
  it("has taken the user away when it resolves, however long a request takes", async () => {
    new Browser();
    const real = fetch;
    vi.stubGlobal("fetch", async (...args: Parameters<typeof fetch>) => {
      await new Promise((done) => setTimeout(done, 200));
      return real(...args);
    });
    const shows = await openWhoPage();
    expect(shows()).toBe("authenticated: alice");
    let seen: string | null = "it did not resolve";
    const look = (): void => void (seen = shows());
    // React renders in a task of its own, as does a router.
    void signOut({ redirect: false }).then(() => setTimeout(look, 50));
    for (let i = 0; i < 300; i++) {
      await act(() => vi.advanceTimersByTimeAsync(10));
      await new Promise((resolve) => immediately(resolve));
    }
    expect(seen).toBe("unauthenticated: nobody");
  });

  // Version 4 waits for its own provider, which has no limit.
  if (VERSION === 5)
    it("resolves within 15 s where the session route hangs, and nobody is shown", async () => {
      new Browser();
      vi.spyOn(AbortSignal, "timeout").mockImplementation((limitMs) => {
        const limit = new AbortController();
        setTimeout(() => limit.abort(), limitMs);
        return limit.signal;
      });
      const shows = await openWhoPage();
      const real = fetch;
      vi.stubGlobal("fetch", (url: string, init?: RequestInit) =>
        url.endsWith("/session")
          ? new Promise((_, reject) =>
              init?.signal?.addEventListener("abort", () => reject(new Error("late"))),
            )
          : real(url, init),
      );
      const resolved = vi.fn();
      void signOut({ redirect: false }).then(resolved);
      await pass(14_000);
      expect(resolved).not.toHaveBeenCalled();
      await pass(1_000);
      expect(resolved).toHaveBeenCalled();
      expect(shows()).toBe("unauthenticated: nobody");
    });

  it("that the server refuses changes nothing", async () => {
    const { server } = new Browser();
    const shows = await openWhoPage();
    const real = fetch;
    vi.stubGlobal("fetch", (url: string, init?: RequestInit) =>
      url.includes("/signout")
        ? Response.json({ url: "http://localhost/" }, { status: 400 })
        : real(url, init),
    );
    await act(() => signOut({ redirect: false }));
    await pass(5_000);
    expect(server.user).toBe("alice");
    expect(shows()).toBe("authenticated: alice");
  });
});

describe("a sign-out while the session route fails", () => {
  it("is believed also after an announcement that had met the failure (#9139)", async () => {
    const { server } = new Browser();
    const shows = await openWhoPage();
    server.fault = "500";
    await otherTabSays("getSession");
    await pass(3_000);
    expect(shows()).toBe("authenticated: alice");
    await act(() => signOut({ redirect: false }));
    await pass(20_000);
    expect(shows()).toBe("unauthenticated: nobody");
  });

  it("is not believed where somebody is signed in to another app of the origin, whose it may be", async () => {
    localStorage.setItem("nolapse.user /other/api/auth/session", "1x");
    const { server } = new Browser();
    const shows = await openWhoPage();
    server.fault = "500";
    await otherTabSays("signout");
    await pass(30_000);
    expect(shows()).toBe("authenticated: alice");
    localStorage.clear();
  });
});

describe("the last message of other tabs", () => {
  it("counts: a failure after somebody else's signs nobody out (next-auth#9139)", async () => {
    const { server } = new Browser();
    const shows = await openWhoPage();
    await otherTabSays("signout");
    await pass(2_000);
    expect(shows()).toBe("authenticated: alice");
    server.fault = "500";
    await otherTabSays("getSession");
    await pass(5_000);
    expect(shows()).toBe("authenticated: alice");
  });

  it("is a sign-out where this tab is the first to find out, and no sign-in is known since", async () => {
    const { server } = new Browser();
    const shows = await openWhoPage();
    server.user = null;
    const heard = otherTabHears();
    await otherTabSays("getSession");
    await pass(2_000);
    expect(shows()).toBe("unauthenticated: nobody");
    expect(heard().at(-1)).toMatchObject({ data: { trigger: "signout" } });
  });

  if (VERSION === 5)
    it.each([undefined, null, 7, "signout", { data: null }, { data: { trigger: { signout: 1 } } }])(
      "may be %j, which says nothing",
      async (message) => {
        const { server } = new Browser();
        const shows = await openWhoPage();
        const other = new BroadcastChannel("next-auth");
        server.fault = "500";
        other.postMessage(message);
        await pass(5_000);
        other.close();
        expect(shows()).toBe("authenticated: alice");
      },
    );
});
