/**
 * A sign-out and a sign-in that pass the page by, as the server actions `signOut()` and `signIn()` of Auth.js v5: it learns of
 * them by the marker, which the server takes away and leaves (F35).
 */
import "./setup.ts";
// Loaded before, because no fake clock waits for it to come.
import "../../src/react/after-load.ts";
import { act, render, screen } from "@testing-library/react";
import type { ReactElement } from "react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { SessionProvider, TokenMarker, type SessionProviderProps } from "../../src/react/index.ts";
import { FakeServer } from "../client/fake-server.ts";
import { Browser, clearMarker, fire, pass, show, WhoIsSignedIn } from "./browser.tsx";

const HOUR_MS = 3_600_000;

afterEach(clearMarker);

/** A page of a browser that tells of cookies, and a server whose session route leaves the marker and takes it away. */
async function openPage(user: string | null, props: Partial<SessionProviderProps> = {}) {
  const browser = new Browser(undefined, HOUR_MS);
  const { server } = browser;
  const cookieStore = new EventTarget();
  vi.stubGlobal("cookieStore", cookieStore);
  server.user = user;
  const leave = (): void => {
    document.cookie = `nolapse.marker=${Math.floor(server.expiresAtMs / 1_000)}; path=/`;
  };
  const respond = server.respond.bind(server);
  server.respond = async (reason) => {
    const answer = await respond(reason);
    if (server.user === null) clearMarker();
    else if (server.fault === undefined) leave();
    return answer;
  };
  const tree = (marker?: string): ReactElement => (
    <SessionProvider {...props}>
      <WhoIsSignedIn />
      <TokenMarker value={marker} />
    </SessionProvider>
  );
  const { rerender } = render(tree());
  await pass(5_000);
  return {
    server,
    shows: () => screen.getByRole("status").textContent,
    tellCookie: () => act(async () => void cookieStore.dispatchEvent(new Event("change"))),
    tellProp: (marker: string) => rerender(tree(marker)),
    leave,
    /** Requests from now on. */
    since() {
      const before = server.asked.length;
      return () => server.reasons.slice(before);
    },
  };
}

const NOTICES = ["cookieStore", "focus", "visible"] as const;

/** How a page comes to look at its cookies. */
async function notice(how: (typeof NOTICES)[number], tellCookie: () => Promise<void>): Promise<void> {
  if (how === "cookieStore") await tellCookie();
  else if (how === "focus") await fire("focus");
  else await show("visible");
}

describe("a sign-out by a server action", () => {
  it.each(NOTICES)("reaches the page at %s (F35)", async (how) => {
    const { server, shows, tellCookie, since } = await openPage("alice", { refetchOnWindowFocus: false });
    expect(shows()).toBe("authenticated: alice");
    const asked = since();
    server.user = null;
    clearMarker();
    await notice(how, tellCookie);
    await pass(3_000);
    expect(shows()).toBe("unauthenticated: nobody");
    expect(asked()[0]).toBe("marker");

    const afterwards = since();
    await fire("focus");
    await pass(HOUR_MS);
    expect(afterwards()).toEqual([]);
  });

  it("is asked about once, if the server knows of none: a marker may go for other reasons (F33)", async () => {
    const { server, shows, tellCookie, since } = await openPage("alice");
    const asked = since();
    server.respond = FakeServer.prototype.respond.bind(server);
    clearMarker();
    for (let i = 0; i < 20; i++) {
      await tellCookie();
      await fire("focus");
      await pass(3_000);
    }
    expect(asked()).toEqual(["marker"]);
    expect(shows()).toBe("authenticated: alice");
  });
});

describe("a sign-in by a server action", () => {
  it.each(NOTICES)("reaches a page that shows nobody, at %s (F35)", async (how) => {
    const { server, shows, tellCookie, leave, since } = await openPage(null);
    expect(shows()).toBe("unauthenticated: nobody");
    const asked = since();
    server.user = "alice";
    leave();
    await notice(how, tellCookie);
    await pass(3_000);
    expect(shows()).toBe("authenticated: alice");
    expect(asked()[0]).toBe("marker");
  });

  it("of which a server component tells reaches it as well", async () => {
    const { server, shows, tellProp } = await openPage(null);
    server.user = "alice";
    tellProp(String(Math.floor(server.expiresAtMs / 1_000)));
    await pass(3_000);
    expect(shows()).toBe("authenticated: alice");
  });

  it("is asked about until there is an answer", async () => {
    const { server, shows, leave, tellCookie } = await openPage(null);
    server.user = "alice";
    server.fault = "500";
    leave();
    await tellCookie();
    await pass(10_000);
    expect(shows()).toBe("unauthenticated: nobody");
    server.fault = undefined;
    await pass(60_000);
    expect(shows()).toBe("authenticated: alice");
  });

  it("after a sign-out by one is found, too", async () => {
    const { server, shows, leave, tellCookie } = await openPage("alice");
    server.user = null;
    clearMarker();
    await tellCookie();
    await pass(3_000);
    server.user = "bob";
    server.expiresAtMs += 5_000;
    leave();
    await tellCookie();
    await pass(3_000);
    expect(shows()).toBe("authenticated: bob");
  });
});

describe("a page that is loaded", () => {
  it.each([
    ["without a marker", null, undefined],
    ["with the marker of a session that is over", null, "1700000000"],
    ["with its own marker", "alice", "own"],
  ])("%s asks once (F33)", async (_how, user, marker) => {
    if (marker === "1700000000") document.cookie = `nolapse.marker=${marker}; path=/`;
    const { server, leave } = await openPage(user);
    if (marker === "own") leave();
    await fire("focus");
    await pass(60_000);
    expect(server.reasons).toEqual(["mount"]);
  });

  it("and whose server leaves no marker asks once (F33)", async () => {
    const { server } = new Browser(undefined, HOUR_MS);
    render(<SessionProvider>{null}</SessionProvider>);
    await pass(5_000);
    await fire("focus");
    await pass(60_000);
    expect(server.reasons).toEqual(["mount"]);
  });
});

describe("a script that takes the marker away and invents others", () => {
  it.each(["alice", null])(
    "costs one request in two seconds at most, while %s is shown (I10)",
    async (user) => {
      const { tellCookie, since } = await openPage(user);
      const asked = since();
      for (let i = 0; i < 60; i++) {
        if (i % 2) clearMarker();
        else document.cookie = `nolapse.marker=${1_800_000_000 + i}; path=/`;
        await tellCookie();
        await pass(1_000);
      }
      expect(asked().length).toBeLessThanOrEqual(31);
    },
  );
});
