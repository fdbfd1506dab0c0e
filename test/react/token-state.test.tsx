import "./setup.ts";
import { act, render, screen } from "@testing-library/react";
import type { Session } from "next-auth";
import { signIn, signOut, useSession } from "next-auth/react";
import { lazy, memo, StrictMode, Suspense, useContext, version, type ReactElement } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { SessionProvider, TokenMarker, useTokenState } from "../../src/react/index.ts";
import { LiveContext } from "../../src/react/live-context.ts";
import type { LiveSession } from "../../src/react/live-session.ts";
import { Browser, clearMarker, fire, pass, refreshOnServer } from "./browser.tsx";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

beforeAll(() => import("../../src/react/after-load.ts"));
beforeEach(() => vi.spyOn(Math, "random").mockReturnValue(0));
afterEach(clearMarker);

/** A page whose server may give it another session, or another marker. */
function openPage(initial: { session?: Session | null; marker?: string } = {}, strict = false) {
  const states: unknown[] = [];
  const users: string[] = [];
  let renders = 0;
  const Reader = memo(function Reader(): ReactElement {
    renders++;
    const state = useTokenState();
    if (states.at(-1) !== state) states.push(state);
    return <output>{state.status}</output>;
  });
  const User = memo(function User(): ReactElement {
    const { name, image } = useSession().data?.user ?? { name: "nobody" };
    const line = image ? `${String(name)} with ${image}` : String(name);
    if (users.at(-1) !== line) users.push(line);
    return <p aria-label="user">{line}</p>;
  });
  const tree = ({ session, marker }: typeof initial): ReactElement => {
    const page = (
      <SessionProvider {...(session !== undefined && { session })}>
        <TokenMarker value={marker} />
        <Reader />
        <User />
      </SessionProvider>
    );
    return strict ? <StrictMode>{page}</StrictMode> : page;
  };
  const { rerender, unmount } = render(tree(initial));
  return {
    states,
    users,
    unmount,
    renders: () => renders,
    shows: () => screen.getByRole("status").textContent,
    user: () => screen.getByLabelText("user").textContent,
    given: (next: typeof initial) => act(async () => rerender(tree(next))),
  };
}

describe.each([
  ["", false],
  [" in StrictMode", true],
])("useTokenState%s", (_name, strict) => {
  it("is one value through ten renewals, and renders nothing again (F36)", async () => {
    const { server } = new Browser();
    const page = openPage({}, strict);
    await pass(1_000);
    const before = page.renders();
    await pass(10 * server.idleMs + 5_000);

    expect(server.refreshes).toBe(10);
    expect(page.states).toEqual([{ status: "loading" }, { status: "fresh" }]);
    expect(page.renders()).toBe(before);
  });

  it("is retrying while the server cannot renew, and while this tab cannot reach it (F30)", async () => {
    const { server } = new Browser();
    const page = openPage({}, strict);
    await pass(1_000);
    server.refreshFails = true;
    await pass(server.idleMs + 5_000);
    expect(page.shows()).toBe("retrying");
    server.refreshFails = false;
    await pass(MINUTE_MS);
    expect(page.shows()).toBe("fresh");

    server.fault = "network";
    await pass(2 * MINUTE_MS);
    expect(page.shows()).toBe("retrying");
    server.fault = undefined;
    await fire("online");
    await pass(100);
    expect(page.shows()).toBe("fresh");
    expect(page.user()).toBe("alice");
  });

  it("says why a new sign-in is needed, and that nobody is signed in (F32)", async () => {
    const { server } = new Browser();
    const page = openPage({}, strict);
    await pass(1_000);
    server.ended = true;
    await pass(server.idleMs + 5_000);
    expect(page.states.at(-1)).toEqual({ status: "reauthentication_required", reason: "rejected" });

    await act(() => signOut({ redirect: false }));
    await pass(1_000);
    expect(page.shows()).toBe("signed_out");
  });
});

describe("useTokenState", () => {
  it("of somebody who signs in within a second of a sign-out says nothing of retrying (F30, F43)", async () => {
    const { server } = new Browser();
    const page = openPage();
    await pass(1_000);
    await act(() => signOut({ redirect: false }));
    await pass(300);
    await act(() => signIn("credentials", { redirect: false, username: "bob" }));
    await pass(5_000);

    expect(page.user()).toBe("bob");
    expect(server.user).toBe("bob");
    expect(page.states).toEqual([
      { status: "loading" },
      { status: "fresh" },
      { status: "signed_out" },
      { status: "fresh" },
    ]);
  });

  it("and useSession() never disagree about who is there, however the user comes and goes", async () => {
    const { server } = new Browser();
    const seen: string[] = [];
    function Both(): ReactElement {
      const [{ status }, { data }] = [useTokenState(), useSession()];
      seen.push(`${status}: ${data ? "alice" : String(data)}`);
      return <p />;
    }
    let live: LiveSession | undefined;
    function Live(): null {
      live = useContext(LiveContext);
      return null;
    }
    render(
      <SessionProvider>
        <Both />
        <Live />
      </SessionProvider>,
    );
    await pass(1_000);
    server.user = null;
    await act(async () => live!.scheduler.wake("marker"));
    await pass(1_000);
    server.user = "alice";
    await act(async () => live!.scheduler.confirm());
    await pass(1_000);

    expect([...new Set(seen)]).toEqual(["loading: undefined", "fresh: alice", "signed_out: null"]);
    expect(seen.at(-1)).toBe("fresh: alice");
  });

  it("outside nolapse's provider says what to do", () => {
    function Reader(): null {
      useTokenState();
      return null;
    }
    expect(() => render(<Reader />)).toThrow(/useTokenState has to be below the SessionProvider of nolapse/);
  });
});

describe("TokenMarker", () => {
  it("makes the page ask once for a token that a server component found (F35)", async () => {
    const browser = new Browser("/api/auth", HOUR_MS);
    const page = openPage();
    await pass(1_000);
    refreshOnServer(browser);
    const marker = /\d+/.exec(document.cookie)![0];
    clearMarker();
    await page.given({ marker });
    await pass(5_000);
    expect(browser.server.reasons).toEqual(["mount", "marker"]);

    await page.given({ marker: "" });
    await page.given({ marker });
    await pass(5_000);
    expect(browser.server.reasons).toEqual(["mount", "marker"]);
  });
});

describe("a new session prop", () => {
  const sessionOf = ({ server }: Browser): Session => server.session() as Session;

  it("with a newer token makes the page ask once, and renders nothing else (F35, F36)", async () => {
    const browser = new Browser("/api/auth", HOUR_MS);
    const page = openPage({ session: sessionOf(browser) });
    await pass(MINUTE_MS);
    const before = page.renders();
    refreshOnServer(browser);
    clearMarker();
    await page.given({ session: sessionOf(browser) });
    await pass(5_000);

    expect(browser.server.reasons).toEqual(["marker"]);
    expect(page.renders()).toBe(before);
  });

  it("that readers see a difference in is shown at once, and asked about (F35)", async () => {
    const browser = new Browser("/api/auth", HOUR_MS);
    const session = sessionOf(browser);
    const page = openPage({ session });
    await pass(MINUTE_MS);
    await page.given({ session: { ...session, user: { ...session.user, image: "a hat" } } });
    await pass(1_000);

    // This server has no pictures.
    expect(page.users).toEqual(["alice", "alice with a hat", "alice"]);
    expect(browser.server.reasons).toEqual(["marker"]);
  });

  it("that says the same, or is older, or comes with every render is ignored", async () => {
    const browser = new Browser("/api/auth", HOUR_MS);
    const old = sessionOf(browser);
    const page = openPage({ session: old });
    await pass(browser.server.idleMs + 10_000);
    expect(browser.server.reasons).toEqual(["idle"]);
    for (let i = 0; i < 20; i++) await page.given({ session: { ...old } });
    await page.given({ session: { ...old, user: { ...old.user, image: "an old hat" } } });
    await pass(5_000);

    expect(browser.server.reasons).toEqual(["idle"]);
    expect(page.users).toEqual(["alice"]);
  });

  it.each([
    ["of another user", { user: { name: "bob", email: "bob@example.com" }, expires: "x" }],
    ["of nobody", null],
  ])("%s signs nobody in or out by itself: the page asks (F43)", async (_what, session) => {
    const browser = new Browser("/api/auth", HOUR_MS);
    const page = openPage({ session: sessionOf(browser) });
    await pass(MINUTE_MS);
    await page.given({ session });
    await pass(5_000);
    expect(page.users).toEqual(["alice"]);
    expect(browser.server.reasons).toEqual(["update"]);
  });

  it("of nobody is a sign-out where the server says so, too (F18)", async () => {
    const browser = new Browser("/api/auth", HOUR_MS);
    const page = openPage({ session: sessionOf(browser) });
    await pass(MINUTE_MS);
    browser.server.user = null;
    await page.given({ session: null });
    await pass(1_000);

    expect(page.users).toEqual(["alice", "nobody"]);
  });

  it("after a sign-in by a server action shows the user (F35)", async () => {
    const browser = new Browser("/api/auth", HOUR_MS);
    browser.server.user = null;
    const page = openPage({ session: null });
    await pass(MINUTE_MS);
    browser.server.user = "bob";
    await page.given({ session: sessionOf(browser) });
    await pass(1_000);

    expect(page.users).toEqual(["nobody", "bob"]);
  });

  it("that comes before the page has loaded the rest is heard later", async () => {
    const browser = new Browser("/api/auth", HOUR_MS);
    browser.server.user = null;
    const page = openPage({ session: null }, true);
    browser.server.user = "bob";
    await page.given({ session: sessionOf(browser) });
    await pass(1_000);

    expect(page.users).toEqual(["nobody", "bob"]);
  });
});

describe("a part of the page that is hydrated after the first answer", () => {
  it("keeps its HTML and then shows what is known (F36)", async () => {
    const { server } = new Browser();
    server.user = null;
    const Part = (): ReactElement => <output>{useTokenState().status}</output>;
    let load!: (part: { readonly default: typeof Part }) => void;
    const Late = lazy(() => new Promise<{ readonly default: typeof Part }>((resolve) => (load = resolve)));
    const page = (part: ReactElement): ReactElement => (
      <SessionProvider>
        <Suspense>{part}</Suspense>
      </SessionProvider>
    );
    const container = document.createElement("div");
    container.innerHTML = renderToString(page(<Part />));
    const before = container.querySelector("output");
    expect(before?.textContent).toBe("loading");
    const problems: unknown[] = [];
    const onRecoverableError = (error: unknown): void => void problems.push(error);
    const root = await act(async () => hydrateRoot(container, page(<Late />), { onRecoverableError }));
    await pass(1_000);
    expect(server.reasons).toEqual(["mount"]);
    await act(async () => load({ default: Part }));
    await pass(1_000);

    // React 18 renders such a part anew whenever the context around it changed, with every provider.
    if (!version.startsWith("18.")) {
      expect(problems).toEqual([]);
      expect(container.querySelector("output")).toBe(before);
    }
    expect(container.querySelector("output")?.textContent).toBe("signed_out");
    act(() => root.unmount());
  });
});
