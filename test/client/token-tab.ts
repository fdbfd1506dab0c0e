/**
 * A tab with a token source, whose clocks, session and server are in the hands of a test.
 *
 * @module
 */
import { isBrowserTokenError } from "../../src/client/browser-token-error.ts";
import type { BrowserToken } from "../../src/client/held-token.ts";
import type { ClientSession } from "../../src/client/session.ts";
import { createTokenSource, type TokenSource } from "../../src/client/token-source.ts";
import { FakePage } from "./fake-page.ts";
import { FakeTokenRoute } from "./fake-token-route.ts";

export interface TokenTab {
  readonly page: FakePage;
  readonly route: FakeTokenRoute;
  readonly source: TokenSource;
  /** What the tab knows of the session, and what else the server has named. */
  readonly known: { session: ClientSession | null | undefined; named: number[]; isIdle?: boolean };
  /** What asking for the session does. It answers, unless a test sets another. */
  readonly session: { asked: number; confirm: () => Promise<boolean> };
  /** The session route's newest answer gets here. */
  readonly hear: () => void;
  readonly listenerErrors: unknown[];
  readonly get: (options?: Parameters<TokenSource["get"]>[0]) => Promise<string>;
}

export function openTab(user = "alice", lifetimeMs?: number): TokenTab {
  const page = new FakePage();
  const startedMs = page.monotonicMs;
  // The server's own clock, an hour behind.
  const route = new FakeTokenRoute(() => page.monotonicMs - startedMs + 1_699_996_400_000, lifetimeMs);
  route.user = user;
  const known: TokenTab["known"] = { session: route.session(), named: [] };
  const listenerErrors: unknown[] = [];
  const session: TokenTab["session"] = {
    asked: 0,
    confirm() {
      hear();
      return Promise.resolve(true);
    },
  };
  const source = createTokenSource({
    environment: page,
    fetchToken: route.fetchToken,
    session: () => known.session,
    named: () => known.named,
    confirm() {
      session.asked++;
      return session.confirm();
    },
    isIdle: () => known.isIdle === true,
    onListenerError: (error) => listenerErrors.push(error),
  });
  const hear = (): void => {
    known.session = route.session();
    source.heard(true);
  };
  const get: TokenTab["get"] = async (options) => (await source.get(options)).accessToken;
  return { page, route, source, known, session, hear, listenerErrors, get };
}

/** How a promise ended, as its token or the code of its error. */
export async function outcome(promise: Promise<string | BrowserToken>): Promise<string> {
  try {
    const value = await promise;
    return typeof value === "string" ? value : value.accessToken;
  } catch (error) {
    return isBrowserTokenError(error) ? error.code : String(error);
  }
}

export function gate(): { readonly closed: Promise<void>; readonly open: () => void } {
  let open!: () => void;
  const closed = new Promise<void>((resolve) => (open = resolve));
  return { closed, open };
}
