/**
 * What other tabs say while nobody uses the browser (`keepAlive="user-active"`): a tab asks once for it, and again where that
 * failed, but not for ever; otherwise it stays silent (F29).
 */
import "./setup.ts";
// Loaded before, because no fake clock waits for it to come.
import "../../src/react/after-load.ts";
import { render, screen } from "@testing-library/react";
import { useSession } from "next-auth/react";
import type { ReactElement } from "react";
import { describe, expect, it } from "vitest";
import { SessionProvider } from "../../src/react/index.ts";
import { Browser, pass, show } from "./browser.tsx";
import { otherTabSays } from "./other-tab.ts";

const IDLE_LIMIT_MS = 60_000;
const HOUR_MS = 3_600_000;

/** A page that nobody has used for longer than the limit. */
async function openIdlePage() {
  const { server } = new Browser();
  function Page(): ReactElement {
    return <output>{useSession().status}</output>;
  }
  render(
    <SessionProvider keepAlive="user-active" idleLimitMs={IDLE_LIMIT_MS}>
      <Page />
    </SessionProvider>,
  );
  await pass(2 * IDLE_LIMIT_MS);
  const before = server.asked.length;
  await pass(HOUR_MS);
  expect(server.asked).toHaveLength(before);
  return {
    server,
    shows: () => screen.getByRole("status").textContent,
    own: () => server.reasons.slice(before).filter((reason) => reason !== "next-auth"),
  };
}

describe("an idle tab", () => {
  it("shows a sign-out in another tab, although its first question fails", async () => {
    const { server, shows, own } = await openIdlePage();
    server.user = null;
    server.fault = "500";
    server.faultMeets = (reason) => reason === "update";
    await otherTabSays("getSession");
    await pass(500);
    server.fault = undefined;
    await pass(60_000);
    expect(shows()).toBe("unauthenticated");
    // Version 5 hears what it says itself.
    await pass(10_000);
    const { length } = own();
    await pass(HOUR_MS);
    expect(own()).toHaveLength(length);
  });

  it("asks ten times at most while it gets no answer, and again once somebody is there", async () => {
    const { server, shows, own } = await openIdlePage();
    server.user = null;
    server.fault = "500";
    await otherTabSays("getSession");
    await pass(HOUR_MS);
    expect(own().length).toBeGreaterThan(3);
    expect(own().length).toBeLessThanOrEqual(10);
    expect(shows()).toBe("authenticated");

    server.fault = undefined;
    await pass(HOUR_MS);
    expect(shows()).toBe("authenticated");
    await show("hidden");
    await show("visible");
    await pass(1_000);
    expect(shows()).toBe("unauthenticated");
  });

  it("is silent again after an answer, and does not ask again what it failed to before", async () => {
    const { server, own } = await openIdlePage();
    await otherTabSays("getSession");
    await pass(5_000);
    const { length } = own();
    await pass(HOUR_MS);
    expect(own()).toHaveLength(length);
    expect(server.user).toBe("alice");
  });

  it("whose own poll fails before it is idle asks no more (F29)", async () => {
    const { server } = new Browser();
    render(
      <SessionProvider keepAlive="user-active" idleLimitMs={IDLE_LIMIT_MS}>
        {null}
      </SessionProvider>,
    );
    await pass(IDLE_LIMIT_MS / 2);
    server.fault = "500";
    await pass(IDLE_LIMIT_MS / 2 + 1_000);
    const { length } = server.asked;
    expect(length).toBeGreaterThan(1);
    await pass(HOUR_MS);
    expect(server.asked).toHaveLength(length);
  });
});
