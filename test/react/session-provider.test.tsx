import "./setup.ts";
// Loaded before, because no fake clock waits for it to come.
import "../../src/react/after-load.ts";
import { act, fireEvent, render, screen } from "@testing-library/react";
import type { Session } from "next-auth";
import { signIn, signOut, useSession } from "next-auth/react";
import { memo, StrictMode, type ReactElement } from "react";
import { describe, expect, it, vi } from "vitest";
import { SessionProvider, type SessionProviderProps } from "../../src/react/index.ts";
import { lastMounted } from "../../src/react/mounted.ts";
import type { Fault } from "../client/fake-server.ts";
import { Browser, fire, pass, show, sleep } from "./browser.tsx";
import { otherTabHears, otherTabSays } from "./other-tab.ts";
import { VERSION } from "./version.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** How long a tab listens at most whether another one asks already, before it does. */
const TURN_MS = 100;

/** A page that shows who is signed in, and counts how often and with what it was rendered. */
function openPage(props: Omit<SessionProviderProps, "children"> = {}, strict = false) {
  const seen: string[] = [];
  let context!: ReturnType<typeof useSession>;
  let renders = 0;
  const Page = memo(function Page(): ReactElement {
    renders++;
    context = useSession();
    const user = context.data?.user?.name ?? "nobody";
    const line = `${context.status}: ${user}`;
    if (seen.at(-1) !== line) seen.push(line);
    return (
      <form>
        <input aria-label="note" />
        <output>{line}</output>
      </form>
    );
  });
  const tree = (
    <SessionProvider {...props}>
      <Page />
    </SessionProvider>
  );
  const { unmount } = render(strict ? <StrictMode>{tree}</StrictMode> : tree);
  return {
    seen,
    unmount,
    shows: () => screen.getByRole("status").textContent,
    session: () => context.data as Record<string, unknown> | null,
    update: (data?: unknown) => context.update(data),
    renders: () => renders,
  };
}

function storedText(): string {
  return Array.from({ length: localStorage.length }, (_, i) =>
    localStorage.getItem(localStorage.key(i)!),
  ).join();
}

describe("a page that nobody touches", () => {
  it("asks once per lifetime, at the time that the server named, through ten lifetimes", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    const { server } = new Browser();
    openPage();
    await pass(10 * (server.idleMs + TURN_MS));

    expect(server.refreshes).toBe(10);
    expect(server.reasons.slice(0, 2)).toEqual(["mount", "idle"]);
    expect(server.asked).toHaveLength(11);
  });

  it("asks for a session that it was given when that session says so", async () => {
    const { server } = new Browser();
    openPage({ session: server.session() as Session });
    await pass(server.idleMs - 1);
    expect(server.asked).toHaveLength(0);

    await pass(5_000);
    expect(server.reasons).toEqual(["idle"]);
  });

  it("is not rendered again by ten renewals, and a form keeps focus and text (F36)", async () => {
    const { server } = new Browser();
    const page = openPage();
    await pass(0);
    const input = screen.getByLabelText<HTMLInputElement>("note");
    input.focus();
    fireEvent.change(input, { target: { value: "half a sentence" } });
    const before = { renders: page.renders(), session: page.session() };
    await pass(10 * (server.idleMs + 5_000));

    expect(server.refreshes).toBe(10);
    expect({ renders: page.renders(), session: page.session() }).toEqual(before);
    expect(page.session()).toBe(before.session);
    expect(document.activeElement).toBe(input);
    expect(input.value).toBe("half a sentence");
  });

  it("is rendered with each new access token where the app shows it, without passing through loading (F35)", async () => {
    const { server } = new Browser();
    server.showsToken = true;
    const page = openPage();
    await pass(0);
    const before = page.renders();
    await pass(3 * (server.idleMs + 5_000));

    expect(page.session()).toMatchObject({ accessToken: "alice-3" });
    expect(page.renders()).toBe(before + 3);
    expect(page.seen).toEqual(["loading: nobody", "authenticated: alice"]);
  });

  it.each([HOUR_MS, -HOUR_MS])("and whose clock is off by %i ms asks as often (F26)", async (offMs) => {
    const { server } = new Browser();
    sleep(offMs);
    openPage();
    await pass(5 * (server.idleMs + 5_000));

    expect(server.refreshes).toBe(5);
    expect(server.asked).toHaveLength(6);
  });

  it("and slept for 8 hours sends one request, whatever wakes it (F22)", async () => {
    const { server } = new Browser();
    openPage();
    await pass(10_000);
    sleep(8 * HOUR_MS);
    for (const type of ["pageshow", "focus", "online"]) window.dispatchEvent(new Event(type));
    await show("visible");
    await pass(TURN_MS);

    expect(server.reasons).toEqual(["mount", "pageshow"]);
  });
});

describe("a session request that fails", () => {
  it.each<Fault>(["network", "500", "html", "401"])(
    "with %s signs nobody out, and it recovers (F30)",
    async (fault) => {
      const { server } = new Browser();
      const page = openPage();
      await pass(0);
      server.fault = fault;
      await pass(10 * MINUTE_MS);
      await show("visible");
      await pass(TURN_MS);
      expect(page.seen).toEqual(["loading: nobody", "authenticated: alice"]);

      server.fault = undefined;
      await pass(MINUTE_MS);
      expect(server.refreshes).toBe(1);
      expect(page.seen).toEqual(["loading: nobody", "authenticated: alice"]);
    },
  );

  it("at the first visit leaves the page loading, and sends nobody to sign in (F30)", async () => {
    const { server } = new Browser();
    server.fault = "500";
    const page = openPage();
    await pass(3_000);
    expect(page.seen).toEqual(["loading: nobody"]);

    server.fault = undefined;
    await pass(5_000);
    expect(page.shows()).toBe("authenticated: alice");
  });

  it("because the page is offline is made up for when it is online (F23)", async () => {
    const { server } = new Browser();
    const page = openPage();
    await pass(40_000);
    server.fault = "network";
    await pass(MINUTE_MS);
    server.fault = undefined;
    await fire("online");
    await pass(TURN_MS);

    expect(server.reasons.at(-1)).toBe("online");
    expect(server.refreshes).toBe(1);
    expect(page.seen).toEqual(["loading: nobody", "authenticated: alice"]);
  });

  it("inside next-auth, when another tab speaks, signs nobody out either (next-auth#9139)", async () => {
    const { server } = new Browser();
    const page = openPage();
    await pass(0);
    server.fault = "500";
    await otherTabSays("getSession");
    await pass(10_000);
    expect(page.seen).toEqual(["loading: nobody", "authenticated: alice"]);

    server.fault = undefined;
    await pass(MINUTE_MS);
    await act(() => signOut({ redirect: false }));
    await pass(0);
    expect(page.shows()).toBe("unauthenticated: nobody");
  });
});

describe("StrictMode", () => {
  it("starts one schedule: one request per lifetime (F21)", async () => {
    const { server } = new Browser();
    openPage({}, true);
    await pass(5_000);
    const first = server.asked.length;
    expect(server.reasons.filter((reason) => reason === "mount")).toHaveLength(1);

    await pass(4 * (server.idleMs + 5_000));
    expect(server.asked.slice(first).map(({ reason }) => reason)).toEqual(["idle", "idle", "idle", "idle"]);
  });

  it("notices a sign-out and a sign-in", async () => {
    new Browser();
    const page = openPage({}, true);
    await pass(100);
    await act(() => signOut({ redirect: false }));
    await pass(100);
    expect(page.shows()).toBe("unauthenticated: nobody");

    await act(() => signIn("credentials", { redirect: false, username: "bob" }));
    await pass(100);
    expect(page.shows()).toBe("authenticated: bob");
  });
});

describe("a sign-out", () => {
  it("in this tab ends all asking", async () => {
    const { server } = new Browser();
    const page = openPage({ refetchInterval: 10 });
    await pass(0);
    await act(() => signOut({ redirect: false }));
    await pass(0);
    expect(page.shows()).toBe("unauthenticated: nobody");
    // Version 5 hears itself.
    await pass(5_000);
    const before = server.asked.length;

    await pass(HOUR_MS);
    await show("visible");
    expect(server.asked).toHaveLength(before);
  });

  it("in another tab reaches this one", async () => {
    const { server } = new Browser();
    const page = openPage();
    await pass(0);
    server.user = null;
    await otherTabSays("signout");
    await pass(0);

    expect(page.shows()).toBe("unauthenticated: nobody");
  });

  it("in another tab reaches this one also while it is offline, and for good (F18)", async () => {
    const { server } = new Browser();
    const page = openPage();
    await pass(0);
    server.user = null;
    server.fault = "network";
    await otherTabSays("signout");
    await pass(10_000);
    expect(page.shows()).toBe("unauthenticated: nobody");

    server.fault = undefined;
    await pass(20_000);
    expect(page.shows()).toBe("unauthenticated: nobody");
  });
});

describe("a page out of the back/forward cache", () => {
  it.each(["alice", null])(
    "asks although it shows %s, and shows who is signed in (F43, I13)",
    async (before) => {
      const { server } = new Browser();
      server.user = before;
      const page = openPage({ session: server.session() as Session | null, refetchOnWindowFocus: false });
      await pass(1_000);
      server.user = "bob";
      window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
      await pass(1_000);

      expect(page.shows()).toBe("authenticated: bob");
      expect(server.reasons).toContain("restored");
    },
  );
});

describe("a sign-in", () => {
  it("of the same user is announced again the next morning, though storage outlives the browser (F32)", async () => {
    const { server } = new Browser();
    const alice = server.session() as Session;
    const yesterday = openPage({ session: alice });
    await pass(1_000);
    yesterday.unmount();
    // Another page: the session cookie has run out, and the app says so.
    lastMounted.clear();
    const { unmount } = openPage({ session: null });
    await pass(1_000);
    unmount();
    lastMounted.clear();

    const heard = otherTabHears();
    openPage({ session: alice });
    await pass(1_000);
    expect(heard()).toHaveLength(1);
  });

  it("in another app of this origin is no news to this one, nor the other way round (F43)", async () => {
    const { server } = new Browser();
    const shop = openPage({ session: server.session() as Session, basePath: "/shop/api/auth" });
    await pass(1_000);
    server.user = "bob";
    const admin = openPage({ session: server.session() as Session, basePath: "/admin/api/auth" });
    await pass(1_000);
    shop.unmount();
    admin.unmount();
    const heard = otherTabHears();
    openPage({ session: server.session() as Session, basePath: "/admin/api/auth" });
    await pass(1_000);
    server.user = "alice";
    openPage({ session: server.session() as Session, basePath: "/shop/api/auth" });
    await pass(1_000);

    expect(heard()).toEqual([]);
  });

  it("without a redirect is seen by the time that signIn resolves", async () => {
    const { server } = new Browser();
    server.user = null;
    const page = openPage();
    await pass(0);
    await act(() => signIn("credentials", { redirect: false, username: "bob" }));
    expect(page.shows()).toBe("authenticated: bob");

    await pass(2 * server.idleMs + 10_000);
    expect(server.refreshes).toBe(2);
  });

  it("as another user in another tab reaches this one whole, and nothing of the first remains (F43)", async () => {
    const { server } = new Browser();
    server.showsToken = true;
    const page = openPage();
    await pass(0);
    server.user = "bob";
    await otherTabSays("getSession");
    await pass(5 * MINUTE_MS);

    expect(page.seen).toEqual(["loading: nobody", "authenticated: alice", "authenticated: bob"]);
    expect(JSON.stringify(page.session())).not.toContain("alice");
  });

  it("is announced to other tabs once, and renewals never (no N² requests)", async () => {
    const { server } = new Browser();
    const heard = otherTabHears();
    const page = openPage();
    await pass(0);
    expect(heard()).toHaveLength(1);

    await pass(5 * (server.idleMs + 5_000));
    page.unmount();
    openPage();
    await pass(MINUTE_MS);
    expect(heard()).toHaveLength(1);

    server.user = "bob";
    await show("visible");
    await pass(TURN_MS);
    expect(heard()).toHaveLength(2);
    expect(storedText() + JSON.stringify(heard())).not.toMatch(/alice|bob/);
  });

  it("that came with the page is announced too", async () => {
    const { server } = new Browser();
    const heard = otherTabHears();
    openPage({ session: server.session() as Session });
    await pass(0);

    expect(heard()).toHaveLength(1);
  });

  it("that ends is announced once, and so is the new one of the same user: no other tab keeps asking for it (F32)", async () => {
    const { server } = new Browser();
    const page = openPage();
    await pass(0);
    const heard = otherTabHears();

    server.ended = true;
    await pass(server.idleMs + 5_000);
    expect(page.session()).toMatchObject({
      error: VERSION === 4 ? "RefreshAccessTokenError" : "RefreshTokenError",
    });
    expect(heard()).toHaveLength(1);
    await pass(5 * MINUTE_MS);
    expect(heard()).toHaveLength(1);

    server.ended = false;
    await otherTabSays("getSession");
    await pass(1_000);
    expect(page.session()).not.toHaveProperty("error");
    await pass(server.idleMs + 5_000);
    expect(heard()).toHaveLength(2);
  });

  it("heard of from another tab is not passed on", async () => {
    const { server } = new Browser();
    openPage();
    await pass(0);
    const heard = otherTabHears();
    const before = server.asked.length;
    await otherTabSays("getSession");
    await pass(1_000);

    expect(heard()).toHaveLength(0);
    expect(server.asked.length).toBe(before + 1);
  });
});

describe("update()", () => {
  it("posts the data with a CSRF token, passes through loading with the data still there, and resolves to the session", async () => {
    const browser = new Browser();
    browser.server.showsToken = true;
    const page = openPage();
    await pass(0);
    browser.server.refreshes = 7;
    let release!: () => void;
    browser.server.held = new Promise((resolve) => (release = resolve));
    const updated = page.update({ theme: "dark" });
    await pass(0);
    expect(page.shows()).toBe("loading: alice");
    release();
    await pass(0);
    const session = await updated;

    expect(browser.calls.slice(1)).toEqual(["GET /api/auth/csrf", "POST /api/auth/session"]);
    expect(session).toMatchObject({ accessToken: "alice-7" });
    expect(page.session()).toBe(session);
    expect(page.seen).toEqual([
      "loading: nobody",
      "authenticated: alice",
      "loading: alice",
      "authenticated: alice",
    ]);
  });

  it("resolves to null on a failure and keeps the session", async () => {
    const { server } = new Browser();
    const page = openPage();
    await pass(0);
    server.fault = "500";
    let session: Session | null | undefined;
    await act(async () => {
      session = await page.update();
    });

    expect(session).toBeNull();
    expect(page.shows()).toBe("authenticated: alice");
  });

  it("that finds the session ended ends it here", async () => {
    const { server } = new Browser();
    const page = openPage();
    await pass(0);
    server.user = null;
    await act(async () => expect(await page.update()).toBeNull());
    await pass(0);

    expect(page.shows()).toBe("unauthenticated: nobody");
  });

  it("twice at once sends one request", async () => {
    const browser = new Browser();
    const page = openPage();
    await pass(0);
    await act(() => Promise.all([page.update({}), page.update({})]));

    expect(browser.calls.filter((call) => call.startsWith("POST"))).toHaveLength(1);
  });

  it("works in the first effect after sign-in", async () => {
    const browser = new Browser();
    const page = openPage();
    await act(async () => {
      await vi.advanceTimersByTimeAsync(0);
      await page.update({});
    });

    expect(browser.calls).toContain("POST /api/auth/session");
  });
});

describe("unmounting", () => {
  it("leaves no timer and no listener behind, and sends nothing more", async () => {
    const targets = [window, document, BroadcastChannel.prototype] as Window[];
    const added = targets.map((target) => vi.spyOn(target, "addEventListener"));
    const removed = targets.map((target) => vi.spyOn(target, "removeEventListener"));
    const names = ["visibilitychange", "focus", "online", "offline", "pageshow", "storage", "message"];
    // Some are removed by the signal that they were added with.
    const isEnded = (options: unknown): boolean =>
      (options as { signal?: AbortSignal } | undefined)?.signal?.aborted ?? false;
    const count = (spies: typeof added | typeof removed): number =>
      spies
        .flatMap(({ mock }) => mock.calls)
        .filter(([name, , options]) => names.includes(name) && !isEnded(options)).length;
    const { server } = new Browser();
    const page = openPage();
    await pass(1_000);
    expect(count(added)).toBeGreaterThanOrEqual(5);
    page.unmount();
    expect(vi.getTimerCount()).toBe(0);
    expect(count(removed)).toBe(count(added));

    const before = server.asked.length;
    await fire("focus");
    await otherTabSays("signout");
    await signOut({ redirect: false });
    await pass(HOUR_MS);
    expect(server.asked).toHaveLength(before);
  });

  it("while the first request is under way shows nothing later, and logs nothing", async () => {
    new Browser();
    const page = openPage();
    page.unmount();
    await pass(1_000);

    expect(page.seen).toEqual(["loading: nobody"]);
    expect(console.error).not.toHaveBeenCalled();
  });
});

describe("changed props", () => {
  it("take effect without a new start", async () => {
    const { server } = new Browser("/api/auth", HOUR_MS);
    const { rerender } = render(<SessionProvider>{null}</SessionProvider>);
    await pass(MINUTE_MS);
    expect(server.asked).toHaveLength(1);

    rerender(<SessionProvider refetchInterval={10}>{null}</SessionProvider>);
    await pass(MINUTE_MS);
    expect(server.asked.length).toBeGreaterThanOrEqual(6);
    expect(server.reasons.filter((reason) => reason === "mount")).toHaveLength(1);
  });
});

describe("a browser without BroadcastChannel, as old as version 5 allows", () => {
  it("announces nothing, hears nothing, and throws nothing", async () => {
    vi.stubGlobal("BroadcastChannel", undefined);
    // Whoever comes later in this file would load some modules twice.
    vi.resetModules();
    const { announceSession, onAnnouncement } = await import("../../src/react/other-tabs.ts");
    const listener = vi.fn();
    const stop = onAnnouncement(listener);
    announceSession();
    stop();

    expect(listener).not.toHaveBeenCalled();
  });
});
