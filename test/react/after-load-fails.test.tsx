/**
 * What a page loads once it is up does not come: the network is away at that moment, or a deployment has just taken the file.
 */
import "./setup.ts";
// Loaded before, because no fake clock waits for it to come.
import "../../src/react/live-token.ts";
import { render, screen } from "@testing-library/react";
import { useSession } from "next-auth/react";
import { beforeEach, expect, describe, it, vi } from "vitest";
import type { LiveSession } from "../../src/react/live-session.ts";
import {
  getAccessToken,
  isBrowserTokenError,
  SessionProvider,
  useAccessToken,
} from "../../src/react/index.ts";
import { Browser, pass } from "./browser.tsx";

const missing = vi.hoisted(() => ({ loads: 0, upTo: 0 }));

vi.mock("../../src/react/after-load.ts", async (load) => {
  const { afterLoad } = await load<{ afterLoad: (live: LiveSession) => () => void }>();
  return {
    get afterLoad() {
      if (++missing.loads <= missing.upTo) throw new Error("ChunkLoadError");
      return afterLoad;
    },
  };
});

beforeEach(async () => {
  await import("../../src/react/after-load.ts");
  Object.assign(missing, { loads: 0, upTo: 2 });
});

function Page() {
  return <output>{useSession().data?.user?.name}</output>;
}

function openPage() {
  new Browser();
  return render(
    <SessionProvider>
      <Page />
    </SessionProvider>,
  );
}

describe("a page whose second file cannot be loaded", () => {
  it("tries again, 30 s apart, until it has it", async () => {
    const { unmount } = openPage();
    await pass(1_000);
    await vi.dynamicImportSettled();
    expect(missing.loads).toBe(1);
    await pass(29_500);
    expect(missing.loads).toBe(2);
    await pass(30_000);
    expect(missing.loads).toBe(3);
    await pass(300_000);
    expect(missing.loads).toBe(3);
    unmount();
  });

  it("tries no more once it is left", async () => {
    const { unmount } = openPage();
    await pass(1_000);
    unmount();
    await pass(60_000);
    expect(missing.loads).toBe(1);
  });
});

describe("the token of a page whose second file is missing", () => {
  it("is not there for now: a call hears that after 10 s, and not that the app has no provider", async () => {
    openPage();
    let error: unknown = "none yet";
    void getAccessToken().catch((reason: unknown) => (error = reason));
    await pass(9_900);
    expect(error).toBe("none yet");
    await pass(100);
    expect(error).toMatchObject({ code: "refresh_unavailable", reason: "not_ready" });
  });

  it("is had by the call during which the file comes", async () => {
    openPage();
    await pass(55_000);
    const token = getAccessToken();
    await pass(10_000);
    expect(await token).toHaveProperty("accessToken", "alice-1");
  });

  it("is not loaded without end for a component: that shows the failure, and the token once the file has come", async () => {
    function Reader() {
      const { status, accessToken, error, getAccessToken } = useAccessToken();
      get = getAccessToken;
      return <output>{accessToken ?? error?.code ?? status}</output>;
    }
    let get!: typeof getAccessToken;
    new Browser("/api/auth", 3_600_000);
    render(
      <SessionProvider>
        <Reader />
      </SessionProvider>,
    );
    const shows = (): string | null => screen.getByRole("status").textContent;
    const code = get().catch((error: unknown) => isBrowserTokenError(error) && error.code);
    await pass(9_900);
    expect(shows()).toBe("loading");
    await pass(100);
    expect(shows()).toBe("refresh_unavailable");
    expect(await code).toBe("refresh_unavailable");
    await pass(55_000);
    expect(shows()).toBe("alice-0");
  });

  it("leaves no timer behind when the page is left", async () => {
    const timers = vi.getTimerCount();
    function Reader() {
      return <output>{useAccessToken().status}</output>;
    }
    new Browser();
    const { unmount } = render(
      <SessionProvider>
        <Reader />
      </SessionProvider>,
    );
    await pass(1_000);
    unmount();
    await pass(30_000);
    expect(vi.getTimerCount()).toBe(timers);
  });
});
