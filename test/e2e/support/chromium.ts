/**
 * A real browser for the tests: the Chromium that is installed, without a window.
 *
 * Without one the tests are skipped with a warning; under `CI=true` they fail instead.
 */
import { chromium, type Browser } from "playwright-core";
import { describe } from "vitest";

import { findChromium } from "../../../scripts/lib/chromium.ts";

const PATH = findChromium();
const MISSING = "no Chromium found: install it, or set CHROMIUM_PATH";
const SKIPPED = PATH === undefined && process.env["CI"] !== "true";

const FLAGS = [
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
  if (PATH === undefined) throw new Error(MISSING);
  return chromium.launch({ executablePath: PATH, args: FLAGS });
}
