/**
 * A real browser for the tests: the Chromium that is installed, without a window.
 *
 * Without one the tests are skipped with a warning; under `CI=true` they fail instead.
 */
import { chromium, type Browser } from "playwright-core";
import { describe } from "vitest";

import { findChromium } from "../../../scripts/lib/chromium.ts";

/** Where it is; `undefined` where there is none. */
export const CHROMIUM_PATH: string | undefined = findChromium();
const MISSING = "no Chromium found: install it, or set CHROMIUM_PATH";
const SKIPPED = CHROMIUM_PATH === undefined && process.env["CI"] !== "true";

/** What it is started with, so that it needs neither a screen nor the network. */
export const CHROMIUM_FLAGS: readonly string[] = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
];

/** `describe` for tests that need a browser. */
export function describeInChromium(name: string, tests: () => void): void {
  if (SKIPPED) console.warn(`!! SKIPPED: ${name}: ${MISSING}`);
  describe.skipIf(SKIPPED)(name, tests);
}

/** Starts the browser. Rejects if there is none. */
export async function launchChromium(): Promise<Browser> {
  if (CHROMIUM_PATH === undefined) throw new Error(MISSING);
  return chromium.launch({ executablePath: CHROMIUM_PATH, args: [...CHROMIUM_FLAGS] });
}
