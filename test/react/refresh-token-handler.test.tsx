import "./setup.ts";
import { act, render, screen } from "@testing-library/react";
import type { Session } from "next-auth";
import { SessionProvider, signOut } from "next-auth/react";
import { StrictMode, useState, type ReactElement } from "react";
import { describe, expect, it, vi } from "vitest";
import { RefreshTokenHandler } from "../../src/react/index.ts";
import type { Fault } from "../client/fake-server.ts";
import { Browser, fire, pass, sleep, WhoIsSignedIn } from "./browser.tsx";
import { otherTabSays } from "./other-tab.ts";
import { REQUESTS_OF_NEXT_AUTH } from "./version.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const intervals: number[] = [];

/** The app of the notes: next-auth's provider, whose interval the handler sets. */
function App({ session, basePath }: { session?: Session; basePath?: string }): ReactElement {
  const [interval, setSessionRefetchInterval] = useState(10_000);
  if (intervals.at(-1) !== interval) intervals.push(interval);
  return (
    <SessionProvider refetchInterval={interval} {...(session && { session })} {...(basePath && { basePath })}>
      <WhoIsSignedIn />
      <RefreshTokenHandler
        setSessionRefetchInterval={setSessionRefetchInterval}
        {...(basePath && { basePath })}
      />
    </SessionProvider>
  );
}

async function open(ui: ReactElement = <App />): Promise<{ unmount: () => void }> {
  intervals.length = 0;
  const opened = render(ui);
  await pass(0);
  return opened;
}

const shows = (): string | null => screen.getByRole("status").textContent;

describe("RefreshTokenHandler", () => {
  it("keeps an idle tab's token fresh through ten lifetimes, one poll each", async () => {
    const { server } = new Browser();
    await open();
    await pass(10 * 46_000);

    expect(intervals).toEqual([10_000, 46]);
    expect(server.refreshes).toBe(10);
    expect(server.asked).toHaveLength(11 * REQUESTS_OF_NEXT_AUTH);
  });

  it.each([HOUR_MS, -HOUR_MS])(
    "sets the same interval when the client's clock is off by %i ms (F26)",
    async (offMs) => {
      new Browser();
      sleep(offMs);
      await open();

      expect(intervals.at(-1)).toBe(46);
    },
  );

  it("asks on time for a session that is already old", async () => {
    const { server } = new Browser();
    const session = server.session() as Session;
    await pass(0);
    await open(<App session={{ ...session, tokenState: { status: "fresh", askInMs: 3_100 } }} />);
    expect(intervals.at(-1)).toBe(4);

    await pass(4_000);
    expect(server.asked).toHaveLength(REQUESTS_OF_NEXT_AUTH);
  });

  it("never sets 0, which would stop polling for good, not even when the token has expired", async () => {
    const { server } = new Browser();
    await open();
    server.refreshFails = true;
    await pass(10 * MINUTE_MS);
    expect(Math.min(...intervals)).toBeGreaterThanOrEqual(1);
    // F33: the back-off of up to 16 s bounds it.
    expect(server.asked.length).toBeLessThan(60 * REQUESTS_OF_NEXT_AUTH);

    server.refreshFails = false;
    await pass(MINUTE_MS);
    expect(server.refreshes).toBeGreaterThanOrEqual(1);
    expect(intervals.at(-1)).toBe(46);
  });

  it("does not let the provider poll every second where the server says so again and again (F33)", async () => {
    const { server } = new Browser();
    server.hurries = true;
    await open();
    await pass(10 * MINUTE_MS);

    expect(server.asked.length).toBeLessThan(60 * REQUESTS_OF_NEXT_AUTH);
    expect(intervals.at(-1)).toBe(16);
  });

  it("lets the provider ask once at the end of a token that nobody can refresh, and then no more (F33)", async () => {
    const { server } = new Browser();
    server.refreshable = false;
    await open();
    await pass(server.lifetimeMs);
    expect(server.session()?.tokenState?.status).toBe("reauthentication_required");
    await pass(HOUR_MS);

    expect(server.asked).toHaveLength(2 * REQUESTS_OF_NEXT_AUTH);
    expect(intervals.slice(1)).toEqual([60, 2_147_483]);
  });

  it("never sets more than a timer can count (F25)", async () => {
    new Browser("/api/auth", 60 * DAY_MS);
    await open();

    expect(intervals.at(-1)).toBe(2_147_483);
  });

  it("leaves the interval alone where the token has no known end", async () => {
    new Browser();
    await open(<App session={{ user: { name: "alice" }, expires: "x" }} />);

    expect(intervals).toEqual([10_000]);
  });
});

describe("after a poll that failed, RefreshTokenHandler", () => {
  it.each<Fault>(["network", "500", "html", "401"])(
    "with %s, brings the session back and polls on (next-auth#9139)",
    async (fault) => {
      const { server } = new Browser();
      await open();
      server.fault = fault;
      await pass(50_000);
      expect(shows()).toBe("unauthenticated: nobody");

      server.fault = undefined;
      await pass(10_000);
      expect(shows()).toBe("authenticated: alice");
      const { refreshes } = server;
      await pass(3 * 46_000);
      expect(server.refreshes).toBe(refreshes + 3);
    },
  );

  it("asks a bounded number of times while it lasts, and at once when the network is back (F23, F33)", async () => {
    const { server } = new Browser();
    await open();
    server.fault = "network";
    await pass(46_000 + HOUR_MS);
    expect(server.asked.length).toBeLessThan(130);

    server.fault = undefined;
    await fire("online");
    expect(shows()).toBe("authenticated: alice");
  });

  it("tries again when next-auth's own request fails once more", async () => {
    const { server } = new Browser();
    await open();
    server.fault = "500";
    server.faultMeets = (reason) => reason === "next-auth";
    await pass(50_000);
    expect(shows()).toBe("unauthenticated: nobody");

    server.fault = undefined;
    await pass(10_000);
    expect(shows()).toBe("authenticated: alice");
  });

  it("asks below basePath", async () => {
    const browser = new Browser("/custom/api/auth");
    await open(<App basePath="/custom/api/auth" />);
    browser.server.fault = "500";
    await pass(46_000);
    browser.server.fault = undefined;
    await pass(5_000);
    expect(shows()).toBe("authenticated: alice");

    expect(new Set(browser.calls.filter((call) => call.endsWith("/session")))).toEqual(
      new Set(["GET /custom/api/auth/session"]),
    );
  });
});

describe("signed out, RefreshTokenHandler", () => {
  it("confirms it once and asks nothing more", async () => {
    const { server } = new Browser();
    await open();
    server.asked.length = 0;
    await act(() => signOut({ redirect: false }));
    await pass(0);
    expect(shows()).toBe("unauthenticated: nobody");
    expect(server.reasons).toEqual(["next-auth", "mount"]);

    await pass(DAY_MS);
    await fire("online");
    expect(server.asked).toHaveLength(2);
  });

  it("asks nothing on a page where nobody was signed in", async () => {
    const { server } = new Browser();
    server.user = null;
    await open();
    expect(server.asked).toHaveLength(REQUESTS_OF_NEXT_AUTH);
    await pass(DAY_MS);

    expect(server.asked).toHaveLength(REQUESTS_OF_NEXT_AUTH);
  });

  it("sees the next sign-in, of another user too (F43)", async () => {
    const { server } = new Browser();
    await open();
    await act(() => signOut({ redirect: false }));
    await pass(MINUTE_MS);
    server.user = "bob";
    await otherTabSays("getSession");
    expect(shows()).toBe("authenticated: bob");

    server.fault = "500";
    await pass(MINUTE_MS);
    server.fault = undefined;
    await pass(MINUTE_MS);
    expect(shows()).toBe("authenticated: bob");
  });
});

describe("unmounting RefreshTokenHandler", () => {
  it("leaves no timer behind, also in the middle of a recovery, also in StrictMode (F21)", async () => {
    const { server } = new Browser();
    const { unmount } = await open(
      <StrictMode>
        <App />
      </StrictMode>,
    );
    server.fault = "500";
    await pass(50_000);
    unmount();

    expect(vi.getTimerCount()).toBe(0);
  });
});
