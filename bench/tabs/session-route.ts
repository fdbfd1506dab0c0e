/**
 * A page and a session route behind it, which renews a token that is due when it is asked, as nolapse's does. It counts
 * who asks how often.
 *
 * @module
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import type { BenchApp } from "./bundles.ts";

/** What happened at one app since its last {@link SessionRoute.restart}. */
export interface Count {
  requests: number;
  /** Access tokens issued. */
  lifetimes: number;
}

/** A running server for all apps, each at an origin of its own. */
export interface SessionRoute {
  /** Where the app is found. */
  readonly urlOf: (app: BenchApp) => string;
  readonly countOf: (app: BenchApp) => Count;
  /** Begins to count anew. */
  restart(): void;
  stop(): Promise<unknown>;
}

/** A token is due in the last part of its life, and an idle tab asks at 0.7 of that. */
export interface Times {
  readonly lifetimeMs: number;
  readonly leadTimeMs: number;
  readonly idleLeadTimeMs: number;
}

/** Starts one server per app. */
export async function startSessionRoutes(apps: readonly BenchApp[], times: Times): Promise<SessionRoute> {
  const started = await Promise.all(apps.map((app) => startOne(app, times)));
  const of = (app: BenchApp): Started => started[apps.indexOf(app)] as Started;
  return {
    urlOf: (app) => of(app).url,
    countOf: (app) => of(app).count,
    restart() {
      for (const { count } of started) count.requests = count.lifetimes = 0;
    },
    stop: () => Promise.all(started.map(({ stop }) => stop())),
  };
}

interface Started {
  readonly url: string;
  readonly count: Count;
  stop(): Promise<void>;
}

async function startOne(
  { script }: BenchApp,
  { lifetimeMs, leadTimeMs, idleLeadTimeMs }: Times,
): Promise<Started> {
  const count: Count = { requests: 0, lifetimes: 0 };
  let expiresAtMs = Date.now() + lifetimeMs;
  const session = (): object => {
    const nowMs = Date.now();
    count.requests += 1;
    if (expiresAtMs - leadTimeMs <= nowMs) {
      count.lifetimes += 1;
      expiresAtMs = nowMs + lifetimeMs;
    }
    return {
      user: { name: "Alice", email: "alice@example.com" },
      expires: new Date(nowMs + 86_400_000).toISOString(),
      accessTokenExpires: Math.floor(expiresAtMs / 1_000),
      accessTokenExpiresIn: Math.floor((expiresAtMs - nowMs) / 1_000),
      tokenState: { status: "fresh", askInMs: Math.max(1_000, expiresAtMs - idleLeadTimeMs - nowMs) },
    };
  };
  const server = createServer(({ url }, response) => {
    const isSession = url === "/api/auth/session";
    response.setHeader("cache-control", "private, no-store");
    response.setHeader("content-type", isSession ? "application/json" : "text/html; charset=utf-8");
    if (url === "/app.js") response.setHeader("content-type", "text/javascript");
    if (isSession) response.end(JSON.stringify(session()));
    else if (url === "/app.js") response.end(script);
    else if (url === "/")
      response.end('<!doctype html><title>tabs</title><script type="module" src="/app.js"></script>');
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    count,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
