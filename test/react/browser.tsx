/**
 * A browser for component tests: NextAuth's routes behind `fetch`, a clock in the test's hands, and what a user does.
 *
 * @module
 */
import { act } from "@testing-library/react";
import { useSession } from "next-auth/react";
import type { ReactElement } from "react";
import { vi } from "vitest";
import type { ClientSession } from "../../src/client/session.ts";
import { FakeServer } from "../client/fake-server.ts";
import { VERSION } from "./version.ts";

/** All requests that the page sent, as `GET /api/auth/session`. */
export class Browser {
  readonly calls: string[] = [];
  /** What was asked of the route that gives the browser its token. */
  readonly tokenRequests: Record<string, unknown>[] = [];
  /** Whether the app opted in to it. */
  exposesToken = true;
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

  #token(init?: RequestInit): Response {
    const { server } = this;
    const refuse = (status: number, code: string): Response =>
      Response.json({ error: code }, { status, headers: { "x-nolapse-error": code } });
    if (!this.exposesToken) return new Response("<html></html>", { status: 404 });
    if (!new Headers(init?.headers).has("x-nolapse-csrf")) return refuse(403, "missing_header");
    const wanted = JSON.parse(init?.body as string) as Record<string, unknown>;
    this.tokenRequests.push(wanted);
    if (server.fault) return refuse(503, "refresh_unavailable");
    if (server.ended) return refuse(401, "reauthentication_required");
    if (!server.session()) return refuse(401, "not_signed_in");
    if (wanted["renew"] === true) {
      server.refreshes++;
      server.expiresAtMs = server.nowMs() + server.lifetimeMs;
    }
    return Response.json({
      accessToken: `${String(server.user)}-${server.refreshes}`,
      expiresInMs: Math.round(server.expiresAtMs - server.nowMs()),
      accessTokenExpires: Math.floor(server.expiresAtMs / 1_000),
    });
  }

  async #route(method: string, path: string, init?: RequestInit): Promise<Response> {
    const ask = new Headers(init?.headers).get("x-nolapse-ask") ?? "next-auth";
    switch (`${method} ${path}`) {
      case "GET /session":
      case "POST /session":
        return this.server.respond(ask);
      case "POST /access-token":
        return this.#token(init);
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

/** Shows who is signed in, as `authenticated: alice`. */
export function WhoIsSignedIn(): ReactElement {
  const { status, data } = useSession();
  return <output>{`${status}: ${data?.user?.name ?? "nobody"}`}</output>;
}

/** From now on sessions say `theme`, light at first. Returns what paints the next ones. */
export function paintable(server: FakeServer): (theme: string) => void {
  const session = server.session.bind(server);
  let theme = "light";
  server.session = () => {
    const now = session();
    return now && ({ ...now, theme } as ClientSession);
  };
  return (next) => void (theme = next);
}

/** Takes the marker from the browser, as at the end of a test. */
export function clearMarker(): void {
  document.cookie = "nolapse.marker=; max-age=0; path=/";
}

/** What the server does at a refresh that no tab asked for: in a server action, say. */
export function refreshOnServer({ server }: Browser): void {
  server.refreshes++;
  server.expiresAtMs = server.nowMs() + server.lifetimeMs;
  document.cookie = `nolapse.marker=${Math.floor(server.expiresAtMs / 1_000)}; path=/`;
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

interface Dispatcher {
  isTrusted: boolean;
  _dispatch(event: unknown): void;
}

/** What a user does: an event of the browser's own, as no script can make one. By jsdom's insides, which have no other way. */
export function userDoes(type: string, target: EventTarget = document.body): void {
  const insideOf = (value: object): Dispatcher => {
    const [symbol] = Object.getOwnPropertySymbols(value);
    return (value as Readonly<Record<symbol, Dispatcher>>)[symbol!]!;
  };
  const event = insideOf(new Event(type, { bubbles: true }));
  event.isTrusted = true;
  insideOf(target)._dispatch(event);
}
