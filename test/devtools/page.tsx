/**
 * A page with a devtools panel, for the tests: what it shows, and what a user does with it.
 *
 * @module
 */
// Loaded before, because no fake clock waits for it to come.
import "../../src/react/after-load.ts";
import { act, fireEvent, render } from "@testing-library/react";
import { useContext, type ReactElement, StrictMode } from "react";
import { DevtoolsPanel, type DevtoolsPanelProps } from "../../src/devtools/production.ts";
import { SessionProvider } from "../../src/react/index.ts";
import { LiveContext } from "../../src/react/live-context.ts";
import type { LiveSession, Surroundings } from "../../src/react/live-session.ts";
import { pass } from "../react/browser.tsx";

/** A tab listens for a moment whether another one asks already, and the panel tells of a change after the page has dealt with it. */
export const SOON_MS = 100;

export interface Page {
  readonly live: () => LiveSession;
  /** The members of the surroundings that a fault may replace. */
  readonly members: () => readonly unknown[];
  readonly unmount: () => void;
  /** Takes the panel away, and lets the rest of the page stand. */
  readonly withoutPanel: () => void;
  readonly renders: () => number;
}

/** Opens a page whose app counts its renders. */
export async function openPage(
  props: DevtoolsPanelProps = {},
  strict = false,
  hasPanel = true,
): Promise<Page> {
  let live: LiveSession | undefined;
  let renders = 0;
  function App(): ReactElement {
    renders++;
    live = useContext(LiveContext);
    return <p>The app</p>;
  }
  const tree = (panel: boolean): ReactElement => {
    const page = (
      <SessionProvider>
        <App />
        {panel && <DevtoolsPanel {...props} />}
      </SessionProvider>
    );
    return strict ? <StrictMode>{page}</StrictMode> : page;
  };
  const { unmount, rerender } = render(tree(hasPanel));
  await pass(SOON_MS);
  return {
    live: () => live!,
    members: () => membersOf(live!.surroundings),
    unmount,
    withoutPanel: () => rerender(tree(false)),
    renders: () => renders,
  };
}

export function membersOf({ environment, fetchSession }: Surroundings): readonly unknown[] {
  const { read, online, setTimer, clearTimer } = environment;
  return [read, online, setTimer, clearTimer, fetchSession];
}

/** The panel's button of that name. By its text: looking for roles takes long, and these tests press a lot. */
export function button(name: string): HTMLButtonElement {
  const found = [...document.querySelectorAll("button")].filter(({ textContent }) => textContent === name);
  if (found.length !== 1) throw new Error(`There are ${found.length} buttons "${name}"`);
  return found[0]!;
}

/** Presses it. */
export async function press(name: string): Promise<void> {
  await act(async () => void fireEvent.click(button(name)));
  await pass(SOON_MS);
}

/** What a card says. */
export function card(name: string): string {
  return document.querySelector(`section[aria-label="${name}"]`)!.textContent;
}

/** The lines of the log, newest first, without their times of day. */
export function log(): readonly string[] {
  return [...document.querySelectorAll('ol[aria-label="Last outcomes"] > li')].map(({ textContent }) =>
    textContent.replace(/^\d\d:\d\d:\d\d/, ""),
  );
}

/** The faults that the panel says are on. */
export function alarm(): string {
  return document.querySelector('[role="status"]')!.textContent;
}
