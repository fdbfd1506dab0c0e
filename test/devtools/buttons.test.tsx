import "../react/setup.ts";
import { act, fireEvent, screen } from "@testing-library/react";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { getAccessToken, type BrowserTokenError } from "../../src/react/index.ts";
import { Browser, pass } from "../react/browser.tsx";
import { alarm, button, card, log, openPage, press, SOON_MS, type Page } from "./page.tsx";

// Its first import takes longer than a test waits.
beforeAll(() => import("../../src/react/live-token.ts"));

async function sleepFor(seconds: number): Promise<void> {
  await act(async () => {
    fireEvent.change(screen.getByRole("combobox", { name: "Sleep for" }), {
      target: { value: String(seconds) },
    });
  });
  await press("Sleep");
}

describe("forcing a renewal", () => {
  it("asks the session route now", async () => {
    const { server } = new Browser();
    await openPage();
    await pass(5_000);
    await press("Ask now");

    expect(server.asked).toHaveLength(2);
    expect(log().slice(0, 2)).toEqual(["marker: session0 ms", "panel: ask now"]);
  });

  it("first does what the app can do on its server, then asks", async () => {
    const { server } = new Browser();
    const renew = vi.fn(async () => void (server.expiresAtMs = server.nowMs() + 90_000));
    await openPage({ actions: { renew } });
    await press("Renew on the server");

    expect(renew).toHaveBeenCalledOnce();
    expect(card("Token")).toMatch(/(?:89|90) s left/);
  });

  it("says that the app's action failed, but nothing of what it said", async () => {
    const { server } = new Browser();
    await openPage({ actions: { renew: () => Promise.reject(new Error("canary")) } });
    await press("Renew on the server");

    expect(log()[0]).toBe("panel: action failed");
    expect(server.asked).toHaveLength(1);
    expect(document.documentElement.outerHTML).not.toContain("canary");
  });
});

describe("expiring the token", () => {
  it("lets the page believe it, until an answer comes: then its clocks are right again", async () => {
    const { server } = new Browser();
    const page = await openPage();
    const before = page.members();
    let release = (): void => undefined;
    server.held = new Promise((resolve) => (release = resolve));
    await press("Expire the token");

    expect(alarm()).toContain("clock 61 s ahead");
    expect(card("Token")).toContain("0 s left");
    expect(card("This page")).toMatch(/clocks apart6[01]\.\d s/);
    expect(server.reasons).toEqual(["mount", "focus"]);

    release();
    await pass(SOON_MS);
    expect(alarm()).toBe("");
    expect(page.members()).toEqual(before);
    await pass(1_000);
    expect(card("This page")).toContain("clocks apart0.0 s");
    await pass(10_000);
    expect(server.asked, "the clock that went back costs no request").toHaveLength(2);
  });

  it("keeps the tab on time although the clocks went back", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    const { server } = new Browser();
    await openPage();
    await pass(10_000);
    await press("Expire the token");
    await pass(2 * server.idleMs);

    expect(server.refreshes).toBe(2);
  });

  it("taken back while no answer came, asks once", async () => {
    const { server } = new Browser();
    const page = await openPage();
    server.fault = "hang";
    await press("Expire the token");
    page.withoutPanel();
    server.fault = undefined;
    await pass(20_000);

    expect(server.reasons).toEqual(["mount", "focus", "retry"]);
  });

  it("with the app's action asks the server, whose token then has expired", async () => {
    const { server } = new Browser();
    const expire = vi.fn(async () => void (server.expiresAtMs = server.nowMs()));
    await openPage({ actions: { expire } });
    await press("Expire on the server");

    expect(expire).toHaveBeenCalledOnce();
    expect(server.refreshes).toBe(1);
    expect(alarm()).toBe("");
  });
});

describe("simulating offline", () => {
  it("fails what is sent and tells the page so, and asks at once when it is over", async () => {
    const { server } = new Browser();
    const page = await openPage();
    const before = page.members();
    await press("Offline");
    expect(alarm()).toContain("offline");
    expect(card("This page")).toContain("offline");
    await pass(server.idleMs + 10_000);

    expect(server.asked).toHaveLength(1);
    expect(card("Token")).toContain("failing");
    expect(button("Offline").getAttribute("aria-pressed")).toBe("true");

    await press("Offline");
    expect(server.reasons).toEqual(["mount", "online"]);
    expect(card("Token")).toContain("fresh");
    expect(page.members()).toEqual(before);
  });
});

describe("simulating a failing session route", () => {
  it("answers 503: the tab backs off, and recovers when it is over", async () => {
    const { server } = new Browser();
    const page = await openPage();
    await press("Session route: 503");
    await press("Ask now");
    expect(alarm()).toContain("503");
    await pass(60_000);

    expect(server.asked).toHaveLength(1);
    expect(log()[0]).toMatch(/^retry: failed/);
    expect(page.live().scheduler.current(), "nobody is signed out").toMatchObject({
      user: { name: "alice" },
    });

    await press("All faults off");
    expect(alarm()).toBe("");
    await pass(60_000);
    expect(card("Token")).toContain("fresh");
  });

  it("gives no answer: the request times out after 15 s", async () => {
    const { server } = new Browser();
    await openPage();
    await press("Session route: no answer");
    await press("Ask now");
    expect(card("Next request")).toContain("now");
    await pass(15_500);

    expect(server.asked).toHaveLength(1);
    expect(log()).toContain("marker: timed out15000 ms");
  });

  it("lets go of a request that hangs when it is switched off", async () => {
    const { server } = new Browser();
    await openPage();
    await press("Session route: no answer");
    await press("Ask now");
    await press("Session route: no answer");
    await pass(2_000);

    expect(server.reasons).toEqual(["mount", "retry"]);
    expect(card("Token")).toContain("fresh");
  });
});

describe("simulating sleep", () => {
  it("sends nothing and sees no time pass; then both clocks have moved, and the tab asks", async () => {
    const { server } = new Browser();
    const page = await openPage();
    const before = page.members();
    await sleepFor(60);
    expect(alarm()).toContain("asleep");
    await pass(58_000);

    expect(server.asked).toHaveLength(1);
    expect(card("Token")).toContain("60 s left");
    await pass(3_000);

    expect(server.reasons).toEqual(["mount", "focus"]);
    expect(log().some((line) => line === "panel: woke up")).toBe(true);
    expect(alarm()).toBe("");
    expect(page.members()).toEqual(before);
    expect(card("This page")).toContain("clocks apart0.0 s");
  });

  it("asks nothing after a short sleep", async () => {
    const { server } = new Browser();
    await openPage();
    await sleepFor(10);
    await pass(12_000);

    expect(server.asked).toHaveLength(1);
    expect(card("Token")).toContain("48 s left");
  });

  it("holds back an answer that is under way", async () => {
    const { server } = new Browser();
    const page = await openPage();
    let release = (): void => undefined;
    server.held = new Promise((resolve) => (release = resolve));
    await press("Ask now");
    await sleepFor(10);
    release();
    await pass(5_000);
    expect(log().some((line) => line === "marker: under way")).toBe(true);
    await pass(6_000);

    expect(card("Token")).toContain("fresh");
    expect(page.live().scheduler.peer.state()?.failures).toBe(0);
  });

  it("ends with the panel, and the tab goes on", async () => {
    const { server } = new Browser();
    const page = await openPage();
    const timersAwake = vi.getTimerCount();
    await sleepFor(3_600);
    await pass(server.idleMs);
    page.withoutPanel();
    await pass(16_000);

    expect(server.asked).toHaveLength(2);
    expect(vi.getTimerCount()).toBeLessThanOrEqual(timersAwake);
  });
});

describe("what else a page asks of its server", () => {
  /** Both ways past the session request: the token's route, and `update()` with data. */
  async function askBoth(
    page: Page,
    passing: () => Promise<void> = () => pass(1_000),
  ): Promise<readonly [token: unknown, updated: unknown]> {
    const token = getAccessToken({ minValidityMs: 1_000 }).then(
      ({ accessToken }) => accessToken,
      (error: unknown) => (error as BrowserTokenError).code,
    );
    const updated = page.live().update({ role: "admin" });
    await passing();
    return [await token, ((await updated) as { user?: { name?: string } } | null)?.user?.name ?? null];
  }

  function sent(calls: readonly string[]): readonly string[] {
    return calls.filter((call) => /^POST|csrf/.test(call));
  }

  it.each(["Offline", "Session route: 503", "Session route: no answer"])(
    "meets the fault %s as well: the token's route and update() with data",
    async (fault) => {
      const browser = new Browser();
      const page = await openPage();
      await press(fault);
      const failing = await askBoth(page, async () => {
        await pass(1_000);
        await press(fault);
      });
      expect(failing).toEqual(["refresh_unavailable", null]);
      expect(sent(browser.calls)).toEqual([]);
      expect(page.live().scheduler.current(), "nobody is signed out").toMatchObject({
        user: { name: "alice" },
      });

      await pass(2_000);
      expect(await askBoth(page)).toEqual([expect.stringMatching(/^alice-/), "alice"]);
      expect(sent(browser.calls).toSorted()).toEqual([
        "GET /api/auth/csrf",
        "POST /api/auth/access-token",
        "POST /api/auth/session",
      ]);
    },
  );

  it("waits while the machine sleeps", async () => {
    const browser = new Browser();
    const page = await openPage();
    await sleepFor(10);
    const answers = await askBoth(page, async () => {
      await pass(5_000);
      expect(sent(browser.calls)).toEqual([]);
      await pass(6_000);
    });

    expect(answers).toEqual(["alice-0", "alice"]);
  });

  it("goes its own way again when the panel goes", async () => {
    const browser = new Browser();
    const page = await openPage();
    await press("Session route: 503");
    page.withoutPanel();
    await pass(SOON_MS);

    expect(await askBoth(page)).toEqual(["alice-0", "alice"]);
    expect(sent(browser.calls)).toHaveLength(3);
  });
});

describe("a panel that goes while faults are on", () => {
  it("takes them with it", async () => {
    const { server } = new Browser();
    const page = await openPage();
    const before = page.members().slice(0, 4);
    await press("Offline");
    await press("Session route: no answer");
    expect(page.members().slice(0, 4)).not.toEqual(before);
    page.withoutPanel();

    expect(page.members().slice(0, 4)).toEqual(before);
    await pass(server.idleMs + 5_000);
    expect(server.reasons).toEqual(["mount", "idle"]);
  });
});
