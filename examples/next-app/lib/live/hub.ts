/**
 * The live page's memory: for each grant, the last hour of events and API calls, in this process only. It is filled
 * from nolapse's `onEvent` and from the app's own API calls, and read by the event stream. Everything has a bound.
 *
 * It hangs on `globalThis` because Next bundles a module once per kind of entry.
 *
 * @module
 */
import type { TokenEvent } from "@/lib/auth";
import {
  BUCKET_MS,
  HISTORY_MS,
  type AskReason,
  type CallBucket,
  type LiveCounters,
  type LiveEvent,
  type LiveMessage,
} from "@/lib/live/types";
import { TOKEN_TTL_MS } from "@/lib/settings";

/** Grants that are remembered; the one untouched for longest goes first. */
const MAX_BOOKS = 500;
/** Events kept for one grant: an hour of tokens that live 5 seconds. */
const MAX_EVENTS = 3_000;
const MAX_BUCKETS = HISTORY_MS / BUCKET_MS;
/** Share of a token's lifetime that is lead time by default (nolapse: a third, half below 60 s), with some slack. */
const EARLY_SHARE = 0.55;

type Unnumbered<T> = T extends unknown ? Omit<T, "seq"> : never;
type MutableBucket = { -readonly [K in keyof CallBucket]: CallBucket[K] };

interface Book {
  readonly series: string;
  seq: number;
  events: LiveEvent[];
  buckets: MutableBucket[];
  counters: { -readonly [K in keyof LiveCounters]: LiveCounters[K] };
  /** The newest token that is known here. */
  token: { issuedAtMs: number; expiresAtMs: number } | undefined;
  /** Ends of earlier tokens that have not passed yet. */
  openEndsMs: number[];
  readonly listeners: Set<() => void>;
}

const KEY = Symbol.for("nolapse-example.live");
const shared = globalThis as { [KEY]?: Map<string, Book> };
const books: Map<string, Book> = (shared[KEY] ??= new Map());

/** Takes one of nolapse's events. Given to `withFreshTokens` as `onEvent`. */
export function recordTokenEvent(event: TokenEvent): void {
  const { atMs } = event;
  switch (event.type) {
    case "grant_created":
      return append(event.grantRef, { kind: "signed_in", atMs, provider: event.provider });
    case "refresh_started": {
      const reason = reasonOf(books.get(event.grantRef), atMs);
      return append(event.grantRef, { kind: "asked", atMs, door: event.door, ...(reason && { reason }) });
    }
    case "refresh_ended": {
      const { door, tookMs, outcome, code, expiresAtMs } = event;
      if (outcome !== "committed" || expiresAtMs === undefined) {
        return append(event.grantRef, { kind: "failed", atMs, door, tookMs, outcome, code });
      }
      const book = bookOf(event.grantRef);
      book.counters.refreshes += 1;
      succeed(book, atMs, expiresAtMs);
      return append(event.grantRef, { kind: "renewed", atMs, door, tookMs, expiresAtMs });
    }
    case "refresh_adopted":
      return append(event.grantRef, { kind: "adopted", atMs, door: event.door });
    case "grant_ended":
      return append(event.grantRef, { kind: "ended", atMs, reason: event.reason });
    default:
      return;
  }
}

/** Counts one call of the API. Does nothing where the grant is unknown. */
export function recordCall(
  token: { readonly grantRef?: string; readonly expiresAtMs?: number } | undefined,
  result: "answered" | "refused",
): void {
  if (token?.grantRef === undefined) return;
  const nowMs = Date.now();
  const book = bookOf(token.grantRef);
  observe(token.grantRef, token.expiresAtMs, nowMs);
  const startMs = nowMs - (nowMs % BUCKET_MS);
  let bucket = book.buckets.at(-1);
  if (bucket?.startMs !== startMs) {
    bucket = { startMs, answered: 0, refused: 0 };
    book.buckets.push(bucket);
    if (book.buckets.length > MAX_BUCKETS) book.buckets.shift();
  }
  bucket[result] += 1;
  book.counters[result] += 1;
  tell(book);
}

/** Notes a token that was handed out, so that one that came from elsewhere (the sign-in, another process) is drawn too. */
export function observe(grantRef: string, expiresAtMs: number | undefined, nowMs: number): void {
  if (expiresAtMs === undefined) return;
  const book = bookOf(grantRef);
  if (book.token !== undefined && expiresAtMs <= book.token.expiresAtMs) return;
  const issuedAtMs = Math.min(nowMs, expiresAtMs - TOKEN_TTL_MS);
  succeed(book, issuedAtMs, expiresAtMs);
  append(grantRef, { kind: "seen", atMs: nowMs, issuedAtMs, expiresAtMs });
}

/** What a stream has to send: all that is kept, or what is newer than the message before it. */
export function messageSince(grantRef: string, nowMs: number, afterSeq = 0, afterBucketMs = 0): LiveMessage {
  const book = bookOf(grantRef);
  settle(book, nowMs);
  const oldestMs = nowMs - HISTORY_MS;
  return {
    series: book.series,
    nowMs,
    counters: { ...book.counters },
    events: book.events.filter((event) => event.seq > afterSeq && event.atMs > oldestMs),
    buckets: book.buckets.filter(({ startMs }) => startMs >= afterBucketMs && startMs > oldestMs),
  };
}

/** Calls back whenever something was recorded for the grant. Returns what ends that. */
export function subscribe(grantRef: string, listener: () => void): () => void {
  const book = bookOf(grantRef);
  book.listeners.add(listener);
  return () => book.listeners.delete(listener);
}

/** How many streams are open for the grant. */
export function listenerCount(grantRef: string): number {
  return books.get(grantRef)?.listeners.size ?? 0;
}

function bookOf(grantRef: string): Book {
  const found = books.get(grantRef);
  if (found !== undefined) {
    books.delete(grantRef);
    books.set(grantRef, found);
    return found;
  }
  const book: Book = {
    series: crypto.randomUUID(),
    seq: 0,
    events: [],
    buckets: [],
    counters: { answered: 0, refused: 0, refreshes: 0, lifetimes: 0 },
    token: undefined,
    openEndsMs: [],
    listeners: new Set(),
  };
  books.set(grantRef, book);
  if (books.size > MAX_BOOKS) {
    const oldest = books.keys().next();
    if (!oldest.done) books.delete(oldest.value);
  }
  return book;
}

function append(grantRef: string, event: Unnumbered<LiveEvent>): void {
  const book = bookOf(grantRef);
  book.seq += 1;
  book.events.push({ ...event, seq: book.seq });
  if (book.events.length > MAX_EVENTS) book.events.shift();
  tell(book);
}

function tell(book: Book): void {
  for (const listener of book.listeners) listener();
}

function reasonOf(book: Book | undefined, atMs: number): AskReason | undefined {
  if (book?.token === undefined) return undefined;
  const { issuedAtMs, expiresAtMs } = book.token;
  if (atMs >= expiresAtMs) return "expired";
  return expiresAtMs - atMs > (expiresAtMs - issuedAtMs) * EARLY_SHARE ? "early" : "due";
}

function succeed(book: Book, issuedAtMs: number, expiresAtMs: number): void {
  if (book.token !== undefined) book.openEndsMs.push(book.token.expiresAtMs);
  book.token = { issuedAtMs, expiresAtMs };
  settle(book, issuedAtMs);
}

function settle(book: Book, nowMs: number): void {
  const open = book.openEndsMs.filter((endMs) => endMs > nowMs);
  book.counters.lifetimes += book.openEndsMs.length - open.length;
  book.openEndsMs = open;
}
