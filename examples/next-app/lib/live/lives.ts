/**
 * From events to the lives of tokens: what the chart and the log draw. Pure.
 *
 * @module
 */
import { BUCKET_MS, HISTORY_MS, type AskReason, type LiveEvent, type LiveMessage } from "@/lib/live/types";

/** One access token's life. Moments are epoch milliseconds by the server's clock. */
export interface TokenLife {
  readonly issuedAtMs: number;
  readonly dueAtMs: number;
  /** When an idle tab asks. */
  readonly idleAskAtMs: number;
  readonly expiresAtMs: number;
  /** When somebody's question started its renewal. */
  readonly askedAtMs?: number;
  readonly door?: string;
  readonly reason?: AskReason;
  /** When its successor came. */
  readonly renewedAtMs?: number;
  readonly tookMs?: number;
}

/** What the page has been told so far. */
export interface LiveState {
  /** When the last message was written, by the server's clock. */
  readonly toldAtMs: number;
  /** The newest event's number, and whose numbers those are. */
  readonly newestSeq: number;
  readonly series: string;
  readonly counters: LiveMessage["counters"];
  readonly events: readonly LiveEvent[];
  readonly buckets: LiveMessage["buckets"];
}

/** The totals now: tokens may have run out since the last message, with a successor in place. */
export function countersAt(
  { counters, toldAtMs }: LiveState,
  lives: readonly TokenLife[],
  nowMs: number,
): LiveMessage["counters"] {
  const since = lives.filter(
    ({ renewedAtMs, expiresAtMs }, place) =>
      renewedAtMs !== undefined && place < lives.length - 1 && expiresAtMs > toldAtMs && expiresAtMs <= nowMs,
  );
  return { ...counters, lifetimes: counters.lifetimes + since.length };
}

/** nolapse's default lead time for a token of this lifetime, in milliseconds. */
export function leadTimeMs(lifetimeMs: number): number {
  return Math.min(600_000, lifetimeMs / (lifetimeMs < 60_000 ? 2 : 3));
}

/** Adds a message to what is known and forgets what is older than an hour. */
export function merge(state: LiveState | undefined, message: LiveMessage): LiveState {
  const oldestMs = message.nowMs - HISTORY_MS;
  const newestSeq = state?.series === message.series ? state.newestSeq : 0;
  const firstBucketMs = message.buckets[0]?.startMs ?? Infinity;
  return {
    toldAtMs: message.nowMs,
    newestSeq: Math.max(newestSeq, message.events.at(-1)?.seq ?? 0),
    series: message.series,
    counters: message.counters,
    events: [...(state?.events ?? []), ...message.events.filter(({ seq }) => seq > newestSeq)].filter(
      ({ atMs }) => atMs > oldestMs,
    ),
    buckets: [
      ...(state?.buckets ?? []).filter(({ startMs }) => startMs < firstBucketMs),
      ...message.buckets,
    ].filter(({ startMs }) => startMs + BUCKET_MS > oldestMs),
  };
}

/** The tokens' lives, oldest first. */
export function livesFrom(events: readonly LiveEvent[]): TokenLife[] {
  const lives: TokenLife[] = [];
  let asked: Extract<LiveEvent, { kind: "asked" }> | undefined;
  const end = (facts: Partial<TokenLife>): void => {
    const last = lives.at(-1);
    if (last !== undefined) lives[lives.length - 1] = { ...last, ...facts };
  };
  for (const event of events) {
    switch (event.kind) {
      case "asked":
        asked ??= event;
        end({ askedAtMs: asked.atMs, door: asked.door, ...(asked.reason && { reason: asked.reason }) });
        break;
      case "renewed":
        end({ renewedAtMs: event.atMs, tookMs: event.tookMs });
        lives.push(life(event.atMs - event.tookMs, event.expiresAtMs));
        asked = undefined;
        break;
      case "seen":
        // After a restart the new process sees the token that the one before drew already.
        if (lives.at(-1)?.expiresAtMs === event.expiresAtMs) break;
        end({ renewedAtMs: event.issuedAtMs });
        lives.push(life(event.issuedAtMs, event.expiresAtMs));
        asked = undefined;
        break;
      case "ended":
        end({ renewedAtMs: event.atMs });
        break;
      default:
        break;
    }
  }
  return lives;
}

function life(issuedAtMs: number, expiresAtMs: number): TokenLife {
  // Servers count in seconds; the moment of issue is only known to within the time that the answer took.
  const lead = leadTimeMs(Math.round((expiresAtMs - issuedAtMs) / 1000) * 1000);
  return { issuedAtMs, expiresAtMs, dueAtMs: expiresAtMs - lead, idleAskAtMs: expiresAtMs - 0.7 * lead };
}

/** One point of the saw-tooth: the life left at a moment, in seconds; `null` breaks the line. */
export interface LifePoint {
  readonly atMs: number;
  readonly leftS: number | null;
}

/**
 * The saw-tooth of remaining life between two moments, with points at most `stepMs` apart so that a pointer finds
 * one everywhere.
 */
export function sawtooth(
  lives: readonly TokenLife[],
  fromMs: number,
  toMs: number,
  stepMs: number,
): LifePoint[] {
  const points: LifePoint[] = [];
  for (const one of lives) {
    const startMs = Math.max(one.issuedAtMs, fromMs);
    const endMs = Math.min(one.renewedAtMs ?? one.expiresAtMs, one.expiresAtMs, toMs);
    if (endMs < startMs) continue;
    for (let atMs = startMs; atMs < endMs; atMs += stepMs) points.push(pointOf(one, atMs));
    points.push(pointOf(one, Math.max(startMs, endMs - 1)));
    const gap = one.renewedAtMs === undefined || one.renewedAtMs > one.expiresAtMs;
    if (gap && endMs === one.expiresAtMs) points.push({ atMs: endMs, leftS: null });
  }
  return points;
}

function pointOf(life: TokenLife, atMs: number): LifePoint {
  return { atMs, leftS: (life.expiresAtMs - atMs) / 1000 };
}

/** The life that a moment belongs to. */
export function lifeAt(lives: readonly TokenLife[], atMs: number): TokenLife | undefined {
  return lives.findLast(({ issuedAtMs }) => issuedAtMs <= atMs);
}
