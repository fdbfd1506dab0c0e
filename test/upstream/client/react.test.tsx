/**
 * What the installed next-auth/react does that nolapse/react relies on, in both versions. What both providers have to do
 * alike is in `test/react/conformance.test.tsx`.
 */
import "../../react/setup.ts";
import { act, render, screen } from "@testing-library/react";
import type { Session } from "next-auth";
import * as nextAuthReact from "next-auth/react";
import { useContext, type ReactElement } from "react";
import { describe, expect, it, vi } from "vitest";
import { nextAuth5 } from "../../../src/react/next-auth-5.ts";
import { Browser, fire, pass } from "../../react/browser.tsx";
import { otherTabHears, otherTabSays } from "../../react/other-tab.ts";
import { REQUESTS_OF_NEXT_AUTH, VERSION } from "../../react/version.ts";

const { getSession, SessionContext, SessionProvider, signIn, signOut, useSession } = nextAuthReact;
const MINUTE_MS = 60_000;

function Page(): ReactElement {
  const { data, status } = useSession();
  return <output>{`${status}: ${data?.user?.name ?? "nobody"}`}</output>;
}

const shows = (): string | null => screen.getByRole("status").textContent;

async function open(props: object = {}): Promise<() => void> {
  const { unmount } = render(
    <SessionProvider {...props}>
      <Page />
    </SessionProvider>,
  );
  await pass(0);
  return unmount;
}

describe("next-auth/react", () => {
  it("exports __NEXTAUTH in version 5 alone, by which nolapse tells the versions apart (src/react/next-auth-5.ts)", () => {
    expect("__NEXTAUTH" in nextAuthReact).toBe(VERSION === 5);
    expect(nextAuth5 === undefined).toBe(VERSION === 4);
    if (nextAuth5)
      expect(nextAuth5).toMatchObject({ basePath: "/api/auth", _getSession: expect.any(Function) });
  });

  it("exports the context that useSession reads (src/react/session-provider.tsx)", () => {
    const Context = SessionContext as React.Context<unknown>;
    const value = { data: { user: { name: "zoe" }, expires: "x" }, status: "authenticated", update: vi.fn() };
    function Reader(): ReactElement {
      return <i>{String(useContext(Context) === value)}</i>;
    }
    render(
      <Context.Provider value={value}>
        <Page />
        <Reader />
      </Context.Provider>,
    );

    expect(shows()).toBe("authenticated: zoe");
    expect(screen.getByText("true")).toBeDefined();
  });

  it("needs no further context for signIn, signOut and getSession (src/react/session-provider.tsx)", async () => {
    const browser = new Browser();
    browser.server.user = null;
    await act(() => signIn("credentials", { redirect: false, username: "bob" }));
    expect(await getSession()).toMatchObject({ user: { name: "bob" } });
    await act(() => signOut({ redirect: false }));
    expect(await getSession()).toBeNull();
    // What it told other tabs would reach the next test's.
    await pass(0);
  });
});

describe("next-auth's SessionProvider", () => {
  it("fetches nothing for a session that it is given (src/react/next-auth-source.tsx)", async () => {
    const browser = new Browser();
    await open({ session: { expires: "" } satisfies Session });
    await pass(MINUTE_MS);

    expect(browser.calls).toEqual([]);
  });

  it.each(["signed out", "failed"])(
    "has null where its request was %s: it tells no failure from a sign-out (src/react/live-session.ts)",
    async (what) => {
      const { server } = new Browser();
      if (what === "failed") server.fault = "500";
      else server.user = null;

      expect(await getSession({ broadcast: false })).toBeNull();
      await open();
      expect(shows()).toBe("unauthenticated: nobody");
    },
  );

  it("drops the session at a poll that fails, and polls no more (src/react/refresh-token-handler.tsx)", async () => {
    const { server } = new Browser();
    await open({ refetchInterval: 10 });
    server.fault = "network";
    await pass(10_000);
    expect(shows()).toBe("unauthenticated: nobody");

    server.fault = undefined;
    const before = server.asked.length;
    await pass(10 * MINUTE_MS);
    await fire("online");
    expect(server.asked.length).toBe(before);
  });

  it("takes a new refetchInterval at any time, in seconds, and 0 for never (src/react/refresh-token-handler.tsx)", async () => {
    const { server } = new Browser();
    const page = (seconds: number): ReactElement => (
      <SessionProvider refetchInterval={seconds}>
        <Page />
      </SessionProvider>
    );
    const { rerender } = render(page(0));
    await pass(10 * MINUTE_MS);
    expect(server.asked).toHaveLength(REQUESTS_OF_NEXT_AUTH);

    rerender(page(10));
    await pass(10_000);
    expect(server.asked).toHaveLength(2 * REQUESTS_OF_NEXT_AUTH);
  });

  it("fetches once where it is told as nolapse tells it, and tells no other tab of that (src/react/other-tabs.ts)", async () => {
    const { makeNextAuthAsk } = await import("../../../src/react/other-tabs.ts");
    const { server } = new Browser();
    server.user = null;
    await open();
    expect(shows()).toBe("unauthenticated: nobody");
    const before = server.asked.length;
    const heard = otherTabHears();
    server.user = "alice";
    makeNextAuthAsk();
    await pass(0);

    expect(shows()).toBe("authenticated: alice");
    expect(server.asked.length).toBe(before + 1);
    expect(heard()).toEqual([]);
  });
});

describe("a message between tabs", () => {
  it("is heard by next-auth's provider as nolapse sends it (src/react/other-tabs.ts)", async () => {
    const { announceSession } = await import("../../../src/react/other-tabs.ts");
    const { server } = new Browser();
    await open();
    server.user = "bob";
    const write = vi.spyOn(Storage.prototype, "setItem");
    announceSession();
    const [key, newValue] = write.mock.calls.at(-1) ?? [];
    // The browser brings it to the other tabs only, so here it is brought by hand.
    if (VERSION === 4) window.dispatchEvent(new StorageEvent("storage", { key: key!, newValue: newValue! }));
    await pass(0);

    expect(shows()).toBe("authenticated: bob");
  });

  it("of signOut and of a poll is the one that nolapse hears (src/react/next-auth-source.tsx)", async () => {
    new Browser();
    await open({ refetchInterval: 10 });
    const heard = otherTabHears();
    await pass(10_000);
    await act(() => signOut({ redirect: false }));
    await pass(0);

    expect(heard()).toMatchObject([
      { event: "session", data: { trigger: "getSession" } },
      { event: "session", data: { trigger: "signout" } },
    ]);
  });

  it("is not sent by getSession({ broadcast: false }) (src/react/next-auth-source.tsx)", async () => {
    new Browser();
    const heard = otherTabHears();
    await getSession({ broadcast: false });
    await pass(0);
    expect(heard()).toEqual([]);

    await getSession();
    await pass(0);
    expect(heard()).toHaveLength(1);
  });

  it("of another tab makes the provider fetch once (src/react/next-auth-source.tsx)", async () => {
    const { server } = new Browser();
    await open();
    const before = server.asked.length;
    await otherTabSays("getSession");

    expect(server.asked.length).toBe(before + 1);
  });
});

describe("signIn and signOut without a redirect", () => {
  it("wait for what they told to fetch the session: the provider, and in version 5 whoever is in __NEXTAUTH (src/react/next-auth-source.tsx)", async () => {
    const browser = new Browser();
    browser.server.user = null;
    await open();
    const told: unknown[] = [];
    if (nextAuth5) {
      nextAuth5._getSession = async (event) => {
        await pass(0);
        told.push(event);
      };
    }
    await act(() => signIn("credentials", { redirect: false, username: "bob" }));
    if (VERSION === 4) expect(shows()).toBe("authenticated: bob");
    else expect(told).toEqual([{ event: "storage" }]);

    await act(() => signOut({ redirect: false }));
    if (VERSION === 4) expect(shows()).toBe("unauthenticated: nobody");
    else expect(told).toHaveLength(2);
  });

  it("go where basePath says, which version 5 takes from __NEXTAUTH (src/react/next-auth-source.tsx)", async () => {
    const browser = new Browser("/custom/auth");
    if (nextAuth5) nextAuth5.basePath = "/custom/auth";
    else await open({ basePath: "/custom/auth", session: null });
    await act(() => signOut({ redirect: false }));

    expect(browser.calls.slice(0, 2)).toEqual(["GET /custom/auth/csrf", "POST /custom/auth/signout"]);
  });
});
