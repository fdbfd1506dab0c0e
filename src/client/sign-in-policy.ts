/**
 * How long an unattended browser keeps its sign-in, and when the app is told: input of this tab and of the others on one
 * side, the scheduler and the warning on the other.
 *
 * @module
 */
import { createActivity } from "./activity.ts";
import type { Environment } from "./environment.ts";
import type { Scheduler } from "./scheduler.ts";
import { createSignInWatch, type SignInSoon, type SignInSoonSettings } from "./sign-in-soon.ts";

/** What the app chose. */
export interface SignInPolicySettings extends SignInSoonSettings {
  /** Called once per change of the warning; `null` when it is taken back. */
  readonly onSignInSoon?: ((warning: SignInSoon | null) => void) | undefined;
}

/** What {@link createSignInPolicy} works with. */
export interface SignInPolicyOptions {
  readonly environment: Environment;
  /** Is given the `idleLimitMs` of the settings. */
  readonly scheduler: Scheduler;
  /** Calls back on each input of the user in this tab, until the returned function is called. */
  readonly onInput: (listener: () => void) => () => void;
  /** Read at each use. */
  readonly settings: () => SignInPolicySettings;
}

/** The policy in one tab. */
export interface SignInPolicy {
  /** The warning, or `null`. The same object until the next is told. */
  current(): SignInSoon | null;
  /** Calls back when {@link SignInPolicy.current} changed. */
  subscribe(listener: () => void): () => void;
  /** Counts as input. More than one call a second changes nothing. */
  stayActive(): void;
  /** Has to be called after the settings changed. */
  changed(): void;
  /** Another tab says that somebody was active, at `atMs` by the wall clock: for `Peer.heardActive`. */
  heardActive(atMs: number): void;
  /** Begins. `tellActive` tells the other tabs: `Sharing.tellActive`. The returned function ends it. */
  start(tellActive: (atMs: number) => void): () => void;
}

/** Makes the policy of one tab. Nothing happens before {@link SignInPolicy.start}. */
export function createSignInPolicy(options: SignInPolicyOptions): SignInPolicy {
  const { environment, scheduler, onInput, settings } = options;
  let tellOthers: ((atMs: number) => void) | undefined;

  const activity = createActivity({
    environment,
    scheduler,
    idleLimitMs: () => settings().idleLimitMs,
    post: (atMs) => tellOthers?.(atMs),
    onReturn: (before, at) => watch.returned(before, at),
    onEarlier: (at) => watch.heardEarlier(at),
  });
  const watch = createSignInWatch({
    environment,
    scheduler,
    settings,
    askOthers: activity.askOthers,
    stayActive: note,
  });

  const canTakeBack = (): boolean => watch.current()?.reason === "idle";

  /** Input is no reason to look at the clocks, unless it takes something back. */
  function note(): void {
    activity.note();
    if (canTakeBack()) watch.look();
  }

  const listenToInput = switchOf(() => {
    // What the app begins with counts as activity, whenever it does.
    scheduler.active(environment.read());
    activity.askOthers();
    return onInput(note);
  });
  const tellApp = switchOf(() =>
    watch.subscribe(() => {
      const { onSignInSoon } = settings();
      const warning = watch.current();
      // Later: what the app throws must not end the watch.
      environment.setTimer(() => onSignInSoon?.(warning), 0);
    }),
  );

  function changed(): void {
    if (!tellOthers) return;
    const { idleLimitMs, onSignInSoon } = settings();
    scheduler.configure({ idleLimitMs });
    listenToInput(idleLimitMs < Infinity);
    tellApp(onSignInSoon !== undefined);
    watch.look();
  }

  return {
    current: watch.current,
    subscribe: watch.subscribe,
    stayActive: note,
    changed,
    heardActive(atMs) {
      activity.heard(atMs);
      if (canTakeBack()) watch.look();
    },
    start(tellActive) {
      tellOthers = tellActive;
      const stopWatch = watch.start();
      changed();
      return () => {
        tellOthers = undefined;
        listenToInput(false);
        tellApp(false);
        activity.stop();
        stopWatch();
      };
    },
  };
}

/** Runs `begin` when it is switched on, and what that returned when it is switched off. */
function switchOf(begin: () => () => void): (isOn: boolean) => void {
  let end: (() => void) | undefined;
  return (isOn) => {
    if (isOn) {
      end ??= begin();
      return;
    }
    end?.();
    end = undefined;
  };
}
