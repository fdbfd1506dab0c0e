/**
 * What every function process does: it listens on a port of its own, answers what its host passes on, and tells when the
 * work is done that was handed to the platform. With `PLATFORM_WAITS=1` the platform tells Next how to hand work over, as
 * Vercel does.
 *
 * | route | answer |
 * | --- | --- |
 * | `/check` | 204 once `check()` has resolved |
 * | `/api/auth/*` | NextAuth |
 * | any other | the user's orders, from the API, with the token that nolapse hands out |
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a function tells its host. `settled` comes after each response, once nothing is left that was handed over. */
export type FunctionMessage =
  { readonly type: "listening"; readonly port: number } | { readonly type: "settled" };

/** The app of a function. */
export interface FunctionApp {
  readonly check: () => Promise<void>;
  readonly route: (request: IncomingMessage, response: ServerResponse) => Promise<unknown>;
  readonly accessToken: (request: IncomingMessage, response: ServerResponse) => Promise<string>;
}

const handedOver: Promise<unknown>[] = [];

if (process.env["PLATFORM_WAITS"] === "1") {
  const waitUntil = (task: Promise<unknown>): void => void handedOver.push(task);
  Object.assign(globalThis, { [Symbol.for("@next/request-context")]: { get: () => ({ waitUntil }) } });
}

/** Serves until the host ends the process or goes away. */
export function serve(app: FunctionApp): void {
  const say = (message: FunctionMessage): void => void process.send?.(message);
  const server = createServer((request, response) => {
    answer(app, request, response)
      .catch((error: unknown) => {
        const { code, message } = Object(error) as { code?: unknown; message?: unknown };
        const status = code === "not_signed_in" ? 401 : 503;
        if (!response.headersSent) respond(response, status, JSON.stringify({ code, message }));
      })
      .then(async () => {
        while (handedOver.length > 0) await Promise.allSettled(handedOver.splice(0));
        say({ type: "settled" });
      })
      .catch((error: unknown) => console.error(error));
  });
  server.listen(0, "127.0.0.1", () => {
    say({ type: "listening", port: (server.address() as AddressInfo).port });
  });
  process.on("disconnect", () => process.exit(0));
}

async function answer(app: FunctionApp, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? "/";
  if (path === "/check") {
    await app.check();
    return respond(response, 204);
  }
  if (path.startsWith("/api/auth/")) {
    await app.route(request, response);
    return;
  }
  const token = await app.accessToken(request, response);
  const orders = await fetch(`${process.env["API_URL"] ?? ""}/orders`, {
    headers: { authorization: `Bearer ${token}` },
  });
  respond(response, orders.status, await orders.text());
}

function respond(response: ServerResponse, status: number, json = ""): void {
  response.writeHead(status, { "content-type": "application/json" }).end(json);
}
