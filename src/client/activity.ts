/**
 * When somebody last used this browser, known to all of its tabs: each tells the others of its own input, and answers a
 * tab that knows less.
 *
 * Nothing here decides anything. What a tab does with it is {@link plan}'s and {@link createSignInWatch}'s part.
 *
 * @module
 */
import { elapsedMs, type Environment, type Reading } from "./environment.ts";
import { isIdle } from "./plan.ts";
import type { Scheduler } from "./scheduler.ts";
import { activeAtOf } from "./tab-news.ts";

/** What {@link createActivity} works with. */
export interface ActivityOptions {
  readonly environment: Environment;
  readonly scheduler: Scheduler;
  /** As `PlanSettings.idleLimitMs`, read at each use. With `Infinity` nothing is noted and nothing is told. */
  readonly idleLimitMs: () => number;
  /** Tells the other tabs that somebody was active at `atMs`. */
  readonly post: (atMs: number) => void;
  /** Somebody is back in this tab, `at` after the idle limit since `before`. Called before anybody else hears of it. */
  readonly onReturn?: (before: Reading, at: Reading) => void;
  /** Another tab says that somebody was active at `at`, which is earlier than what is known here. */
  readonly onEarlier?: (at: Reading) => void;
}

/** One tab's part. */
export interface Activity {
  /** Somebody used this tab now. More than one note a second changes nothing. */
  note(): void;
  /** Another tab says that somebody was active at `atMs` by the wall clock. */
  heard(atMs: number): void;
  /** Has tabs that know of later activity than this one's, or than `since`, say so. */
  askOthers(since?: Reading): void;
  /** Tells and notes nothing more. */
  stop(): void;
}

/** The time between two notes of a tab, and between two of its answers to the others, in milliseconds. */
const NOTE_GAP_MS = 1_000;
/** The time between two messages of a tab about its own input, in milliseconds; a tenth of the limit where that is less. */
const POST_GAP_MS = 10_000;

/** Makes the part of one tab. The load of the page is its first activity. */
export function createActivity(options: ActivityOptions): Activity {
  const { environment, scheduler, idleLimitMs, post, onReturn, onEarlier } = options;
  let postedAt: Reading | undefined;
  let answeredAt: Reading | undefined;
  let timer: unknown;

  const postGapMs = (): number => Math.min(POST_GAP_MS, idleLimitMs() / 10);

  function tell(): void {
    environment.clearTimer(timer);
    timer = undefined;
    const state = scheduler.state();
    if (!state) return;
    postedAt = environment.read();
    post(state.activeAt.wallMs);
  }

  function tellSoon(now: Reading): void {
    const leftMs = postedAt ? postGapMs() - elapsedMs(postedAt, now) : 0;
    if (leftMs <= 0) tell();
    // The last input is told as well, so that no other tab is idle before this one.
    else timer ??= environment.setTimer(tell, Math.ceil(leftMs));
  }

  return {
    note() {
      const state = scheduler.state();
      if (!state || idleLimitMs() === Infinity) return;
      const now = environment.read();
      if (elapsedMs(state.activeAt, now) < NOTE_GAP_MS) return;
      const isBack = isIdle(state, now, { idleLimitMs: idleLimitMs() });
      if (isBack) onReturn?.(state.activeAt, now);
      scheduler.active(now, isBack ? "active" : "timer");
      tellSoon(now);
    },
    heard(atMs) {
      const state = scheduler.state();
      const now = environment.read();
      const at = activeAtOf(atMs, now);
      if (!state || !at || idleLimitMs() === Infinity) return;
      if (elapsedMs(state.activeAt, at) > 0) return scheduler.active(at);
      onEarlier?.(at);
      // By the clock that all tabs share: two that see the same time in two ways would answer each other for ever.
      const knowsMore = state.activeAt.wallMs - at.wallMs > postGapMs();
      const justAnswered = answeredAt !== undefined && elapsedMs(answeredAt, now) < NOTE_GAP_MS;
      if (!knowsMore || justAnswered) return;
      answeredAt = now;
      post(state.activeAt.wallMs);
    },
    askOthers(since) {
      const state = scheduler.state();
      if (state && idleLimitMs() < Infinity) post((since ?? state.activeAt).wallMs);
    },
    stop() {
      environment.clearTimer(timer);
      timer = undefined;
    },
  };
}
