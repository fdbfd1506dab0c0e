/**
 * What the panel's buttons break on purpose: the page's clocks, its network and the routes that nolapse asks. That it stays in
 * this tab is the part of {@link keepToOneTab}.
 *
 * A fault is put in by replacing members of the live session's {@link Surroundings}, which are read at each use. Without a
 * fault they are the real ones again.
 *
 * @module
 */
import { elapsedMs, type Environment, type Reading } from "../client/environment.ts";
import type { FetchSession, SessionAnswer } from "../client/fetch-session.ts";
import type { SendThrough } from "../client/fetch-token.ts";

/** Which faults are on. */
export interface FaultView {
  /** The browser says that it is offline, and requests fail. */
  readonly isOffline: boolean;
  /** What the session route, and the one that gives the page its token, do instead of answering. */
  readonly route: "503" | "no answer" | undefined;
  /** How long the machine sleeps on, in milliseconds; 0: it is awake. */
  readonly sleepLeftMs: number;
  /** How far the page's wall clock is ahead, in milliseconds. */
  readonly aheadMs: number;
}

/** The switches. */
export interface Faults {
  view(): FaultView;
  /** Until when the machine sleeps; `undefined`: it is awake. */
  asleep(): Promise<void> | undefined;
  /** Whether a request of this tab would not get to its server, or an answer not to it: then it takes no turn from others. */
  standsAlone(): boolean;
  /** Whether a failure was made up, and no good answer has come since: then the failures in a row are not the server's. */
  isMadeUp(): boolean;
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
  /** Sends through the faults: for {@link Surroundings.through}. */
  readonly through: SendThrough;
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
  let isMadeUp = false;
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

  function hang(signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      const end = (): void => {
        hung.delete(end);
        reject(new Error("The route did not answer (devtools)"));
      };
      hung.add(end);
      if (signal.aborted) end();
      signal.addEventListener("abort", end);
    });
  }

  function endHung(): void {
    for (const end of [...hung]) end();
  }

  function send<T>(signal: AbortSignal, really: () => Promise<T>, refused: () => T): Promise<T> {
    if (isOffline) return Promise.reject(new TypeError("The network is off (devtools)"));
    if (route === "503") return Promise.resolve(refused());
    return route === "no answer" ? hang(signal) : really();
  }

  // Without a fault one step more than the real one, not to change which of two answers comes first.
  function ask<T>(sent: () => Promise<T>, taken: (heard: T) => T): Promise<T> {
    const asked = sleeping ? sleeping.awake.then(sent) : sent();
    return asked.then((heard) => (sleeping ? sleeping.awake.then(() => taken(heard)) : taken(heard)));
  }

  /** Before the scheduler takes the answer: it shall count from the real clock. */
  function taken(heard: SessionAnswer): SessionAnswer {
    if (heard.kind === "session" || heard.kind === "signed_out") isMadeUp = false;
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
    asleep: () => sleeping?.awake,
    standsAlone: () => isOffline || route !== undefined || sleeping !== undefined,
    isMadeUp: () => isMadeUp,
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
    fetchSession(reason, signal) {
      isMadeUp ||= isOffline || route !== undefined || sleeping !== undefined || aheadMs > 0;
      const refused = (): SessionAnswer => ({ kind: "failed" });
      return ask(() => send(signal, () => fetchSession(reason, signal), refused), taken);
    },
    through(really, signal) {
      const refused = (): Response => Response.json({}, { status: 503 });
      return ask(
        () => send(signal, really, refused),
        (heard) => heard,
      );
    },
  };
}
