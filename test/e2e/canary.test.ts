/**
 * Every token, handle and secret is a canary: two users of each login go through all of the example for
 * whole token lifetimes, its errors and the sign-out included, and nothing that leaves the server or reaches the disk shows one.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { TEST_BUILD } from "../../scripts/lib/paths.ts";
import { SECRETS, startStage, type Stage } from "./support/app.ts";
import {
  browserless,
  signInWithCredentials,
  signInWithProvider,
  type Browserless,
} from "./support/browserless.ts";
import { EXAMPLE } from "./support/example.ts";
import { recordEverything, type Recorder } from "./support/recorder.ts";
import { findLeaks, type Canary, type Place } from "./support/secret-scan.ts";
import { LOGINS } from "./support/servers.ts";
import { pause } from "./support/tabs.ts";

const SECRET = "Zq3vK8_pX-1mW0sYtR7bN2cL5dF9gH4jA6eU8iO3kQw";

describe("the scanner", () => {
  const jwtLike = `eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.${SECRET}`;
  const url = (text: string): string => Buffer.from(text).toString("base64url");
  const everyCharacter = (text: string, mark: (code: string) => string): string =>
    text.replace(/./g, (letter) => mark(letter.charCodeAt(0).toString(16)));

  it.each([
    ["as it is", `token=${SECRET};`],
    ["shortened to its first half", `token ${SECRET.slice(0, 24)}...`],
    ["its end only", `...${SECRET.slice(-22)}`],
    ["base64 inside other letters", `x${Buffer.from(`a${SECRET}`).toString("base64")}`],
    ["base64url of JSON", url(JSON.stringify({ a: 1, b: SECRET }))],
    ["base64url twice", url(`"${url(SECRET)}"`)],
    ["percent-encoded", everyCharacter(SECRET, (code) => `%${code}`)],
    ["JSON escapes", everyCharacter(SECRET, (code) => `\\u00${code}`)],
    [
      "percent-encoded base64 in JSON",
      JSON.stringify(encodeURIComponent(Buffer.from(SECRET).toString("base64"))),
    ],
    ["the signature of a JWT whose payload changed", `e30.e30.${SECRET}`],
  ])("finds a planted secret: %s", (_name, text) => {
    expect(findLeaks([{ name: "planted", value: SECRET }], [{ where: "here", text }])).not.toEqual([]);
    expect(findLeaks([{ name: "planted", value: jwtLike }], [{ where: "here", text }])).not.toEqual([]);
  });

  it("finds nothing where there is nothing", () => {
    const text = `${url("nothing to see")} ${jwtLike.slice(0, 41)} ${SECRET.slice(0, 12)}`;
    expect(findLeaks([{ name: "planted", value: jwtLike }], [{ where: "here", text }])).toEqual([]);
  });
});

const TOKEN_TTL_SECONDS = 8;
/** 1 in `npm test`, 2 in `npm run test:full`. */
const LIFETIMES = process.env["NOLAPSE_FULL"] === "1" ? 2 : 1;
const PAGES = [
  "/",
  "/protected",
  "/client",
  "/action",
  "/live",
  "/via-proxy",
  "/pages-router",
  "/signin",
  "/no-such-page",
];
const ROUTES = [
  "/api/orders",
  "/api/pages/orders",
  "/api/auth/session",
  "/api/auth/csrf",
  "/api/auth/providers",
  "/api/auth/signout",
  "/api/auth/error?error=Configuration",
  "/api/auth/no-such-action",
];
const FORMS: readonly Readonly<Record<string, string>>[] = [
  {},
  { rsc: "1" },
  { rsc: "1", "next-router-prefetch": "1" },
];

let stage: Stage;
let recorder: Recorder;
const people = new Map<string, Browserless>();
const canaries = new Map<string, Canary>();
const places: Place[] = [];
/** What the authorization server had issued before any sign-in ended: then it forgets. */
const issued: string[] = [];
/** The newest tokens, as a careless server would quote them in an error. */
let quoted = "";

beforeAll(async () => {
  stage = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS });
  recorder = recordEverything();
  const { authorizationServer, api, clientSecret } = stage.servers;
  recorder.watchRequestsTo("the authorization server", authorizationServer.proxy, collectTokens);
  recorder.watchRequestsTo("the API", api.proxy, collectTokens);
  addCanary(EXAMPLE.secretVariable, SECRETS.nextAuth);
  addCanary("NOLAPSE_SECRET", SECRETS.nolapse);
  addCanary("the client secret", clientSecret);
});
afterAll(async () => {
  recorder.stop();
  await stage.stop();
});

function addCanary(name: string, value: string): void {
  canaries.set(value, { name, value });
}

function collectTokens(url: string, answer: string): void {
  if (!/^\/(token|login|refresh)(\?|$)/.test(url)) return;
  const told = JSON.parse(answer.startsWith("{") ? answer : "{}") as Record<string, unknown>;
  const tokens = ["access_token", "refresh_token", "id_token"].flatMap((name) => {
    const value = told[name];
    if (typeof value !== "string") return [];
    addCanary(`${name} of ${url}`, value);
    return [value];
  });
  if (tokens.length > 0) quoted = tokens.join(" ");
}

function tokensAtAuthorizationServer(): readonly string[] {
  const database = new DatabaseSync(join(stage.servers.dataDir, "as.db"), { readOnly: true });
  const rows = database
    .prepare("SELECT id FROM entry WHERE model IN ('AccessToken', 'RefreshToken')")
    .all() as { id: string }[];
  database.close();
  return rows.map(({ id }) => id);
}

/** The handle of the session in the jar, after a look at what else its JWT says. */
async function inspectSession(name: string, browser: Browserless): Promise<void> {
  const token = await browser.cookie(stage.app.url, EXAMPLE.sessionCookie);
  const jwt = await EXAMPLE.openSession(token, SECRETS.nextAuth);
  const { handle } = (jwt as unknown as { nolapse: { handle: string } }).nolapse;
  expect(handle).toHaveLength(43);
  addCanary(`the handle of ${name}`, handle);
  // All else in the encrypted cookie may be there, tokens and secrets may not.
  places.push({ where: `the decrypted session of ${name}`, text: JSON.stringify(jwt).replace(handle, "") });
}

function sampleDisk(when: string): void {
  for (const suffix of ["", "-wal", "-shm"]) {
    const file = join(stage.servers.dataDir, `grants.db${suffix}`);
    if (existsSync(file))
      places.push({ where: `grants.db${suffix} ${when}`, text: readFileSync(file, "latin1") });
  }
}

async function visitEverything(browser: Browserless): Promise<void> {
  const { url } = stage.app;
  for (const headers of FORMS) await Promise.all(PAGES.map((path) => browser.visit(url + path, { headers })));
  await Promise.all(ROUTES.map((path) => browser.visit(url + path)));
  await browser.visit(`${url}/_next/data/${buildId()}/pages-router.json`);
  const action = await runAction(browser);
  expect(action.body).toContain('"ok":true');
  await browser.visit(`${url}/api/auth/session`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ csrfToken: await csrf(browser), data: { name: "me", nolapse: { handle: "x" } } }),
  });
}

function runAction(browser: Browserless): ReturnType<Browserless["visit"]> {
  const file = join(EXAMPLE.folder, TEST_BUILD, "server/server-reference-manifest.json");
  const { node } = JSON.parse(readFileSync(file, "utf8")) as { node: Record<string, unknown> };
  const id =
    Object.entries(node).find(([, entry]) => JSON.stringify(entry).includes("loadMyOrders"))?.[0] ?? "";
  return browser.visit(`${stage.app.url}/action`, {
    method: "POST",
    headers: { "next-action": id, "content-type": "text/plain;charset=UTF-8", accept: "text/x-component" },
    body: "[]",
  });
}

function buildId(): string {
  return readFileSync(join(EXAMPLE.folder, TEST_BUILD, "BUILD_ID"), "utf8").trim();
}

async function csrf(browser: Browserless): Promise<string> {
  const { body } = await browser.visit(`${stage.app.url}/api/auth/csrf`);
  return (JSON.parse(body) as { csrfToken: string }).csrfToken;
}

/** Reads the live stream until it is stopped. */
function followLive(name: string, browser: Browserless): () => Promise<void> {
  const stopped = new AbortController();
  let text = "";
  const reading = (async () => {
    const url = `${stage.app.url}/api/live`;
    const cookie = await browser.jar.getCookieString(url);
    const response = await fetch(url, { headers: { cookie }, signal: stopped.signal });
    for await (const chunk of response.body as AsyncIterable<Uint8Array>)
      text += Buffer.from(chunk).toString("utf8");
  })().catch(() => undefined);
  return async () => {
    stopped.abort();
    await reading;
    expect(text, "the live stream told nothing").toContain("renewed");
    places.push({ where: `the live stream of ${name}`, text });
  };
}

async function expectNoLeak(found: readonly Place[]): Promise<void> {
  const leaks = findLeaks([...canaries.values()], found);
  expect(leaks).toEqual([]);
}

describe("two users of each login", () => {
  it("sign in, and see all of the app over renewals", async () => {
    const { url } = stage.app;
    const callbackUrl = `${url}/protected`;
    for (const name of ["alice", "bob", "carol", "dave"] as const) {
      const browser = browserless();
      const page =
        name === "alice" || name === "bob"
          ? await signInWithProvider(browser, { url, providerId: "demo", callbackUrl }, LOGINS[name])
          : await signInWithCredentials(
              browser,
              { url, providerId: "credentials", callbackUrl },
              LOGINS[name],
            );
      expect(page.body).toContain('data-testid="orders"');
      people.set(name, browser);
    }
    const streams = [...people].map(([name, browser]) => followLive(name, browser));
    const endMs = Date.now() + LIFETIMES * TOKEN_TTL_SECONDS * 1000;

    for (let round = 1; round === 1 || Date.now() < endMs; round++) {
      await Promise.all([...people.values()].map(visitEverything));
      sampleDisk(`in round ${round}`);
      await pause(2_000);
    }

    await Promise.all(streams.map((stop) => stop()));
    for (const [name, browser] of people) await inspectSession(name, browser);
    issued.push(...tokensAtAuthorizationServer());
  });

  it("meet every kind of error", async () => {
    const { app, servers } = stage;
    const [alice, bob] = [people.get("alice")!, people.get("bob")!];
    const { proxy } = servers.authorizationServer;
    const orders = (): Promise<unknown> =>
      Promise.all(
        [...people.values()].flatMap((one) => [
          one.visit(`${app.url}/api/orders`),
          one.visit(`${app.url}/protected`),
        ]),
      );
    const badPaths = [
      "/api/auth/callback/demo?error=access_denied&error_description=no",
      "/api/auth/callback/demo?code=wrong&state=wrong",
      "/api/auth/callback/no-such-provider?code=wrong",
      "/api/auth/signin?error=OAuthCallback",
      "/signin?error=%3Cscript%3E&reason=%00",
    ];

    for (const path of badPaths) await alice.visit(app.url + path);
    const stranger = browserless();
    for (const path of [...PAGES, ...ROUTES, "/api/live"]) await stranger.visit(app.url + path);
    const wrong = { username: "carol", password: "wrong-password" };
    await signInWithCredentials(stranger, { url: app.url, providerId: "credentials" }, wrong);
    const broken = browserless({ headers: { cookie: `${EXAMPLE.sessionCookie}=%E0%A4%A; a=b` } });
    for (const path of ["/protected", "/api/orders", "/api/auth/session"]) await broken.visit(app.url + path);

    // A careless server quotes what it was sent: in JSON, and in a page of HTML.
    const quote = (status: number, error: string): void => {
      proxy.next(
        1,
        {
          kind: "respond",
          status,
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ error, error_description: quoted, error_uri: `http://127.0.0.1/${quoted}` }),
        },
        { grantType: "refresh_token" },
      );
    };
    quote(503, "temporarily_unavailable");
    const page = `<pre>${quoted}</pre>`;
    proxy.next(
      1,
      { kind: "respond", status: 500, headers: { "content-type": "text/html" }, body: page },
      { grantType: "refresh_token" },
    );
    quote(400, "invalid_grant");
    await pause(TOKEN_TTL_SECONDS * 1000);
    await orders();
    await servers.api.stop();
    await orders();
    await servers.api.start();
    for (let ended = false; !ended;) {
      await pause(500);
      const sessions = await Promise.all([alice, bob].map((one) => one.visit(`${app.url}/api/auth/session`)));
      ended = sessions.some(({ body }) => body.includes(EXAMPLE.signInAgainError));
    }
    await orders();
    sampleDisk("after errors");
  });

  it("sign out, and come again with the old cookie", async () => {
    const { url } = stage.app;
    for (const browser of people.values()) {
      const old = browserless({ jar: await browser.jar.clone() });
      const body = new URLSearchParams({ csrfToken: await csrf(browser), callbackUrl: url });
      await browser.visit(`${url}/api/auth/signout`, { method: "POST", body });
      expect(await browser.cookie(url, EXAMPLE.sessionCookie)).toBeUndefined();
      for (const path of ["/protected", "/api/orders", "/api/auth/session"]) await old.visit(url + path);
      expect((await old.visit(`${url}/api/orders`)).status).toBe(401);
    }
    sampleDisk("after sign-out");
    await stage.app.stop();
    sampleDisk("after the end");
  });
});

describe("what was seen and kept meanwhile", () => {
  it("is searched for every token that was issued", () => {
    const known = [...canaries.keys()];

    // Both users signed in with both logins, and were renewed.
    expect(issued.length).toBeGreaterThanOrEqual(2 * 2 * (1 + LIFETIMES));
    expect(issued.filter((token) => !known.includes(token))).toEqual([]);
    expect(
      [...canaries.values()].filter(({ name }) => name.includes("/refresh")).length,
    ).toBeGreaterThanOrEqual(2 * 2 * LIFETIMES);
    // The scanner sees them where they are: in the authorization server's own file.
    const text = readFileSync(join(stage.servers.dataDir, "as.db"), "latin1") + walOf("as.db");
    const seen = findLeaks([...canaries.values()], [{ where: "as.db", text }]);
    expect(new Set(seen.map(({ name }) => name))).toContain("refresh_token of /token");
  });

  it("shows none in any address, redirect, header, cookie, page, flight data or JSON (SEC-01, SEC-05, F44)", async () => {
    const recorded = await recorder.places();
    expect(recorded.map(({ where }) => where)).toEqual(
      expect.arrayContaining(["body of POST /action 200", "address sent to the API: GET"]),
    );
    await expectNoLeak(recorded);
  });

  it("is searched where it matters: the user's own address is seen in pages, flight data and JSON", async () => {
    const seen = findLeaks([{ name: "e-mail", value: "alice@example.com" }], await recorder.places());

    const where = seen.map((leak) => leak.where);
    expect(where).toEqual(
      expect.arrayContaining([
        "body of GET /protected 200",
        "body of GET /protected (flight) 200",
        "body of GET /pages-router 200",
        "body of GET /api/auth/session 200",
      ]),
    );
  });

  it("shows none in the live stream, nor tokens and secrets in the decrypted session", async () => {
    await expectNoLeak(
      places.filter(({ where }) => where.includes("live stream") || where.includes("decrypted")),
    );
  });

  it("shows none in the SQLite file and its companions (SEC-10, SEC-55)", async () => {
    const disk = places.filter(({ where }) => where.startsWith("grants.db"));
    expect(disk.some(({ where }) => where.startsWith("grants.db-wal"))).toBe(true);
    expect(disk.some(({ text }) => text.includes("sealed_token_set"))).toBe(true);
    await expectNoLeak(disk);
  });

  it("shows none in what the app and the servers printed (SEC-83)", async () => {
    const { app, servers } = stage;
    expect(app.output()).toContain("Ready");
    await expectNoLeak([
      { where: "the app's output", text: app.output() },
      { where: "the authorization server's output", text: servers.authorizationServer.output() },
      { where: "the API's output", text: servers.api.output() },
      ...["audit.jsonl", "api-audit.jsonl"].map((name) => ({
        where: name,
        text: readFileSync(join(servers.dataDir, name), "utf8"),
      })),
    ]);
  });

  it("shows none in the JavaScript that browsers load (SEC-01)", async () => {
    const folder = join(EXAMPLE.folder, TEST_BUILD, "static");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".js"),
    );
    expect(files.length).toBeGreaterThan(5);
    await expectNoLeak(
      files.map((name) => ({ where: name, text: readFileSync(join(folder, name), "utf8") })),
    );
  });
});

function walOf(name: string): string {
  const file = join(stage.servers.dataDir, `${name}-wal`);
  return existsSync(file) ? readFileSync(file, "latin1") : "";
}
