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

const BY_HAND: readonly (readonly [who: string, leave: () => Promise<unknown>, shows: string])[] = [
  ["signs out", () => signOut({ redirect: false }), "unauthenticated: nobody"],
  [
    "gives way to another user",
    () => signIn("credentials", { redirect: false, username: "bob" }),
    "authenticated: bob",
  ],
];

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
      await send();
      await pass(0);
      browser.server.slow = undefined;
      return release;
    },
  };
}

/** From now on, what the page asks for itself after a change is answered, and comes when the returned function is called. */
function slowOwn({ server }: Browser): () => void {
  let release!: () => void;
  const slow = new Promise<void>((resolve) => (release = resolve));
  const respond = server.respond.bind(server);
  server.respond = async (reason) => {
    const answer = await respond(reason);
    if (reason === "update") await slow;
    return answer;
  };
  return release;
}

describe.each(BY_HAND)("the answer to update() of somebody who %s meanwhile", (_who, leave, shows) => {
  it("is not shown, here or in another tab, and update() says that it failed (I13, F43)", async () => {
    const browser = new Browser();
    const page = await openPage(browser);
    let updated: Promise<unknown> | undefined;
    const release = await page.slowly(() => void (updated = page.update()));
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
    const releaseUpdate = await page.slowly(() => void (updated = page.update()));
    const release = slowOwn(browser);
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

describe.each(BY_HAND)("what next-auth got before the user %s", (_who, leave, shows) => {
  it("is not shown, although it comes afterwards (I13, F43)", async () => {
    const browser = new Browser();
    const page = await openPage(browser);
    const release = await page.slowly(() => otherTabSays("getSession"));
    await act(leave);
    await pass(5_000);
    const before = page.seen.length;
    release();
    await pass(10_000);

    expect(page.seen.slice(before)).toEqual([]);
    expect(page.shows()).toBe(shows);
  });

  it("does not keep the page from asking who is signed in, although it is a new token's (I13)", async () => {
    const browser = new Browser();
    const page = await openPage(browser);
    browser.server.expiresAtMs += 5_000;
    const release = await page.slowly(() => otherTabSays("getSession"));
    const releaseOwn = slowOwn(browser);
    await act(leave);
    await pass(100);
    release();
    await pass(100);
    releaseOwn();
    await pass(10_000);

    expect(page.shows()).toBe(shows);
  });
});

describe("somebody who signed out", () => {
  it("is shown at once after a sign-in, if that is another user or comes a while later", async () => {
    const page = await openPage(new Browser());
    await act(() => signOut({ redirect: false }));
    await pass(20_000);
    await act(() => signIn("credentials", { redirect: false, username: "alice" }));
    expect(page.shows()).toBe("authenticated: alice");
  });

  it("and in again at once is shown as soon as the page has asked", async () => {
    const page = await openPage(new Browser());
    await act(() => signOut({ redirect: false }));
    await pass(100);
    await act(() => signIn("credentials", { redirect: false, username: "alice" }));
    await pass(3_000);
    expect(page.shows()).toBe("authenticated: alice");
  });
});
