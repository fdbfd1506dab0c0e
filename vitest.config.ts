import { defineConfig } from "vitest/config";

import { LongestFirst } from "./test/e2e/support/longest-first.ts";

/** Real processes against real time on a machine that others may use: CI and the full run try a test again, and say so. */
const triesAgain = process.env["CI"] === "true" || process.env["NOLAPSE_FULL"] === "1";

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "unit",
          environment: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/client/**", "test/react/**", "test/e2e/**", "test/packed/**", "test/torture/**"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "client",
          environment: "jsdom",
          include: ["test/{client,react}/**/*.test.{ts,tsx}"],
        },
      },
      {
        test: {
          name: "e2e",
          environment: "node",
          include: ["test/{e2e,packed}/**/*.test.ts"],
          // `next dev` and a browser at once, and four apps at once, need a machine of their own: `npm run test:full` has them.
          exclude:
            process.env["NOLAPSE_FULL"] === "1"
              ? []
              : ["test/e2e/browser-dev.test.ts", "test/e2e/several-processes.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          retry: triesAgain ? 2 : 0,
          globalSetup: ["test/e2e/support/global-setup.ts"],
        },
      },
      {
        test: {
          name: "torture",
          environment: "node",
          include: ["test/torture/**/*.test.ts"],
          retry: triesAgain ? 1 : 0,
        },
      },
    ],
  },
});
