/**
 * What one seed means in the browser world: the browsers, the deeds of their users, and the faults. All of it is drawn
 * before the run begins, so that a failing run can be made smaller by leaving parts out.
 *
 * @module
 */
import { chanceOf, type Chance } from "../chance.ts";
import type { Mode } from "../plan.ts";
import { faultsOf, type BrowserFault } from "./faults.ts";

/** What kind of run it is. `still`: only time passes. `calm`: tabs come and go, and nothing goes wrong. */
export type BrowserProfile = "still" | "calm" | "faulty";

/** The world of one run, in numbers. */
export interface BrowserOptions {
  readonly seed: number;
  readonly mode: Mode;
  readonly profile: BrowserProfile;
  /** By browser profile: how many tabs it has, and whether it has Web Locks. Each has a user of its own. */
  readonly browsers: readonly { readonly tabs: number; readonly locks: boolean }[];
  readonly lifetimeMs: number;
  readonly latencyMs: number;
  /** Whether the application puts the access token into its session. */
  readonly showsToken: boolean;
  /** A CDN in front of the app, which stores what the answer allows or says nothing about (X63). */
  readonly cdn: boolean;
  /** The application's host puts this in the place of the session answer's `Cache-Control` (X63). */
  readonly cacheControl: string | null;
  /** React's StrictMode: each page starts, stops and starts its client (X60). */
  readonly strict: boolean;
  /** Timers of hidden pages fire once a minute. */
  readonly throttles: boolean;
}

/** What somebody does, or what becomes of a tab or a machine. */
export type Deed =
  | { readonly do: "nothing" | "open" | "close" | "crash" | "freeze" | "thaw" | "hide" | "show" | "focus" }
  | { readonly do: "cache" | "restore" | "update" | "sign_out" | "end_session" | "lose_grant" }
  | { readonly do: "sign_in"; readonly user: string }
  | { readonly do: "offline" | "online" }
  | { readonly do: "jump"; readonly byMs: number }
  | { readonly do: "sleep"; readonly forMs: number; readonly stands: "wall" | "monotonic" | "none" };

/** One of them: after so much time, in that browser, in one of its tabs. */
export interface BrowserStep {
  readonly gapMs: number;
  readonly browser: number;
  readonly tab: number;
  readonly deed: Deed;
}

/** All that a run is made from. */
export interface BrowserPlan {
  readonly options: BrowserOptions;
  readonly steps: readonly BrowserStep[];
  readonly faults: readonly BrowserFault[];
}

/** Whoever is signed in to a browser at first. Sign-ins later are of one of all. */
export const USERS: readonly string[] = ["alice", "bob", "carol"];
const STEPS = 48;
const STILL_STEPS = 24;
const HOUR_MS = 3_600_000;

/** The plan of a seed. */
export function browserPlanOf(seed: number, mode: Mode): BrowserPlan {
  const options = optionsOf(seed, mode, chanceOf(seed, `browser/plan/${mode}`));
  const steps = stepsOf(chanceOf(seed, "browser/steps"), options);
  const spanMs = steps.reduce((sum, { gapMs }) => sum + gapMs, 0);
  const faults =
    options.profile === "faulty" ? faultsOf(chanceOf(seed, "browser/faults"), options, spanMs) : [];
  return { options, steps, faults };
}

function optionsOf(seed: number, mode: Mode, chance: Chance): BrowserOptions {
  const profile = chance.weighted<BrowserProfile>(
    mode === "liveness"
      ? [[1, "faulty"]]
      : [
          [10, "still"],
          [10, "calm"],
          [80, "faulty"],
        ],
  );
  const isFaulty = profile === "faulty";
  const browser = (): BrowserOptions["browsers"][number] => ({
    tabs: chance.weighted([
      [2, 1],
      [4, 2],
      [3, 3],
      [3, 5],
      [1, 10],
      [0.5, 20],
    ] as const),
    locks: chance.hits(0.6),
  });
  return {
    seed,
    mode,
    profile,
    browsers: chance.hits(0.4) ? [browser(), browser()] : [browser()],
    lifetimeMs: chance.weighted([
      [2, 20_000],
      [4, 60_000],
      [4, 300_000],
      [1, 900_000],
      [0.4, HOUR_MS],
    ] as const),
    latencyMs: chance.between(10, 400),
    showsToken: isFaulty && chance.hits(0.2),
    cdn: chance.hits(0.4),
    cacheControl: isFaulty && chance.hits(0.3) ? "private, max-age=120" : null,
    strict: chance.hits(0.3),
    throttles: isFaulty && chance.hits(0.5),
  };
}

function stepsOf(chance: Chance, options: BrowserOptions): readonly BrowserStep[] {
  const { profile, browsers, lifetimeMs } = options;
  const count = profile === "still" ? STILL_STEPS : STEPS;
  const steps = Array.from({ length: count }, (): BrowserStep => {
    const deed = profile === "still" ? nothing : deedOf(chance, options);
    const gapMs = chance.hits(0.35)
      ? chance.between(0, 3_000)
      : chance.between(0, Math.round(lifetimeMs / (profile === "still" ? 1 : 3)));
    return { gapMs, browser: chance.int(browsers.length), tab: chance.int(20), deed };
  });
  if (profile !== "faulty" || browsers.length > 1) return steps;
  // At least two users in every run, or one that is another's would go unseen (I8).
  const at = chance.between(count / 4, count / 2);
  return steps.map((step, index) =>
    index === at ? { ...step, deed: { do: "sign_in", user: "bob" } } : step,
  );
}

const nothing: Deed = { do: "nothing" };

function deedOf(chance: Chance, { profile, lifetimeMs }: BrowserOptions): Deed {
  const plain = (name: "nothing" | "open" | "close" | "hide" | "show" | "focus"): Deed => ({ do: name });
  const calm: readonly (readonly [number, Deed])[] = [
    [12, nothing],
    [2, plain("open")],
    [2, plain("close")],
    [2, plain("hide")],
    [2, plain("show")],
    [1, plain("focus")],
  ];
  if (profile !== "faulty") return chance.weighted(calm);
  return chance.weighted<Deed>([
    ...calm,
    [2, { do: "crash" }],
    [4, { do: "freeze" }],
    [3, { do: "thaw" }],
    [2, { do: "cache" }],
    [2, { do: "restore" }],
    [2, { do: "update" }],
    [1, { do: "sign_out" }],
    [2.5, { do: "sign_in", user: chance.pick(USERS) }],
    [0.4, { do: "end_session" }],
    [0.4, { do: "lose_grant" }],
    [2, { do: "offline" }],
    [2, { do: "online" }],
    [2, { do: "jump", byMs: chance.pick([-1, 1]) * HOUR_MS }],
    [3, sleepOf(chance, lifetimeMs)],
  ]);
}

function sleepOf(chance: Chance, lifetimeMs: number): Deed {
  const forMs = chance.hits(0.5) ? chance.between(5_000, lifetimeMs) : chance.between(1, 8) * HOUR_MS;
  return { do: "sleep", forMs, stands: chance.pick(["wall", "monotonic", "none"] as const) };
}
