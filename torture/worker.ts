/**
 * One server process: the real engine on a real store, asked for tokens all the time, as an application's requests do.
 * It is told what to do by messages, and tells what its callers got.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as wait } from "node:timers/promises";

import { isTokenError } from "../src/core/errors.ts";
import { createTokenManager, type TokenManager } from "../src/core/token-manager.ts";
import { createOAuthRefresher } from "../src/oauth/oauth-refresher.ts";
import { createKeyRing } from "../src/vault/key-ring.ts";
import { createSealer } from "../src/vault/sealer.ts";
import {
  ATTEMPT_HEADER,
  PID_HEADER,
  SEND_HEADER,
  SENT_AT_HEADER,
  tokenHash,
} from "./authorization-server.ts";
import { createStriker, strikingRefresher, strikingStore, type Armed } from "./crash-points.ts";
import { providerOf, type ServerSetup } from "./provider.ts";
import { openStore, type StoreAddress } from "./stores.ts";
import type { Refresher } from "../src/core/refresher.ts";
import type { RotationPolicy } from "../src/core/rotation.ts";
import { tellingStore, type LeaseNews } from "./telling-store.ts";
import { writeWorkerLine } from "./worker-log.ts";

/** What a process is started with, as JSON in its first argument. */
export interface WorkerSetup extends ServerSetup {
  readonly store: StoreAddress;
  /** Newest first. */
  readonly secrets: readonly string[];
  readonly rotation: RotationPolicy;
  /** Where blows are written before they fall. */
  readonly strikeFile: string;
  /** Where it writes down what becomes of each answer: see `WorkerEntry`. */
  readonly logFile: string;
  /** How long one refresh request may take, in milliseconds. Absent: what the engine finds right. */
  readonly refreshDeadlineMs?: number;
  /** How many callers ask at once, all the time. 0: only when told. */
  readonly callers: number;
  /** Whether it tells of each lease that it takes. */
  readonly tellsLeases?: boolean;
}

/** What a process is told. */
export type Order =
  | { readonly type: "grants"; readonly ids: readonly string[] }
  | { readonly type: "arm"; readonly armed: Armed | undefined }
  | { readonly type: "sign-out"; readonly id: string }
  | { readonly type: "reseal" }
  /** So many callers ask for one grant at the same moment. */
  | { readonly type: "herd"; readonly id: string; readonly callers: number };

/** What a process tells. */
export type Report =
  | { readonly type: "ready" }
  | { readonly type: "answers"; readonly answers: readonly CallerAnswer[] }
  | { readonly type: "event"; readonly event: string; readonly code: string }
  | ({ readonly type: "lease"; readonly pid: number } & LeaseNews)
  | { readonly type: "herd-done"; readonly id: string; readonly codes: readonly string[] };

/** What one caller got: the hash of a token, or the code of an error. */
export interface CallerAnswer {
  readonly id: string;
  readonly atMs: number;
  readonly tokenHash?: string;
  /** The token was handed out before the store had it, and the store had not failed either. */
  readonly early?: boolean;
  readonly code?: string;
}

const CALL_PAUSE_MS = 120;
const BEAT_MS = 50;
/** Within the fleet's limit for an end, and longer than any request may take: nothing has to be left behind. */
const CLOSES_WITHIN_MS = 12_000;
const TELL_EVERY_MS = 100;
/** Four hundred callers on a loaded machine take their time; the question is how often they refresh. */
const HERD_WAIT_MS = 30_000;

const setup = JSON.parse(process.argv[2] ?? "{}") as WorkerSetup;
const striker = createStriker(setup.strikeFile);
const opened = await openStore(setup.store);
const tell = (report: Report): void => {
  // Whoever listened may have gone.
  if (process.connected) process.send?.(report, undefined, undefined, () => undefined);
};
/** Access tokens, by their hash, that came in an answer and of which the store has said nothing yet. */
const unsettled = new Set<string>();
const write = writeWorkerLine.bind(undefined, setup.logFile);
const sealer = createSealer(createKeyRing({ secrets: setup.secrets }));
const store = tellingStore(opened.store, sealer, {
  write,
  settled: (hash) => void unsettled.delete(hash),
  isWaiting: () => unsettled.size > 0,
  lease: setup.tellsLeases ? (news) => tell({ type: "lease", pid: process.pid, ...news }) : undefined,
});
const attempts = new AsyncLocalStorage<string>();
let sends = 0;
const oauth = createOAuthRefresher({
  resolveProvider: providerOf(setup),
  fetch: noted,
});
const refresher: Refresher = {
  refresh: (request) => attempts.run(request.attemptId, () => oauth.refresh(request)),
  revoke: (request) => oauth.revoke(request),
};
const manager = createTokenManager({
  store: strikingStore(store, striker),
  sealer,
  refresher: strikingRefresher(refresher, striker),
  holder: `pid-${process.pid}-${Date.now()}`,
  newId: () => crypto.randomUUID(),
  random: Math.random,
  rotationOf: () => setup.rotation,
  ...(setup.refreshDeadlineMs !== undefined && { refreshDeadlineMs: setup.refreshDeadlineMs }),
  onEvent: (event) => {
    const code = "code" in event ? event.code : "reason" in event ? event.reason : "";
    tell({ type: "event", event: event.type, code });
  },
});

/** `fetch` that says who asks, and writes down whether the answer was read or given up. */
async function noted(url: string, init: RequestInit): Promise<Response> {
  const send = `${process.pid}/${++sends}`;
  const headers = new Headers(init.headers);
  headers.set(PID_HEADER, String(process.pid));
  headers.set(SEND_HEADER, send);
  headers.set(SENT_AT_HEADER, String(Date.now()));
  headers.set(ATTEMPT_HEADER, attempts.getStore() ?? "");
  try {
    const response = await fetch(url, { ...init, headers });
    const body = await response.text();
    const issued = /"refresh_token":"([^"]+)"/.exec(body)?.[1];
    const accessToken = /"access_token":"([^"]+)"/.exec(body)?.[1];
    if (issued !== undefined) write({ type: "arrived", send, issued: tokenHash(issued) });
    if (accessToken !== undefined) unsettled.add(tokenHash(accessToken));
    const { status } = response;
    return new Response(status === 204 ? null : body, { status, headers: response.headers });
  } catch (error) {
    write({ type: "gave_up", send });
    throw error;
  }
}

let beatAtMs = Date.now();
setInterval(() => (beatAtMs = Date.now()), BEAT_MS);

/** Now, or where this process has just stood still, the moment before: what a caller got was good when it was given. */
function answeredAtMs(): number {
  return Math.min(Date.now(), beatAtMs + 4 * BEAT_MS);
}

let ids: readonly string[] = [];
let answers: CallerAnswer[] = [];
let ending = false;

async function callOnce(of: TokenManager, id: string, maxWaitMs = 2_000): Promise<CallerAnswer> {
  try {
    const { accessToken } = await of.getAccessToken(id, { maxWaitMs });
    const hash = tokenHash(accessToken);
    return { id, atMs: answeredAtMs(), tokenHash: hash, ...(unsettled.has(hash) && { early: true }) };
  } catch (error) {
    const reason = (error as { reason?: string }).reason;
    const code = isTokenError(error) ? error.code : "not a token error";
    return { id, atMs: Date.now(), code: reason === undefined ? code : `${code}:${reason}` };
  }
}

async function caller(): Promise<void> {
  while (!ending) {
    const id = ids[Math.floor(Math.random() * ids.length)];
    if (id !== undefined) answers.push(await callOnce(manager, id));
    await wait(CALL_PAUSE_MS * (0.5 + Math.random()));
  }
}

async function obey(order: Order): Promise<void> {
  switch (order.type) {
    case "grants":
      ids = order.ids;
      return;
    case "arm":
      striker.arm(order.armed);
      return;
    case "sign-out":
      await manager.endGrant(order.id, "signed_out", { revoke: true });
      return;
    case "reseal":
      await manager.resealGrants();
      return;
    case "herd": {
      const got = await Promise.all(
        Array.from({ length: order.callers }, () => callOnce(manager, order.id, HERD_WAIT_MS)),
      );
      tell({ type: "herd-done", id: order.id, codes: [...new Set(got.map(({ code }) => code ?? "ok"))] });
    }
  }
}

process.on("message", (order: Order) => {
  obey(order).catch(() => undefined);
});
process.on("SIGTERM", () => {
  ending = true;
  void manager
    .close(CLOSES_WITHIN_MS)
    .then(() => opened.close())
    .finally(() => process.exit(0));
});
process.on("disconnect", () => process.exit(0));
setInterval(() => {
  if (answers.length === 0) return;
  tell({ type: "answers", answers });
  answers = [];
}, TELL_EVERY_MS);
for (let started = 0; started < setup.callers; started++) void caller();
tell({ type: "ready" });
