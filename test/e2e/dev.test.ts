/**
 * `next dev` with hot reload: a file that the sign-in depends on is edited while the token is due. The module is made
 * anew, its state is not, so there is still one refresh per token and nobody loses a session.
 */
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  readlinkSync,
  copyFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { APP_FOLDER, CACHE_FOLDER } from "../../scripts/lib/paths.ts";
import { startStage, type Stage } from "./support/app.ts";
import { browserless, signInWithProvider, type Browserless } from "./support/browserless.ts";
import { LOGINS } from "./support/servers.ts";
import { ask, loadPage, pause, type TabReport } from "./support/tabs.ts";

const TOKEN_TTL_SECONDS = 12;
const LIFETIMES = 2;

let stage: Stage;
let folder: string;

/** A copy of the example that can be edited. Files are linked where the disk allows, for node_modules is large. */
function copyApp(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.name === ".next" || entry.name === ".nolapse") continue;
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else if (entry.isDirectory()) copyApp(source, target);
    else if (source.includes("node_modules")) link(source, target);
    else copyFileSync(source, target);
  }
}

function link(source: string, target: string): void {
  try {
    linkSync(source, target);
  } catch {
    copyFileSync(source, target);
  }
}

beforeAll(async () => {
  mkdirSync(CACHE_FOLDER, { recursive: true });
  folder = mkdtempSync(join(CACHE_FOLDER, "dev-app-"));
  copyApp(APP_FOLDER, folder);
  stage = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS, mode: "dev", folder });
});
afterAll(async () => {
  await stage.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function signedIn(user: "alice" | "bob"): Promise<Browserless> {
  const browser = browserless();
  const { url } = stage.app;
  await signInWithProvider(
    browser,
    { url, providerId: "demo", callbackUrl: `${url}/protected` },
    LOGINS[user],
  );
  return browser;
}

/** Edits a file so that its module, and all that import it, are made anew. */
function edit(path: string, mark: string): void {
  const file = join(folder, path);
  writeFileSync(
    file,
    `${readFileSync(file, "utf8")}\nexport const edited${mark} = ${JSON.stringify(mark)};\n`,
  );
}

describe("an app under `next dev` whose auth module is edited while the token is due", () => {
  it("sends one refresh per token and loses no session (F21, I1)", async () => {
    const browsers = [await signedIn("alice"), await signedIn("bob")];
    const { proxy, audit } = stage.servers.authorizationServer;
    const report: TabReport = { sent: 0, failed: [], tookMs: [] };
    const load = (): Promise<unknown> =>
      Promise.all(browsers.map((browser) => loadPage(browser, stage.app.url, report)));
    await load();

    for (let lifetime = 0; lifetime < LIFETIMES; lifetime++) {
      await pause(TOKEN_TTL_SECONDS * 500 + 700);
      const loading = load();
      edit("lib/auth.ts", `Auth${lifetime}`);
      await Promise.all([loading, load()]);
      edit("lib/auth-providers.ts", `Providers${lifetime}`);
      await Promise.all(browsers.map((browser) => ask(browser, `${stage.app.url}/via-proxy`, report)));
      await load();
      await pause(TOKEN_TTL_SECONDS * 200);
    }

    expect(report.failed).toEqual([]);
    const presented = proxy.log.filter(({ grantType }) => grantType === "refresh_token");
    const hashes = presented.map(({ refreshTokenHash }) => refreshTokenHash);
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hashes.length).toBeGreaterThanOrEqual(2 * LIFETIMES);
    expect(audit("refresh_token.reused")).toEqual([]);
    expect(audit("grant.revoked")).toEqual([]);
  });
});
