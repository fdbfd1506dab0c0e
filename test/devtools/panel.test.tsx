import { act, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { newsOf } from "../../src/client/tab-news.ts";
import { DevtoolsPanel, NolapseDevtools } from "../../src/devtools/production.ts";
import { SessionProvider } from "../../src/react/index.ts";
import { Browser, fire, pass } from "../react/browser.tsx";
import { forgetUser } from "../react/setup.ts";
import { alarm, button, card, log, openPage, press, SOON_MS } from "./page.tsx";

/** Another tab of this browser: the real news, on the schedulers' channel. */
function otherTab(): { tell(news: object): Promise<void>; heard: unknown[]; close(): void } {
  const channel = new BroadcastChannel("nolapse /api/auth/session");
  const heard: unknown[] = [];
  channel.addEventListener("message", ({ data }) => heard.push(data));
  return {
    async tell(news) {
      channel.postMessage(news);
      await pass(SOON_MS);
    },
    heard,
    close: () => channel.close(),
  };
}

describe("the devtools panel", () => {
  it("shows the token's life, its state and its ends, and counts them down", async () => {
    new Browser();
    await openPage();

    expect(card("Token")).toContain("60 s left");
    expect(card("Token")).toContain("fresh");
    await pass(20_000);

    expect(card("Token")).toContain("40 s left");
    expect(card("Token")).toContain("failures in a row0");
    expect(
      screen.getByRole("img", { name: "Timeline. Tokens seen: 1. The present one: 40 s left" }),
    ).toBeTruthy();
  });

  it("tells when the tab asks next and why, and is right about it", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    const { server } = new Browser();
    await openPage();
    await pass(6_000);

    expect(card("Next request")).toContain(`in ${server.idleMs / 1_000 - 6} s`);
    expect(card("Next request")).toContain("reasonidle");
    await pass(server.idleMs - 6_000 - 1_000);
    expect(server.asked).toHaveLength(1);
    expect(card("Next request")).toContain("in 1 s");

    await pass(1_000);
    expect(server.reasons).toEqual(["mount", "idle"]);
    expect(card("Token")).toContain("60 s left");
  });

  it("tells that the next request is a retry, and when", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    const { server } = new Browser();
    await openPage();
    server.fault = "500";
    await press("Ask now");

    expect(card("Token")).toContain("failing");
    expect(card("Next request")).toContain("in 1 s");
    expect(card("Next request")).toContain("reasonretry");
  });

  it("works where the page may open no channel, such as in a sandboxed frame", async () => {
    new Browser();
    vi.stubGlobal("BroadcastChannel", function denied(): never {
      throw new DOMException("The operation is insecure.", "SecurityError");
    });
    const page = await openPage();
    expect(card("Token")).toContain("60 s left");
    await pass(10_000);
    expect(card("Token")).toContain("50 s left");
    page.unmount();
    vi.unstubAllGlobals();
  });

  it("tells that nothing comes where nobody is signed in", async () => {
    const { server } = new Browser();
    server.user = null;
    await openPage();

    expect(card("Next request")).toContain("nobody is signed in");
    expect(card("Token")).toContain("signed out");
    expect(button("Ask now")).toHaveProperty("disabled", true);
  });

  it("draws no more life of a token whose user has signed out", async () => {
    const { server } = new Browser();
    await openPage();
    await pass(10_000);
    // What is left of it is the one line with this dash.
    const left = () => document.querySelector('path[stroke-dasharray="3 5"]');
    expect(left()).not.toBeNull();

    server.user = null;
    await press("Ask now");
    await pass(1_000);
    expect(left()).toBeNull();
    const lived = () => document.querySelector('path[stroke="var(--nlp-good)"]')!.getAttribute("d")!;
    const lengthOf = (path: string): number => {
      const [, from, to] = /^M([\d.]+) .*L([\d.]+) /.exec(path)!;
      return Number(to) - Number(from);
    };
    const before = lengthOf(lived());
    await pass(10_000);
    expect(lengthOf(lived())).toBeCloseTo(before, 0);
  });

  it("tells who asked last: this tab, and another one whose answer it heard", async () => {
    const { server } = new Browser();
    const page = await openPage();
    expect(card("Asked last")).toContain("this tab");
    await pass(10_000);

    const other = otherTab();
    const latest = page.live().scheduler.peer.latest()!;
    await other.tell(
      newsOf({ ...latest, accessTokenExpires: latest.accessTokenExpires! + 60 }, Date.now(), 0),
    );
    await pass(1_000);

    expect(card("Asked last")).toContain("another tab");
    expect(card("Asked last")).toContain("news of other tabs1");
    expect(log()[0]).toBe("another tab has an answer");
    expect(server.asked, "looking sends nothing").toHaveLength(1);
    other.close();
  });

  it("does not take what its own tab told for another's news", async () => {
    const { server } = new Browser();
    await openPage();
    await pass(3 * (server.idleMs + 5_000));

    expect(server.refreshes).toBe(3);
    expect(card("Asked last")).toContain("this tab");
    expect(card("Asked last")).toContain("news of other tabs0");
    expect(log().filter((line) => line.includes("another tab"))).toEqual([]);
  });

  it("counts the other tabs that have a panel, until they go", async () => {
    new Browser();
    await openPage();
    const panels = new BroadcastChannel("nolapse devtools /api/auth/session");
    const heard: { kind?: string }[] = [];
    panels.addEventListener("message", ({ data }) => heard.push(data));
    panels.postMessage({ kind: "hello", tab: 7 });
    await pass(1_000);

    expect(card("Asked last")).toContain("other tabs with a panel1");
    expect(heard.map(({ kind }) => kind)).toContain("here");
    panels.postMessage({ kind: "gone", tab: 7 });
    panels.postMessage({ kind: "hello", tab: "<b>" });
    panels.postMessage("nonsense");
    await pass(1_000);
    expect(card("Asked last")).toContain("other tabs with a panel0");
    panels.close();
  });

  it("logs each request with reason, outcome, time and whether readers saw a change", async () => {
    const { server } = new Browser();
    await openPage();
    expect(log()).toEqual(["mount: session0 ms, changed"]);

    server.fault = "401";
    await press("Ask now");
    server.fault = undefined;
    await pass(5_000);

    expect(log().at(-3)).toBe("marker: refused0 ms");
    expect(log().at(-4)).toBe("retry: session0 ms");
  });

  it("logs wake-ups", async () => {
    new Browser();
    await openPage();
    await fire("focus");
    await pass(SOON_MS);

    expect(log()[0]).toBe("wake-up: focus");
  });

  it("keeps at most 100 entries, the newest ones", async () => {
    new Browser();
    await openPage();
    expect(log()).toHaveLength(1);
    act(() => {
      for (let i = 0; i < 150; i++) window.dispatchEvent(new Event("focus"));
    });
    await pass(SOON_MS);

    expect(log()).toHaveLength(100);
    expect(log().at(-1)).toBe("wake-up: focus");
  });

  it.each([false, true])(
    "disturbs nothing: the same requests and renders as without it (StrictMode: %s)",
    async (strict) => {
      vi.spyOn(Math, "random").mockReturnValue(0);
      const cost = async (hasPanel: boolean) => {
        const browser = new Browser();
        const page = await openPage({}, strict, hasPanel);
        await pass(4 * (browser.server.idleMs + SOON_MS));
        page.unmount();
        forgetUser();
        return { calls: browser.calls, reasons: browser.server.reasons, renders: page.renders() };
      };
      const without = await cost(false);

      expect(without.reasons.length).toBeGreaterThan(4);
      expect(await cost(true)).toEqual(without);
    },
  );

  it("leaves nothing behind, also in StrictMode", async () => {
    new Browser();
    const page = await openPage({}, true);
    const with_ = page.members();
    page.withoutPanel();
    const without = page.members();
    const timers = vi.getTimerCount();
    await pass(3_000);

    expect(without[4], "the panel had wrapped the asking").not.toBe(with_[4]);
    expect(without.slice(0, 4)).toEqual(with_.slice(0, 4));
    expect(vi.getTimerCount()).toBeLessThanOrEqual(timers);
    expect(document.querySelector(".nolapse-devtools")).toBeNull();
    expect(document.querySelector("style")).toBeNull();
    page.unmount();
  });

  it("is shared: two panels show one log, and the faults of both are the same", async () => {
    new Browser();
    const { unmount } = render(
      <SessionProvider>
        <DevtoolsPanel />
        <NolapseDevtools />
      </SessionProvider>,
    );
    await pass(SOON_MS);
    await press("Offline");

    expect(screen.getByRole("img", { name: "simulated fault" })).toBeTruthy();
    expect(alarm()).toContain("offline");
    unmount();
  });

  it("says so where it does not stand below nolapse's SessionProvider", () => {
    render(<DevtoolsPanel />);

    expect(screen.getByRole("note").textContent).toContain("no SessionProvider of nolapse/react");
  });

  it("gives the nonce to its one style, and sets no style attribute (CSP)", async () => {
    new Browser();
    await openPage({ nonce: "n0nce" });
    const styles = document.querySelectorAll("style");

    expect(styles).toHaveLength(1);
    expect(styles[0]!.nonce).toBe("n0nce");
    expect(styles[0]!.textContent).not.toMatch(/[<>&"']/);
    expect(document.querySelectorAll("[style]")).toHaveLength(0);
  });

  it("shows nothing of the session but times and states (SEC-04, SEC-31)", async () => {
    const { server } = new Browser();
    server.showsToken = true;
    const session = server.session.bind(server);
    const CANARY = "canary-4711";
    server.session = () => ({
      ...session(),
      user: { name: CANARY, email: `${CANARY}@example.com`, image: `https://x/${CANARY}` },
      accessToken: CANARY,
      refreshToken: CANARY,
      roles: [CANARY],
      error: CANARY,
      expires: `2026-12-26T00:00:00.000Z`,
      tokenStates: { [CANARY]: { status: CANARY } },
      tokenState: { status: CANARY as "fresh", askInMs: 30_000, reason: CANARY },
    });
    await openPage();
    await pass(40_000);
    await press("Ask now");

    expect(server.asked.length).toBeGreaterThan(2);
    expect(card("Token")).toContain("left");
    expect(document.documentElement.outerHTML).not.toContain("canary");
    server.session = () => ({
      ...session(),
      tokenState: { status: "reauthentication_required", reason: `<img src=${CANARY}>` },
      error: CANARY,
    });
    await press("Ask now");
    expect(card("Token")).toContain("reauthentication required");
    expect(document.documentElement.outerHTML).not.toContain("canary");
  });
});

describe("the floating form", () => {
  const open = (props: Parameters<typeof NolapseDevtools>[0] = {}) =>
    render(
      <SessionProvider>
        <NolapseDevtools {...props} />
      </SessionProvider>,
    );

  it("is a button that opens a drawer; Escape and Close close it, and the focus comes back", async () => {
    new Browser();
    open({ position: "top-left" });
    await pass(SOON_MS);
    expect(screen.queryByRole("complementary")).toBeNull();
    expect(screen.getByRole("button", { name: "fresh nolapse" }).dataset["place"]).toBe("top-left");
    await press("nolapse");

    const drawer = screen.getByRole("complementary", { name: "nolapse devtools" });
    expect(drawer.contains(document.activeElement)).toBe(true);
    fireEvent.keyDown(document.activeElement!, { key: "Escape" });
    await pass(SOON_MS);
    expect(screen.queryByRole("complementary")).toBeNull();
    expect(document.activeElement).toBe(button("nolapse"));

    await press("nolapse");
    await press("Close");
    expect(screen.queryByRole("complementary")).toBeNull();
  });

  it("records while it is closed", async () => {
    const { server } = new Browser();
    open();
    await pass(server.idleMs + 5_000);
    await press("nolapse");

    expect(log().map((line) => line.replace(/\d+ ms/, "n ms"))).toEqual([
      "idle: sessionn ms",
      "mount: sessionn ms, changed",
    ]);
  });

  it("may be open from the start, without taking the focus", async () => {
    new Browser();
    open({ initiallyOpen: true });
    await pass(SOON_MS);

    expect(screen.getByRole("complementary")).toBeTruthy();
    expect(document.activeElement).toBe(document.body);
  });
});

describe("nolapse/devtools", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.resetModules();
  });

  const openGate = async () => {
    const { DevtoolsPanel: Panel, NolapseDevtools: Floating } = await import("../../src/devtools/index.ts");
    const { SessionProvider: Provider } = await import("../../src/react/index.ts");
    render(
      <Provider>
        <Panel />
        <Floating />
      </Provider>,
    );
    await vi.dynamicImportSettled();
    await pass(SOON_MS);
  };

  it("has both forms of the panel in development, once they are loaded", async () => {
    new Browser();
    await openGate();

    expect(document.querySelectorAll(".nolapse-devtools")).toHaveLength(2);
  });

  it("renders nothing in production, and watches nothing (SEC-81)", async () => {
    vi.stubEnv("NODE_ENV", "production");
    vi.resetModules();
    new Browser();
    await openGate();

    expect(document.querySelector(".nolapse-devtools")).toBeNull();
  });
});
