/**
 * A provider that is shown again with the `session` prop that it had: in the layout of a route group, say, when the user comes
 * back and the router has kept what the server rendered.
 */
import "./setup.ts";
// Loaded before, because no fake clock waits for it to come.
import "../../src/react/after-load.ts";
import { act, render, screen } from "@testing-library/react";
import type { Session } from "next-auth";
import { signIn, signOut } from "next-auth/react";
import { describe, expect, it } from "vitest";
import { SessionProvider } from "../../src/react/index.ts";
import { Browser, pass, WhoIsSignedIn } from "./browser.tsx";

const LIFETIME_MS = 600_000;

function show(session: unknown): () => void {
  const { unmount } = render(
    <SessionProvider session={session as Session}>
      <WhoIsSignedIn />
    </SessionProvider>,
  );
  return unmount;
}

const shown = (): string | null => screen.getByRole("status").textContent;

describe("a provider that is shown again with its old session prop", () => {
  it("asks, and shows that its user has signed out since", async () => {
    const { server } = new Browser();
    const prop = server.session();
    const leave = show(prop);
    await pass(5_000);
    await act(() => signOut({ redirect: false }));
    await pass(1_000);
    leave();
    show(prop);
    await pass(1_000);

    expect(shown()).toBe("unauthenticated: nobody");
  });

  it("asks, and shows who has signed in since", async () => {
    const { server } = new Browser();
    const prop = server.session();
    const leave = show(prop);
    await pass(5_000);
    await act(() => signIn("credentials", { redirect: false, username: "bob" }));
    await pass(2_000);
    leave();
    show(prop);
    await pass(1_000);

    expect(shown()).toBe("authenticated: bob");
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
