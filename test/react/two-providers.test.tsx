/**
 * Two apps of one origin in one page, each with its own provider: next-auth keeps one base path for the whole page.
 */
import "./setup.ts";
// Loaded before, because no fake clock waits for it to come.
import "../../src/react/after-load.ts";
import { render, screen } from "@testing-library/react";
import { useSession } from "next-auth/react";
import type { ReactElement } from "react";
import { describe, expect, it, vi } from "vitest";
import { SessionProvider } from "../../src/react/index.ts";
import { makeNextAuthAsk } from "../../src/react/other-tabs.ts";
import { pass, show } from "./browser.tsx";
import { otherTabSays } from "./other-tab.ts";
import { VERSION } from "./version.ts";

const USER_AT: Record<string, string> = { "/a/api/auth": "alice", "/b/api/auth": "bob" };

/** A page with both, next to each other or the second in the first. */
function openPage(how: string) {
  const seen: Record<string, string[]> = { alice: [], bob: [] };
  const signedOut = new Set<string>();
  vi.stubGlobal("fetch", async (url: string) => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const name = USER_AT[url.replace("/session", "")]!;
    if (signedOut.has(name)) return Response.json(VERSION === 4 ? {} : null);
    const user = { name, email: `${name}@example.com` };
    return Response.json({ user, expires: "2030-01-01T00:00:00Z" });
  });
  function Page({ id }: { id: string }): ReactElement {
    const name = useSession().data?.user?.name ?? "nobody";
    if (seen[id]!.at(-1) !== name) seen[id]!.push(name);
    return <output data-testid={id}>{name}</output>;
  }
  const provider = (basePath: string, more: ReactElement | null = null): ReactElement => (
    <SessionProvider basePath={basePath}>
      <Page id={USER_AT[basePath]!} />
      {more}
    </SessionProvider>
  );
  const second = provider("/b/api/auth");
  const { rerender } = render(
    how === "nested" ? (
      provider("/a/api/auth", second)
    ) : (
      <>
        {provider("/a/api/auth")}
        {second}
      </>
    ),
  );
  return {
    seen,
    signedOut,
    shows: (id: string) => screen.getByTestId(id).textContent,
    takeFirstAway: () =>
      rerender(
        <>
          {null}
          {second}
        </>,
      ),
  };
}

describe.each(["siblings", "nested"])("two providers of two base paths, as %s", (how) => {
  it("show each its own user, whatever next-auth tells them (I13, F43)", async () => {
    const { seen } = openPage(how);
    await pass(5_000);
    await otherTabSays("getSession");
    await pass(5_000);

    expect(seen).toEqual({ alice: ["nobody", "alice"], bob: ["nobody", "bob"] });
  });

  it("hear of a sign-out in another tab, under next-auth 4 the first when it asks next", async () => {
    const { signedOut, shows } = openPage(how);
    await pass(5_000);
    signedOut.add("alice").add("bob");
    await otherTabSays("signout");
    await pass(5_000);
    expect(shows("bob")).toBe("nobody");
    expect(shows("alice")).toBe(VERSION === 4 ? "alice" : "nobody");

    await show("visible");
    await pass(1_000);
    expect(shows("alice")).toBe("nobody");
  });
});

// Version 4 keeps one provider for the page: the clean-up of any of them ends it.
if (VERSION === 5)
  describe("the second of two providers, when the first is taken away", () => {
    it("hears of what next-auth's own functions do in this page", async () => {
      const { signedOut, shows, takeFirstAway } = openPage("siblings");
      await pass(5_000);
      takeFirstAway();
      await pass(1_000);
      signedOut.add("bob");
      makeNextAuthAsk();
      await pass(5_000);
      expect(shows("bob")).toBe("nobody");
    });
  });
