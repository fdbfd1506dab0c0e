/** The two rows of the matrix that tell the most. `npm run test:matrix` has all of them. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { findChromium } from "../../scripts/lib/chromium.ts";
import { packPackage } from "../../scripts/lib/pack.ts";
import { launchChromium } from "../e2e/support/chromium.ts";
import { live, troublesOf } from "./live.ts";
import { nameOf, TELLING_ROWS } from "./rows.ts";
import { openWorkshop, type Workshop } from "./workshop.ts";

const LIFE = { tokenTtlSeconds: 8, lifetimes: 3 };

describe("a fresh app with the packed tarball", () => {
  let workshop: Workshop;
  let browser: Browser | undefined;
  beforeAll(async () => {
    workshop = openWorkshop(await packPackage());
    browser = findChromium() === undefined ? undefined : await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    workshop.close();
  });

  it.concurrent.each(TELLING_ROWS.map((row) => ({ name: nameOf(row), row })))(
    "keeps the tokens of two users through three lifetimes: $name",
    async ({ row }) => {
      const built = { folder: await workshop.app(row), node: await workshop.node(row.node) };

      const result = await live(row, built, { ...LIFE, browser });

      expect(troublesOf(result)).toEqual([]);
    },
  );
});
