/**
 * `GET /socket`: a WebSocket whose caller says who it is in a message, and again whenever it has a new token.
 *
 * The caller's only message is `{"token": "..."}`, checked as a bearer token is. Each is answered `{"ok": true, "user"}`. From the
 * first on, `{"count"}` comes once a second, without a gap for as long as the socket is open. Where no token came in time, the
 * last one has expired, or one is not valid, the socket is closed with 4401.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

import { WebSocketServer, type RawData, type WebSocket } from "ws";

import type { AuditLog } from "../lib/audit-log.ts";
import { HttpProblem } from "../lib/http.ts";
import type { Caller } from "./bearer.ts";

/** The sockets of the API. */
export interface Sockets {
  /** Takes over a request to upgrade. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends all of them. */
  close(): void;
}

/** The status with which a socket is closed whose token is not, or no longer, valid. */
export const UNAUTHORIZED = 4401;

const PATH = "/socket";
const EVERY_MS = 1_000;
const FIRST_TOKEN_WITHIN_MS = 5_000;
const MAX_MESSAGE_BYTES = 8_192;
/** As `setTimeout` counts. */
const MAX_TIMER_MS = 2_147_483_647;
const TRY_AGAIN_LATER = 1013;
const GOING_AWAY = 1001;
const CLOSE_WITHIN_MS = 500;

/** What a socket works with. */
export interface SocketParts {
  /** Checks an `Authorization` header. */
  readonly authenticate: (header: string) => Promise<Caller>;
  readonly audit: AuditLog;
}

/** Sockets that let `authenticate` check each token. */
export function openSockets(parts: SocketParts): Sockets {
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  return {
    upgrade(request, socket, head) {
      if ((request.url ?? "").split("?")[0] !== PATH)
        return void socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      server.handleUpgrade(request, socket, head, (opened) => serve(opened, parts));
    },
    close() {
      for (const socket of server.clients) {
        socket.close(GOING_AWAY);
        setTimeout(() => socket.terminate(), CLOSE_WITHIN_MS);
      }
    },
  };
}

function serve(socket: WebSocket, { authenticate, audit }: SocketParts): void {
  let count = 0;
  let ticking: NodeJS.Timeout | undefined;
  let caller: Caller | undefined;
  let newest = 0;
  const expire = (): void => socket.close(UNAUTHORIZED, "The token has expired");
  let expiring = setTimeout(expire, FIRST_TOKEN_WITHIN_MS);

  const tick = (): void => socket.send(JSON.stringify({ count: (count += 1) }));
  const take = async (data: RawData): Promise<void> => {
    const number = (newest += 1);
    const next = await authenticate(`Bearer ${tokenIn(data)}`);
    // A later message was checked sooner, or the other side has left.
    if (number !== newest || socket.readyState !== socket.OPEN) return;
    if (caller !== undefined && caller.user !== next.user)
      return socket.close(UNAUTHORIZED, "Another user's token");
    caller = next;
    clearTimeout(expiring);
    expiring = setTimeout(expire, Math.min(Math.max(0, next.expiresAtMs - Date.now()), MAX_TIMER_MS));
    socket.send(JSON.stringify({ ok: true, user: next.user }));
    ticking ??= setInterval(tick, EVERY_MS);
  };

  socket.on("message", (data: RawData) => {
    take(data).catch((error: unknown) => {
      const isAway = error instanceof HttpProblem && error.status === 503;
      socket.close(isAway ? TRY_AGAIN_LATER : UNAUTHORIZED, isAway ? "" : "The token is not valid");
    });
  });
  // What it does wrong closes it.
  socket.on("error", () => undefined);
  socket.once("close", (code: number, why: Buffer) => {
    clearTimeout(expiring);
    clearInterval(ticking);
    audit("socket.closed", { user: caller?.user ?? null, code, why: why.toString("utf8") });
  });
}

/** An empty string for what is no such message: no token is like that. */
function tokenIn(data: RawData): string {
  try {
    const message = JSON.parse((data as Buffer).toString("utf8")) as { token?: unknown } | null;
    return typeof message?.token === "string" ? message.token : "";
  } catch {
    return "";
  }
}
