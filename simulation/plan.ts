/**
 * What one seed means: the options of the world, the steps of its callers, and the faults. All of it is drawn before the
 * run begins, so that a failing run can be made smaller by leaving parts out.
 *
 * @module
 */
import { chanceOf, type Chance } from "./chance.ts";
import { CATALOGUE, type Injector } from "./fault-catalogue.ts";
import type { AsClass, Effect, Fault, FaultId } from "./fault-types.ts";
import { stepsOf, type Step } from "./steps.ts";

/** `safety`: uniform random faults. `liveness`: faults stop, or stay on a minority for good. */
export type Mode = "safety" | "liveness";

/** What kind of run it is. `lossy`: the store may lose what it acknowledged. `calm`: no faults at all. */
export type Profile = "calm" | "faulty" | "lossy" | "herd" | "swizzle" | "keys";

/** The world of one run, in numbers. */
export interface WorldOptions {
  readonly seed: number;
  readonly mode: Mode;
  readonly profile: Profile;
  readonly servers: number;
  readonly grants: number;
  readonly users: number;
  /** What the authorization server does with an old refresh token. */
  readonly asClass: AsClass;
  readonly graceMs: number;
  /** What the operator has told the engine: the truth, nothing (strict), or a window that is 1 s off. */
  readonly told: "truth" | "strict" | "off_by_one";
  readonly revokesOldAccessToken: boolean;
  readonly accessLifetimeMs: number;
  readonly asLatencyMs: number;
  readonly storeLatencyMs: number;
  /** How far the servers' clocks are apart from true time at most, in milliseconds. */
  readonly skewMs: number;
  readonly leaseMs: number;
  /** Whether work after the response has to be awaited (serverless without `after`). */
  readonly serverless: boolean;
  /** Whether the real refresher speaks HTTP to the authorization server; otherwise the engine gets outcomes. */
  readonly overHttp: boolean;
  /** The share of callers that leave before they are answered (X53). */
  readonly leavers: number;
}

/** All that a run is made from. */
export interface Plan {
  readonly options: WorldOptions;
  readonly steps: readonly Step[];
  readonly faults: readonly Fault[];
}

const DEFAULT_STEPS = 200;
/** In one run of so many the real refresher speaks HTTP. */
const OVER_HTTP_EACH = 5;

/** The plan of a seed. */
export function planOf(seed: number, mode: Mode): Plan {
  const chance = chanceOf(seed, `plan/${mode}`);
  const options = optionsOf(seed, mode, chance);
  const steps = stepsOf(chanceOf(seed, "steps"), options, DEFAULT_STEPS);
  const spanMs = steps.reduce((sum, { gapMs }) => sum + gapMs, 0);
  return { options, steps, faults: faultsOf(chanceOf(seed, "faults"), options, spanMs) };
}

function optionsOf(seed: number, mode: Mode, chance: Chance): WorldOptions {
  const profile = chance.weighted<Profile>(
    mode === "liveness"
      ? [
          [5, "faulty"],
          [3, "swizzle"],
          [1, "herd"],
        ]
      : [
          [10, "calm"],
          [70, "faulty"],
          [8, "lossy"],
          [1, "herd"],
          [5, "swizzle"],
          [6, "keys"],
        ],
  );
  const asClass = chance.weighted<AsClass>([
    [5, "P0"],
    [8, "P1"],
    [13, "P2"],
    [15, "P3"],
    [12, "P4"],
    [10, "P5"],
    [29, "P6"],
    [8, "P7"],
  ]);
  const windows = asClass === "P2" ? [30, 60, Infinity] : [10, 30, 60];
  const calm = profile === "calm";
  return {
    seed,
    mode,
    profile,
    servers:
      profile === "herd"
        ? 3
        : chance.weighted([
            [1, 1],
            [2, 2],
            [8, 3],
            [1, 5],
          ] as const),
    grants: profile === "herd" ? 32 : 5,
    users: profile === "herd" ? 16 : 3,
    asClass,
    graceMs: ["P2", "P3", "P4"].includes(asClass) ? chance.pick(windows) * 1_000 : 0,
    told: chance.weighted([
      [8, "truth"],
      [3, "strict"],
      [1, "off_by_one"],
    ] as const),
    revokesOldAccessToken: chance.hits(0.25),
    accessLifetimeMs:
      (profile === "herd"
        ? 60
        : chance.weighted([
            [2, 20],
            [6, 60],
            [6, 300],
            [2, 900],
            [1, 3_600],
          ] as const)) * 1_000,
    asLatencyMs: chance.pick(calm ? [50, 1_000, 4_500] : [50, 50, 300, 2_000]),
    storeLatencyMs: chance.pick([0, 1, 5, 20]),
    skewMs: chance.pick(calm ? [0, 100] : [0, 100, 2_000]),
    leaseMs: chance.pick([4_000, 4_000, 2_000]),
    serverless: chance.hits(0.1),
    leavers: chance.pick([0, 0, 0.3]),
    overHttp: seed % OVER_HTTP_EACH === 2,
  };
}

function faultsOf(chance: Chance, options: WorldOptions, spanMs: number): readonly Fault[] {
  const { profile, mode } = options;
  if (profile === "calm") return [];
  const lastMs = mode === "liveness" ? spanMs * 0.5 : spanMs * 0.9;
  if (profile === "herd") return herd(chance, spanMs);
  const faults: Fault[] = [];
  const count = chance.weighted([
    [2, 1],
    [4, 3],
    [4, 7],
    [2, 14],
  ] as const);
  const choices = CATALOGUE.filter(({ loses }) => loses !== true || profile === "lossy").map(
    (injector) => [injector.weight * (injector.loses === true ? 8 : 1), injector] as const,
  );
  for (let index = 0; index < count; index++) {
    faults.push(faultFrom(chance, chance.weighted(choices), options, chance.between(0, lastMs), spanMs));
  }
  if (profile === "swizzle") faults.push(...swizzle(chance, options, chance.between(0, lastMs / 2)));
  if (profile === "keys") faults.push(...keyChange(chance, lastMs));
  if (profile === "faulty" && chance.hits(0.06)) faults.push(...flapping(chance, options, lastMs));
  if (options.asClass === "P4")
    faults.push(...lateWinner(chanceOf(options.seed, "late winner"), options, lastMs));
  if (mode === "liveness" && chance.hits(0.5)) faults.push(...minority(chance, options, lastMs));
  return faults;
}

function faultFrom(
  chance: Chance,
  injector: Injector,
  options: WorldOptions,
  atMs: number,
  spanMs: number,
): Fault {
  const hour = injector.id === "X46" && chance.hits(0.5);
  return {
    id: injector.id,
    atMs,
    durationMs: hour ? 3_600_000 : Math.round(chance.pick([500, 3_000, 8_000, 30_000, 90_000, spanMs / 20])),
    server: chance.hits(0.75) ? chance.int(options.servers) : null,
    grant: chance.hits(0.6) ? chance.int(options.grants) : null,
    effect: injector.effect(chance),
  };
}

/** X64: links are cut one by one and mended in another order. */
function swizzle(chance: Chance, { servers }: WorldOptions, fromMs: number): readonly Fault[] {
  const links: { readonly server: number; readonly type: "store_link" | "as_link" }[] = [];
  for (let server = 0; server < servers; server++) {
    for (const type of ["store_link", "as_link"] as const) if (chance.hits(0.7)) links.push({ server, type });
  }
  const stepMs = chance.pick([300, 2_000, 8_000]);
  const mended = links.map((_, index) => index).sort(() => chance.next() - 0.5);
  return links.map(({ server, type }, index) => ({
    ...atServer("X64", fromMs + index * stepMs, server),
    durationMs: (links.length - index + (mended[index] ?? 0) + 1) * stepMs,
    effect: { type, mode: "both", seen: chance.pick(["hang", "reset", "refused"]) },
  }));
}

/** X58: the way to the authorization server comes and goes. */
function flapping(chance: Chance, { servers }: WorldOptions, lastMs: number): readonly Fault[] {
  const server = chance.int(servers);
  const fromMs = chance.between(0, lastMs);
  return Array.from({ length: 6 }, (_, index) => ({
    ...atServer("X58", fromMs + index * 2_000, server),
    durationMs: 1_000,
    effect: { type: "as_link", mode: "both", seen: chance.pick(["reset", "refused"]) },
  }));
}

/** X39 at a server where the last one wins: rare by chance, and the state in which only a candidate saves the grant. */
function lateWinner(chance: Chance, { servers, grants }: WorldOptions, lastMs: number): readonly Fault[] {
  if (!chance.hits(0.4)) return [];
  const [pauseMs, delayMs] = [chance.between(7_000, 12_000), chance.between(5_000, 11_000)];
  return [
    {
      ...atServer("X39", chance.between(0, lastMs), chance.int(servers)),
      grant: chance.int(grants),
      durationMs: 60_000,
      effect: {
        type: "hook",
        point: "refresh/call",
        skip: 0,
        action: { do: "pause_and_delay", pauseMs, delayMs },
      },
    },
  ];
}

/** X65: less than half of the servers stay broken for good. */
function minority(chance: Chance, { servers }: WorldOptions, lastMs: number): readonly Fault[] {
  const broken = Math.floor((servers - 1) / 2);
  const effects: readonly Effect[] = [
    { type: "store_link", mode: "both", seen: "hang" },
    { type: "as_link", mode: "both", seen: "refused" },
    { type: "crash", restartMs: Infinity },
    { type: "pause" },
  ];
  return Array.from({ length: broken }, (_, server) => ({
    ...atServer("X65", chance.between(0, lastMs), server),
    durationMs: Infinity,
    effect: chance.pick(effects),
  }));
}

/** X66: an outage, after which all grants are due in the same second. */
function herd(chance: Chance, spanMs: number): readonly Fault[] {
  return [
    {
      ...atServer("X66", spanMs * 0.4, null),
      durationMs: spanMs * 0.35,
      effect: { type: "as_answers", answer: chance.pick(["5xx_before", "429"]), share: 1 },
    },
  ];
}

/** X10: a new key comes in, all rows are sealed anew, and the old key goes. */
function keyChange(chance: Chance, lastMs: number): readonly Fault[] {
  const sweepAtMs = chance.between(0, lastMs * 0.8);
  return [
    { ...atServer("X10", sweepAtMs, null), effect: { type: "key_sweep", removesOld: chance.hits(0.5) } },
  ];
}

function atServer(id: FaultId, atMs: number, server: number | null): Omit<Fault, "effect"> {
  return { id, atMs: Math.round(atMs), durationMs: 0, server, grant: null };
}
