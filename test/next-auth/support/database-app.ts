/**
 * An app of either version whose sessions are rows of PostgreSQL, by the adapter that Auth.js maintains: what the suite of
 * database sessions asks for.
 */
import { randomUUID } from "node:crypto";
import PostgresAdapter from "@auth/pg-adapter";
import { onTestFinished } from "vitest";
import type { AppFunctions } from "../../../src/adapter/app-functions.ts";
import type { FreshTokensOptions } from "../../../src/adapter/options.ts";
import type { TokenEvent, TokenEventType } from "../../../src/core/events.ts";
import {
  startStrictAuthorizationServer,
  type StrictAuthorizationServer,
} from "../../../src/testing/strict-authorization-server.ts";
import type { PostgresBench } from "../../stores/support/postgres-tests.ts";
import { LIFETIME_MS, type BreakableStore } from "./app-parts.ts";
import type { Browser } from "./browser.ts";

/** An app. */
export interface DatabaseApp extends Pick<AppFunctions, "getAccessToken" | "fetchWithToken"> {
  readonly server: StrictAuthorizationServer;
  readonly store: BreakableStore;
  readonly eventsOf: (type: TokenEventType) => readonly TokenEvent[];
  readonly browser: () => Browser;
  /** The same app with other settings, over the same stores. */
  readonly again: (changes: DatabaseChanges) => DatabaseApp;
  /** What a server component sees of the session. */
  readonly sessionInPage: (browser: Browser) => Promise<Record<string, unknown> | null>;
}

/** What a test changes. */
export interface DatabaseChanges {
  readonly options?: Partial<FreshTokensOptions>;
  /** Further providers. */
  readonly providers?: readonly object[];
  /** Callbacks, events and the like of NextAuth's own options. */
  readonly auth?: object;
  readonly session?: object;
  /** Around the adapter, below nolapse. */
  readonly adapter?: (adapter: object) => object;
  /** Whether the route is wrapped. @defaultValue true */
  readonly wrapped?: boolean;
}

/** A version of NextAuth. */
export interface DatabaseVersion {
  readonly name: "v4" | "v5";
  readonly cookie: string;
  /** An entry for a real OpenID Connect server. */
  readonly oidcProvider: (id: string, issuer: string) => object;
  readonly createApp: (adapter: object, other: StrictAuthorizationServer) => Promise<DatabaseApp>;
}

/** One app over tables of its own. */
export interface DatabaseScene {
  readonly app: DatabaseApp;
  readonly other: StrictAuthorizationServer;
  /** Asks the app's database. */
  readonly sql: <Row = Record<string, unknown>>(text: string, values?: unknown[]) => Promise<Row[]>;
  /** Who gets what: `strict:alice`, `other:alice`, or the code of the error. */
  readonly holderOf: (browser: Browser, provider?: string) => Promise<string>;
}

/** The tables of the adapter's documentation. */
const TABLES = `
  CREATE TABLE verification_token (identifier TEXT NOT NULL, expires TIMESTAMPTZ NOT NULL, token TEXT NOT NULL,
    PRIMARY KEY (identifier, token));
  CREATE TABLE accounts (id SERIAL PRIMARY KEY, "userId" INTEGER NOT NULL, type VARCHAR(255) NOT NULL,
    provider VARCHAR(255) NOT NULL, "providerAccountId" VARCHAR(255) NOT NULL, refresh_token TEXT, access_token TEXT,
    expires_at BIGINT, id_token TEXT, scope TEXT, session_state TEXT, token_type TEXT);
  CREATE TABLE sessions (id SERIAL PRIMARY KEY, "userId" INTEGER NOT NULL, expires TIMESTAMPTZ NOT NULL,
    "sessionToken" VARCHAR(255) NOT NULL);
  CREATE TABLE users (id SERIAL PRIMARY KEY, name VARCHAR(255), email VARCHAR(255), "emailVerified" TIMESTAMPTZ,
    image TEXT);`;

/** Makes tables, a second authorization server and an app. */
export async function databaseScene(bench: PostgresBench, version: DatabaseVersion): Promise<DatabaseScene> {
  const schema = `s_${randomUUID().replaceAll("-", "")}`;
  const pool = await bench.pool({ max: 4, options: `-c search_path=${schema}` });
  await pool.query(`CREATE SCHEMA ${schema}; ${TABLES}`);
  const other = await startStrictAuthorizationServer({
    accessTokenLifetimeMs: LIFETIME_MS,
    client: { id: "app", secret: "client-secret-of-app" },
  });
  onTestFinished(() => other.close());
  const app = await version.createApp(PostgresAdapter(pool), other);
  return {
    app,
    other,
    sql: async (text, values = []) => (await pool.query(text, values)).rows as never,
    holderOf: (browser, provider) => holderOf(app, other, browser, provider),
  };
}

/** Two users, each in a browser of their own. */
export interface SignedIn extends DatabaseScene {
  readonly alice: Browser;
  readonly bob: Browser;
}

/** Makes an app in which alice and bob are signed in. */
export async function usersSignedIn(bench: PostgresBench, version: DatabaseVersion): Promise<SignedIn> {
  const scene = await databaseScene(bench, version);
  const [alice, bob] = [scene.app.browser(), scene.app.browser()];
  await alice.signIn("alice");
  await bob.signIn("bob");
  return { ...scene, alice, bob };
}

/** Whose token an app gives to a browser. */
export async function holderOf(
  app: DatabaseApp,
  other: StrictAuthorizationServer,
  browser: Browser,
  provider?: string,
): Promise<string> {
  try {
    const ask = provider === undefined ? {} : { provider };
    const { accessToken, provider: of } = await app.getAccessToken(browser.pageRequest(), ask);
    return `${of}:${(of === "strict" ? app.server : other).userOf(accessToken) ?? "nobody"}`;
  } catch (error) {
    return (error as { code: string }).code;
  }
}
