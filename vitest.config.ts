import { defineConfig } from "vitest/config";

import { LongestFirst } from "./test/e2e/support/longest-first.ts";

const isFull = process.env["NOLAPSE_FULL"] === "1";
/** Real processes against real time on a machine that others may use: CI and the full run try a test again, and say so. */
const triesAgain = process.env["CI"] === "true" || isFull;

/** The sources import "next-auth"; with this it is version 5, as in an application that has it installed. */
const NEXT_AUTH_5 = [{ find: /^next-auth(?=\/|$)/, replacement: "next-auth-v5" }];

const suite = (name: string): string => `test/e2e/${name}.test.ts`;

/**
 * `next dev` and a browser at once, four apps at once, a comparison of two, and a browser with a process for each of its many
 * tabs need a machine of their own: beside them other suites are late. What the list of sessions, the token handler and the
 * token in a page do is told by unit tests sooner.
 */
const LONG = [
  ...["browser-dev", "several-processes", "compared"],
  ...["browser-tabs-trouble", "browser-tabs-asleep", "browser-tabs-late", "browser-hidden"],
  ...["sessions", "token-handler", "browser-token"],
];
/** `npm test` runs what is in a real browser by itself. */
const BROWSERS = process.env["NOLAPSE_BROWSERS"] === "apart" ? [suite("browser*")] : [];
/** The suites of `npm test` that run with Auth.js v5 as well. */
const TELLING = ["lifetimes", "crash", "browser-tabs"];
/** What a page is made of, in both versions of next-auth. */
const COMPONENT_TESTS = [
  "test/react/**/*.test.tsx",
  "test/devtools/**/*.test.tsx",
  "test/upstream/client/*.test.tsx",
];
/** They have servers of their own, and no example. */
const WITHOUT_EXAMPLE = ["moving-in", "servers"];

const endToEnd = {
  environment: "node",
  testTimeout: 300_000,
  hookTimeout: 300_000,
  retry: triesAgain ? 2 : 0,
  globalSetup: "test/e2e/support/global-setup.ts",
};

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "unit",
          environment: "node",
          // A process for each file takes longer than most of them run; the sources are new for each.
          isolate: false,
          setupFiles: ["test/support/new-modules.ts"],
          include: ["test/**/*.test.ts"],
          exclude: [
            "test/authjs/**",
            "test/next-auth/**",
            "test/react/**",
            "test/upstream/**",
            "test/e2e/**",
            "test/packed/**",
            "test/matrix/telling-rows.test.ts",
            "test/torture/**",
          ],
          testTimeout: 20_000,
        },
      },
      {
        // Whole apps: some try in the background to revoke tokens at servers that are gone with their test, which no other
        // file may see.
        test: {
          name: "next-auth",
          environment: "node",
          include: ["test/next-auth/**/*.test.ts", "test/upstream/**/*.test.ts"],
          exclude: ["test/upstream/authjs-5/**"],
          testTimeout: 20_000,
        },
      },
      {
        resolve: { alias: NEXT_AUTH_5 },
        test: {
          name: "authjs",
          environment: "node",
          include: [
            "test/authjs/**/*.test.ts",
            "test/upstream/*.test.ts",
            "test/upstream/authjs-5/*.test.ts",
          ],
          testTimeout: 20_000,
          // Next's globals have to be there before anything else of Next is loaded.
          setupFiles: ["test/next-auth/support/next-scope.ts"],
          // It imports "next/server" without the extension, which Node does not resolve.
          server: { deps: { inline: [/next-auth-v5/, /@auth\/core/] } },
        },
      },
      {
        test: {
          name: "client",
          environment: "jsdom",
          testTimeout: 20_000,
          include: COMPONENT_TESTS,
        },
      },
      {
        resolve: { alias: NEXT_AUTH_5 },
        test: {
          name: "client-authjs",
          environment: "jsdom",
          testTimeout: 20_000,
          include: COMPONENT_TESTS,
        },
      },
      {
        test: {
          name: "client-react18",
          environment: "jsdom",
          testTimeout: 20_000,
          // The other one, conformance, is about next-auth.
          include: [
            "test/react/{session-provider,refresh-token-handler,server-rendering,sign-in-soon,hydration}.test.tsx",
            "test/react/{access-token,token-state,sign-out,server-actions,update-meanwhile,idle-news}.test.tsx",
            "test/devtools/*.test.tsx",
          ],
          execArgv: ["--import", "./test/react/react-18.mjs"],
        },
      },
      {
        test: {
          ...endToEnd,
          name: "e2e",
          env: { NOLAPSE_EXAMPLE: "next-auth" },
          include: [suite("*"), "test/packed/**/*.test.ts", "test/matrix/telling-rows.test.ts"],
          exclude: [...(isFull ? [] : LONG.map(suite)), ...BROWSERS],
        },
      },
      {
        // The same suites, with the example that has Auth.js v5.
        test: {
          ...endToEnd,
          name: "e2e-authjs",
          env: { NOLAPSE_EXAMPLE: "authjs" },
          include: isFull ? [suite("*")] : TELLING.map(suite),
          exclude: [...WITHOUT_EXAMPLE.map(suite), ...BROWSERS],
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
