/**
 * A page that is being left: `signOut()` tells everybody before it goes on, and the next page may take its time.
 */
import "./setup.ts";
// Loaded before, because no fake clock waits for it to come.
import "../../src/react/after-load.ts";
import "../../src/react/live-token.ts";
import { act, render } from "@testing-library/react";
import { signIn, useSession } from "next-auth/react";
import { Activity, type ReactElement } from "react";
import { describe, expect, it, vi } from "vitest";
import { SessionProvider } from "../../src/react/index.ts";
import { Browser, pass, WhoIsSignedIn } from "./browser.tsx";
import { otherTabSays } from "./other-tab.ts";
import { shown, tokenOrCode, WhoPage } from "./who-page.tsx";

/** How long the page after a sign-out may take. */
const LEAVING_MS = 10_000;

/** A page for signed-in users only, in a browser with the Navigation API. */
async function openPage(navigation: EventTarget = new EventTarget()) {
  vi.stubGlobal("navigation", navigation);
  const browser = new Browser();
  const onUnauthenticated = vi.fn();
  function ForUsers(): ReactElement {
    useSession({ required: true, onUnauthenticated });
    return <WhoIsSignedIn />;
  }
  const { unmount } = render(
    <SessionProvider>
      <ForUsers />
    </SessionProvider>,
  );
  await pass(5_000);
  return {
    browser,
    navigation,
    onUnauthenticated,
    unmount,
    shows: shown,
    navigate: (event?: object) => navigate(navigation, event),
    tell: (type: string) => act(() => void navigation.dispatchEvent(new Event(type))),
  };
}

/** What a browser tells as it sets out for another page, or does something like it. */
function navigate(navigation: EventTarget, event: object = {}): void {
  const destination = { sameDocument: false, url: "http://localhost:3000/" };
  navigation.dispatchEvent(
    Object.assign(new Event("navigate"), { destination, downloadRequest: null, ...event }),
  );
}

/** What `signOut()` does besides: the server has signed out, and all tabs are told. */
function signedOut({ server }: Browser): Promise<void> {
  server.user = null;
  return otherTabSays("signout");
}

describe("a page that is being left", () => {
  it("is led nowhere else by the sign-out that it goes on from, and shows its user to the end (F32)", async () => {
    const { browser, navigate, onUnauthenticated, shows } = await openPage();
    navigate();
    await signedOut(browser);
    await pass(LEAVING_MS - 1_000);

    expect(shows()).toBe("authenticated: alice");
    expect(onUnauthenticated).not.toHaveBeenCalled();
  });

  it("shows that nobody is signed in once it turns out that it stays", async () => {
    const { browser, navigate, onUnauthenticated, shows } = await openPage();
    navigate();
    await signedOut(browser);
    await pass(LEAVING_MS);

    expect(shows()).toBe("unauthenticated: nobody");
    expect(onUnauthenticated).toHaveBeenCalledOnce();
  });

  it("is still being left when it replaces its address meanwhile, or its user clicks once more", async () => {
    const { browser, navigate, shows, tell } = await openPage();
    navigate();
    await signedOut(browser);
    // What Chromium says of history.replaceState() while another document is on its way.
    tell("navigateerror");
    navigate({ destination: { sameDocument: true, url: "http://localhost:3000/?a" } });
    tell("navigatesuccess");
    await pass(LEAVING_MS - 2_000);
    expect(shows()).toBe("authenticated: alice");

    tell("navigateerror");
    navigate();
    await pass(LEAVING_MS - 1_000);
    expect(shows()).toBe("authenticated: alice");
    await pass(1_000);
    expect(shows()).toBe("unauthenticated: nobody");
  });

  it("shows it at once when it comes back from history", async () => {
    const { browser, navigate, shows } = await openPage();
    navigate();
    await signedOut(browser);
    await pass(1_000);
    window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    await pass(0);

    expect(shows()).toBe("unauthenticated: nobody");
  });

  it("shows somebody else at once who has signed in", async () => {
    const { navigate, shows } = await openPage();
    navigate();
    await act(() => signIn("credentials", { redirect: false, username: "bob" }));
    await pass(1_000);

    expect(shows()).toBe("authenticated: bob");
  });
});

describe("a page that only seems to be left", () => {
  it.each([
    ["a router's own step", { destination: { sameDocument: true, url: "http://localhost:3000/" } }],
    ["a letter", { destination: { sameDocument: false, url: "mailto:alice@example.com" } }],
    ["a download", { downloadRequest: "report.csv" }],
  ])("shows a sign-out at once: %s", async (_what, event) => {
    const { browser, navigate, shows } = await openPage();
    navigate(event);
    await signedOut(browser);
    await pass(1_000);

    expect(shows()).toBe("unauthenticated: nobody");
  });

  it("leaves nothing behind when its provider goes", async () => {
    const { navigate, navigation, unmount } = await openPage();
    navigate();
    unmount();
    expect(vi.getTimerCount()).toBe(0);

    const heard = vi.spyOn(navigation, "addEventListener");
    const again = await openPage(navigation);
    again.unmount();
    expect(
      heard.mock.calls.map(([, , options]) => (options as { signal: AbortSignal }).signal.aborted),
    ).toEqual([true]);
  });
});

describe("a page that was not left, hidden meanwhile in an <Activity>", () => {
  it("does not show who has signed out when it is shown again (F32)", async () => {
    const navigation = new EventTarget();
    vi.stubGlobal("navigation", navigation);
    const browser = new Browser("/api/auth", 3_600_000);
    const page = (mode: "visible" | "hidden"): ReactElement => (
      <Activity mode={mode}>
        <WhoPage />
      </Activity>
    );
    const { rerender } = render(page("visible"));
    await pass(5_000);
    navigate(navigation);
    await signedOut(browser);
    await pass(3_000);
    rerender(page("hidden"));
    await pass(20_000);
    rerender(page("visible"));
    await pass(5_000);

    expect(shown()).toBe("unauthenticated: nobody");
  });
});

describe("a page with a variable of its own by the name of the browser's", () => {
  it.each([[{ menu: [] }], [null], ["navigation"]])(
    "is as one in a browser that does not tell: %j",
    async (own) => {
      const { browser, shows } = await openPage(own as unknown as EventTarget);
      await signedOut(browser);
      await pass(1_000);

      expect(shows()).toBe("unauthenticated: nobody");
      expect(await tokenOrCode()).toBe("not_signed_in");
    },
  );
});
