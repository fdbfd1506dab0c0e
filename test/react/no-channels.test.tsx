/**
 * A page that may use no storage, such as one in a sandboxed frame, or where the user blocks cookies: its browser has
 * channels, and throws when one is opened. Such a tab works alone.
 */
import "./setup.ts";
import { act, render } from "@testing-library/react";
import { signIn, useSession } from "next-auth/react";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { getAccessToken, SessionProvider } from "../../src/react/index.ts";
import { Browser, clearMarker, pass, refreshOnServer } from "./browser.tsx";

const HOUR_MS = 3_600_000;

beforeAll(async () => {
  await import("../../src/react/after-load.ts");
  await import("../../src/react/live-token.ts");
});
function denied(): never {
  throw new DOMException("The operation is insecure.", "SecurityError");
}
beforeEach(() => {
  vi.stubGlobal("BroadcastChannel", denied);
  vi.spyOn(Storage.prototype, "getItem").mockImplementation(denied);
  vi.spyOn(Storage.prototype, "setItem").mockImplementation(denied);
  vi.spyOn(Storage.prototype, "removeItem").mockImplementation(denied);
});
// Before the next page: next-auth's own provider throws there.
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  clearMarker();
});

function Page() {
  return <output>{useSession().data?.user?.name}</output>;
}

function openPage() {
  const { container, unmount } = render(
    <SessionProvider>
      <Page />
    </SessionProvider>,
  );
  return { shows: () => container.querySelector("output")?.textContent, unmount };
}

describe("a page that may open no channel", () => {
  it("shows the session, renews it, and follows a sign-in (F19, F43)", async () => {
    const { server } = new Browser("/api/auth", HOUR_MS);
    const { shows, unmount } = openPage();
    await pass(1_000);
    expect(shows()).toBe("alice");
    await pass(server.idleMs + 5_000);
    expect(server.refreshes).toBe(1);

    await act(() => signIn("credentials", { redirect: false, username: "bob" }));
    await pass(5_000);
    expect(shows()).toBe("bob");
    unmount();
  });

  it("has all that is loaded later: the token, and the marker (F35)", async () => {
    const browser = new Browser("/api/auth", HOUR_MS);
    const { unmount } = openPage();
    await pass(1_000);
    const first = getAccessToken();
    await pass(100);
    expect(await first).toMatchObject({ accessToken: "alice-0" });
    await pass(10_000);
    refreshOnServer(browser);
    const second = getAccessToken();
    await pass(100);
    expect(await second).toMatchObject({ accessToken: "alice-1" });
    await pass(5_000);
    expect(browser.server.reasons).toEqual(["mount", "marker"]);
    unmount();
  });

  it("may be left and come back (F24)", async () => {
    new Browser("/api/auth", HOUR_MS);
    const failures: unknown[] = [];
    const hear = ({ error }: ErrorEvent): number => failures.push(error);
    addEventListener("error", hear);
    const { shows, unmount } = openPage();
    await pass(1_000);
    for (const type of ["pagehide", "pageshow"]) dispatchEvent(new Event(type));
    await pass(1_000);
    removeEventListener("error", hear);
    expect(failures).toEqual([]);
    expect(shows()).toBe("alice");
    unmount();
  });
});
