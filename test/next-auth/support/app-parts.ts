/**
 * What the worlds of NextAuth v4 and of Auth.js v5 have in common: secrets, a clock that a test moves, a store that fails
 * on demand.
 */
import { onTestFinished, vi } from "vitest";
import type { GrantStore } from "../../../src/core/grant-store.ts";
import { processSharedState } from "../../../src/core/single-flight.ts";
import { SESSION_COOKIE, type Browser } from "./browser.ts";

/** Good enough for NextAuth and for the vault. */
export const SECRET = "J4kq0mZ8cV1xT6yB3nR9wL5sD7fG2hQe";
/** Another one. */
export const OTHER_SECRET = "pW8rX2vN6tK0zM4jH9bC3gF7dL1yS5qa";

/** Life of the access tokens of a world, in milliseconds. They are due after 40 s. */
export const LIFETIME_MS = 60_000;

/** A store that fails on demand. */
export interface BreakableStore extends GrantStore {
  down: boolean;
}

/** Lets time pass for everything that reads the date. Real timers go on by themselves. */
export function pass(durationMs: number): void {
  vi.setSystemTime(Date.now() + durationMs);
}

/** Waits until no refresh is under way. */
export function quiet(): Promise<void> {
  return until(() => processSharedState("memory").flights.size === 0);
}

/** Waits, in real time, until something is so. Fails after five seconds. */
export async function until(isSo: () => boolean): Promise<void> {
  for (let waitedMs = 0; !isSo(); waitedMs += 5) {
    if (waitedMs > 5_000) throw new Error(`It did not come about: ${isSo.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The value of the session cookie, joined from its chunks. */
export function sessionCookieOf(browser: Browser, name = SESSION_COOKIE): string {
  return [...browser.jar]
    .filter(([each]) => each === name || each.startsWith(`${name}.`))
    .sort(([one], [other]) => one.localeCompare(other, undefined, { numeric: true }))
    .map(([, value]) => value)
    .join("");
}

/** Stops the clock, and tells the app its URL by `name`. Both end with the test. */
export function freezeTime(urlName: string): void {
  vi.stubEnv(urlName, "http://localhost:3000");
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 1) });
  onTestFinished(() => {
    vi.useRealTimers();
    vi.unstubAllEnvs();
  });
}

/** Makes a store fail while it is `down`. */
export function breakable(store: GrantStore): BreakableStore {
  const state = { down: false };
  return new Proxy(store, {
    get(target, name, receiver) {
      if (name === "down") return state.down;
      const value: unknown = Reflect.get(target, name, receiver);
      if (typeof value !== "function" || !state.down) return value;
      return () => Promise.reject(new Error("connect ECONNREFUSED store-host-canary"));
    },
    set(target, name, value) {
      if (name !== "down") return Reflect.set(target, name, value);
      state.down = value as boolean;
      return true;
    },
  }) as BreakableStore;
}
