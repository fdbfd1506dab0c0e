/**
 * What gives a page its token does not come when it is first wanted: the network is away at that moment, or a deployment has
 * just taken the file.
 */
import "./setup.ts";
// Loaded before, because no fake clock waits for it to come.
import "../../src/react/after-load.ts";
import { act, render } from "@testing-library/react";
import { signOut } from "next-auth/react";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import {
  getAccessToken,
  isBrowserTokenError,
  onTokenChange,
  SessionProvider,
  useAccessToken,
} from "../../src/react/index.ts";
import type { MountedSession } from "../../src/react/mounted.ts";
import { Browser, clearMarker, fire, pass, refreshOnServer } from "./browser.tsx";

const HOUR_MS = 3_600_000;

const missing = vi.hoisted(() => ({ loads: 0, upTo: 0 }));

vi.mock("../../src/react/live-token.ts", async (load) => {
  const { tokenSourceOf } = await load<{ tokenSourceOf: (session: MountedSession) => unknown }>();
  return {
    get tokenSourceOf() {
      if (++missing.loads <= missing.upTo) throw new Error("ChunkLoadError");
      return tokenSourceOf;
    },
  };
});

beforeEach(async () => {
  vi.spyOn(Math, "random").mockReturnValue(0);
  await import("../../src/react/live-token.ts");
  Object.assign(missing, { loads: 0, upTo: 2 });
});

afterEach(clearMarker);

function openPage(): { readonly unmount: () => void } {
  return render(
    <SessionProvider>
      <span />
    </SessionProvider>,
  );
}

function Reader() {
  const { status, accessToken, error } = useAccessToken();
  return <output>{accessToken ?? error?.code ?? status}</output>;
}

/** Lets time pass in which a file may come, or fail to. */
async function passLoading(durationMs: number): Promise<void> {
  for (let leftMs = durationMs; leftMs > 0; leftMs -= 5_000) {
    await pass(Math.min(leftMs, 5_000));
    await vi.dynamicImportSettled();
    await pass(0);
  }
}

async function outcome(promise: Promise<{ readonly accessToken: string }>): Promise<string> {
  const ended = promise.then(
    ({ accessToken }) => accessToken,
    (error: unknown) => (isBrowserTokenError(error) ? error.code : String(error)),
  );
  await pass(100);
  return ended;
}

describe("a page whose file for the token cannot be loaded", () => {
  it("says so with a stable code to who asks, and tries again at the next call", async () => {
    new Browser();
    openPage();
    await pass(1_000);

    expect(await outcome(getAccessToken())).toBe("refresh_unavailable");
    expect(await outcome(getAccessToken())).toBe("refresh_unavailable");
    expect(await outcome(getAccessToken())).toBe("alice-0");
    expect(missing.loads).toBe(3);
  });

  it("tries again for who listens, 30 s apart, until it has it: none is lost after that (F38)", async () => {
    const browser = new Browser("/api/auth", HOUR_MS);
    openPage();
    await pass(1_000);
    const heard: string[] = [];
    const stop = onTokenChange(({ accessToken }) => heard.push(accessToken));
    onTestFinished(stop);
    await passLoading(29_000);
    expect(missing.loads).toBe(1);
    await passLoading(60_000);
    expect(missing.loads).toBe(3);
    refreshOnServer(browser);
    await fire("focus");
    await pass(5_000);
    expect(heard).toEqual(["alice-0", "alice-1"]);
  });

  it("shows a component the failure, and the token once it has come", async () => {
    new Browser("/api/auth", HOUR_MS);
    const { container } = render(
      <SessionProvider>
        <Reader />
      </SessionProvider>,
    );
    const shows = (): string | null | undefined => container.querySelector("output")?.textContent;
    await passLoading(1_000);
    expect(shows()).toBe("refresh_unavailable");
    await passLoading(60_000);
    expect(shows()).toBe("alice-0");

    await act(() => signOut({ redirect: false }));
    await pass(1_000);
    expect(shows()).toBe("not_signed_in");
  });

  it.each(["nobody listens", "the page is left"])("tries no more once %s", async (what) => {
    new Browser();
    const { unmount } = openPage();
    await pass(1_000);
    const stop = onTokenChange(() => undefined);
    onTestFinished(stop);
    await passLoading(1_000);
    expect(missing.loads).toBe(1);
    if (what === "nobody listens") stop();
    else unmount();
    await passLoading(120_000);
    expect(missing.loads).toBe(1);
  });
});
