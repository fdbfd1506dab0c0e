/**
 * A page that shows who is signed in, as far as a test looks at it.
 *
 * @module
 */
import { act, render, screen } from "@testing-library/react";
import type { ReactElement } from "react";
import {
  getAccessToken,
  SessionProvider,
  type BrowserTokenError,
  type SessionProviderProps,
} from "../../src/react/index.ts";
import { pass, WhoIsSignedIn } from "./browser.tsx";

/** It, with the props of its provider. */
export function WhoPage(props: Omit<SessionProviderProps, "children">): ReactElement {
  return (
    <SessionProvider {...props}>
      <WhoIsSignedIn />
    </SessionProvider>
  );
}

/** What it shows, as `authenticated: alice`. */
export const shown = (): string | null => screen.getByRole("status").textContent;

/** Opens it, and lets it settle for so long. */
export async function openWhoPage(settleMs = 5_000): Promise<() => string | null> {
  render(<WhoPage />);
  await pass(settleMs);
  return shown;
}

/** The page's token, or the code with which it is refused. */
export function tokenOrCode(): Promise<unknown> {
  return act(() =>
    getAccessToken().then(
      ({ accessToken }) => accessToken,
      (error: unknown) => (error as BrowserTokenError).code,
    ),
  );
}
