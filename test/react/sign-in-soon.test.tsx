/**
 * The props of the provider that say how long an unattended browser keeps its sign-in, and the hook that warns.
 */
import "./setup.ts";
// Loaded before, because no fake clock waits for it to come.
import "../../src/react/after-load.ts";
import { act, render, screen } from "@testing-library/react";
import { useSession } from "next-auth/react";
import { memo, StrictMode, type ReactElement } from "react";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { SessionProvider, stayActive, useSignInSoon, type SignInSoon } from "../../src/react/index.ts";
import type { PolicyProps } from "../../src/react/index.ts";
import { Browser, fire, pass, show, sleep, userDoes } from "./browser.tsx";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const LIMIT_MS = 15 * MINUTE_MS;

/** A page that warns, and one beside it that does not. */
async function openPage(props: PolicyProps = {}, strict = false) {
  const renders = { page: 0, dialog: 0 };
  const Page = memo(function Page(): ReactElement {
    renders.page++;
    return <p>{useSession().status}</p>;
  });
  let warning: SignInSoon | null = null;
  const Dialog = memo(function Dialog(): ReactElement {
    renders.dialog++;
    warning = useSignInSoon();
    if (!warning) return <output>nothing</output>;
    return <output>{`${warning.reason}${warning.over ? " over" : ""}`}</output>;
  });
  const tree = (more: PolicyProps = {}): ReactElement => {
    const provider = (
      <SessionProvider {...props} {...more}>
        <Page />
        <Dialog />
      </SessionProvider>
    );
    return strict ? <StrictMode>{provider}</StrictMode> : provider;
  };
  const { unmount, rerender } = render(tree());
  await pass(1_000);
  return {
    renders,
    unmount,
    change: (more: PolicyProps) => rerender(tree(more)),
    shows: () => screen.getByRole("status").textContent,
    warning: () => warning!,
  };
}

const active = { keepAlive: "user-active" } as const;

describe.each([false, true])("a page that signs out whoever is idle (StrictMode: %s)", (strict) => {
  it("warns a minute before 15 minutes, once, and tells once that it is over (F29)", async () => {
    new Browser();
    const onSignInSoon = vi.fn<(warning: SignInSoon | null) => void>();
    const { shows } = await openPage({ ...active, onSignInSoon }, strict);
    await pass(LIMIT_MS - 2 * MINUTE_MS);
    expect(onSignInSoon).not.toHaveBeenCalled();
    expect(shows()).toBe("nothing");

    await pass(MINUTE_MS + 1_000);
    expect(shows()).toBe("idle");
    const [[warning]] = onSignInSoon.mock.calls as [[SignInSoon]];
    expect(warning).toMatchObject({ reason: "idle", over: false });
    expect(Math.abs(warning.atMs - Date.now() - MINUTE_MS)).toBeLessThan(3_000);

    await pass(HOUR_MS);
    expect(shows()).toBe("idle over");
    expect(onSignInSoon.mock.calls.map(([told]) => told?.over)).toEqual([false, true]);
  });

  it("asks nothing more once it is over, and at once when a key is pressed (F29)", async () => {
    const { server } = new Browser();
    await openPage(active, strict);
    await pass(LIMIT_MS);
    const { length } = server.asked;
    await pass(HOUR_MS);
    for (const type of ["online", "focus", "pageshow"]) await fire(type);
    expect(server.asked).toHaveLength(length);

    userDoes("keydown");
    await pass(100);
    expect(server.reasons.slice(length)).toEqual(["active"]);
  });

  it("renders nothing but what warns, however long the browser is used (F36)", async () => {
    const { server } = new Browser();
    const { renders } = await openPage(active, strict);
    const before = { ...renders };
    for (let minutes = 0; minutes < 60; minutes++) {
      userDoes("pointerdown");
      await pass(MINUTE_MS);
    }
    expect(server.refreshes).toBeGreaterThan(30);
    expect(renders).toEqual(before);

    await pass(LIMIT_MS);
    expect(renders.page).toBe(before.page);
    expect(renders.dialog).toBeGreaterThan(before.dialog);
  });
});

describe("input", () => {
  it.each(["pointerdown", "keydown", "wheel", "touchstart", "click", "input"])(
    "of the kind %s takes the warning back, also where the page stops it (F29)",
    async (type) => {
      new Browser();
      const { shows } = await openPage(active);
      const stop = (event: Event): void => event.stopImmediatePropagation();
      document.body.addEventListener(type, stop);
      await pass(LIMIT_MS - 30_000);
      expect(shows()).toBe("idle");

      act(() => userDoes(type));
      await pass(0);
      expect(shows()).toBe("nothing");
      document.body.removeEventListener(type, stop);
    },
  );

  it("is what becoming visible is, and nothing else that wakes a page", async () => {
    new Browser();
    const { shows } = await openPage(active);
    await pass(LIMIT_MS - 30_000);
    for (const type of ["online", "focus", "pageshow", "mousemove", "scroll"]) await fire(type);
    await show("hidden");
    expect(shows()).toBe("idle");

    await show("visible");
    expect(shows()).toBe("nothing");
  });

  it("is nothing that a script does: a button that a timer clicks, a field that it fills (F29)", async () => {
    new Browser();
    const { shows } = await openPage(active);
    await pass(LIMIT_MS - 30_000);
    act(() => document.body.click());
    for (const type of ["keydown", "input"])
      act(() => void document.body.dispatchEvent(new Event(type, { bubbles: true })));
    await pass(0);
    expect(shows()).toBe("idle");
  });

  it("by stayActive() takes it back", async () => {
    new Browser();
    const { shows, warning } = await openPage(active);
    await pass(LIMIT_MS - 30_000);
    act(() => warning().stayActive());
    expect(shows()).toBe("nothing");
  });

  it("is what the app reports with stayActive(), as of a frame that it listens in (F29)", async () => {
    const { server } = new Browser();
    const { shows } = await openPage(active);
    const frame = document.body.appendChild(document.createElement("iframe"));
    onTestFinished(() => frame.remove());
    const type = async (): Promise<void> => {
      userDoes("keydown", frame.contentDocument!.body);
      await pass(MINUTE_MS);
    };
    for (let minutes = 0; minutes < 16; minutes++) await type();
    expect(shows(), "what is done in a frame is not heard").toBe("idle over");

    frame.contentWindow!.addEventListener("keydown", stayActive, { capture: true });
    const { refreshes } = server;
    for (let minutes = 0; minutes < 16; minutes++) await type();
    expect(shows()).toBe("nothing");
    expect(server.refreshes).toBeGreaterThan(refreshes + 10);
  });

  it("that the app reports is told to other tabs", async () => {
    new Browser();
    await openPage(active);
    await pass(LIMIT_MS - 30_000);
    const other = new BroadcastChannel("nolapse /api/auth/session");
    onTestFinished(() => other.close());
    const heard: unknown[] = [];
    other.addEventListener("message", ({ data }) => heard.push(data));
    const atMs = Date.now();
    act(() => stayActive());
    await pass(0);

    expect(heard).toEqual([{ kind: "active", atMs }]);
  });

  it("that the app reports reaches each provider of the page", async () => {
    // Otherwise they hear of it from each other.
    vi.stubGlobal("BroadcastChannel", undefined);
    new Browser();
    const warned: (boolean | undefined)[][] = [[], []];
    const providers = warned.map((told, key) => (
      <SessionProvider key={key} {...active} onSignInSoon={(warning) => told.push(warning?.over)}>
        {null}
      </SessionProvider>
    ));
    render(<>{providers}</>);
    await pass(LIMIT_MS - 30_000);
    act(() => stayActive());
    await pass(0);

    expect(warned).toEqual([
      [false, undefined],
      [false, undefined],
    ]);
  });

  it("that the app reports changes nothing without a provider, and where a tab stays signed in", async () => {
    const { server } = new Browser();
    stayActive();
    const { shows } = await openPage();
    const posted = vi.spyOn(BroadcastChannel.prototype, "postMessage");
    stayActive();
    await pass(2_000);
    expect(posted).not.toHaveBeenCalled();
    expect(shows()).toBe("nothing");
    expect(server.asked).toHaveLength(1);
  });

  it("after a night shows that it is over until there is more of it (F22)", async () => {
    new Browser();
    const onSignInSoon = vi.fn<(warning: SignInSoon | null) => void>();
    const { shows } = await openPage({ ...active, onSignInSoon });
    sleep(8 * HOUR_MS);
    await show("visible");
    await pass(2_000);
    expect(shows()).toBe("idle over");
    expect(onSignInSoon.mock.calls.map(([told]) => told?.over)).toEqual([true]);

    userDoes("keydown");
    await pass(0);
    expect(shows()).toBe("nothing");
  });
});

describe("a page that stays signed in as long as it is open", () => {
  it("hears of no idle limit, and listens to no input", async () => {
    const listen = vi.spyOn(window, "addEventListener");
    const { server } = new Browser();
    const { shows } = await openPage();
    await pass(HOUR_MS);

    expect(server.refreshes).toBeGreaterThan(30);
    expect(shows()).toBe("nothing");
    expect(listen.mock.calls.map(([type]) => type)).not.toContain("wheel");
  });

  it("is warned of the end that the server names (F28)", async () => {
    const { server } = new Browser();
    const session = server.session.bind(server);
    const endsAtMs = server.nowMs() + 10 * MINUTE_MS;
    server.session = () => {
      const known = session();
      const endsInMs = endsAtMs - server.nowMs();
      if (endsInMs <= 0 || known?.tokenState?.status !== "fresh") return null;
      return { ...known, tokenState: { ...known.tokenState, endsInMs } };
    };
    const { shows, renders } = await openPage({ warnBeforeMs: 2 * MINUTE_MS });
    const { page } = renders;
    await pass(8 * MINUTE_MS - 3_000);
    expect(shows()).toBe("nothing");
    await pass(3_000);
    expect(shows()).toBe("session_end");
    expect(renders.page).toBe(page);

    await pass(2 * MINUTE_MS + 10_000);
    expect(shows()).toBe("nothing");
    expect(screen.getByText("unauthenticated")).toBeTruthy();
  });
});

describe("props that change", () => {
  it("take effect: from then on nobody has to be there, or somebody", async () => {
    const { server } = new Browser();
    const onSignInSoon = vi.fn<(warning: SignInSoon | null) => void>();
    const page = await openPage();
    await pass(HOUR_MS);
    page.change({ ...active, onSignInSoon });
    await pass(LIMIT_MS - 2 * MINUTE_MS);
    expect(onSignInSoon).not.toHaveBeenCalled();
    await pass(2 * MINUTE_MS + 3_000);
    expect(onSignInSoon).toHaveBeenCalledTimes(2);
    const refreshes = server.refreshes;

    page.change({ keepAlive: "tab-open" });
    await pass(HOUR_MS);
    expect(server.refreshes).toBeGreaterThan(refreshes + 30);
    expect(page.shows()).toBe("nothing");
  });
});

/** React 18 reports what a render throws to the window as well, which prints it. */
function quietly(run: () => void): void {
  const quiet = (event: Event): void => event.preventDefault();
  window.addEventListener("error", quiet);
  run();
  window.removeEventListener("error", quiet);
}

describe("a wrong prop", () => {
  const wrong: [PolicyProps, string][] = [
    [{ keepAlive: "always" as "tab-open" }, '"keepAlive" must be "tab-open" or "user-active"; got always'],
    [
      { idleLimitMs: 60_000 },
      '"idleLimitMs" must be 1000 or more, and only with keepAlive="user-active"; got 60000',
    ],
    [{ ...active, idleLimitMs: 15 }, '"idleLimitMs" must be 1000 or more'],
    [{ ...active, idleLimitMs: Number.NaN }, "got NaN"],
    [{ ...active, idleLimitMs: Infinity }, "got Infinity"],
    [{ ...active, idleLimitMs: "900000" as unknown as number }, '"idleLimitMs" must be'],
    [
      { ...active, warnBeforeMs: LIMIT_MS },
      '"warnBeforeMs" must be 0 or more, and less than idleLimitMs; got 900000',
    ],
    [{ warnBeforeMs: -1 }, '"warnBeforeMs" must be 0 or more'],
  ];

  it.each(wrong)("as in %o fails at the first render, with its name and the fix", (props, message) => {
    quietly(() =>
      expect(() => render(<SessionProvider session={null} {...props} children={null} />)).toThrow(message),
    );
  });

  it.each(wrong)("as in %o is told once in production, and counts as not given", async (props, message) => {
    vi.stubEnv("NODE_ENV", "production");
    onTestFinished(() => void vi.unstubAllEnvs());
    const { server } = new Browser();
    const { shows } = await openPage(props);
    expect(vi.mocked(console.error).mock.calls.map(([error]) => String(error))).toEqual([
      expect.stringContaining(message),
    ]);

    await pass(LIMIT_MS - 2 * MINUTE_MS);
    expect(server.refreshes).toBeGreaterThan(5);
    expect(shows()).toBe("nothing");
  });

  it.each([
    { ...active, idleLimitMs: 1_000 },
    { ...active, idleLimitMs: 30_000 },
    { ...active, idleLimitMs: 60_000, warnBeforeMs: 0 },
    { warnBeforeMs: 10 * HOUR_MS },
  ])("is none of %o", (props) => {
    expect(() => render(<SessionProvider session={null} {...props} children={null} />)).not.toThrow();
  });
});

describe("the hook", () => {
  it("outside nolapse's provider says what it needs", () => {
    function Lost(): null {
      useSignInSoon();
      return null;
    }
    quietly(() =>
      expect(() => render(<Lost />)).toThrow(
        "useSignInSoon has to be below the SessionProvider of nolapse/react",
      ),
    );
  });

  it("leaves no timer and no listener behind", async () => {
    new Browser();
    const timers = vi.getTimerCount();
    const { unmount } = await openPage({ ...active, onSignInSoon: () => undefined });
    userDoes("keydown");
    await pass(2_000);
    unmount();
    expect(vi.getTimerCount()).toBe(timers);
  });
});
