/**
 * The bounds that the rules of the browser world hold the client to, from the constants of `src/client`.
 *
 * @module
 */

/** The longest pause after failures (`MAX_BACK_OFF_MS` of `plan.ts`). */
const BACK_OFF_MS = 60_000;
/** The longest time between two looks at the clock (`checkEveryMs`). */
const LOOK_MS = 15_000;
/** The longest wait for the turn to ask, and for an answer (`requestTimeoutMs`). */
const REQUEST_MS = 15_000;
/** The longest wait for the turn once the token has ended (twice `OVER_WAIT_MS`), chance and messages. */
const SLACK_MS = 10_000;
/** A throttled timer fires once a minute. Three follow each other: of a request that hangs, of the pause, of the turn. */
const THROTTLED_MS = 3 * 60_000;

/**
 * X of I19, and the bound of I17: a tab that nothing hinders any more knows a token that has not ended, or shows that only a
 * new sign-in helps, after this time: a pause, a look, a turn, and some more.
 */
export const X_MS: number = BACK_OFF_MS + LOOK_MS + REQUEST_MS + SLACK_MS;

/** The same for a hidden tab, whose timers are throttled. */
export const HIDDEN_X_MS: number = X_MS + THROTTLED_MS;

/**
 * Y of I19: the same for a visible tab which woke, was thawed, or whose asking neighbour was closed or froze, where no
 * request of its browser had failed for a while, so that nobody pauses.
 */
export const Y_MS: number = LOOK_MS + SLACK_MS + 5_000;

/** After this time without a failed request nobody pauses because of one any more. */
export const PAUSE_OVER_MS: number = 2 * X_MS;

/** A tab that heard that the session changed shows what is true after this time, unless it is hindered. */
export const ANNOUNCED_MS: number = X_MS;

/** The most requests of one tab's own accord in a minute: 8 by its pauses, and as much again after an answer between. */
export const OWN_PER_MINUTE = 16;

/** The most requests in a minute that follow what others tell it: one each two seconds. */
export const TOLD_PER_MINUTE = 30;

/** For how long after somebody left a tab knows that what it is told of that user may be of before (`requestTimeoutMs`). */
export const JUST_LEFT_MS: number = REQUEST_MS;
