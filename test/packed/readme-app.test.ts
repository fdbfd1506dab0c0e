/** The packed tarball in an empty Next app that follows the README alone, and in plain Node at the oldest supported version. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { readDocument } from "../../scripts/lib/markdown.ts";
import { packPackage } from "../../scripts/lib/pack.ts";
import { ROOT } from "../../scripts/lib/paths.ts";
import { freePort } from "../../scripts/lib/ports.ts";
import { childEnvironment, run, runNode, runNpm } from "../../scripts/lib/run.ts";
import { browserless, signInWithProvider } from "../e2e/support/browserless.ts";
import { LOGINS, startServers, type Servers } from "../e2e/support/servers.ts";
import { pause } from "../e2e/support/tabs.ts";

const { devDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  devDependencies: Readonly<Record<string, string>>;
};
const TOKEN_TTL_SECONDS = 8;
const OLDEST_NODE = "20.9.0";
const SECRET = "q3Zr8mK1vT6yB0sXwE5nJ2hLcD9fGaUp7oRiMbVxYtQ=";

let folder: string;
let tarball: string;

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function pinned(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, devDependencies[name] ?? "*"]));
}

beforeAll(async () => {
  tarball = await packPackage();
  folder = mkdtempSync(join(tmpdir(), "nolapse-readme-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("an empty Next app that follows the README alone", () => {
  let app: ChildProcess | undefined;
  let servers: Servers | undefined;
  afterAll(async () => {
    app?.kill("SIGKILL");
    await servers?.stop();
  });

  it(
    "builds, knows nobody, and keeps the tokens of two users who sign in",
    { timeout: 300_000 },
    async () => {
      const blocks = readDocument("README.md").blocks.filter(({ title }) => title !== undefined);
      expect(blocks.map(({ title }) => title)).toContain("auth.ts");
      for (const { title, code } of blocks) write(title ?? "", code);
      write(
        "app/layout.tsx",
        `import { Providers } from "./providers";
export default function Layout({ children }: { children: React.ReactNode }) {
  return <html lang="en"><body><Providers>{children}</Providers></body></html>;
}
`,
      );
      write("app/page.tsx", "export default function Page() { return <h1>An empty app</h1>; }\n");
      write(
        "tsconfig.json",
        JSON.stringify({
          compilerOptions: {
            ...{ target: "ES2022", lib: ["dom", "dom.iterable", "esnext"], strict: true, noEmit: true },
            ...{ module: "esnext", moduleResolution: "bundler", jsx: "react-jsx", skipLibCheck: true },
            ...{
              isolatedModules: true,
              esModuleInterop: true,
              incremental: false,
              paths: { "@/*": ["./*"] },
            },
          },
          include: ["**/*.ts", "**/*.tsx"],
        }),
      );
      write("next.config.mjs", "export default { turbopack: { root: process.cwd() } };\n");
      write(
        "package.json",
        JSON.stringify({
          private: true,
          dependencies: pinned("next", "next-auth", "react", "react-dom"),
          devDependencies: pinned("typescript", "@types/react", "@types/react-dom", "@types/node"),
          allowScripts: { sharp: false },
        }),
      );
      await runNpm(["install", tarball, "--no-fund", "--no-audit"], { cwd: folder });
      const next = join(folder, "node_modules/next/dist/bin/next");
      const port = await freePort();
      const url = `http://localhost:${port}`;
      servers = await startServers({
        tokenTtlSeconds: TOKEN_TTL_SECONDS,
        redirectUris: [`${url}/api/auth/callback/keycloak`],
      });
      const env = {
        ...childEnvironment(),
        ...{ NODE_ENV: "production" as const, NEXT_TELEMETRY_DISABLED: "1", NEXTAUTH_URL: url },
        ...{ NEXTAUTH_SECRET: SECRET, NOLAPSE_SECRET: `${SECRET.slice(20)}${SECRET.slice(0, 20)}` },
        // The bundled authorization server stands in for Keycloak.
        ...{ KEYCLOAK_ID: servers.clientId, KEYCLOAK_SECRET: servers.clientSecret },
        KEYCLOAK_ISSUER: servers.issuer,
      };
      await runNode(next, ["build"], { cwd: folder, env });

      app = spawn(process.execPath, [next, "start", "-p", String(port), "-H", "127.0.0.1"], {
        cwd: folder,
        env,
        stdio: "ignore",
      });
      const session = await firstAnswer(`${url}/api/auth/session`);
      const providers = (await (await fetch(`${url}/api/auth/providers`)).json()) as Record<string, unknown>;
      const orders = await fetch(`${url}/orders`);
      const signInPage = await fetch(`${url}/api/auth/signin`);

      expect(session).toEqual({});
      expect(await signInPage.text()).toContain("Sign in with Keycloak");
      expect(Object.keys(providers)).toEqual(["keycloak"]);
      expect(orders.status, "getAccessToken() rejects where nobody is signed in").toBe(500);
      await expectTwoUsersToLast(url, servers);
      app.kill("SIGTERM");
      await once(app, "exit");
    },
  );

  it("cannot take server code into the browser (SEC-78)", { timeout: 300_000 }, async () => {
    write(
      "app/leak/page.tsx",
      `"use client";
import { sqliteStore } from "nolapse/stores/sqlite";
export default function Page() { return <p>{String(sqliteStore({ path: "grants.db" }))}</p>; }
`,
    );
    const next = join(folder, "node_modules/next/dist/bin/next");
    const env = { ...childEnvironment(), NODE_ENV: "production" as const, NEXT_TELEMETRY_DISABLED: "1" };

    await expect(runNode(next, ["build"], { cwd: folder, env })).rejects.toThrow(
      /sqliteStore doesn't exist in target module/,
    );
    rmSync(join(folder, "app/leak"), { recursive: true });
  });
});

describe(`the package on Node ${OLDEST_NODE}`, () => {
  it(
    "imports every entry, renews the tokens of two users on the memory store, and says what SQLite needs",
    { timeout: 300_000 },
    async () => {
      const place = mkdtempSync(join(tmpdir(), "nolapse-oldest-"));
      try {
        writeFileSync(
          join(place, "package.json"),
          JSON.stringify({
            ...{ private: true, type: "module", allowScripts: { node: true } },
            dependencies: {
              ...pinned("next-auth", "next", "react", "react-dom", "@opentelemetry/api"),
              node: OLDEST_NODE,
            },
          }),
        );
        await runNpm(["install", tarball, "--no-fund", "--no-audit"], { cwd: place });
        copyFileSync(join(import.meta.dirname, "oldest-node.mjs"), join(place, "check.mjs"));
        const node = join(place, "node_modules/node/bin/node");
        const env = { ...childEnvironment(), NEXTAUTH_SECRET: SECRET };

        const output = await run(node, ["check.mjs"], { cwd: place, env });

        const told = JSON.parse(output.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
        expect(told).toMatchObject({ node: OLDEST_NODE, wrong: [], signedOut: "not_signed_in" });
        expect(told["checks"]).toBeGreaterThan(30);
        expect(told["outcomes"]).toEqual(["revocation revoked", "token rotated"]);
        expect(told["requests"]).toBeGreaterThanOrEqual(5);
        expect(told["sqlite"]).toMatchObject({
          code: "invalid_option",
          message: expect.stringMatching(/22\.13/) as string,
        });
      } finally {
        rmSync(place, { recursive: true, force: true });
      }
    },
  );
});

/** Signs two users in at the app and reads their sessions past the end of their first tokens. */
async function expectTwoUsersToLast(url: string, servers: Servers): Promise<void> {
  const people = [browserless(), browserless()];
  for (const [index, login] of [LOGINS.alice, LOGINS.bob].entries())
    await signInWithProvider(people[index]!, { url, providerId: "keycloak" }, login);
  await pause(TOKEN_TTL_SECONDS * 1000 + 500);

  const pages = await Promise.all(
    people.flatMap((one) => [1, 2, 3].map(() => one.visit(`${url}/api/auth/session`))),
  );

  for (const { body } of pages) {
    const session = JSON.parse(body) as { accessTokenExpiresIn: number };
    expect(session).toMatchObject({ tokenState: { status: "fresh" } });
    expect(session.accessTokenExpiresIn).toBeGreaterThan(TOKEN_TTL_SECONDS / 2);
  }
  const { proxy, audit } = servers.authorizationServer;
  expect(proxy.log.filter(({ grantType }) => grantType === "refresh_token")).toHaveLength(2);
  expect(audit("refresh_token.reused")).toEqual([]);
}

async function firstAnswer(url: string): Promise<unknown> {
  const endMs = Date.now() + 30_000;
  for (;;) {
    try {
      return await (await fetch(url, { signal: AbortSignal.timeout(10_000) })).json();
    } catch (error) {
      if (Date.now() > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
