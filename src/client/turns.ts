/**
 * Which of a browser's tabs asks: one at a time, by a Web Lock, or where there are none by a lease over messages.
 *
 * No tab is the leader for good. Each looks at its own clock, so that a tab which is closed, frozen or throttled is missed
 * by nobody: the first that is due asks, and the others hear the answer. A turn is bounded. Whoever waits too long asks all
 * the same, and two that ask at once do no harm (I1, F19, F20).
 *
 * @module
 */
import type { Environment, OtherTabs } from "./environment.ts";

/** The right to ask now. */
export interface Turn {
  /** Has to be called once the answer was told. */
  release(): void;
}

/** One tab's way to its turns. */
export interface Turns {
  /**
   * Resolves when this tab may ask: after the tab that asks now, but after `waitMs` at most; at once where no other tab was
   * ever heard of. Never rejects. Never resolves once `signal` is aborted, because the news came.
   */
  readonly take: (waitMs: number, signal: AbortSignal) => Promise<Turn>;
  /** There is another tab; it wants to ask, where `turn` is given, or does. */
  readonly heard: (turn?: number) => void;
}

/** The time that a message from the tab before needs to get here, in milliseconds: locks come by another way. */
const LINGER_MS = 50;
const MAX_ROUNDS = 3;
/** The number of a tab that is asking already. */
const ASKING = 0;

/** Makes one tab's turns. */
export function createTurns(environment: Environment, { lock, post }: OtherTabs): Turns {
  let isAlone = true;
  let mine = Infinity;
  let isBeaten = false;

  /** `later` runs, if this tab is not alone, after a while. */
  function linger(later: () => void): unknown {
    if (!isAlone) return environment.setTimer(later, LINGER_MS);
    later();
    return undefined;
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

  function takeLease(waitMs: number, signal: AbortSignal, go: (turn: Turn) => void, round = 1): void {
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
      if (isBeaten && round < MAX_ROUNDS) {
        timer = environment.setTimer(() => takeLease(waitMs, signal, go, round + 1), waitMs);
        return;
      }
      mine = ASKING;
      go({ release: () => (mine = Infinity) });
    });
  }

  return {
    take: (waitMs, signal) => new Promise((go) => (lock ? takeLock : takeLease)(waitMs, signal, go)),
    heard(turn) {
      isAlone = false;
      if (turn === undefined) return;
      if (turn < mine) isBeaten = true;
      else if (mine === ASKING && turn > ASKING) post({ kind: "asking", turn: ASKING });
    },
  };
}
