/** The packed tarball in an empty Next app that follows the README alone, and in plain Node at the oldest supported version. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { readDocument } from "../../scripts/lib/markdown.ts";
import { nextCli } from "../../scripts/lib/build-app.ts";
import { packPackage } from "../../scripts/lib/pack.ts";
import { ROOT } from "../../scripts/lib/paths.ts";
import { freePort } from "../../scripts/lib/ports.ts";
import { childEnvironment, run, runNode, runNpm } from "../../scripts/lib/run.ts";
import { browserless, signInWithProvider } from "../e2e/support/browserless.ts";
import { nextProcess, type NextProcess } from "../e2e/support/next-process.ts";
import { LOGINS, startServers, type Servers } from "../e2e/support/servers.ts";
import { pause } from "../e2e/support/tabs.ts";

const { devDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  devDependencies: Readonly<Record<string, string>>;
};
const TOKEN_TTL_SECONDS = 8;
const OLDEST_NODE = "20.9.0";
const SECRET = "q3Zr8mK1vT6yB0sXwE5nJ2hLcD9fGaUp7oRiMbVxYtQ=";

/** Tells whom the API knows by the token, or why there is none. */
const PROBE_ROUTE = `import { getAccessToken } from "../../../auth";
import { isTokenError } from "nolapse/next-auth";

export async function GET() {
  try {
    const { accessToken } = await getAccessToken();
    const headers = { authorization: \`Bearer \${accessToken}\` };
    const answer = await fetch(\`\${process.env.API_URL}/orders\`, { headers });
    return Response.json(await answer.json(), { status: answer.status });
  } catch (error) {
    return Response.json({ code: isTokenError(error) ? error.code : String(error) }, { status: 401 });
  }
}
`;

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
  let app: NextProcess | undefined;
  let servers: Servers | undefined;
  afterAll(async () => {
    await app?.kill();
    await servers?.stop();
  });

  it(
    "builds, knows nobody, and keeps the tokens of two users who sign in",
    { timeout: 300_000 },
    async () => {
      const blocks = readDocument("README.md").blocks.filter(({ title }) => title !== undefined);
      expect(blocks.map(({ title }) => title)).toEqual(expect.arrayContaining(["auth.ts", "app/layout.tsx"]));
      for (const { title, code } of blocks) write(title ?? "", code);
      write("app/api/probe/route.ts", PROBE_ROUTE);
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
          allowScripts: { node: true, sharp: false },
        }),
      );
      await runNpm(["install", tarball, "--no-fund", "--no-audit"], { cwd: folder });
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
        ...{ KEYCLOAK_ISSUER: servers.issuer, API_URL: servers.apiUrl },
      };
      await runNode(nextCli(folder), ["build"], { cwd: folder, env });

      app = nextProcess({ folder, port, env, readyPath: "/api/auth/session" });
      await app.start();
      const session: unknown = await (await fetch(`${url}/api/auth/session`)).json();
      const providers = (await (await fetch(`${url}/api/auth/providers`)).json()) as Record<string, unknown>;
      const orders = await fetch(`${url}/orders`);
      const signInPage = await fetch(`${url}/api/auth/signin`);

      expect(session).toEqual({});
      expect(await signInPage.text()).toContain("Sign in with Keycloak");
      expect(Object.keys(providers)).toEqual(["keycloak"]);
      expect(orders.status, "getAccessToken() rejects where nobody is signed in").toBe(500);
      await expectTwoUsersToLast(url, servers);
      await app.stop();
    },
  );

  // `npm test` holds the package's export conditions against a bundler of its own (`test/docs/package.test.ts`).
  if (process.env["NOLAPSE_FULL"] !== "1") return;
  it("cannot take server code into the browser (SEC-78)", { timeout: 300_000 }, async () => {
    write(
      "app/leak/page.tsx",
      `"use client";
import { sqliteStore } from "nolapse/stores/sqlite";
export default function Page() { return <p>{String(sqliteStore({ path: "grants.db" }))}</p>; }
`,
    );
    const env = { ...childEnvironment(), NODE_ENV: "production" as const, NEXT_TELEMETRY_DISABLED: "1" };

    await expect(runNode(nextCli(folder), ["build"], { cwd: folder, env })).rejects.toThrow(
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
      const added = [`node@${OLDEST_NODE}`, `@opentelemetry/api@${devDependencies["@opentelemetry/api"]}`];
      await runNpm(["install", "--no-save", ...added, "--no-fund", "--no-audit"], { cwd: folder });
      copyFileSync(join(import.meta.dirname, "oldest-node.mjs"), join(folder, "check.mjs"));
      const node = join(folder, "node_modules/node/bin/node");
      const env = { ...childEnvironment(), NEXTAUTH_SECRET: SECRET };

      const output = await run(node, ["check.mjs"], { cwd: folder, env });

      const told = JSON.parse(output.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
      expect(told).toMatchObject({ node: OLDEST_NODE, wrong: [], signedOut: "not_signed_in" });
      expect(told["checks"]).toBeGreaterThan(30);
      expect(told["outcomes"]).toEqual(["revocation revoked", "token rotated"]);
      expect(told["requests"]).toBeGreaterThanOrEqual(5);
      expect(told["sqlite"]).toMatchObject({
        code: "invalid_option",
        message: expect.stringMatching(/22\.13/) as string,
      });
    },
  );
});

/** Signs two users in at the app, and has it read their sessions and call the API past the end of their first tokens. */
async function expectTwoUsersToLast(url: string, servers: Servers): Promise<void> {
  const names = ["alice", "bob"] as const;
  const people = names.map((name) => ({ name, browser: browserless() }));
  const expectTheirOrders = async (): Promise<void> => {
    for (const { name, browser } of people) {
      const { status, body } = await browser.visit(`${url}/api/probe`);
      expect({ status, user: (JSON.parse(body) as { user?: string }).user }).toEqual({
        status: 200,
        user: name,
      });
    }
  };
  for (const { name, browser } of people)
    await signInWithProvider(browser, { url, providerId: "keycloak" }, LOGINS[name]);
  await expectTheirOrders();
  await pause(TOKEN_TTL_SECONDS * 1000 + 500);

  const pages = await Promise.all(
    people.flatMap(({ browser }) => [1, 2, 3].map(() => browser.visit(`${url}/api/auth/session`))),
  );

  for (const { body } of pages) {
    const session = JSON.parse(body) as { accessTokenExpiresIn: number };
    expect(session).toMatchObject({ tokenState: { status: "fresh" } });
    expect(session.accessTokenExpiresIn).toBeGreaterThan(TOKEN_TTL_SECONDS / 2);
  }
  await expectTheirOrders();
  const stranger = await browserless().visit(`${url}/api/probe`);
  expect([stranger.status, stranger.body]).toEqual([401, '{"code":"not_signed_in"}']);
  const { proxy, audit } = servers.authorizationServer;
  expect(proxy.log.filter(({ grantType }) => grantType === "refresh_token")).toHaveLength(2);
  expect(audit("refresh_token.reused")).toEqual([]);
}
