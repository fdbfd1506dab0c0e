/**
 * What the panel's buttons break on purpose, in this tab only: the page's clocks, its network and its session route.
 *
 * A fault is put in by replacing members of the live session's {@link Surroundings}, which are read at each use. Without a
 * fault they are the real ones again.
 *
 * @module
 */
import { elapsedMs, type Environment, type Reading } from "../client/environment.ts";
import type { FetchSession, SessionAnswer } from "../client/fetch-session.ts";

/** Which faults are on. */
export interface FaultView {
  /** The browser says that it is offline, and requests fail. */
  readonly isOffline: boolean;
  /** What the session route does instead of answering. */
  readonly route: "503" | "no answer" | undefined;
  /** How long the machine sleeps on, in milliseconds; 0: it is awake. */
  readonly sleepLeftMs: number;
  /** How far the page's wall clock is ahead, in milliseconds. */
  readonly aheadMs: number;
}

/** The switches. */
export interface Faults {
  view(): FaultView;
  setOffline(isOn: boolean): void;
  setRoute(fault: FaultView["route"]): void;
  /** Sets the page's wall clock ahead until the next good answer. */
  setAhead(aheadMs: number): void;
  /** Nothing happens in the page for so long; then its clocks have moved, and `onAwake` is called. */
  sleep(durationMs: number, onAwake: () => void): void;
  /** Takes all faults out, and wakes a sleeping machine without a call. */
  clear(): void;
  /** Asks through the faults. */
  readonly fetchSession: FetchSession;
}

/** A timer that was set while the machine slept. */
interface HeldTimer {
  readonly run: () => void;
  readonly delayMs: number;
}

interface Sleep {
  readonly frozenAt: Reading;
  readonly since: Reading;
  readonly durationMs: number;
  readonly held: Set<HeldTimer>;
  readonly awake: Promise<void>;
  readonly end: () => void;
  readonly alarm: unknown;
}

/**
 * Makes the switches, all off.
 *
 * @param page The environment of the live session, whose members are replaced.
 * @param own Another one, which no fault reaches.
 * @param fetchSession What really asks.
 */
export function createFaults(page: Environment, own: Environment, fetchSession: FetchSession): Faults {
  const { read, online, setTimer, clearTimer } = page;
  const hung = new Set<() => void>();
  let isOffline = false;
  let route: FaultView["route"];
  let aheadMs = 0;
  let sleeping: Sleep | undefined;

  // Of the wall clock only: the monotonic one may miss a sleep. And when it goes back, no time is lost (see elapsedMs).
  function shifted(): Reading {
    const { wallMs, monotonicMs } = read();
    return { wallMs: wallMs + aheadMs, monotonicMs };
  }

  function apply(): void {
    const { frozenAt, held } = sleeping ?? {};
    page.online = isOffline ? () => false : online;
    page.read = frozenAt ? () => frozenAt : aheadMs > 0 ? shifted : read;
    page.setTimer = held
      ? (run, delayMs) => {
          const timer: HeldTimer = { run, delayMs };
          held.add(timer);
          return timer;
        }
      : setTimer;
    page.clearTimer = held ? (timer) => held.delete(timer as HeldTimer) || clearTimer(timer) : clearTimer;
  }

  function wakeUp(): void {
    if (!sleeping) return;
    const { held, since, end, alarm } = sleeping;
    sleeping = undefined;
    own.clearTimer(alarm);
    apply();
    end();
    const sleptMs = elapsedMs(since, own.read());
    // Whoever set one can no longer clear it: it comes once too often, which a look at the clocks does not mind.
    for (const { run, delayMs } of held) setTimer(run, Math.max(0, delayMs - sleptMs));
  }

  function hang(signal: AbortSignal): Promise<SessionAnswer> {
    return new Promise((_, reject) => {
      const end = (): void => {
        hung.delete(end);
        reject(new Error("The session route did not answer (devtools)"));
      };
      hung.add(end);
      signal.addEventListener("abort", end);
    });
  }

  function endHung(): void {
    for (const end of [...hung]) end();
  }

  function answer(reason: Parameters<FetchSession>[0], signal: AbortSignal): Promise<SessionAnswer> {
    if (isOffline) return Promise.reject(new Error("The network is off (devtools)"));
    if (route === "503") return Promise.resolve({ kind: "failed" });
    return route === "no answer" ? hang(signal) : fetchSession(reason, signal);
  }

  /** Before the scheduler takes the answer: it shall count from the real clock. */
  function taken(heard: SessionAnswer): SessionAnswer {
    if (heard.kind === "session" && aheadMs > 0) {
      aheadMs = 0;
      apply();
    }
    return heard;
  }

  return {
    view: () => ({
      isOffline,
      route,
      aheadMs,
      sleepLeftMs: sleeping ? Math.max(0, sleeping.durationMs - elapsedMs(sleeping.since, own.read())) : 0,
    }),
    setOffline(isOn) {
      isOffline = isOn;
      apply();
    },
    setRoute(fault) {
      route = fault;
      if (fault !== "no answer") endHung();
    },
    setAhead(durationMs) {
      aheadMs = durationMs;
      apply();
    },
    sleep(durationMs, onAwake) {
      if (sleeping) return;
      let end = (): void => undefined;
      const awake = new Promise<void>((resolve) => (end = resolve));
      const alarm = own.setTimer(() => {
        wakeUp();
        onAwake();
      }, durationMs);
      sleeping = { frozenAt: page.read(), since: own.read(), durationMs, held: new Set(), awake, end, alarm };
      apply();
    },
    clear() {
      isOffline = false;
      route = undefined;
      aheadMs = 0;
      wakeUp();
      apply();
      endHung();
    },
    // Without a fault one step more than the real one, not to change which of two answers comes first.
    fetchSession(reason, signal) {
      const asked = sleeping ? sleeping.awake.then(() => answer(reason, signal)) : answer(reason, signal);
      return asked.then((heard) => (sleeping ? sleeping.awake.then(() => taken(heard)) : taken(heard)));
    },
  };
}
