/**
 * An endless answer: the seconds since it began, as server-sent events.
 *
 * @module
 */
import type { ServerResponse } from "node:http";

const EVERY_MS = 1_000;

/** Sends an event a second until the other side leaves. */
export function sendTicks(response: ServerResponse, user: string): void {
  let count = 0;
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const tick = (): void => {
    count += 1;
    response.write(`id: ${count}\ndata: ${JSON.stringify({ count, user })}\n\n`);
  };
  tick();
  const ticking = setInterval(tick, EVERY_MS);
  response.once("close", () => clearInterval(ticking));
}
