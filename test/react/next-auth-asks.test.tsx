/**
 * What next-auth's own functions and messages make it ask. After a failure, which version 4 takes for a sign-out, its provider
 * has to start anew before it notices the next one: what is asked meanwhile is not lost.
 */
import "./setup.ts";
// Loaded before, because no fake clock waits for it to come.
import "../../src/react/after-load.ts";
import "../../src/react/live-token.ts";
import { act, render } from "@testing-library/react";
import { signIn, signOut, useSession } from "next-auth/react";
import { StrictMode, type ReactElement } from "react";
import { describe, expect, it, vi } from "vitest";
import { SessionProvider } from "../../src/react/index.ts";
import { lastMounted } from "../../src/react/mounted.ts";
import { Browser, paintable, pass } from "./browser.tsx";
import { otherTabSays } from "./other-tab.ts";
import { VERSION } from "./version.ts";
import { openWhoPage, shown, tokenOrCode, WhoPage } from "./who-page.tsx";

const immediately = setImmediate;

/** Until the page rests. */
const SETTLE_MS = 30_000;

/** From now on session requests are answered late, the first `failures` of them with a 504. */
function answerLate(lateMs: number, failures = Infinity): void {
  const plain = fetch;
  let asked = 0;
  vi.stubGlobal("fetch", async (url: string, init?: RequestInit) => {
    if (!url.endsWith("/session")) return plain(url, init);
    const fails = ++asked <= failures;
    const answer = fails ? new Response("late", { status: 504 }) : await plain(url, init);
    await new Promise((done) => setTimeout(done, lateMs));
    return answer;
  });
}

describe("next-auth's functions after a failure of the session route", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 9])(
    "sign out for good %i s after another tab's announcement, however late each failure comes",
    async (gapS) => {
      new Browser();
      const shows = await openWhoPage(SETTLE_MS);
      answerLate(4_000);
      await otherTabSays("getSession");
      await pass(gapS * 1_000);
      await act(async () => void signOut({ redirect: false }));
      await pass(30_000);

      expect(shows()).toBe("unauthenticated: nobody");
      expect(await tokenOrCode()).toBe("not_signed_in");
    },
  );

  it("show who has signed in while the page's own request about another one was under way (F43, I13)", async () => {
    new Browser();
    const shows = await openWhoPage(SETTLE_MS);
    answerLate(3_000, 1);
    await otherTabSays("getSession");
    await pass(4_000);
    await act(async () => void signIn("credentials", { redirect: false, username: "bob" }));
    await pass(10_000);

    expect(shows()).toBe("authenticated: bob");
  });

  // Version 5 has no provider of its own here.
  if (VERSION === 4)
    it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12])(
      "are heard when news of the page came %i turns after that failure",
      async (turn) => {
        const { server } = new Browser();
        const shows = await openWhoPage(SETTLE_MS);
        server.fault = "500";
        server.faultMeets = (reason) => reason === "next-auth";
        // As in a browser: React renders when it gets to it.
        vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", false);
        const message = { event: "session", data: { trigger: "getSession" }, timestamp: 999 };
        dispatchEvent(
          new StorageEvent("storage", { key: "nextauth.message", newValue: JSON.stringify(message) }),
        );
        for (let i = 1; i < 100; i++) {
          await new Promise((resolve) => immediately(resolve));
          if (i === turn) for (const { live } of lastMounted.values()) live.restart?.();
        }
        vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
        server.fault = undefined;
        await pass(30_000);
        await act(() => signOut({ redirect: false }));
        await pass(5_000);

        expect(shows()).toBe("unauthenticated: nobody");
      },
    );

  it("ask no more often in StrictMode, where each start of that provider is a request, while the route fails (I10)", async () => {
    const browser = new Browser();
    render(
      <StrictMode>
        <WhoPage />
      </StrictMode>,
    );
    await pass(SETTLE_MS);
    browser.server.fault = "500";
    await otherTabSays("getSession");
    await pass(1_000);
    const before = browser.asked;
    await pass(600_000);

    expect(shown()).toBe("authenticated: alice");
    // Of its own, 1 s to 60 s apart, and next-auth's beside each.
    expect(browser.asked - before).toBeLessThan(2 * 20);
  });
});

// Version 4 keeps what its last request brought, and does so by itself.
if (VERSION === 5)
  describe("what two announcements make the page ask", () => {
    it("is shown in the order of the requests, however late the first is answered (I13)", async () => {
      const { server } = new Browser(undefined, 3_600_000);
      const paint = paintable(server);
      function Theme(): ReactElement {
        return <output>{(useSession().data as { theme?: string } | null)?.theme}</output>;
      }
      render(
        <SessionProvider>
          <Theme />
        </SessionProvider>,
      );
      await pass(SETTLE_MS);
      let release!: () => void;
      server.slow = new Promise((resolve) => (release = resolve));
      await otherTabSays("getSession");
      await pass(2_000);
      server.slow = undefined;
      paint("dark");
      await otherTabSays("getSession");
      await pass(1_000);
      expect(shown()).toBe("dark");

      release();
      await pass(1_000);
      expect(shown()).toBe("dark");
    });
  });
