/**
 * One live session as the panels of its page see it: what they show, and what their buttons do. Only a button changes what
 * the page does.
 *
 * @module
 */
import { browserEnvironment } from "../client/browser.ts";
import { divergenceMs } from "../client/environment.ts";
import type { LiveSession } from "../react/live-session.ts";
import { factsOf, type Facts } from "./facts.ts";
import { createFaults, type FaultView } from "./faults.ts";
import { forecast, type Forecast } from "./forecast.ts";
import { keepToOneTab } from "./one-tab.ts";
import { createRecorder, type Recording, type Who } from "./recorder.ts";

/** All that a panel shows. */
export interface View extends Omit<Recording, "lastAsk" | "asking"> {
  /** Now, in milliseconds of the monotonic clock, which no fault moves. */
  readonly nowMs: number;
  readonly facts: Facts;
  readonly next: Forecast;
  readonly faults: FaultView;
  readonly isOnline: boolean;
  readonly isVisible: boolean;
  /** How far the page's clocks moved apart since the panel began to look, in milliseconds. */
  readonly divergenceMs: number;
  /** Whether a request of this tab is under way. */
  readonly isAsking: boolean;
  readonly lastAsk: { readonly who: Who; readonly agoMs: number } | undefined;
  /** Who holds the turn to ask; `undefined`: nobody. */
  readonly turn: Who | undefined;
  /** How many other tabs with a panel were heard of in the last lifetime of a token. */
  readonly tabsHeard: number;
  /** How many answers and failures other tabs told in that time. */
  readonly newsHeard: number;
}

/** What an app does on its server for a button. */
export type Action = () => Promise<unknown>;

/** The panels' end. */
export interface Instrument {
  /** The same object until something changed, which a second that passes is. */
  view(): View;
  subscribe(listener: () => void): () => void;
  /** Asks the session route now, after `action` where there is one. */
  renew(action?: Action): Promise<void>;
  /** Lets the page believe that the token has expired. With `action`, which makes that true on the server, it asks. */
  expire(action?: Action): Promise<void>;
  setOffline(isOn: boolean): void;
  setRoute(fault: FaultView["route"]): void;
  sleep(durationMs: number): void;
  clearFaults(): void;
  /** Ends it: everything is as it was. */
  stop(): void;
}

const TICK_MS = 1_000;
/** How long a tab is remembered where tokens live shorter, or for no known time. */
const LEAST_MEMORY_MS = 60_000;

/** Begins to watch. */
export function createInstrument(live: LiveSession): Instrument {
  const { scheduler, surroundings } = live;
  const { environment: page, fetchSession } = surroundings;
  const own = browserEnvironment();
  const startedAt = page.read();
  const listeners = new Set<() => void>();
  const faults = createFaults(page, own, fetchSession);
  let view: View | undefined;
  let isLocked = false;
  let telling: unknown;
  const recorder = createRecorder(live, own, faults, changed);
  const oneTab = keepToOneTab(live, faults);
  surroundings.through = faults.through;
  let timer = own.setTimer(tick, TICK_MS);

  // Later, and once for all changes of the moment: React renders what is pending of the app together with the panel, and
  // that shall not come sooner because of it.
  function changed(): void {
    view = undefined;
    telling ??= own.setTimer(() => {
      telling = undefined;
      for (const listener of [...listeners]) listener();
    }, 0);
  }

  function tick(): void {
    if (listeners.size > 0) lookAtLocks();
    recorder.sample();
    timer = own.setTimer(tick, TICK_MS);
  }

  function lookAtLocks(): void {
    const { locks } = navigator as { readonly locks?: LockManager };
    locks?.query().then(
      ({ held }) => (isLocked = held?.some(({ name }) => name === `nolapse ${live.url()}`) === true),
      () => undefined,
    );
  }

  function look(): View {
    const { asking, lastAsk, log, lives, spans } = recorder.recording();
    const { state, latest, settings } = scheduler.peer;
    const [now, known, nowMs] = [page.read(), state(), own.read().monotonicMs];
    const [isOnline, isVisible, last] = [page.online(), page.visible(), lives.at(-1)];
    const memoryMs = Math.max(LEAST_MEMORY_MS, last ? last.endMs - last.fromMs : 0);
    return {
      ...{ nowMs, log, lives, spans, isOnline, isVisible },
      facts: factsOf(latest(), known, now),
      next: forecast(known, now, isOnline, settings(), isVisible),
      faults: faults.view(),
      divergenceMs: divergenceMs(startedAt, now),
      isAsking: asking > 0,
      lastAsk: lastAsk && { who: lastAsk.who, agoMs: nowMs - lastAsk.atMs },
      turn: asking > 0 ? "this tab" : isLocked ? "another tab" : undefined,
      tabsHeard: recorder.tabs.heardWithin(memoryMs),
      newsHeard: log.filter(({ kind, atMs }) => kind === "news" && nowMs - atMs <= memoryMs).length,
    };
  }

  async function tried(action: Action): Promise<boolean> {
    try {
      await action();
      return true;
    } catch {
      // Not shown: what it says may hold anything.
      recorder.act("action failed");
      return false;
    }
  }

  return {
    view: () => (view ??= look()),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async renew(action) {
      recorder.act(action ? "renew" : "ask now");
      if (!action || (await tried(action))) scheduler.wake("marker");
    },
    async expire(action) {
      recorder.act("expire");
      if (action) {
        if (await tried(action)) scheduler.wake("marker");
        return;
      }
      const { tokenLeftMs = 0 } = factsOf(scheduler.peer.latest(), scheduler.peer.state(), page.read());
      faults.setAhead(faults.view().aheadMs + Math.max(0, tokenLeftMs) + TICK_MS);
      scheduler.wake("focus");
      changed();
    },
    setOffline(isOn) {
      faults.setOffline(isOn);
      recorder.act(isOn ? "offline" : "online again");
      if (!isOn) scheduler.wake("online");
    },
    setRoute(fault) {
      faults.setRoute(fault);
      recorder.act(fault ?? "route answers again");
    },
    sleep(durationMs) {
      if (faults.view().sleepLeftMs > 0) return;
      faults.sleep(durationMs, () => {
        recorder.act("woke up");
        scheduler.wake("focus");
        scheduler.wake("online");
      });
      oneTab.letGo();
      recorder.act("sleep");
    },
    clearFaults() {
      const { isOffline, sleepLeftMs } = faults.view();
      faults.clear();
      recorder.act("all faults off");
      if (isOffline || sleepLeftMs > 0) scheduler.wake("online");
    },
    stop() {
      own.clearTimer(timer);
      own.clearTimer(telling);
      listeners.clear();
      recorder.stop();
      oneTab.stop();
      if (surroundings.through === faults.through) delete surroundings.through;
      faults.clear();
    },
  };
}

interface Shared {
  readonly instrument: Instrument;
  users: number;
}

const shared = new WeakMap<LiveSession, Shared>();

/** The instrument of a live session: all panels of a page share one, and the last to let it go stops it. */
export function takeInstrument(live: LiveSession): { readonly instrument: Instrument; release(): void } {
  const mine = shared.get(live) ?? { instrument: createInstrument(live), users: 0 };
  shared.set(live, mine);
  mine.users++;
  return {
    instrument: mine.instrument,
    release() {
      if (--mine.users > 0) return;
      shared.delete(live);
      mine.instrument.stop();
    },
  };
}
