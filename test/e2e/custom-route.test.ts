/**
 * The app where it is not alone: below a path of its host, behind a proxy that ends TLS, with NextAuth's variables set as
 * NextAuth documents them; and at a host that is told by the proxy's headers alone.
 */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";

import { freePort } from "../../scripts/lib/ports.ts";
import { startStore, type StoreServer } from "../../torture/stores.ts";
import { buildCopy, configWithoutTypes, copyExample } from "./support/app-copy.ts";
import { exampleApp, type App } from "./support/app.ts";
import {
  browserless,
  type Browserless,
  signInWithCredentials,
  signInWithProvider,
  signOut,
} from "./support/browserless.ts";
import { describeInChromium, launchChromium } from "./support/chromium.ts";
import { EXAMPLE } from "./support/example.ts";
import { LOGINS, startServers, type Servers } from "./support/servers.ts";
import { ask, keepLoading, pause, type TabReport } from "./support/tabs.ts";
import { tlsProxy, type TlsProxy } from "./support/tls-proxy.ts";

const TOKEN_TTL_SECONDS = 8;
const LIFETIME_MS = TOKEN_TTL_SECONDS * 1000;
const BASE_PATH = "/custom-route";
const AUTH_PATH = `${BASE_PATH}/api/auth`;
const SESSION_COOKIE = EXAMPLE.secureSessionCookie;

/** A server that asks itself for the session by HTTP: what `NEXTAUTH_URL_INTERNAL` is for. */
const LOOPBACK_ROUTE = `import type { NextApiRequest, NextApiResponse } from "next";
import { getSession } from "next-auth/react";

export default async function handler(req: NextApiRequest, res: NextApiResponse): Promise<void> {
  // next-auth 4 reads the cookie of \`req\`, next-auth 5 that of the parameters themselves.
  const parameters = { req, headers: req.headers };
  res.status(200).json(await getSession(parameters));
}
`;

type User = "alice" | "bob" | "carol";

async function signIn(user: User, appUrl: string, authPath: string): Promise<Browserless> {
  const browser = browserless();
  const app = { url: new URL(appUrl).origin, authPath, callbackUrl: `${appUrl}/protected` };
  const page =
    user === "carol"
      ? await signInWithCredentials(browser, { ...app, providerId: "credentials" }, LOGINS[user])
      : await signInWithProvider(browser, { ...app, providerId: "demo" }, LOGINS[user]);
  expect(page.url).toBe(`${appUrl}/protected`);
  expect(page.body).toContain('data-testid="orders"');
  return browser;
}

function expectNothingLost({ authorizationServer, api }: Servers, atLeast: number): void {
  const { log } = authorizationServer.proxy;
  const presented = [...log, ...api.proxy.log].filter(({ grantType }) => grantType === "refresh_token");
  expect(presented.length).toBeGreaterThanOrEqual(atLeast);
  expect(new Set(presented.map(({ refreshTokenHash }) => refreshTokenHash)).size).toBe(presented.length);
  expect(presented.filter(({ status }) => status !== 200)).toEqual([]);
  expect(authorizationServer.audit("refresh_token.reused")).toEqual([]);
}

describe("an app below a path, behind a proxy that ends TLS", () => {
  let servers: Servers;
  let app: App;
  let proxy: TlsProxy;
  let url: string;
  let authUrl: string;
  const people = new Map<User, Browserless>();

  beforeAll(async () => {
    const folder = copyExample("custom-route", {
      "pages/api/loopback-session.ts": LOOPBACK_ROUTE,
      "next.config.ts": configWithoutTypes(),
    });
    const built = buildCopy(folder, { NEXT_BASE_PATH: BASE_PATH });
    proxy = await tlsProxy();
    url = proxy.origin + BASE_PATH;
    authUrl = proxy.origin + AUTH_PATH;
    servers = await startServers({
      tokenTtlSeconds: TOKEN_TTL_SECONDS,
      redirectUris: [`${authUrl}/callback/demo`],
    });
    const port = await freePort();
    proxy.targetPort = port;
    await built;
    app = exampleApp({
      servers,
      port,
      folder,
      basePath: BASE_PATH,
      publicUrl: authUrl,
      env: { NEXTAUTH_URL_INTERNAL: `http://127.0.0.1:${port}${AUTH_PATH}` },
    });
    await app.start();
  });
  afterAll(async () => {
    await app.stop();
    await servers.stop();
    await proxy.close();
  });

  it("sends whom it does not know to its own sign-in page, and back", async () => {
    for (const path of ["/protected", "/pages-router", "/via-proxy"]) {
      const stranger = browserless();
      const page = await stranger.visit(url + path);

      const at = new URL(page.url);
      expect(at.origin + at.pathname).toBe(`${url}/signin`);
      expect(at.searchParams.get("callbackUrl")).toBe(path);
      expect(page.body).toContain('data-testid="return-to"');
    }
    const denied = await browserless().visit(`${authUrl}/signin`);
    expect(new URL(denied.url).pathname).toBe(`${BASE_PATH}/signin`);
  });

  it("signs in over https, with cookies that no plain request carries", async () => {
    for (const user of ["alice", "bob", "carol"] as const)
      people.set(user, await signIn(user, url, AUTH_PATH));

    for (const browser of people.values()) {
      const cookies = await browser.jar.getCookies(proxy.origin);
      const session = cookies.filter(({ key }) => key.startsWith(SESSION_COOKIE));
      expect(session).toMatchObject([{ key: SESSION_COOKIE, secure: true, httpOnly: true }]);
      expect(cookies.map(({ key }) => key)).not.toContain(EXAMPLE.sessionCookie);
    }
  });

  it("lives a lifetime and a half of parallel calls by every door", async () => {
    const endMs = Date.now() + 1.5 * LIFETIME_MS;
    const reports = await Promise.all(
      [...people.values()].map((browser) => keepLoading(browser, url, { tabs: 2, everyMs: 700, endMs })),
    );
    const doors: TabReport = { sent: 0, failed: [], tookMs: [] };
    for (const browser of people.values())
      for (const path of ["/via-proxy", "/pages-router", "/api/pages/orders"])
        await ask(browser, url + path, doors);

    expect([...reports, doors].flatMap(({ failed }) => failed)).toEqual([]);
    // Three people, due at half of each lifetime.
    expectNothingLost(servers, 6);
  });

  it("finds its own session by NEXTAUTH_URL_INTERNAL, past the proxy, also when the token has ended", async () => {
    const [alice, bob] = [people.get("alice")!, people.get("bob")!];
    await pause(LIFETIME_MS + 500);
    const seen = proxy.seen.length;

    const pages = await Promise.all(
      [alice, bob].map((browser) => browser.visit(`${url}/api/loopback-session`)),
    );

    const sessions = pages.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
    expect(sessions).toMatchObject([
      { user: { email: "alice@example.com" }, tokenState: { status: "fresh" } },
      { user: { email: "bob@example.com" }, tokenState: { status: "fresh" } },
    ]);
    expect(proxy.seen.slice(seen)).toEqual([1, 2].map(() => `GET ${BASE_PATH}/api/loopback-session`));
    // The session route waited for the refresh: a new token has more than half of its life before it.
    for (const { accessTokenExpiresIn } of sessions)
      expect(accessTokenExpiresIn).toBeGreaterThan(TOKEN_TTL_SECONDS / 2);
    expectNothingLost(servers, 8);
  });

  describeInChromium("in a browser", () => {
    it("asks below that path only, signs in by its form, streams, and signs out", async () => {
      const browser = await launchChromium();
      onTestFinished(() => browser.close());
      const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: "en-US" });
      const asked: string[] = [];
      const refused: string[] = [];
      context.on("request", (request) => asked.push(request.url()));
      context.on("response", (answer) => {
        if (answer.status() >= 400) refused.push(`${answer.status()} ${answer.url()}`);
      });
      const page = await context.newPage();

      await page.goto(`${url}/client`);
      const form = page.getByTestId("credentials-form");
      await form.locator('[name="username"]').fill(LOGINS.dave.username);
      await form.locator('[name="password"]').fill(LOGINS.dave.password);
      await form.locator('button[type="submit"]').click();
      await page.waitForURL(`${url}/client`);
      await page.getByTestId("orders").waitFor();
      const pagesApi = page.waitForResponse(`${url}/api/pages/orders`);
      await page.getByTestId("call-pages-api").click();
      await pagesApi;
      // The tab asks for its session by itself when the token is due.
      const session = page.waitForResponse(`${authUrl}/session`);
      await page.goto(`${url}/live`);
      await page.getByTestId("timeline").waitFor();
      const route = page.waitForResponse(`${url}/api/orders`);
      await page.getByTestId("call-one").click();
      await Promise.all([route, session]);
      await page.getByTestId("live-sign-out").click();
      await page.waitForURL((at) => at.pathname === BASE_PATH);

      expect(asked.filter((address) => !address.startsWith(url))).toEqual([]);
      expect(asked).toContain(`${url}/api/live`);
      expect(refused).toEqual([]);
      const kept = (await context.cookies()).map(({ name }) => name);
      expect(kept).not.toContain(SESSION_COOKIE);
    });
  });

  it("signs out one and not the other", async () => {
    const [alice, bob] = [people.get("alice")!, people.get("bob")!];
    const old = browserless({ jar: await alice.jar.clone() });

    await signOut(alice, { url: authUrl, authPath: "", callbackUrl: url });

    expect(await alice.cookie(url, SESSION_COOKIE)).toBeUndefined();
    expect((await old.visit(`${url}/api/orders`)).status).toBe(401);
    expect((await bob.visit(`${url}/api/orders`)).status).toBe(200);
  });
});

/** NextAuth reads both alike; `npm run test:full` tries the other one, too. */
const TRUSTED_BY = process.env["NOLAPSE_FULL"] === "1" ? ["VERCEL", "AUTH_TRUST_HOST"] : ["VERCEL"];

describe.each(TRUSTED_BY)("an app that was not told its address and may trust its proxy (%s)", (variable) => {
  let servers: Servers;
  let store: StoreServer | undefined;
  let app: App;
  let proxy: TlsProxy;
  beforeAll(async () => {
    proxy = await tlsProxy();
    servers = await startServers({
      tokenTtlSeconds: TOKEN_TTL_SECONDS,
      redirectUris: [`${proxy.origin}/api/auth/callback/demo`],
    });
    const port = await freePort();
    proxy.targetPort = port;
    store = await startStore("redis");
    if (store === undefined && process.env["CI"] === "true")
      throw new Error("CI=true, and there is no Redis");
    if (store === undefined) console.warn("\nSKIPPED the host by VERCEL: there is no Redis here\n");
    // With VERCEL set, a store on the machine's own disk refuses to start.
    const env = store
      ? { [variable]: "1", STORE: "redis", REDIS_URL: store.address.at }
      : { AUTH_TRUST_HOST: "1" };
    app = exampleApp({ servers, port, publicUrl: null, env });
    await app.start();
  });
  afterAll(async () => {
    await app.stop();
    await store?.stop();
    await servers.stop();
    await proxy.close();
  });

  it("is where the proxy says, in every door, over a renewal, for two users", async () => {
    const people = [
      await signIn("alice", proxy.origin, "/api/auth"),
      await signIn("carol", proxy.origin, "/api/auth"),
    ];
    for (const browser of people) expect(await browser.cookie(proxy.origin, SESSION_COOKIE)).toBeDefined();
    const endMs = Date.now() + LIFETIME_MS / 2 + 1_500;
    const reports = await Promise.all(
      people.map((browser) => keepLoading(browser, proxy.origin, { tabs: 1, everyMs: 700, endMs })),
    );
    const doors: TabReport = { sent: 0, failed: [], tookMs: [] };
    for (const browser of people)
      for (const path of ["/via-proxy", "/pages-router", "/api/pages/orders"])
        await ask(browser, proxy.origin + path, doors);

    expect([...reports, doors].flatMap(({ failed }) => failed)).toEqual([]);
    expectNothingLost(servers, 2);
    const [alice, carol] = people;
    await signOut(alice!, { url: proxy.origin });
    expect((await alice!.visit(`${proxy.origin}/api/orders`)).status).toBe(401);
    expect((await carol!.visit(`${proxy.origin}/api/orders`)).status).toBe(200);
  });
});
