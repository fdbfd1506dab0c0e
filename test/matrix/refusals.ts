/**
 * What cannot work, tried all the same: each attempt has to end with words that say what to do instead.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { freePort } from "../../scripts/lib/ports.ts";
import { childEnvironment, run } from "../../scripts/lib/run.ts";
import { nextProcess } from "../e2e/support/next-process.ts";
import type { Environment } from "./configurations.ts";
import type { Row } from "./rows.ts";
import { NEXT, NEXT_AUTH, NODE } from "./versions.ts";
import type { Workshop } from "./workshop.ts";

/** Something that cannot work. */
export interface Refusal {
  /** For the table: the versions, what is tried, and what to do instead, in Markdown. */
  readonly versions: string;
  readonly what: string;
  readonly instead: string;
  /** What has to be said. */
  readonly words: RegExp;
  /** Tries it, and resolves with when something was said, and with everything that was. */
  readonly attempt: (workshop: Workshop) => Promise<Said>;
}

/** What came of an attempt. */
export interface Said {
  readonly when: "build" | "start" | "first request" | "first use";
  readonly output: string;
}

const SECRET = "q3Zr8mK1vT6yB0sXwE5nJ2hLcD9fGaUp7oRiMbVxYtQ=";
/** Nobody signs in here. */
const NOBODY = "http://127.0.0.1:9";
const NEWEST = { router: "app", node: 24, configuration: "plain" } as const;

/** All of them, in the order of the table. */
export const REFUSALS: readonly Refusal[] = [
  ...([4, 5] as const).flatMap((nextAuth) =>
    ([14, 15, 16] as const).map((major) => edgeMiddleware(nextAuth, major)),
  ),
  ...([4, 5] as const).flatMap((nextAuth) => [sqliteOnOldNode(nextAuth), sqliteOnServerless(nextAuth)]),
  wrongEntry(4),
  wrongEntry(5),
];

function edgeMiddleware(nextAuth: Row["nextAuth"], major: 14 | 15 | 16): Refusal {
  const next = nextAuth === 4 && major === 14 ? "14 from" : major;
  const row: Row = { ...NEWEST, nextAuth, next, react: major === 14 ? 18 : 19 };
  const instead = {
    14: "protect pages and routes in themselves: `getAccessToken()` works there",
    15: '`export const config = { runtime: "nodejs" }` in the `middleware.ts` of Next 15.5',
    16: "`proxy.ts`",
  };
  return {
    versions: `next-auth ${NEXT_AUTH[nextAuth]}, Next ${NEXT[next]}`,
    what: "`middleware.ts` on the Edge",
    instead: instead[major],
    words: /needs the Node runtime, and middleware\.ts runs on the Edge|not-for-edge-use-proxy-ts\.js/,
    attempt: async (workshop) => {
      const folder = await workshop.withEdgeMiddleware(row);
      try {
        await workshop.build(folder);
      } catch (error) {
        return { when: "build", output: String(error) };
      }
      return answersOf(folder, "/via-proxy");
    },
  };
}

function sqliteOnOldNode(nextAuth: Row["nextAuth"]): Refusal {
  const row: Row = { ...NEWEST, nextAuth, next: 16, react: 19, node: 20 };
  return {
    versions: `next-auth ${NEXT_AUTH[nextAuth]}, Node ${NODE[20]}`,
    what: "`sqliteStore`",
    instead: `Node ${NODE[22]}, or another store`,
    words: /22\.13/,
    attempt: async (workshop) =>
      answersOf(await workshop.app(row), "/api/in-app", {}, await workshop.node(20)),
  };
}

function sqliteOnServerless(nextAuth: Row["nextAuth"]): Refusal {
  const row: Row = { ...NEWEST, nextAuth, next: 16, react: 19 };
  return {
    versions: `next-auth ${NEXT_AUTH[nextAuth]}, production on Vercel`,
    what: "`sqliteStore`",
    instead: "[Redis or PostgreSQL](deployment.md#serverless)",
    words: /Use redisStore\(\) or postgresStore\(\)/,
    attempt: async (workshop) => answersOf(await workshop.app(row), "/api/in-app", { VERCEL: "1" }),
  };
}

/** The entry for the other version, in plain Node: it says so at its first use, whatever runs it. */
function wrongEntry(nextAuth: Row["nextAuth"]): Refusal {
  const [wrong, right] =
    nextAuth === 4 ? ["nolapse/authjs", "nolapse/next-auth"] : ["nolapse/next-auth", "nolapse/authjs"];
  const script = `import { withFreshTokens } from "${wrong}";
import { memoryStore } from "nolapse/stores/memory";
await withFreshTokens({ providers: [], secret: "${SECRET}" }, { store: memoryStore() }).check();
`;
  return {
    versions: `next-auth ${NEXT_AUTH[nextAuth]}`,
    what: `\`${wrong}\``,
    instead: `\`${right}\``,
    words: new RegExp(`this app has next-auth ${nextAuth}: import from "${right}" instead`),
    attempt: async (workshop) => {
      const folder = await workshop.installation({ nextAuth, next: 16, react: 19 });
      writeFileSync(join(folder, "wrong-entry.mjs"), script);
      const ended = run(process.execPath, ["wrong-entry.mjs"], { cwd: folder, env: childEnvironment() });
      return { when: "first use", output: await ended.catch(String) };
    },
  };
}

/** What an app says that is started, and asked once if it does start. */
async function answersOf(
  folder: string,
  path: string,
  env: Environment = {},
  node = process.execPath,
): Promise<Said> {
  const port = await freePort();
  const url = `http://localhost:${port}`;
  const app = nextProcess({
    folder,
    port,
    readyPath: "/api/auth/csrf",
    node,
    env: {
      ...childEnvironment(),
      ...{ NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1", NEXTAUTH_URL: url, AUTH_URL: url },
      ...{ NEXTAUTH_SECRET: SECRET, AUTH_SECRET: SECRET, OIDC_ISSUER: NOBODY },
      ...env,
    },
  });
  try {
    await app.start();
  } catch (error) {
    return { when: "start", output: String(error) };
  }
  try {
    const answer = await fetch(url + path, { redirect: "manual" });
    return { when: "first request", output: `${answer.status} ${await answer.text()}\n${app.output()}` };
  } finally {
    await app.stop();
  }
}
