/**
 * What is simulated in one tab, and the other tabs of the browser: nothing of it reaches them, and nothing that they say
 * reaches a tab that sleeps.
 */
import "../react/setup.ts";
import { act, fireEvent, render, screen } from "@testing-library/react";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { newsOf, type TabNews } from "../../src/client/tab-news.ts";
import { SessionProvider, useTokenState } from "../../src/react/index.ts";
import { Browser, pass, userDoes } from "../react/browser.tsx";
import { otherTabSays } from "../react/other-tab.ts";
import { log, openPage, press, SOON_MS, type Page } from "./page.tsx";

/** What is said on the schedulers' channel from now on, and a way to say something. */
function channel(): { readonly heard: TabNews[]; readonly say: (news: TabNews) => Promise<void> } {
  const mine = new BroadcastChannel("nolapse /api/auth/session");
  onTestFinished(() => mine.close());
  const heard: TabNews[] = [];
  mine.addEventListener("message", ({ data }: MessageEvent<TabNews>) => heard.push(data));
  return {
    heard,
    async say(news) {
      mine.postMessage(news);
      await pass(SOON_MS);
    },
  };
}

/** A browser with Web Locks, of which this tab has asked for as many as `asked` says and holds as many as `held`. */
function webLocks(): { asked: number; held: number } {
  const count = { asked: 0, held: 0 };
  vi.stubGlobal("navigator", {
    onLine: true,
    locks: {
      query: async () => ({ held: [] }),
      async request(_: string, __: unknown, hold: () => Promise<void>) {
        count.asked++;
        count.held++;
        await hold();
        count.held--;
      },
    },
  });
  return count;
}

async function openOtherTab(): Promise<() => string> {
  function Other() {
    return <output data-testid="other">{useTokenState().status}</output>;
  }
  render(
    <SessionProvider>
      <Other />
    </SessionProvider>,
  );
  await pass(2_000);
  return () => screen.getByTestId("other").textContent;
}

async function sleepFor(seconds: number): Promise<void> {
  const select = screen.getByRole("combobox", { name: "Sleep for" });
  await act(async () => void fireEvent.change(select, { target: { value: String(seconds) } }));
  await press("Sleep");
}

/** What another tab tells that asked now and got a token which ends so much later. */
function answerOf(page: Page, laterS = 60): TabNews {
  const latest = page.live().scheduler.peer.latest()!;
  return newsOf({ ...latest, accessTokenExpires: latest.accessTokenExpires! + laterS }, Date.now(), 0);
}

describe("a fault that is simulated", () => {
  it.each(["Session route: 503", "Offline"])("makes no other tab fail: %s", async (fault) => {
    new Browser();
    const page = await openPage();
    const shown = await openOtherTab();
    await press(fault);
    await press("Ask now");

    expect(page.live().scheduler.state()!.failures).toBeGreaterThan(0);
    expect(shown()).toBe("fresh");
  });

  it.each(["Session route: 503", "Session route: no answer", "Offline"])(
    "is told to no other tab: %s",
    async (fault) => {
      new Browser();
      const page = await openPage();
      const { heard } = channel();
      await press(fault);
      await press("Ask now");
      await pass(17_000);

      expect(page.live().scheduler.state()!.failures).toBeGreaterThan(0);
      expect(heard).toEqual([]);
    },
  );

  it("takes no turn from the other tabs, and holds no lock", async () => {
    const locks = webLocks();
    new Browser();
    const page = await openPage();
    const before = locks.asked;
    await press("Session route: no answer");
    await press("Ask now");
    await pass(5_000);
    expect(page.live().scheduler.state()!.asked!.reason).toBe("marker");
    expect(locks).toEqual({ asked: before, held: 0 });

    await press("All faults off");
    await pass(5_000);
    expect(locks).toEqual({ asked: before + 1, held: 0 });
  });

  it("does not count among the failures that others hear of, once it is off", async () => {
    const { server } = new Browser();
    const page = await openPage();
    const { heard } = channel();
    await press("Session route: 503");
    await press("Ask now");
    await pass(5_000);
    server.fault = "500";
    await press("All faults off");
    await pass(60_000);
    const { failures } = page.live().scheduler.state()!;
    expect(failures).toBeGreaterThan(3);
    expect(heard.filter(({ kind }) => kind === "failed")).toEqual([]);

    server.fault = undefined;
    await pass(60_000);
    server.fault = "500";
    await press("Ask now");
    expect(heard.filter(({ kind }) => kind === "failed")).toEqual([
      expect.objectContaining({ kind: "failed", failures: 1 }),
    ]);
  });

  it("lets others hear what the server really answered", async () => {
    new Browser();
    await openPage();
    const { heard } = channel();
    await press("Expire the token");

    expect(heard.filter(({ kind }) => kind !== "asking")).toEqual([
      expect.objectContaining({ kind: "answer", atMs: expect.closeTo(Date.now(), -3) as number }),
    ]);
  });
});

describe("a tab that is made to sleep", () => {
  it("hears no other tab and tells none, until it wakes", async () => {
    const { server } = new Browser();
    const page = await openPage();
    const { heard, say } = channel();
    const { scheduler } = page.live();
    page.live().policy = { keepAlive: "user-active" };
    page.live().policyChanged!();
    await pass(20_000);
    await sleepFor(60);
    heard.length = 0;
    const { answeredAt, failures } = scheduler.state()!;
    await say(answerOf(page));
    await say({ kind: "failed", atMs: Date.now(), failures: 3 });
    await say({ kind: "asking", turn: 2 });
    await say({ kind: "active", atMs: Date.now() - 30_000 });
    await act(async () => userDoes("keydown"));
    await pass(40_000);

    expect(scheduler.state()).toMatchObject({ answeredAt, failures });
    expect(log().some((line) => line.includes("another tab"))).toBe(false);
    expect(heard).toEqual([]);
    expect(server.asked).toHaveLength(1);

    await pass(21_000);
    expect(server.reasons).toEqual(["mount", "focus"]);
    await say(answerOf(page));
    expect(log()[0]).toBe("another tab has an answer");
  });

  it("lets go of its turn, so that no other tab waits for it", async () => {
    const locks = webLocks();
    const { server } = new Browser();
    await openPage();
    let release = (): void => undefined;
    server.held = new Promise((resolve) => (release = resolve));
    await press("Ask now");
    expect(locks.held).toBe(1);
    await sleepFor(10);
    expect(locks.held).toBe(0);

    release();
    await pass(12_000);
    expect(locks.held).toBe(0);
  });

  it("learns that somebody signed out or in only when it wakes", async () => {
    const { server } = new Browser();
    const page = await openPage();
    const shown = (): unknown => page.live().scheduler.current();
    await sleepFor(10);
    server.user = "bob";
    await otherTabSays("getSession");
    await pass(5_000);
    expect(shown()).toMatchObject({ user: { name: "alice" } });

    await pass(10_000);
    expect(shown()).toMatchObject({ user: { name: "bob" } });
  });

  it("tells and hears again as before when the panel goes", async () => {
    const { server } = new Browser();
    const page = await openPage();
    const { heard, say } = channel();
    await sleepFor(3_600);
    page.withoutPanel();
    await say(answerOf(page));
    expect(page.live().scheduler.peer.latest()!.accessTokenExpires).toBe(120);
    server.fault = "500";
    await act(async () => page.live().scheduler.wake("marker"));
    await pass(SOON_MS);

    expect(heard.filter(({ kind }) => kind === "failed")).toHaveLength(1);
  });
});
