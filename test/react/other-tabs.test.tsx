/**
 * What tabs tell each other with next-auth's own message: how often one asks because of it, and that none gets lost.
 */
import "./setup.ts";
// Loaded before, because no fake clock waits for it to come.
import "../../src/react/after-load.ts";
import { act, render } from "@testing-library/react";
import { signIn, signOut, useSession } from "next-auth/react";
import { describe, expect, it, vi } from "vitest";
import { SessionProvider } from "../../src/react/index.ts";
import { announceSession } from "../../src/react/other-tabs.ts";
import { Browser, pass, show } from "./browser.tsx";
import { otherTabHears, otherTabSays } from "./other-tab.ts";
import { VERSION } from "./version.ts";

function openPage(): { readonly shows: () => string | undefined; readonly unmount: () => void } {
  const { container, unmount } = render(
    <SessionProvider>
      <Page />
    </SessionProvider>,
  );
  return { shows: () => container.querySelector("output")?.textContent, unmount };
}

function Page() {
  return <output>{useSession().data?.user?.name}</output>;
}

describe("a tab to which each answer says something else of the sign-in (I10)", () => {
  it("tells others of it once a second at most, and of the last one", async () => {
    const { server } = new Browser();
    openPage();
    await pass(2_000);
    const told = otherTabHears();
    // Two sessions whose answers alternate: one has ended, the other has not.
    for (let i = 0; i < 20; i++) {
      server.ended = i % 2 === 0;
      await otherTabSays("getSession");
    }
    expect(told().length).toBe(1);

    await pass(10_000);
    expect(told().length).toBeGreaterThan(1);
    expect(told().length).toBeLessThanOrEqual(4);
    const afterwards = told().length;
    await pass(30_000);
    expect(told().length).toBe(afterwards);
  });
});

describe("a tab that waits to tell of its answer", () => {
  it("says nothing once another tab has told something newer (I13)", async () => {
    const { server } = new Browser();
    openPage();
    await pass(2_000);
    const told = otherTabHears();
    server.ended = true;
    await otherTabSays("getSession");
    server.user = null;
    await show("visible");
    await pass(300);
    expect(told().length).toBe(1);
    localStorage.setItem("nolapse.user /api/auth/session", "somebody");
    server.fault = "hang";
    await pass(5_000);
    expect(told().length).toBe(1);
  });
});

describe("a page that goes on to the next within a second after it told of a sign-out", () => {
  it.each(["signs out", "finds that the session has ended"])(
    "and %s before it signs in: the next one tells that somebody is signed in (I13)",
    async (how) => {
      const { server } = new Browser();
      const first = openPage();
      await pass(5_000);
      const told = otherTabHears();
      if (how === "signs out") await act(() => signOut({ redirect: false }));
      else {
        server.user = null;
        await otherTabSays("getSession");
      }
      await act(() => vi.advanceTimersByTimeAsync(300));
      await act(() => signIn("credentials", { redirect: false, username: "bob" }));
      await act(() => vi.advanceTimersByTimeAsync(100));
      first.unmount();
      openPage();
      await pass(60_000);
      expect(told().at(-1)).toMatchObject({ data: { trigger: "getSession" } });
    },
  );
});

if (VERSION === 5)
  describe("a tab that is told of changes without end (I10)", () => {
    it("asks NextAuth once a second at most, and misses nothing", async () => {
      const browser = new Browser();
      const { shows } = openPage();
      await pass(1_000);
      const before = browser.server.reasons.length;
      for (let i = 0; i < 50; i++) await otherTabSays("getSession");
      browser.server.user = "bob";
      await otherTabSays("getSession");
      const asked = (): number =>
        browser.server.reasons.slice(before).filter((reason) => reason === "next-auth").length;
      expect(asked()).toBe(1);

      await pass(5_000);
      expect(shows()).toBe("bob");
      expect(asked()).toBe(2);
    });

    it("asks at once when a quiet second has gone by", async () => {
      const { server } = new Browser();
      const { shows } = openPage();
      await pass(1_000);
      await otherTabSays("getSession");
      await pass(1_000);
      server.user = "bob";
      await otherTabSays("getSession");
      await pass(0);
      expect(shows()).toBe("bob");
    });

    it("leaves no timer behind when it is taken away", async () => {
      new Browser();
      const timers = vi.getTimerCount();
      const { unmount } = openPage();
      await pass(1_000);
      await otherTabSays("getSession");
      unmount();
      expect(vi.getTimerCount()).toBe(timers);
    });
  });

if (VERSION === 4)
  describe("two changes within one second", () => {
    it("are two messages: localStorage tells nobody of a value that it has already", () => {
      const write = vi.spyOn(Storage.prototype, "setItem");
      announceSession();
      vi.advanceTimersByTime(1);
      announceSession();
      const [one, two] = write.mock.calls.map(([, value]) => value);
      expect(two).toBeDefined();
      expect(two).not.toBe(one);
    });
  });
