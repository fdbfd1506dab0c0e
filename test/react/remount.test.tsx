/**
 * A provider that is shown again with the `session` prop that it had: in the layout of a route group, say, when the user comes
 * back and the router has kept what the server rendered.
 */
import "./setup.ts";
// Loaded before, because no fake clock waits for it to come.
import "../../src/react/after-load.ts";
import { act, render } from "@testing-library/react";
import type { Session } from "next-auth";
import { signIn, signOut } from "next-auth/react";
import { describe, expect, it } from "vitest";
import { Browser, pass } from "./browser.tsx";
import { shown, WhoPage } from "./who-page.tsx";

const LIFETIME_MS = 600_000;

const show = (session: unknown): (() => void) => render(<WhoPage session={session as Session} />).unmount;

describe("a provider that is shown again with its old session prop", () => {
  it.each([
    ["its user has signed out since", () => signOut({ redirect: false }), "unauthenticated: nobody"],
    [
      "another one has signed in since",
      () => signIn("credentials", { redirect: false, username: "bob" }),
      "authenticated: bob",
    ],
  ])("asks, and shows that %s", async (_what, change, shows) => {
    const { server } = new Browser();
    const prop = server.session();
    const leave = show(prop);
    await pass(5_000);
    await act(async () => {
      await change();
    });
    await pass(2_000);
    leave();
    show(prop);
    await pass(1_000);

    expect(shown()).toBe(shows);
  });

  it("asks where the token is the same, because its life is not as long as the prop says, and nobody listened", async () => {
    const { server } = new Browser("/api/auth", LIFETIME_MS);
    const prop = server.session();
    const leave = show(prop);
    await pass(300_000);
    leave();
    await pass(1_000);
    const before = server.asked.length;
    show(prop);
    await pass(1_000);
    expect(server.asked).toHaveLength(before + 1);

    await pass(LIFETIME_MS - 302_000);
    expect(server.asked).toHaveLength(before + 2);
    expect(server.refreshes).toBe(1);
  });

  it("asks nothing where the prop is of a newer token than the page knew", async () => {
    const { server } = new Browser("/api/auth", LIFETIME_MS);
    const leave = show(server.session());
    await pass(300_000);
    const before = server.asked.length;
    leave();
    server.refreshes++;
    server.expiresAtMs = server.nowMs() + LIFETIME_MS;
    show(server.session());
    await pass(60_000);

    expect(server.asked).toHaveLength(before);
  });
});
