/**
 * @vitest-environment node
 */
import { useSession } from "next-auth/react";
import { version, type ReactElement } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  getAccessToken,
  onTokenChange,
  SessionProvider,
  TokenMarker,
  useAccessToken,
  useTokenState,
} from "../../src/react/index.ts";

afterEach(() => vi.restoreAllMocks());

function Page(): ReactElement {
  const { data, status } = useSession();
  return <p>{`${status}: ${data?.user?.name ?? "nobody"}`}</p>;
}

function page(name?: string | null): string {
  const session = name ? { user: { name }, expires: "x" } : name;
  return renderToString(
    <SessionProvider {...(session !== undefined && { session: session as null })}>
      <Page />
    </SessionProvider>,
  );
}

describe("these tests", () => {
  it("run on the version of React that their project names", ({ task }) => {
    expect(version.split(".")[0]).toBe(task.file.projectName === "client-react18" ? "18" : "19");
  });
});

describe("SessionProvider on the server", () => {
  it("renders each user's own session, nobody's, and none yet, with nothing left from the one before (F43)", () => {
    expect(page("alice")).toBe("<p>authenticated: alice</p>");
    expect(page("bob")).toBe("<p>authenticated: bob</p>");
    expect(page(null)).toBe("<p>unauthenticated: nobody</p>");
    expect(page()).toBe("<p>loading: nobody</p>");
  });

  it("starts no timer and no request", () => {
    vi.useFakeTimers();
    const fetched = vi.spyOn(globalThis, "fetch");
    page("alice");

    expect(vi.getTimerCount()).toBe(0);
    expect(fetched).not.toHaveBeenCalled();
    vi.useRealTimers();
  });
});

describe("the browser's token on the server", () => {
  it("is refused, with the name of what a server uses instead (SEC-01)", async () => {
    await expect(getAccessToken()).rejects.toMatchObject({
      code: "not_in_browser",
      message: expect.stringMatching(/use the getAccessToken that withFreshTokens returns/) as string,
    });
    expect(() => onTokenChange(() => undefined)).toThrow(/withFreshTokens/);
  });

  it("is loading in what hooks render, for every user alike, and sends nothing (F43)", () => {
    const fetched = vi.spyOn(globalThis, "fetch");
    function Reader(): ReactElement {
      const { status, accessToken } = useAccessToken();
      return <p>{`${status} ${accessToken ?? "none"} ${useTokenState().status}`}</p>;
    }
    const render = (session: object | null): string =>
      renderToString(
        <SessionProvider session={session as null}>
          <TokenMarker value="1700000000" />
          <Reader />
        </SessionProvider>,
      );
    const tokenState = { status: "reauthentication_required", reason: "rejected" };

    expect(render({ user: { name: "alice" }, expires: "x", tokenState: { status: "fresh" } })).toBe(
      "<p>loading none fresh</p>",
    );
    expect(render({ user: { name: "bob" }, expires: "x", tokenState })).toBe(
      "<p>loading none reauthentication_required</p>",
    );
    expect(render(null)).toBe("<p>loading none signed_out</p>");
    expect(fetched).not.toHaveBeenCalled();
  });
});
