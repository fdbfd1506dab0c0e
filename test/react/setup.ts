/**
 * What every component test starts and ends with: fake timers and clocks, an empty page and storage, a quiet console.
 *
 * @module
 */
import { cleanup, render } from "@testing-library/react";
import { SessionProvider } from "next-auth/react";
import { createElement } from "react";
import { afterEach, beforeEach, vi } from "vitest";
import { lastMounted } from "../../src/react/mounted.ts";

// next-auth 5 keeps the function that it finds when it is loaded: this one goes by what is there when it is called.
vi.hoisted(() => {
  const report = console.error;
  console.error = function late(...args: unknown[]) {
    (console.error === late ? report : console.error)(...args);
  };
});

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});

/** As after a reload in a browser that knows nobody: next-auth keeps the last session for the life of the module. */
export function forgetUser(): void {
  cleanup();
  render(createElement(SessionProvider, { basePath: "/api/auth", session: null, children: null })).unmount();
  localStorage.clear();
  lastMounted.clear();
}

afterEach(() => {
  forgetUser();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  Object.defineProperty(document, "visibilityState", { configurable: true, value: "visible" });
});
