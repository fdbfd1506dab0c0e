/**
 * Which of a browser's tabs asks: one at a time, by a Web Lock, or where there are none by a lease over messages.
 *
 * No tab is the leader for good. Each looks at its own clock, so that a tab which is closed, frozen or throttled is missed
 * by nobody: the first that is due asks, and the others hear the answer. A turn is bounded. Whoever waits too long asks all
 * the same, and two that ask at once do no harm (I1, F19, F20).
 *
 * @module
 */
import { elapsedMs, type Environment, type OtherTabs, type Reading } from "./environment.ts";
import type { PlanState } from "./plan.ts";

/** The right to ask now. */
export interface Turn {
  /** Has to be called once the answer was told. */
  release(): void;
}

/** One tab's way to its turns. */
export interface Turns {
  /**
   * Resolves when this tab may ask: after the tab that asks now, and a moment for its news, but after `waitMs` and that
   * moment at most. Never rejects. Never resolves once `signal` is aborted, because the news came.
   */
  readonly take: (waitMs: number, signal: AbortSignal) => Promise<Turn>;
  /** Another tab wants to ask, or does. */
  readonly heard: (turn: number) => void;
}

/** The time that a message from the tab before needs to get here, in milliseconds: locks come by another way. */
const LINGER_MS = 50;
/** The number of a tab that is asking already. */
const ASKING = 0;

const LEAST_WAIT_MS = 1_000;
/** Once the token is over nothing hurries more than that one tab asks: longer than most answers take. */
const OVER_WAIT_MS = 4_000;

/**
 * How long the others may take, in milliseconds: half of what the token has left, so that a frozen one makes nobody late.
 * Once it is over, `draw` (chance, 0 to 1) sees to it that not all give up waiting in the same moment.
 */
export function waitForTurnMs(
  { answeredAt, askInMs, spareMs }: PlanState,
  now: Reading,
  requestTimeoutMs: number,
  draw: number,
): number {
  const leftMs = askInMs + spareMs - elapsedMs(answeredAt, now);
  if (leftMs <= 0) return OVER_WAIT_MS * (1 + draw);
  return Math.max(LEAST_WAIT_MS, Math.min(requestTimeoutMs, leftMs / 2));
}

/** Makes one tab's turns. */
export function createTurns(environment: Environment, { lock, post }: OtherTabs): Turns {
  let mine = Infinity;
  let isBeaten = false;

  // Also where nobody was ever heard of: a tab that has just been opened has not heard of the others.
  function linger(later: () => void): unknown {
    return environment.setTimer(later, LINGER_MS);
  }

  function takeLock(waitMs: number, signal: AbortSignal, go: (turn: Turn) => void): void {
    let release = (): void => undefined;
    let isGone = false;
    const give = (): void => {
      isGone = true;
      environment.clearTimer(timer);
      go({ release: () => release() });
    };
    let timer = environment.setTimer(give, waitMs);
    signal.addEventListener("abort", () => {
      isGone = true;
      environment.clearTimer(timer);
      release();
    });
    const hold = (): Promise<void> =>
      new Promise((done) => {
        if (isGone) return done();
        release = done;
        environment.clearTimer(timer);
        timer = linger(give);
      });
    // It rejects where the page may have no locks, too.
    lock?.(hold, signal).catch(() => isGone || give());
  }

  function takeLease(
    waitMs: number,
    signal: AbortSignal,
    go: (turn: Turn) => void,
    since = environment.read(),
  ): void {
    let timer: unknown;
    const end = (): void => {
      environment.clearTimer(timer);
      mine = Infinity;
    };
    signal.addEventListener("abort", end);
    mine = 1 + environment.random();
    isBeaten = false;
    post({ kind: "asking", turn: mine });
    timer = linger(() => {
      if (isBeaten && elapsedMs(since, environment.read()) < waitMs) {
        timer = environment.setTimer(() => takeLease(waitMs, signal, go, since), waitMs / 2);
        return;
      }
      mine = ASKING;
      go({ release: () => (mine = Infinity) });
    });
  }

  return {
    take: (waitMs, signal) => new Promise((go) => (lock ? takeLock : takeLease)(waitMs, signal, go)),
    heard(turn) {
      if (turn < mine) isBeaten = true;
      // Whoever comes later has not heard of this one.
      else if (turn > mine && (mine === ASKING || !isBeaten)) post({ kind: "asking", turn: mine });
    },
  };
}
