/**
 * Once a second at most, for what tabs make each other do: two that see different answers tell each other without end.
 *
 * @module
 */
import type { Environment } from "./environment.ts";

const GAP_MS = 1_000;

/**
 * Spaces the calls of `run`: the first is made at once, and of those within a second after it one more at its end, so that
 * none is missed.
 *
 * @returns What to call instead of `run`, and what ends it, with a call that still waits.
 */
export function spaced(
  environment: Pick<Environment, "setTimer" | "clearTimer">,
  run: () => void,
): readonly [call: () => void, stop: () => void] {
  let timer: unknown;
  let isMissed = false;
  const call = (): void => {
    isMissed = timer !== undefined;
    if (isMissed) return;
    timer = environment.setTimer(() => {
      timer = undefined;
      if (isMissed) call();
    }, GAP_MS);
    run();
  };
  return [call, () => environment.clearTimer(timer)];
}
