/**
 * Seeded bugs of the browser's part: which answer is believed, who asks, and when. M16 and M17 are in the other lists, and
 * have to be noticed in the browser world as well.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

/** In the order of their numbers. */
export const MUTANTS_OF_BROWSERS: readonly Mutant[] = [
  {
    id: "M24",
    what: "a session request may be answered by the browser's cache",
    patches: [{ file: "src/client/browser.ts", find: 'cache: "no-store",', replace: "" }],
    caughtBy: { world: "browser", rules: ["I13"] },
  },
  {
    id: "M25",
    what: "the answer to an older request is shown",
    patches: [
      { file: "src/client/scheduler.ts", find: "          if (flight !== mine) return;\n", replace: "" },
      { file: "src/client/browser.ts", find: "        signal,\n", replace: "" },
    ],
    caughtBy: { world: "browser", rules: ["I13"] },
  },
  {
    id: "M26",
    what: "tabs ask without waiting for their turn",
    patches: [
      {
        file: "src/client/scheduler.ts",
        find: 'reason === "mount" || reason === "update" ? undefined : sharing;',
        replace: "sharing && undefined;",
      },
    ],
    caughtBy: { world: "browser", rules: ["I19"] },
  },
  {
    id: "M27",
    what: "a frozen tab that has the turn is waited for without bound",
    patches: [
      {
        file: "src/client/turns.ts",
        find: "return Math.max(LEAST_WAIT_MS, Math.min(requestTimeoutMs, leftMs / 2));",
        replace: "return Math.max(LEAST_WAIT_MS, Math.min(requestTimeoutMs, leftMs / 2)) + 86_400_000;",
      },
    ],
    caughtBy: { world: "browser", rules: ["I17", "I19"] },
  },
  {
    id: "M28",
    what: "the monotonic clock alone decides, which stands still while the machine sleeps",
    patches: [
      {
        file: "src/client/environment.ts",
        find: "return Math.max(now.wallMs - since.wallMs, now.monotonicMs - since.monotonicMs);",
        replace: "return now.monotonicMs - since.monotonicMs;",
      },
      {
        file: "src/client/environment.ts",
        find: "return Math.abs(now.wallMs - since.wallMs - (now.monotonicMs - since.monotonicMs));",
        replace: "return 0 * now.wallMs * since.wallMs;",
      },
    ],
    caughtBy: { world: "browser", rules: ["I17", "I19"] },
  },
  {
    id: "M29",
    what: "news of an older token is taken over",
    patches: [
      {
        file: "src/client/tab-news.ts",
        find: " || news.expires < (latest.accessTokenExpires ?? 0))",
        replace: ")",
      },
    ],
    caughtBy: { world: "browser", rules: ["I13"] },
  },
  {
    id: "M30",
    what: "a failed session request counts as a sign-out, as in NextAuth",
    patches: [
      {
        file: "src/client/fetch-session.ts",
        find: 'if (response.status !== 200) return { kind: "failed" };',
        replace: 'if (response.status !== 200) return { kind: "signed_out" };',
      },
    ],
    caughtBy: { world: "browser", rules: ["I13"] },
  },
  {
    id: "M31",
    what: "a timer that fires a little early is not set again, so that a request that hangs silences the tab",
    patches: [
      {
        file: "src/client/scheduler.ts",
        find: "if (leftMs > 0) return arm(leftMs);",
        replace: "if (leftMs > 0) return;",
      },
    ],
    caughtBy: { world: "browser", rules: ["I17", "I19"] },
  },
  {
    id: "M32",
    what: "no pause after failures",
    patches: [
      {
        file: "src/client/plan.ts",
        find: "return Math.min(1_000 * 2 ** (count - 1), MAX_BACK_OFF_MS) * (1 - draw / 2);",
        replace: "return 0 * count * draw * MAX_BACK_OFF_MS + 500;",
      },
    ],
    caughtBy: { world: "browser", rules: ["I17"] },
  },
  {
    id: "M33",
    what: "a tab that shows nobody gives up after one failure, although it was told of a sign-in",
    patches: [
      {
        file: "src/client/plan.ts",
        find: "    state.failures === 0 &&\n    !state.doubtedAt &&\n",
        replace: "    !(state.doubtedAt && state.failures === 0) &&\n",
      },
    ],
    caughtBy: { world: "browser", rules: ["I13", "I19"] },
  },
  {
    id: "M34",
    what: "tabs tell each other what readers see",
    patches: [
      {
        file: "src/client/tab-news.ts",
        find: "view: checksum(viewOf(session)),",
        replace: "view: viewOf(session) as unknown as number,",
      },
    ],
    caughtBy: { world: "browser", rules: ["SEC-06"] },
  },
  {
    id: "M35",
    what: "the answer of a session that has ended sets the cookie all the same",
    patches: [
      {
        file: "src/adapter/session-cookie.ts",
        find: 'return lines.filter((line) => !isSessionCookie(line.slice(0, Math.max(0, line.indexOf("="))).trim(), name));',
        replace: 'return [...lines].filter(() => name !== "");',
      },
    ],
    caughtBy: { world: "browser", rules: ["I13"] },
  },
  {
    id: "M36",
    what: "the answer to update() is believed, whoever signed out or in meanwhile",
    patches: [
      {
        file: "src/client/overtaken.ts",
        find: "const { user, view, doubtedAt = before.doubtedAt } = note();",
        replace: "const { user, view, doubtedAt = note().doubtedAt } = before;",
      },
    ],
    caughtBy: { world: "browser", rules: ["I13"] },
  },
  {
    id: "M37",
    what: "what NextAuth tells of an older token is shown",
    patches: [
      { file: "src/client/scheduler.ts", find: "? expires < knownExpires\n", replace: "? expires < 0\n" },
    ],
    caughtBy: { world: "browser", rules: ["I13"] },
  },
  {
    id: "M38",
    what: "what NextAuth tells of a user who has just left is shown",
    patches: [
      {
        file: "src/client/scheduler.ts",
        find: "now.monotonicMs - leftAt.monotonicMs < requestTimeoutMs",
        replace: "now.monotonicMs - leftAt.monotonicMs < 0 * requestTimeoutMs",
      },
    ],
    caughtBy: { world: "browser", rules: ["I13"] },
  },
  {
    id: "M39",
    what: "a session that NextAuth could not get counts as a sign-out, although nobody said so",
    patches: [
      {
        file: "src/client/sign-out-message.ts",
        find: "return message !== undefined && message !== settled;",
        replace: "return message !== settled || settled === message;",
      },
    ],
    caughtBy: { world: "browser", rules: ["I13"] },
  },
];
