/**
 * Warns before a user has to sign in again: because nobody uses the browser, or because the sign-in ends at the server.
 *
 * {@link foresee} is the rule. The watch around it looks at the clocks while anybody listens, and tells each change once.
 * Before it says that the browser is idle it asks the other tabs, because a tab that was frozen has missed what they said.
 *
 * @module
 */
import { divergenceMs, elapsedMs, type Environment, type Reading } from "./environment.ts";
import type { PlanState } from "./plan.ts";
import type { Scheduler } from "./scheduler.ts";

/** That the user will have to sign in again soon, or has to. */
export interface SignInSoon {
  /** `idle`: nobody uses any tab of this browser. `session_end`: the server says that the sign-in ends then. */
  readonly reason: "idle" | "session_end";
  /** When, in epoch milliseconds by this browser's clock, so `atMs - Date.now()` is what is left. */
  readonly atMs: number;
  /** Whether that time has come. Then the app decides: sign the user out, or show a lock. */
  readonly over: boolean;
  /** Counts as input, in all tabs. It takes back `idle`; a `session_end` stays. */
  readonly stayActive: () => void;
}

/** When to warn. */
export interface SignInSoonSettings {
  /** As `PlanSettings.idleLimitMs`. */
  readonly idleLimitMs: number;
  /** How long before the end, in milliseconds. */
  readonly warnBeforeMs: number;
}

/** What {@link createSignInWatch} works with. */
export interface SignInWatchOptions {
  readonly environment: Environment;
  readonly scheduler: Scheduler;
  /** Read at each look. */
  readonly settings: () => SignInSoonSettings;
  /** As {@link Activity.askOthers}. */
  readonly askOthers: (since?: Reading) => void;
  /** What `stayActive()` does. */
  readonly stayActive: () => void;
}

/** The watch of one tab. */
export interface SignInWatch {
  /** The warning, or `null`. The same object until the next is told. */
  current(): SignInSoon | null;
  /** Calls back when {@link SignInWatch.current} changed. Without a listener the watch costs nothing. */
  subscribe(listener: () => void): () => void;
  /** Looks at the clocks, because what is known or wanted has changed. */
  look(): void;
  /** As `ActivityOptions.onReturn`. */
  returned(before: Reading, at: Reading): void;
  /** As `ActivityOptions.onEarlier`. */
  heardEarlier(at: Reading): void;
  /** Begins; the returned function ends it. */
  start(): () => void;
}

/** How long the other tabs have to say what they know, and how often a warning is looked at, in milliseconds. */
const LINGER_MS = 1_000;
/** As `checkEveryMs` of the plan: how late a sleep is noticed that sends no event, in milliseconds. */
const CHECK_MS = 15_000;
/** Ends that are less apart are the same, in milliseconds. */
const SAME_MS = 2_000;

/** Which end comes first, and in how many milliseconds (negative: it has come). `null`: none within `warnBeforeMs`. */
export function foresee(
  state: PlanState,
  now: Reading,
  { idleLimitMs, warnBeforeMs }: SignInSoonSettings,
): End | null {
  const end = firstEnd(state, now, idleLimitMs);
  return state.known === "signed_in" && end.leftMs <= warnBeforeMs ? end : null;
}

interface End {
  readonly reason: SignInSoon["reason"];
  readonly leftMs: number;
}

function firstEnd(state: PlanState, now: Reading, idleLimitMs: number): End {
  const idleMs = idleLimitMs - elapsedMs(state.activeAt, now);
  const endMs = awaitsAnswer(state, now) ? Infinity : state.endsInMs - elapsedMs(state.answeredAt, now);
  return idleMs <= endMs ? { reason: "idle", leftMs: idleMs } : { reason: "session_end", leftMs: endMs };
}

/** The clocks moved apart, so the tab is about to ask: what the server says then is better than either of them. */
function awaitsAnswer({ answeredAt, askInMs, failures }: PlanState, now: Reading): boolean {
  return failures === 0 && askInMs < Infinity && divergenceMs(answeredAt, now) > SAME_MS;
}

/** When to look again: a warning may be taken back by an answer, which nobody announces. */
function nextLookMs(warned: End | null, leftMs: number, { warnBeforeMs }: SignInSoonSettings): number {
  if (!warned) return Math.min(leftMs - warnBeforeMs, CHECK_MS);
  return leftMs > 0 ? Math.min(leftMs, LINGER_MS) : CHECK_MS;
}

/** That somebody is back, after nobody had been there since `before`. */
interface Return {
  readonly before: Reading;
  readonly at: Reading;
}

/** Makes the watch of one tab. Nothing happens before {@link SignInWatch.start}. */
export function createSignInWatch(options: SignInWatchOptions): SignInWatch {
  const { environment, scheduler, settings, askOthers, stayActive } = options;
  const listeners = new Set<() => void>();
  let warning: SignInSoon | null = null;
  let timer: unknown;
  let running = false;
  /** When the others were asked whether it is so, and what was known then. */
  let asked: { readonly at: Reading; readonly activeAt: Reading } | undefined;
  /** A return after the limit, of which another tab may still say that the browser was used in between. */
  let doubt: Return | undefined;
  /** One of which none said so: until the next input, that is told. */
  let lateReturn: Reading | undefined;

  function arm(delayMs: number): void {
    environment.clearTimer(timer);
    timer = environment.setTimer(look, Math.ceil(delayMs));
  }

  function publish(next: Pick<SignInSoon, "reason" | "atMs"> | null, over = false): void {
    const isSame =
      next?.reason === warning?.reason &&
      over === (warning?.over ?? false) &&
      Math.abs((next?.atMs ?? 0) - (warning?.atMs ?? 0)) < SAME_MS;
    if (isSame) return;
    warning = next && { reason: next.reason, atMs: next.atMs, over, stayActive };
    for (const listener of [...listeners]) listener();
  }

  function look(): void {
    environment.clearTimer(timer);
    const state = scheduler.state();
    if (!running || listeners.size === 0 || !state) return;
    if (state.known !== "signed_in") {
      asked = doubt = lateReturn = undefined;
      return publish(null);
    }
    const now = environment.read();
    const wanted = settings();
    if (doubt) return settle(doubt, state, now, wanted);
    if (lateReturn === state.activeAt) return;
    lateReturn = undefined;

    const next = foresee(state, now, wanted);
    const isOver = next !== null && next.leftMs <= 0;
    if (next?.reason === "idle" && (warning?.reason !== "idle" || warning.over !== isOver)) {
      if (asked?.activeAt !== state.activeAt) {
        asked = { at: now, activeAt: state.activeAt };
        askOthers();
      }
      const waitMs = LINGER_MS - elapsedMs(asked.at, now);
      if (waitMs > 0) return arm(waitMs);
    }
    asked = undefined;
    arm(nextLookMs(next, firstEnd(state, now, wanted.idleLimitMs).leftMs, wanted));
    publish(next && { reason: next.reason, atMs: now.wallMs + next.leftMs }, isOver);
  }

  function settle({ before, at }: Return, state: PlanState, now: Reading, wanted: SignInSoonSettings): void {
    const waitMs = LINGER_MS - elapsedMs(at, now);
    if (waitMs > 0) return arm(waitMs);
    doubt = undefined;
    lateReturn = state.activeAt;
    publish({ reason: "idle", atMs: before.wallMs + wanted.idleLimitMs }, true);
  }

  return {
    current: () => warning,
    subscribe(listener) {
      listeners.add(listener);
      look();
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) environment.clearTimer(timer);
      };
    },
    look,
    returned(before, at) {
      if (!running || listeners.size === 0 || warning?.over) return;
      doubt = { before, at };
      askOthers(before);
      arm(LINGER_MS);
    },
    heardEarlier(at) {
      if (!doubt || elapsedMs(doubt.before, at) <= 0) return;
      // The tab that came back repeats when that was, as the others do.
      const leftMs = doubt.at.wallMs - at.wallMs;
      if (leftMs > 0 && leftMs < settings().idleLimitMs) doubt = undefined;
    },
    start() {
      running = true;
      const stops = [environment.onWake(look), scheduler.subscribe(look)];
      look();
      return () => {
        running = false;
        environment.clearTimer(timer);
        for (const stop of stops) stop();
      };
    },
  };
}
