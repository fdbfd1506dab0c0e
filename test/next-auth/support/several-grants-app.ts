/** An app of either version in which users sign in with more than one provider: what the suite of several grants asks for. */
import { onTestFinished } from "vitest";
import type { AppFunctions } from "../../../src/adapter/app-functions.ts";
import type { FreshTokensOptions } from "../../../src/adapter/options.ts";
import type { TokenEvent, TokenEventType } from "../../../src/core/events.ts";
import { grantRefOf } from "../../../src/core/grant.ts";
import {
  startStrictAuthorizationServer,
  type StrictAuthorizationServer,
} from "../../../src/testing/strict-authorization-server.ts";
import { LIFETIME_MS, type BreakableStore } from "./app-parts.ts";
import type { Browser } from "./browser.ts";
import { memoryAdapter, type MemoryAdapter } from "./memory-adapter.ts";

/** An app of either version. */
export interface SeveralApp extends Pick<AppFunctions, "getAccessToken" | "fetchWithToken"> {
  readonly server: StrictAuthorizationServer;
  readonly store: BreakableStore;
  readonly eventsOf: (type: TokenEventType) => readonly TokenEvent[];
  readonly browser: () => Browser;
}

/** What an app of the suite is made of. Providers are named `strict`, `other` and as in `more`. */
export interface SeveralOptions {
  readonly other: StrictAuthorizationServer;
  readonly adapter?: object | undefined;
  readonly options: Partial<FreshTokensOptions>;
  /** Further providers, at the server of `other`. */
  readonly more: readonly string[];
}

/** A version of NextAuth. */
export interface SeveralVersion {
  readonly createApp: (options: SeveralOptions) => Promise<SeveralApp>;
  /** The name of its session cookie. */
  readonly cookie: string;
  /** The decoded JWT of a browser. */
  readonly jwtOf: (browser: Browser) => Promise<Record<string, unknown> | null>;
}

/** One app, and the server of its second provider. */
export interface SeveralScene {
  readonly app: SeveralApp;
  readonly other: StrictAuthorizationServer;
  readonly adapter: MemoryAdapter;
  /** Who gets what: `strict:alice`, `other:alice`, or the code of the error. */
  readonly holderOf: (browser: Browser, provider?: string) => Promise<string>;
}

/** What a test changes. */
export interface SeveralChanges {
  readonly options?: Partial<FreshTokensOptions>;
  readonly more?: readonly string[];
  readonly withAdapter?: boolean;
}

/** Two users, each in a browser of their own, signed in with both providers. */
export interface LinkedUsers extends SeveralScene {
  readonly alice: Browser;
  readonly bob: Browser;
}

/** The id of a session's own grant, as the store knows it. */
export async function ownGrantIdOf({ getAccessToken, store }: SeveralApp, browser: Browser): Promise<string> {
  const { grantRef } = await getAccessToken(browser.pageRequest());
  const { grants } = await store.scan(null, 100);
  return grants.find(({ id }) => grantRefOf(id) === grantRef)?.id ?? "";
}

/** Makes an app. */
export async function severalScene(
  version: SeveralVersion,
  { options = {}, more = [], withAdapter = true }: SeveralChanges = {},
): Promise<SeveralScene> {
  const adapter = memoryAdapter();
  const other = await startStrictAuthorizationServer({
    accessTokenLifetimeMs: LIFETIME_MS,
    client: { id: "app", secret: "client-secret-of-app" },
  });
  onTestFinished(() => other.close());
  const app = await version.createApp({
    other,
    more,
    options,
    adapter: withAdapter ? adapter.methods : undefined,
  });
  const holderOf = async (browser: Browser, provider?: string): Promise<string> => {
    try {
      const ask = provider === undefined ? {} : { provider };
      const { accessToken, provider: of } = await app.getAccessToken(browser.pageRequest(), ask);
      return `${of}:${(of === "strict" ? app.server : other).userOf(accessToken) ?? "nobody"}`;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  return { app, other, adapter, holderOf };
}

/** Makes an app in which alice and bob are signed in with both providers. */
export async function linkedUsers(version: SeveralVersion, changes?: SeveralChanges): Promise<LinkedUsers> {
  const made = await severalScene(version, changes);
  const [alice, bob] = [made.app.browser(), made.app.browser()];
  await alice.signIn("alice");
  await bob.signIn("bob");
  await alice.signIn("alice", "other");
  await bob.signIn("bob", "other");
  return { ...made, alice, bob };
}
