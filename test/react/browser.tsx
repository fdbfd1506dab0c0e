/**
 * A browser for component tests: NextAuth's routes behind `fetch`, a clock in the test's hands, and what a user does.
 *
 * @module
 */
import { act } from "@testing-library/react";
import { vi } from "vitest";
import { FakeServer } from "../client/fake-server.ts";
import { VERSION } from "./version.ts";

/** All requests that the page sent, as `GET /api/auth/session`. */
export class Browser {
  readonly calls: string[] = [];
  readonly server: FakeServer;

  constructor(basePath = "/api/auth", lifetimeMs?: number) {
    this.server = new FakeServer(() => performance.now(), lifetimeMs);
    this.server.nextAuth = VERSION;
    vi.stubGlobal("fetch", async (url: string, init?: RequestInit) => {
      const method = (init?.method ?? "GET").toUpperCase();
      this.calls.push(`${method} ${url}`);
      if (!url.startsWith(`${basePath}/`)) return new Response("not found", { status: 404 });
      return this.#route(method, url.slice(basePath.length).replace(/\?.*/, ""), init);
    });
  }

  /** How many session requests were sent. */
  get asked(): number {
    return this.server.asked.length;
  }

  async #route(method: string, path: string, init?: RequestInit): Promise<Response> {
    const ask = new Headers(init?.headers).get("x-nolapse-ask") ?? "next-auth";
    switch (`${method} ${path}`) {
      case "GET /session":
      case "POST /session":
        return this.server.respond(ask);
      case "GET /csrf":
        return Response.json({ csrfToken: "csrf" });
      case "GET /providers":
        return Response.json({ credentials: { id: "credentials", type: "credentials" } });
      case "POST /signout":
        this.server.user = null;
        return Response.json({ url: "http://localhost:3000/" });
      case "POST /callback/credentials":
        this.server.user = new URLSearchParams(init?.body as URLSearchParams).get("username");
        return Response.json({ url: "http://localhost:3000/" });
      default:
        return new Response("not found", { status: 404 });
    }
  }
}

const immediately = setImmediate;

/** Lets messages between tabs arrive, which no fake timer holds: those sent in one turn of the event loop come in the next. */
async function deliver(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => immediately(resolve));
}

/** Lets time pass for a page that is awake, in steps, because React renders at the end of each `act` only. */
export async function pass(durationMs: number): Promise<void> {
  const stepMs = durationMs > 600_000 ? 10_000 : 1_000;
  for (let leftMs = durationMs; leftMs >= 0; leftMs -= stepMs) {
    await act(async () => {
      await vi.advanceTimersByTimeAsync(Math.min(stepMs, leftMs));
      await deliver();
    });
    if (leftMs === 0) break;
  }
}

/** The machine sleeps: the wall clock moves on, no timer fires. */
export function sleep(durationMs: number): void {
  vi.setSystemTime(Date.now() + durationMs);
}

/** Makes the page hidden or visible. */
export async function show(state: "visible" | "hidden"): Promise<void> {
  Object.defineProperty(document, "visibilityState", { configurable: true, value: state });
  document.dispatchEvent(new Event("visibilitychange"));
  await pass(0);
}

/** Sends an event to the window. */
export async function fire(type: string): Promise<void> {
  window.dispatchEvent(new Event(type));
  await pass(0);
}
