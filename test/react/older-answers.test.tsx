/**
 * Answers that come late: whoever signed out, or gave way to the next user, does not come back with one that was asked for
 * before (I13, F43).
 */
import "./setup.ts";
// Loaded before, because no fake clock waits for it to come.
import "../../src/react/after-load.ts";
import { act, render, screen } from "@testing-library/react";
import { signIn, signOut, useSession } from "next-auth/react";
import type { ReactElement } from "react";
import { describe, expect, it } from "vitest";
import { SessionProvider } from "../../src/react/index.ts";
import { Browser, pass } from "./browser.tsx";
import { otherTabHears, otherTabSays } from "./other-tab.ts";

const BY_HAND = [
  ["signs out", () => signOut({ redirect: false }), "unauthenticated: nobody"],
  [
    "gives way to another user",
    () => signIn("credentials", { redirect: false, username: "bob" }),
    "authenticated: bob",
  ],
] as const;

/** A page that shows who is signed in, and what it showed before. */
async function openPage(browser: Browser) {
  const seen: string[] = [];
  let context!: ReturnType<typeof useSession>;
  function Page(): ReactElement {
    context = useSession();
    const line = `${context.status}: ${context.data?.user?.name ?? "nobody"}`;
    if (seen.at(-1) !== line) seen.push(line);
    return <output>{line}</output>;
  }
  render(
    <SessionProvider>
      <Page />
    </SessionProvider>,
  );
  await pass(5_000);
  let release!: () => void;
  return {
    seen,
    shows: () => screen.getByRole("status").textContent,
    update: () => context.update({ theme: "dark" }),
    /** The answers to what `send` asks come when the returned function is called. */
    async slowly(send: () => unknown): Promise<() => void> {
      browser.server.slow = new Promise((resolve) => (release = resolve));
      send();
      await pass(0);
      browser.server.slow = undefined;
      return release;
    },
  };
}

describe.each(BY_HAND)("the answer to update() of somebody who %s meanwhile", (_who, leave, shows) => {
  it("is not shown, here or in another tab, and update() says that it failed (I13, F43)", async () => {
    const browser = new Browser();
    const page = await openPage(browser);
    let updated: Promise<unknown> | undefined;
    const release = await page.slowly(() => (updated = page.update()));
    await act(leave);
    await pass(5_000);
    const heard = otherTabHears();
    const before = page.seen.length;
    release();
    await pass(10_000);

    expect(await updated).toBeNull();
    expect(page.shows()).toBe(shows);
    expect(page.seen.slice(before).join()).not.toContain("alice");
    expect(heard()).toEqual([]);
  });

  it("does not keep the page from asking who is signed in (I13)", async () => {
    const browser = new Browser();
    const page = await openPage(browser);
    let updated: Promise<unknown> | undefined;
    const releaseUpdate = await page.slowly(() => (updated = page.update()));
    // What NextAuth's function got is there, and the page asks for itself.
    let release!: () => void;
    const slow = new Promise<void>((resolve) => (release = resolve));
    const respond = browser.server.respond.bind(browser.server);
    browser.server.respond = async (reason) => {
      const answer = await respond(reason);
      if (reason === "update") await slow;
      return answer;
    };
    await act(leave);
    await pass(100);
    releaseUpdate();
    await pass(100);
    release();
    await pass(10_000);

    expect(await updated).toBeNull();
    expect(page.shows()).toBe(shows);
  });
});
