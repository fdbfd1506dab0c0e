/**
 * A provider inside React's `<Activity>`, as Next's `cacheComponents` keeps the pages that somebody left: while it is hidden
 * its effects are off, and it hears of nothing.
 */
import "./setup.ts";
// Loaded before, because no fake clock waits for it to come.
import "../../src/react/after-load.ts";
import { act, render } from "@testing-library/react";
import { useSession } from "next-auth/react";
import { Activity, StrictMode } from "react";
import { describe, expect, it } from "vitest";
import { SessionProvider } from "../../src/react/index.ts";
import { Browser, pass } from "./browser.tsx";

async function openPage(strict: boolean) {
  const tree = (mode: "visible" | "hidden") => {
    const page = (
      <Activity mode={mode}>
        <SessionProvider>
          <Page />
        </SessionProvider>
      </Activity>
    );
    return strict ? <StrictMode>{page}</StrictMode> : page;
  };
  const { container, rerender } = render(tree("visible"));
  await pass(5_000);
  return {
    shows: () => container.querySelector("output")?.textContent,
    become: (mode: "visible" | "hidden") => act(async () => rerender(tree(mode))),
  };
}

function Page() {
  return <output>{useSession().data?.user?.name ?? "nobody"}</output>;
}

describe.each([false, true])("a page that was hidden in an <Activity> (StrictMode: %s)", (strict) => {
  it.each(["bob", null])("shows %s, who is signed in since (F43)", async (user) => {
    const { server } = new Browser();
    const page = await openPage(strict);
    await page.become("hidden");
    await pass(5_000);
    server.user = user;
    await page.become("visible");
    await pass(5_000);

    expect(page.shows()).toBe(user ?? "nobody");
  });

  it("asks for itself once, and not while it is hidden", async () => {
    const { server } = new Browser();
    const page = await openPage(strict);
    const own = (): string[] => server.reasons.filter((reason) => reason !== "next-auth").slice(1);
    await page.become("hidden");
    await pass(10 * server.idleMs);
    expect(own()).toEqual([]);

    await page.become("visible");
    await pass(5_000);
    expect(own()).toEqual(["restored"]);
  });
});
