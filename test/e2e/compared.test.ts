/**
 * What nolapse replaces, counted: the example, and beside it the same app with the recipe of Auth.js's guide, under the
 * same load and at servers of the same strictness. Prints a row of the table in `docs/measurements.md` for each.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { buildCopy, configWithoutTypes, copyExample } from "./support/app-copy.ts";
import { startStage, type Stage } from "./support/app.ts";
import { browserless, signInWithProvider } from "./support/browserless.ts";
import { EXAMPLE } from "./support/example.ts";
import { LOGINS } from "./support/servers.ts";
import { keepLoading } from "./support/tabs.ts";

const TOKEN_TTL_SECONDS = 12;
const LIFETIME_MS = TOKEN_TTL_SECONDS * 1000;
/** 10 in `npm run test:full`. */
const LIFETIMES = Number(process.env["NOLAPSE_LIFETIMES"] ?? 3);
const TABS = 3;
const EVERY_MS = 700;
/** How long after a token's end its lifetime counts as survived. */
const AFTER_END_MS = 2_000;
const REFRESH = "refresh_token";
/** `lib/auth.ts` with the guide's recipe, for each version of next-auth, and what both have in common. */
const GUIDE = join(import.meta.dirname, "fixtures/guide");

/** What one app came to. */
interface Outcome {
  readonly lifetimesSurvived: number;
  readonly sent: number;
  readonly failed: number;
  readonly refreshRequests: number;
  /** Access tokens that refresh requests brought. */
  readonly tokensRenewed: number;
  readonly grantsRevoked: number;
}

let withNolapse: Stage;
let withGuide: Stage;

beforeAll(async () => {
  const folder = copyExample("guide", guideFiles());
  await buildCopy(folder, {});
  withNolapse = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS });
  withGuide = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS, folder });
});
afterAll(async () => {
  await withNolapse.stop();
  await withGuide.stop();
});

/** What the guide's app has in place of nolapse. */
function guideFiles(): Readonly<Record<string, string>> {
  const providers = "components/app-providers.tsx";
  const text = readFileSync(join(EXAMPLE.folder, providers), "utf8");
  return {
    ...filesBelow(join(GUIDE, "both")),
    ...filesBelow(join(GUIDE, EXAMPLE.name)),
    [providers]: text.replace("nolapse/react", "next-auth/react"),
    "next.config.ts": configWithoutTypes(),
  };
}

function filesBelow(folder: string): Readonly<Record<string, string>> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = files.map(({ parentPath, name }) => join(parentPath, name));
  return Object.fromEntries(paths.map((path) => [relative(folder, path), readFileSync(path, "utf8")]));
}

async function live({ app, servers }: Stage): Promise<Outcome> {
  const browser = browserless();
  const { url } = app;
  await signInWithProvider(
    browser,
    { url, providerId: "demo", callbackUrl: `${url}/protected` },
    LOGINS.alice,
  );
  const startedAtMs = Date.now();
  const endMs = startedAtMs + LIFETIMES * LIFETIME_MS + AFTER_END_MS;
  const {
    sent,
    failed,
    firstFailedAtMs = endMs,
  } = await keepLoading(browser, url, {
    tabs: TABS,
    everyMs: EVERY_MS,
    endMs,
  });
  const { authorizationServer } = servers;
  const refreshes = authorizationServer
    .audit("access_token.issued")
    .filter(({ grantType }) => grantType === REFRESH);
  return {
    lifetimesSurvived: Math.max(0, Math.floor((firstFailedAtMs - startedAtMs - AFTER_END_MS) / LIFETIME_MS)),
    sent,
    failed: failed.length,
    refreshRequests: authorizationServer.proxy.log.filter(({ grantType }) => grantType === REFRESH).length,
    tokensRenewed: refreshes.length,
    grantsRevoked: authorizationServer.audit("grant.revoked").length,
  };
}

/** A row of the table. */
function tell(what: string, outcome: Outcome): void {
  const { version } = JSON.parse(
    readFileSync(join(EXAMPLE.folder, "node_modules/next-auth/package.json"), "utf8"),
  ) as { version: string };
  const { lifetimesSurvived, sent, failed, refreshRequests, tokensRenewed, grantsRevoked } = outcome;
  const cells = [
    `next-auth ${version}, ${what}`,
    `${lifetimesSurvived} of ${LIFETIMES}`,
    `${Math.round((failed / sent) * 100)} % of ${sent.toLocaleString("en")}`,
    `${refreshRequests} for ${tokensRenewed} tokens`,
    String(grantsRevoked),
  ];
  console.log(`[compared] | ${cells.join(" | ")} |`);
}

describe("under the same load, at a server that rotates strictly", () => {
  it(`the example survives ${LIFETIMES} lifetimes, and the guide's recipe not one (F10, F11)`, async () => {
    const [nolapse, guide] = await Promise.all([live(withNolapse), live(withGuide)]);

    tell("nolapse", nolapse);
    tell("the guide's recipe", guide);
    expect(nolapse).toMatchObject({
      lifetimesSurvived: LIFETIMES,
      failed: 0,
      refreshRequests: nolapse.tokensRenewed,
      grantsRevoked: 0,
    });
    expect(nolapse.tokensRenewed).toBeGreaterThanOrEqual(LIFETIMES);
    expect(guide.lifetimesSurvived).toBe(0);
    expect(guide.failed).toBeGreaterThan(0);
    expect(guide.refreshRequests).toBeGreaterThan(guide.tokensRenewed);
    expect(guide.grantsRevoked).toBe(1);
  });
});
