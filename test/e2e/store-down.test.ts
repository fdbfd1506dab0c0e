/**
 * The store cannot be opened, is locked, is away, or holds nonsense: at sign-in the user gets an error page, and later
 * nobody is signed out, whatever can be served is served, and it goes on by itself.
 */
import { mkdirSync, renameSync, rmSync, writeFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { freePort } from "../../scripts/lib/ports.ts";
import { exampleApp, type App } from "./support/app.ts";
import {
  browserless,
  signInWithCredentials,
  signInWithProvider,
  type Browserless,
  type Page,
} from "./support/browserless.ts";
import { EXAMPLE } from "./support/example.ts";
import { LOGINS, startServers, type Servers } from "./support/servers.ts";
import { pause } from "./support/tabs.ts";

const TOKEN_TTL_SECONDS = 10;
const LIFETIME_MS = TOKEN_TTL_SECONDS * 1000;
const SESSION_COOKIE = EXAMPLE.sessionCookie;
/** The longest wait for a refresh, for a store operation, and some time for a loaded machine. */
const LONGEST_ANSWER_MS = 5_000 + 3_000 + 2_000;
const RECOVERY_MS = 20_000;
/** What is left of a token's life has to do for a test. */
const AT_ONCE_MS = 1_500;
const MOST_TRIES = 5;

type User = "alice" | "bob" | "carol";

let servers: Servers;
let app: App;
let folder: string;
let file: string;

beforeAll(async () => {
  const port = await freePort();
  servers = await startServers({
    tokenTtlSeconds: TOKEN_TTL_SECONDS,
    redirectUris: [`http://localhost:${port}/api/auth/callback/demo`],
  });
  folder = join(servers.dataDir, "store");
  file = join(folder, "grants.db");
  app = exampleApp({ servers, port, database: file });
  writeFileSync(folder, "A file where the folder should be");
  await app.start();
});
afterAll(async () => {
  await app.stop();
  await servers.stop();
});

async function signIn(user: User, browser = browserless()): Promise<{ browser: Browserless; page: Page }> {
  const { url } = app;
  const callbackUrl = `${url}/protected`;
  const page =
    user === "carol"
      ? await signInWithCredentials(browser, { url, providerId: "credentials", callbackUrl }, LOGINS.carol)
      : await signInWithProvider(browser, { url, providerId: "demo", callbackUrl }, LOGINS[user]);
  return { browser, page };
}

async function everybody(): Promise<readonly Browserless[]> {
  const signedIn = await Promise.all((["alice", "bob", "carol"] as const).map((user) => signIn(user)));
  for (const { page } of signedIn) expect(page.body).toContain('data-testid="orders"');
  return signedIn.map(({ browser }) => browser);
}

/** The same, so fast that the tokens of the first are as good as new: on a loaded machine a sign-in can take a while. */
async function everybodyAtOnce(): Promise<{ people: readonly Browserless[]; goodUntilMs: number }> {
  for (let tries = 1; ; tries++) {
    const startedAtMs = Date.now();
    const people = await everybody();
    // Too short a rest of life counts as none, and the server counts in whole seconds.
    const goodUntilMs = startedAtMs + LIFETIME_MS * 0.75;
    if (Date.now() < startedAtMs + AT_ONCE_MS || tries === MOST_TRIES) return { people, goodUntilMs };
  }
}

interface Met {
  /** What each call was answered with: `200`, or status and code of the refusal. */
  readonly answers: string[];
  longestMs: number;
}

/** Lets everybody call the route that needs the token, until `endMs`. */
async function callUntil(people: readonly Browserless[], endMs: number): Promise<Met> {
  const met: Met = { answers: [], longestMs: 0 };
  const callAlone = async (browser: Browserless): Promise<void> => {
    while (Date.now() < endMs) {
      const startedAtMs = Date.now();
      const { status, body } = await browser.visit(`${app.url}/api/orders`);
      met.longestMs = Math.max(met.longestMs, Date.now() - startedAtMs);
      const code = /"code":"(\w+)"/.exec(body)?.[1];
      met.answers.push(code === undefined ? String(status) : `${status} ${code}`);
      await pause(300);
    }
  };
  await Promise.all(people.map(callAlone));
  return met;
}

async function expectStillSignedIn(people: readonly Browserless[]): Promise<void> {
  const read = async (browser: Browserless): Promise<void> => {
    const { body } = await browser.visit(`${app.url}/api/auth/session`);
    const session = JSON.parse(body) as Record<string, unknown>;
    expect(session).toMatchObject({ user: { name: expect.any(String) as string } });
    expect(session).not.toHaveProperty("error");
    expect(await browser.cookie(app.url, SESSION_COOKIE)).toBeDefined();
  };
  await Promise.all(people.map(read));
}

async function expectRecovery(people: readonly Browserless[]): Promise<void> {
  const startedAtMs = Date.now();
  const recovered = async (browser: Browserless): Promise<void> => {
    let status = 0;
    while (status !== 200 && Date.now() < startedAtMs + RECOVERY_MS) {
      ({ status } = await browser.visit(`${app.url}/api/orders`));
      await pause(200);
    }
    expect(status, `not answered within ${RECOVERY_MS} ms`).toBe(200);
  };
  await Promise.all(people.map(recovered));
  await expectStillSignedIn(people);
}

function expectNoReplay(): void {
  for (const { proxy } of [servers.authorizationServer, servers.api]) {
    const presented = proxy.log.flatMap(({ refreshTokenHash: hash }) => (hash === undefined ? [] : [hash]));
    expect(new Set(presented).size, "a refresh token was presented twice").toBe(presented.length);
  }
  expect(servers.authorizationServer.audit("refresh_token.reused")).toEqual([]);
  expect(servers.authorizationServer.audit("grant.revoked")).toEqual([]);
}

/** Waits until tokens that were just issued have ended, as far as the app can tell. */
async function untilTokensEnd(people: readonly Browserless[]): Promise<Met> {
  return callUntil(people, Date.now() + LIFETIME_MS + 1_500);
}

describe("a store that cannot be opened", () => {
  it("makes a sign-in end on an error page without a session, again and again, and the app stays up", async () => {
    for (const user of ["alice", "carol", "alice"] as const) {
      const { browser, page } = await signIn(user);

      expect(new URL(page.url).pathname).toBe("/signin");
      expect(page.status).toBe(200);
      expect(page.body).toMatch(/data-code="StoreUnavailable"/);
      expect(page.visited.length, page.visited.join(" → ")).toBeLessThan(10);
      expect(await browser.cookie(app.url, SESSION_COOKIE)).toBeUndefined();
      expect((await browser.visit(`${app.url}/api/auth/session`)).body).toBe(
        JSON.stringify(EXAMPLE.noSession),
      );
      expect((await browser.visit(`${app.url}/`)).status).toBe(200);
    }
    expect(app.output()).toContain("The tokens of a sign-in could not be stored");
  });

  it("works as soon as it can be, without a restart and after one", async () => {
    rmSync(folder);

    const people = await everybody();
    await app.stop();
    await app.start();

    await expectRecovery(people);
    expectNoReplay();
  });
});

describe("a store that another process keeps locked for longer than a lifetime", () => {
  it("goes on being read: valid tokens are served, nobody is signed out, and refreshes go on afterwards", async () => {
    const { people, goodUntilMs } = await everybodyAtOnce();
    const { proxy } = servers.authorizationServer;
    // The refreshes of alice and bob have happened at the server when the lock falls; carol's has not begun.
    proxy.hold("answer");
    await pause(LIFETIME_MS / 2 + 300);
    await Promise.all(people.slice(0, 2).map((browser) => browser.visit(`${app.url}/api/orders`)));
    await proxy.untilHeld(2);
    const locker = new DatabaseSync(file);
    locker.exec("BEGIN IMMEDIATE");
    proxy.release();

    const early = await callUntil(people, goodUntilMs);
    const late = await callUntil(people, Date.now() + LIFETIME_MS + 2_000);
    await expectStillSignedIn(people);
    locker.exec("ROLLBACK");
    locker.close();

    expect(new Set(early.answers), "a valid token was not served").toEqual(new Set(["200"]));
    expect(
      late.answers.filter(
        (answer) => !/^(200|502 api_refused|503 (store_failed|refresh_unavailable))$/.test(answer),
      ),
    ).toEqual([]);
    expect(
      late.answers.some((answer) => answer.startsWith("503")),
      "nobody noticed the lock",
    ).toBe(true);
    expect(Math.max(early.longestMs, late.longestMs)).toBeLessThan(LONGEST_ANSWER_MS);
    await expectRecovery(people);
    expectNoReplay();
  });
});

describe("a store's file", () => {
  // The authorization server counts in whole seconds, so a token may end up to a second before the app expects it.
  const AWAY = /^(200|502 api_refused|503 store_failed)$/;

  it("that is moved away is missed, nothing is begun in its place, and it goes on when it is back", async () => {
    const people = await everybody();
    const away = `${folder}.away`;

    renameSync(folder, away);
    const met = await untilTokensEnd(people);
    const { page } = await signIn("bob");
    await expectStillSignedIn(people);
    renameSync(away, folder);

    expect(met.answers.filter((answer) => !AWAY.test(answer))).toEqual([]);
    expect(met.answers.slice(0, people.length), "a valid token was not served").toEqual([
      "200",
      "200",
      "200",
    ]);
    expect(met.answers.slice(-people.length)).toEqual(people.map(() => "503 store_failed"));
    expect(met.longestMs).toBeLessThan(LONGEST_ANSWER_MS);
    expect(page.body).toMatch(/data-code="StoreUnavailable"/);
    await expectRecovery(people);
    expectNoReplay();
  });

  it("in whose place something else is put is refused, and a backup of it is taken up", async () => {
    const people = await everybody();
    const backup = join(servers.dataDir, "backup.db");
    const original = new DatabaseSync(file);
    original.prepare("VACUUM INTO ?").run(backup);
    original.close();

    writeFileSync(`${file}.new`, "This is no database. ".repeat(1_000));
    replaceWith(`${file}.new`);
    const met = await untilTokensEnd(people);
    await expectStillSignedIn(people);
    replaceWith(backup);

    expect(met.answers.filter((answer) => !AWAY.test(answer))).toEqual([]);
    expect(met.answers.slice(-people.length)).toEqual(people.map(() => "503 store_failed"));
    expect(met.longestMs).toBeLessThan(LONGEST_ANSWER_MS);
    await expectRecovery(people);
    expectNoReplay();
  });

  it("that is damaged in place and mended loses no session", async () => {
    const people = await everybody();
    const checkpoint = new DatabaseSync(file);
    checkpoint.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    checkpoint.close();
    const good = readFileSync(file);

    writeFileSync(file, Buffer.alloc(good.length, 0xa5));
    const met = await callUntil(people, Date.now() + 2_000);
    writeFileSync(file, good);

    expect(met.answers.filter((answer) => !AWAY.test(answer))).toEqual([]);
    await expectRecovery(people);
    expectNoReplay();
    expect(app.output()).not.toMatch(/Unhandled|uncaught/i);
  });
});

function replaceWith(replacement: string): void {
  mkdirSync(folder, { recursive: true });
  for (const suffix of ["-wal", "-shm"]) rmSync(file + suffix, { force: true });
  renameSync(replacement, file);
}
