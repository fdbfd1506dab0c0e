/**
 * `update()` while something else goes on: what it changed is told to other tabs, and it resolves to the session, unless
 * somebody signed out or in meanwhile.
 */
import "./setup.ts";
// Loaded before, because no fake clock waits for it to come.
import "../../src/react/after-load.ts";
import { act, render } from "@testing-library/react";
import { useSession } from "next-auth/react";
import type { ReactElement } from "react";
import { describe, expect, it } from "vitest";
import type { ClientSession } from "../../src/client/session.ts";
import { newsOf, type TabNews } from "../../src/client/tab-news.ts";
import { SessionProvider } from "../../src/react/index.ts";
import { Browser, paintable, pass, show } from "./browser.tsx";
import { otherTabHears } from "./other-tab.ts";

/** A page that sends `update()`, whose answer is made at once and comes when the test says so. */
async function openPage() {
  const { server } = new Browser(undefined, 3_600_000);
  let context!: ReturnType<typeof useSession>;
  function Page(): ReactElement {
    context = useSession();
    return <output>{context.status}</output>;
  }
  render(
    <SessionProvider>
      <Page />
    </SessionProvider>,
  );
  await pass(5_000);
  const paint = paintable(server);
  const heard = otherTabHears();
  let release!: () => void;
  server.slow = new Promise((resolve) => (release = resolve));
  let updated!: Promise<unknown>;
  paint("dark");
  await act(async () => void (updated = context.update({ theme: "dark" })));
  await pass(0);
  server.slow = undefined;
  return {
    server,
    heard,
    theme: () => (context.data as { theme?: string } | null)?.theme,
    paint,
    async finish(): Promise<unknown> {
      release();
      await pass(100);
      return updated;
    },
  };
}

async function otherTabPosts(news: TabNews): Promise<void> {
  const other = new BroadcastChannel("nolapse /api/auth/session");
  other.postMessage(news);
  await pass(10);
  other.close();
}

type Page = Awaited<ReturnType<typeof openPage>>;

const MEANWHILE: readonly (readonly [
  what: string,
  asksAgain: boolean,
  happen: (page: Page) => Promise<unknown>,
])[] = [
  [
    "another tab's request fails",
    false,
    () => otherTabPosts({ kind: "failed", atMs: Date.now(), failures: 1 }),
  ],
  [
    "this tab's own request fails",
    false,
    async ({ server }) => {
      server.faultMeets = (reason) => reason === "visible";
      server.fault = "500";
      await show("hidden");
      await show("visible");
      await pass(100);
      expect(server.reasons).toContain("visible");
      server.fault = undefined;
    },
  ],
  [
    "another tab's answer makes this one ask, which takes longer",
    true,
    async ({ server }) => {
      server.slow = new Promise(() => undefined);
      await otherTabPosts(newsOf({ ...server.session(), theme: "blue" } as ClientSession, Date.now(), 0));
      expect(server.reasons.at(-1)).toBe("update");
      server.slow = undefined;
    },
  ],
];

describe.each(MEANWHILE)("update() that succeeds while %s", (_what, asksAgain, happen) => {
  it("resolves to the session, shows it and tells other tabs", async () => {
    const page = await openPage();
    await happen(page);
    expect(await page.finish()).toMatchObject({ user: { name: "alice" }, theme: "dark" });
    expect(page.theme()).toBe("dark");
    expect(page.heard()).toHaveLength(1);

    page.paint("blue");
    await pass(10_000);
    // What was in doubt is asked about all the same.
    expect(page.theme()).toBe(asksAgain ? "blue" : "dark");
  });
});

describe("update() whose answer comes after a newer one of this tab's own", () => {
  it("resolves to the session and tells other tabs, and what it brought is not shown in place of that (I13)", async () => {
    const page = await openPage();
    page.paint("blue");
    await show("hidden");
    await show("visible");
    await pass(100);
    expect(page.theme()).toBe("blue");
    const { length } = page.server.asked;
    expect(await page.finish()).toMatchObject({ theme: "dark" });
    expect(page.theme()).toBe("blue");
    expect(page.heard()).toHaveLength(1);
    expect(page.server.reasons.slice(length)).toEqual(["update"]);
  });

  it("shows nothing else where that has it already", async () => {
    const page = await openPage();
    await show("hidden");
    await show("visible");
    await pass(100);
    const { length } = page.server.asked;
    expect(await page.finish()).toMatchObject({ theme: "dark" });
    await pass(5_000);
    expect(page.theme()).toBe("dark");
    expect(page.server.asked).toHaveLength(length);
  });
});
