/**
 * The faults of the browser world that last for a while. Those of one moment are deeds of the plan: see `plan.ts`.
 *
 * @module
 */
import type { Chance } from "../chance.ts";
import type { BrowserOptions } from "./plan.ts";

/** What becomes of a request for which a fault draws it. */
export type RequestFault =
  "lost" | "hangs" | "answer_lost" | "doubled" | "answer_doubled" | "500" | "503" | "html" | "401";

/** What becomes of a message between tabs. */
export type MessageFault = "lost" | "late" | "doubled" | "forged";

/** What a fault does. `share`: of all requests or messages, so many are met. */
export type BrowserEffect =
  | { readonly type: "request"; readonly what: RequestFault; readonly share: number }
  | { readonly type: "slow"; readonly share: number; readonly upMs: number; readonly downMs: number }
  | { readonly type: "message"; readonly what: MessageFault; readonly share: number; readonly lateMs: number }
  | { readonly type: "locks"; readonly lateMs: number }
  | { readonly type: "timers"; readonly earlyMs: number }
  | { readonly type: "refresh_fails" };

/** One fault, from `atMs` after the start, in one browser. */
export interface BrowserFault {
  readonly id: string;
  readonly atMs: number;
  readonly durationMs: number;
  readonly browser: number;
  readonly effect: BrowserEffect;
}

const MOST_FAULTS = 8;

/** Draws the faults of a run. In a liveness run they are over at half time. */
export function faultsOf(
  chance: Chance,
  { browsers, mode }: Pick<BrowserOptions, "browsers" | "mode">,
  spanMs: number,
): readonly BrowserFault[] {
  const untilMs = mode === "liveness" ? spanMs / 2 : spanMs;
  return Array.from({ length: chance.int(MOST_FAULTS + 1) }, (): BrowserFault => {
    const atMs = chance.between(0, Math.floor(untilMs));
    const longestMs = untilMs - atMs;
    const drawn = effectOf(chance);
    // A machine's timers are as they are.
    const isLasting = drawn.effect.type === "timers" || chance.hits(0.3);
    const durationMs = Math.floor(isLasting ? longestMs : longestMs * chance.next() * 0.4);
    return { ...drawn, atMs, durationMs, browser: chance.int(browsers.length) };
  });
}

function effectOf(chance: Chance): Pick<BrowserFault, "id" | "effect"> {
  const share = chance.pick([0.15, 0.5, 1]);
  const what = chance.pick(["lost", "hangs", "500", "503", "html", "401"] as const);
  const message = chance.pick(["lost", "late", "doubled", "forged"] as const);
  const crossing = chance.pick(["answer_lost", "doubled", "answer_doubled"] as const);
  return chance.weighted<Pick<BrowserFault, "id" | "effect">>([
    [5, { id: "X58", effect: { type: "request", what, share } }],
    [4, { id: "X54", effect: { type: "request", what: crossing, share } }],
    [
      5,
      {
        id: "X54",
        effect: { type: "slow", share, upMs: chance.between(0, 9_000), downMs: chance.between(0, 30_000) },
      },
    ],
    [6, { id: "X59", effect: { type: "message", what: message, share, lateMs: chance.between(50, 6_000) } }],
    [2, { id: "X59", effect: { type: "locks", lateMs: chance.between(1, 3_000) } }],
    [2, { id: "X23", effect: { type: "timers", earlyMs: chance.between(1, 20) } }],
    [2, { id: "X33", effect: { type: "refresh_fails" } }],
  ]);
}
