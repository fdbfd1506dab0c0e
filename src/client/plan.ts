/**
 * When a tab asks the server for its session: a pure function of what is known and of both clocks.
 *
 * A timer only makes the tab look; the clocks decide whether it asks. So it does not matter whether a timer was late,
 * frozen in a background tab, or cut short because `setTimeout` cannot count to 60 days (F22, F25).
 *
 * @module
 */
import { divergenceMs, elapsedMs, type Reading, type WakeReason } from "./environment.ts";
import { askInMsOf, type ClientSession } from "./session.ts";

/** Why a session request is sent, told to the server in the header `x-nolapse-ask`. */
export type AskReason =
  /** The idle lead time, or the app's own `refetchInterval`, has come. */
  | "idle"
  /** The request before failed. */
  | "retry"
  /** The page has no session yet. */
  | "mount"
  /** Something other than this plan changed the session: `update()`, a sign-in or sign-out here or in another tab. */
  | "update"
  | WakeReason;

/** What is known, between two looks. */
export interface PlanState {
  readonly known: "unknown" | "signed_in" | "signed_out";
  /** When the last good answer came. */
  readonly answeredAt: Reading;
  /** When it said to ask, in milliseconds from then; `Infinity` for never. */
  readonly askInMs: number;
  /** How long the token lives on after that, in milliseconds; `Infinity` where it is not known. */
  readonly spareMs: number;
  /** When it said that the sign-in ends, in milliseconds from then; `Infinity` where it is not known. */
  readonly endsInMs: number;
  /** How many answers in a row said to come back at once. */
  readonly soon: number;
  /** How many requests in a row failed, since the last doubt. */
  readonly failures: number;
  /** When the last of them did; where there is none, of no meaning. */
  readonly failedAt: Reading;
  /** When the plan was last consulted. */
  readonly lookedAt: Reading;
  /** When somebody last used any tab of this browser; at first, when the page was loaded. */
  readonly activeAt: Reading;
  /**
   * Set while the session may have changed and no answer has said so: when that was last asked, an object of its own for each
   * doubt. Two seconds later it is asked again, unless a request is under way, or one failed: then it is as after each failure.
   */
  readonly doubtedAt?: Reading | undefined;
  /** The last request, if there was one. */
  readonly asked?: { readonly reason: AskReason; readonly at: Reading } | undefined;
  /** Chance, 0 to 1, drawn once for each answer, so that many tabs do not ask in the same second. */
  readonly draw: number;
}

/** What the app chose. */
export interface PlanSettings {
  /** Ask at least this often while signed in, in milliseconds. 0 or less for only when the token needs it. @defaultValue 0 */
  readonly refetchIntervalMs: number;
  /** Whether becoming visible always asks, or only looks at the clock. @defaultValue true */
  readonly askWhenVisible: boolean;
  /** Whether to ask although the browser says that it is offline. @defaultValue true */
  readonly askWhenOffline: boolean;
  /**
   * How long a browser may go unused and still ask, in milliseconds; `Infinity` for as long as a tab is open (F29).
   * @defaultValue Infinity
   */
  readonly idleLimitMs: number;
  /**
   * The longest time between two looks at the clock, in milliseconds: how late a sleep is noticed that sends no event.
   * @defaultValue 15_000
   */
  readonly checkEveryMs: number;
}

/** What {@link plan} uses where the app chose nothing. */
export const DEFAULT_SETTINGS: PlanSettings = {
  refetchIntervalMs: 0,
  askWhenVisible: true,
  askWhenOffline: true,
  idleLimitMs: Infinity,
  checkEveryMs: 15_000,
};

/** What to do now. `rest`: nothing until an event comes. */
export type Step =
  | { readonly act: "ask"; readonly reason: AskReason }
  | { readonly act: "wait"; readonly forMs: number }
  | { readonly act: "rest" };

/** The longest delay that `setTimeout` honours; anything above fires at once (F25). */
export const MAX_TIMER_MS = 2_147_483_647;

const REST: Step = { act: "rest" };
const MAX_BACK_OFF_MS = 60_000;
const MAX_JITTER_MS = 5_000;
const MOST_GIVE_WAY_MS = 2_000;
const JUMP_MS = 2_000;
const WAKE_GAP_MS = 1_000;
const SOON_MS = 1_000;
/** After so many failures in a row an idle tab leaves what it was told to ask until somebody is there. */
const MOST_IDLE_FAILURES = 8;
/** The time between two requests because something else may have changed the session. */
export const CONFIRM_GAP_MS = 2_000;

/**
 * Whether nobody used this browser for the idle limit, by either clock: after a sleep that long nothing is asked until
 * somebody is there (F29). A clock that is set forward counts as a sleep, because the two cannot be told apart.
 */
export function isIdle(
  { activeAt }: PlanState,
  now: Reading,
  { idleLimitMs }: Pick<PlanSettings, "idleLimitMs">,
): boolean {
  return elapsedMs(activeAt, now) >= idleLimitMs;
}

/** Decides what to do at `now`, having been woken by `cause`. */
export function plan(
  state: PlanState,
  now: Reading,
  cause: "timer" | WakeReason,
  online: boolean,
  settings: PlanSettings,
  visible = true,
): Step {
  // A tab that shows nobody asks when it is told to, or could not be, and until that was answered.
  const isDone =
    state.known === "signed_out" &&
    state.failures === 0 &&
    !state.doubtedAt &&
    cause !== "restored" &&
    cause !== "marker";
  if (isDone || (!online && !settings.askWhenOffline)) return REST;
  // What it was told to ask about an idle tab still asks, a bounded number of times.
  const isTold = state.doubtedAt && state.failures < MOST_IDLE_FAILURES;
  if (!isTold && isIdle(state, now, settings)) return REST;

  const leftMs = leftUntilAskMs(state, now, settings) + (visible ? 0 : giveWayMs(state));
  const jumped = leftMs < Infinity && divergenceMs(state.lookedAt, now) > JUMP_MS;
  if (leftMs <= 0 || jumped || (wakes(state, cause, settings) && !justWoke(state, now))) {
    return { act: "ask", reason: reasonFor(state, cause) };
  }
  if (leftMs === Infinity) return REST;
  return { act: "wait", forMs: Math.ceil(Math.min(leftMs, settings.checkEveryMs, MAX_TIMER_MS)) };
}

/**
 * How long to wait after `count` failures in a row, in milliseconds: 1 s, doubled each time up to 60 s, of which `draw`
 * (0 to 1) takes off up to a half.
 */
export function backOffMs(count: number, draw: number): number {
  return Math.min(1_000 * 2 ** (count - 1), MAX_BACK_OFF_MS) * (1 - draw / 2);
}

/**
 * Counts answers in a row that say to come back at once (the server says a second at least): it is retrying, or has only
 * just so much left.
 */
export function countSoon(before: number, session: ClientSession): number {
  const soon = session.tokenState?.status === "retrying" || askInMsOf(session) <= SOON_MS;
  return soon ? Math.min(before + 1, 5) : 0;
}

/**
 * When to ask after an answer, in milliseconds from it: what it said, but never in a hot loop (F33). Of the time between
 * that and the token's end (`spareMs`), chance takes a fifth at most.
 */
export function waitAfterAnswerMs(
  askInMs: number,
  soon: number,
  draw: number,
  spareMs: number = Infinity,
): number {
  const leastMs = soon > 0 ? backOffMs(soon, draw) : 0;
  return Math.max(askInMs, leastMs) + draw * Math.min(askInMs / 20, spareMs / 5, MAX_JITTER_MS);
}

function leftUntilAskMs(state: PlanState, now: Reading, settings: PlanSettings): number {
  if (state.failures > 0) return backOffMs(state.failures, state.draw) - elapsedMs(state.failedAt, now);
  if (state.doubtedAt) return CONFIRM_GAP_MS - elapsedMs(state.doubtedAt, now);
  if (state.known === "unknown") return 0;
  const everyMs = settings.refetchIntervalMs > 0 ? settings.refetchIntervalMs : Infinity;
  const tokenMs = waitAfterAnswerMs(state.askInMs, state.soon, state.draw, state.spareMs);
  return Math.min(tokenMs, everyMs) - elapsedMs(state.answeredAt, now);
}

/** How long a hidden tab leaves the visible ones to ask before it. */
function giveWayMs({ askInMs, spareMs }: PlanState): number {
  return Math.min(askInMs / 20, spareMs / 5, MOST_GIVE_WAY_MS);
}

/** Whether the event itself is a reason to ask, whatever the clock says. */
function wakes(state: PlanState, cause: "timer" | WakeReason, settings: PlanSettings): boolean {
  if (cause === "visible") return settings.askWhenVisible || state.failures > 0;
  return (
    cause === "marker" ||
    cause === "restored" ||
    cause === "active" ||
    (cause === "online" && state.failures > 0)
  );
}

const WAKING: readonly AskReason[] = ["visible", "online", "focus", "pageshow", "restored", "active"];

/** One wake-up comes as several events. */
function justWoke({ asked }: PlanState, now: Reading): boolean {
  return asked !== undefined && WAKING.includes(asked.reason) && elapsedMs(asked.at, now) < WAKE_GAP_MS;
}

function reasonFor(state: PlanState, cause: "timer" | WakeReason): AskReason {
  if (state.doubtedAt && state.failures === 0) return "update";
  if (cause !== "timer") return cause;
  if (state.failures > 0) return "retry";
  return state.known === "unknown" ? "mount" : "idle";
}
