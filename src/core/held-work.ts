/**
 * Work that nobody waits for, on a host that freezes the process after a response and offers nothing to keep it awake.
 * There the call that began it does not return before it is done: a frozen refresh would lose the grant (S3).
 *
 * @module
 */
import type { Clock } from "./clock.ts";

/** What the host does with background work. See `TokenManagerOptions.background`. */
export type Background = (task: Promise<void>) => Promise<void> | undefined;

/** The background work of one engine. */
export interface HeldWork {
  /** Starts to look after a task. Neither throws nor rejects, whatever becomes of the task. */
  readonly add: (task: Promise<unknown>) => void;
  /** Resolves when nothing of it is under way any more. */
  readonly finished: () => Promise<void>;
  /** Runs a call, and then waits for what the host would freeze, at most {@link MAX_HOLD_MS}. */
  readonly during: <Result>(call: () => Promise<Result>) => Promise<Result>;
}

/** The longest that a call waits for background work on such a host, in milliseconds: two minutes. */
export const MAX_HOLD_MS = 120_000;

/** Builds it. @param background `undefined`: the process lives on by itself. */
export function createHeldWork(background: Background | undefined, clock: Clock): HeldWork {
  const held = new Set<Promise<void>>();
  const running = new Set<Promise<void>>();
  return {
    add(task) {
      const ended = (): void => void running.delete(done);
      // A background task has nobody to reject to (SEC-87); what failed has been told as an event.
      const done: Promise<void> = task.then(ended, ended);
      running.add(done);
      const waiting = background?.(done);
      if (waiting === undefined) return;
      const over = (): void => void held.delete(entry);
      const entry: Promise<void> = waiting.then(over, over);
      held.add(entry);
    },
    async finished() {
      while (running.size > 0) await Promise.all(running);
    },
    async during(call) {
      const earlier = new Set(held);
      try {
        return await call();
      } finally {
        await drain(held, earlier, clock);
      }
    },
  };
}

/** Waits for all that was added since, and for what that adds in turn. */
async function drain(held: Set<Promise<void>>, earlier: Set<Promise<void>>, clock: Clock): Promise<void> {
  const added = (): Promise<void>[] => [...held].filter((task) => !earlier.has(task));
  if (added().length === 0) return;
  const timer = new AbortController();
  const drained = async (): Promise<void> => {
    for (let tasks = added(); tasks.length > 0; tasks = added()) await Promise.all(tasks);
  };
  await Promise.race([drained(), clock.sleep(MAX_HOLD_MS, timer.signal)]);
  timer.abort();
}
