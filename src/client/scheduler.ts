/**
 * Keeps one tab's session up to date: the loop around {@link plan}.
 *
 * ```
 * event, timer ──► look: plan(state, clocks) ── ask ──► one request, bounded ──► take the answer ──► look
 *                        ├── wait ──► timer
 *                        └── rest ──► nothing until an event
 * ```
 *
 * At most one request is under way. Whatever learns something new (a sign-in, `update()`, another tab) drops it, so an
 * older answer never overwrites a newer state. Time, chance, network and events all arrive through
 * {@link SchedulerOptions}.
 *
 * @module
 */
import { elapsedMs, type Environment, type Reading, type WakeReason } from "./environment.ts";
import type { FetchSession, SessionAnswer } from "./fetch-session.ts";
import {
  CONFIRM_GAP_MS,
  DEFAULT_SETTINGS,
  isIdle,
  plan,
  type AskReason,
  type PlanSettings,
  type PlanState,
} from "./plan.ts";
import { afterAnswer, afterFailure, stateOf } from "./plan-state.ts";
import { keepIdentity, samePerson, type ClientSession } from "./session.ts";
import type { Peer, Sharing } from "./sharing.ts";

/** What a scheduler works with. */
export interface SchedulerOptions {
  readonly environment: Environment;
  readonly fetchSession: FetchSession;
  /** What is known at the start: a session, `null` for signed out, `undefined` for nothing yet. */
  readonly session?: ClientSession | null | undefined;
  /** Called with every good answer, changed or not; `null` for signed out. Must not throw. */
  readonly onAnswer?: (session: ClientSession | null) => void;
  /** How long a session request may take, in milliseconds. A later answer counts as none. @defaultValue 15_000 */
  readonly requestTimeoutMs?: number;
}

/** One tab's session. */
export interface Scheduler {
  /**
   * Begins to ask; the returned function ends that and drops the request under way. May be started again: a start that is
   * undone at once, as in React's StrictMode, sends nothing (F21), and one after another asks, because between them it hears
   * of nothing, as in a hidden `<Activity>` (F43).
   */
  start(): () => void;
  /** The last good session, `null` for signed out, `undefined` while unknown. The same object until a reader could see a change. */
  current(): ClientSession | null | undefined;
  /** Calls back when {@link Scheduler.current} changed. */
  subscribe(listener: () => void): () => void;
  /** Changes what the app chose. */
  configure(settings: Partial<PlanSettings>): void;
  /**
   * Takes over what something else got from the server. It is shown at once, unless it is older than what is known or of a
   * user who left within {@link SchedulerOptions.requestTimeoutMs}: it may have been asked for before. An own request confirms
   * it where it is another user's, would undo a sign-out (F43) or the end of a sign-in, or comes while such a request is under
   * way. That a sign-in has ended, only an own request says.
   *
   * @param session `null`: nobody is signed in, or it could not be had. An own request decides.
   * @param sure It is newer than all that is known, unless it names an older token: nothing confirms it. With `null`: somebody
   *   signed out, which is shown until the own request has an answer.
   */
  tell(session: ClientSession | null | undefined, sure?: boolean): void;
  /** Looks at the clocks, and asks if that is due or the reason itself is one to ask, for all tabs of the browser. */
  wake(reason: WakeReason): void;
  /**
   * Somebody used this browser at `at`, here or in another tab. With the cause `active` it asks at once, which is for whoever
   * comes back after the idle limit.
   */
  active(at: Reading, cause?: "timer" | "active"): void;
  /** What is known; `undefined` before its start. */
  state(): PlanState | undefined;
  /** Asks now, because the session may have changed; two seconds after the last such request, where that is later. */
  confirm(): void;
  /** From now on asks for, and hears from, the other tabs of this browser, until the returned function is called. */
  share(make: (peer: Peer) => Sharing): () => void;
  /** What the sharing with other tabs works with; the devtools panel reads it. */
  readonly peer: Peer;
}

/** A request, or the wait for the turn to send it. */
interface Flight {
  readonly abort: AbortController;
  readonly sentAt: Reading;
  readonly forMs: number;
  /** Whether another tab's answer serves as well. */
  readonly isShared: boolean;
}

/** Makes a scheduler. Nothing happens before {@link Scheduler.start}. */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const { environment, fetchSession, onAnswer, requestTimeoutMs = 15_000 } = options;
  const listeners = new Set<() => void>();
  let settings = DEFAULT_SETTINGS;
  let shown = options.session;
  let latest = options.session;
  let state: PlanState | undefined;
  let flight: Flight | undefined;
  let timer: unknown;
  let confirmedAt: Reading | undefined;
  let sharing: Sharing | undefined;
  /** One for each start. */
  let running: object | undefined;
  let hasRun: boolean | undefined;
  /** Who was signed in last before the one who is, or before nobody was, and when that ended. */
  let left: ClientSession | undefined;
  let leftAt: Reading;

  function known(now: Reading): PlanState {
    return (state ??= stateOf(shown, now, environment.random()));
  }

  function arm(delayMs: number): void {
    environment.clearTimer(timer);
    timer = environment.setTimer(() => look("timer"), delayMs);
  }

  function drop(): void {
    flight?.abort.abort();
    flight = undefined;
  }

  function look(cause: "timer" | WakeReason): void {
    if (!running) return;
    const now = environment.read();
    if (flight) {
      const leftMs = flight.forMs - elapsedMs(flight.sentAt, now);
      // A timer may fire a little early: without a new one, a request that hangs would silence the tab for good.
      if (leftMs > 0) return arm(leftMs);
      drop();
      take({ kind: "failed" }, now);
    }
    const before = known(now);
    const step = plan(before, now, cause, environment.online(), settings, environment.visible());
    state = { ...before, lookedAt: now };
    environment.clearTimer(timer);
    if (step.act === "ask") ask(step.reason, now);
    else if (step.act === "wait") arm(step.forMs);
  }

  function ask(reason: AskReason, now: Reading): void {
    const others = reason === "mount" || reason === "update" ? undefined : sharing;
    const isShared = others !== undefined;
    const abort = new AbortController();
    const waitMs = others?.waitMs(known(now), now, requestTimeoutMs) ?? 0;
    const forMs = waitMs + requestTimeoutMs;
    const mine: Flight = (flight = { abort, sentAt: now, forMs, isShared });
    state = { ...known(now), asked: { reason, at: now } };
    if (reason === "update") confirmedAt = now;
    arm(forMs);
    if (!others) return void send(reason, mine);
    void others.take(waitMs, abort.signal).then((turn) => {
      const sentAt = environment.read();
      // The machine slept meanwhile.
      if (flight === mine && isIdle(known(sentAt), sentAt, settings) && !state?.doubtedAt) drop();
      // The news came on the last way.
      if (flight !== mine) return turn.release();
      flight = { ...mine, sentAt, forMs: requestTimeoutMs };
      arm(requestTimeoutMs);
      void send(reason, flight).then(turn.release);
    });
  }

  function send(reason: AskReason, mine: Flight): Promise<void> {
    return (
      new Promise<SessionAnswer>((resolve) => resolve(fetchSession(reason, mine.abort.signal)))
        .catch((): SessionAnswer => ({ kind: "failed" }))
        .then((answer) => {
          if (flight !== mine) return;
          flight = undefined;
          const then = environment.read();
          // A tab that slept while the answer was under way cannot know how old it is.
          const late = elapsedMs(mine.sentAt, then) > requestTimeoutMs;
          take(late ? { kind: "failed" } : answer, then, reason);
          look("timer");
        })
        // A listener threw: the timer of this request is still there, and looks again.
        .catch(() => undefined)
    );
  }

  const peer: Peer = {
    latest: () => latest,
    state: () => state,
    settings: () => settings,
    adopt(next, expires) {
      if (!running || (flight && !flight.isShared)) return;
      drop();
      state = next;
      if (latest && expires > 0) latest = { ...latest, accessTokenExpires: expires };
      look("timer");
    },
    confirm() {
      const now = environment.read();
      if ((!flight || flight.isShared) && !isIdle(known(now), now, settings)) confirm();
    },
  };

  function take(answer: SessionAnswer, now: Reading, reason?: AskReason): void {
    const draw = environment.random();
    if (answer.kind === "failed" || answer.kind === "refused") {
      state = afterFailure(known(now), now, draw);
      if (answer.kind === "refused" && shown === undefined) show(null);
    } else {
      const session = answer.session ?? null;
      state = afterAnswer(known(now), session, now, draw);
      if (latest && !(session && samePerson(latest, session))) {
        left = latest;
        leftAt = now;
      }
      latest = session;
      show(session);
      onAnswer?.(session);
    }
    sharing?.tell(now, reason);
  }

  function show(session: ClientSession | null): void {
    const next = keepIdentity(shown, session);
    if (next === shown) return;
    shown = next;
    for (const listener of [...listeners]) listener();
  }

  function confirm(): void {
    if (!running) return;
    drop();
    const now = environment.read();
    const askedAt = confirmedAt && elapsedMs(confirmedAt, now) < CONFIRM_GAP_MS ? confirmedAt : now;
    // Failures from before say nothing about this question: their pause is not its pause.
    state = { ...known(now), doubtedAt: { ...askedAt }, failures: 0 };
    if (askedAt === now) ask("update", now);
    else look("timer");
  }

  return {
    peer,
    start() {
      const mine = (running = {});
      known(environment.read());
      const stopEvents = environment.onWake(look);
      // Later, so that a start which is undone at once sends nothing.
      void Promise.resolve().then(() => {
        if (running !== mine) return;
        // Between two starts it hears of nothing, as in the back/forward cache.
        look(hasRun ? "restored" : "timer");
        hasRun = true;
      });
      return () => {
        running = undefined;
        stopEvents();
        drop();
        environment.clearTimer(timer);
      };
    },
    current: () => shown,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    configure(changes) {
      settings = { ...settings, ...changes };
      if (state) look("timer");
    },
    tell(session, sure) {
      if (!running) return;
      const now = environment.read();
      if (!session) {
        if (sure) take({ kind: "signed_out" }, now);
        return confirm();
      }
      const sameUser = latest && samePerson(latest, session);
      // 0 where there is no token: the sign-in has ended, or has none.
      const { accessTokenExpires: expires = 0 } = session;
      const knownExpires = latest?.accessTokenExpires ?? 0;
      // By the clock that nobody sets. A sleep may stop it: then an own request decides, which is late by that alone.
      const isOld = sameUser
        ? expires < knownExpires
        : left && samePerson(left, session) && now.monotonicMs - leftAt.monotonicMs < requestTimeoutMs;
      sure &&= !sameUser || !isOld;
      const isNew = sure || expires !== knownExpires || keepIdentity(latest, session) !== latest;
      const isDoubted = state?.doubtedAt;
      // The answer under way is as new as what says nothing new, or newer.
      if (isNew) drop();
      else if (isDoubted && flight) return;
      if (sure || !isOld) take({ kind: "session", session }, now);
      if (sure || (sameUser && (knownExpires ? !isOld : !expires) && !isDoubted)) look("timer");
      else confirm();
    },
    wake: look,
    active(at, cause = "timer") {
      state = { ...known(at), activeAt: at };
      look(cause);
    },
    state: peer.state,
    confirm,
    share(make) {
      const mine = (sharing = make(peer));
      return () => {
        mine.stop();
        if (sharing === mine) sharing = undefined;
      };
    },
  };
}
