/**
 * One run: builds the world of a plan, lets its steps and faults happen, lets everything heal, waits until it comes to
 * rest, and has every rule watched all the way.
 *
 * @module
 */
import { unreachableGrants } from "./bound.ts";
import { Callers } from "./callers.ts";
import { Watch, type Probe, type Violation } from "./checker.ts";
import { checkersFor } from "./checkers/index.ts";
import { CoverageWatch, type Coverage } from "./coverage.ts";
import type { FaultId } from "./fault-types.ts";
import { scheduleFaults } from "./fault-driver.ts";
import type { SimRecord } from "./history.ts";
import { accountOf, type Account } from "./oracle.ts";
import { planOf, type Mode, type Plan } from "./plan.ts";
import { isPermanent } from "./weather.ts";
import { World } from "./world.ts";

/** What came of a run. */
export interface RunResult {
  readonly plan: Plan;
  readonly violation: Violation | undefined;
  readonly hash: number;
  readonly refreshes: number;
  readonly happened: number;
  readonly injected: ReadonlyMap<FaultId, number>;
  readonly account: Account;
  /** See bound.ts. */
  readonly unreachable: number;
  readonly coverage: Coverage;
  readonly records: readonly SimRecord[];
}

/** Time that everything gets to come to rest: the longest pause of the engine, the longest lease, and some more. */
const REST_MS = 1_100_000;
const REST_ROUNDS = 14;
/** The longest pause after a request that could not be sent, and more. */
const LONGEST_NETWORK_PAUSE_MS = 40_000;
/** Time for one sweep of the store. */
const SWEEP_MS = 60_000;

/** Runs the plan of a seed. */
export function runSeed(seed: number, mode: Mode): Promise<RunResult> {
  return runPlan(planOf(seed, mode));
}

/** Runs a plan, with all rules or with some of them (`I8`). Rejects only if the simulation itself is broken. */
export async function runPlan(plan: Plan, rules?: readonly string[]): Promise<RunResult> {
  // Each abort of a signal makes an error; its stack, which nobody reads, would cost a tenth of the run.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return await runWorld(new World(plan), rules);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function runWorld(world: World, rules?: readonly string[]): Promise<RunResult> {
  const { plan } = world;
  const callers = new Callers(world);
  const probe = probeOf(world);
  const coverage = new CoverageWatch(probe);
  const watch = new Watch([...checkersFor(probe, rules), coverage], world.history.records);
  const { timeline } = world;
  for (const slot of world.slots) {
    const server = world.servers[slot.index % world.servers.length];
    if (server !== undefined) callers.signIn(server.life, slot);
  }
  await timeline.runUntil(timeline.nowMs + 1_000);
  scheduleFaults(world, callers);
  for (const { gapMs, server, slot, deed } of plan.steps) {
    await timeline.runUntil(timeline.nowMs + gapMs);
    const at = world.servers[server];
    const where = world.slots[slot];
    if (at !== undefined && where !== undefined) callers.do(at, where, deed);
    watch.step(timeline.nowMs);
    if (watch.violation !== undefined) break;
  }
  if (watch.violation === undefined) await comeToRest(world, callers, watch);
  if (world.as.revokedEarly > 0) world.noteFault("X45", "revoked the old access token");
  const { records, hash } = world.history;
  return {
    plan,
    violation: watch.violation,
    hash,
    refreshes: records.filter(({ kind }) => kind === "send").length,
    happened: timeline.happened,
    injected: world.injected,
    account: accountOf(records, probe),
    unreachable: unreachableGrants(records),
    coverage: {
      ...coverage.seen,
      ambiguousApplied: world.ambiguousWrites.applied,
      ambiguousLost: world.ambiguousWrites.lost,
    },
    records,
  };
}

async function comeToRest(world: World, callers: Callers, watch: Watch): Promise<void> {
  const { timeline } = world;
  heal(world);
  const stepMs = Math.round((REST_MS + world.plan.options.accessLifetimeMs) / REST_ROUNDS);
  for (let round = 0; round < REST_ROUNDS && watch.violation === undefined; round++) {
    for (const slot of world.slots) {
      const server = world.servers[(round + slot.index) % world.servers.length];
      if (server !== undefined && slot.grant !== undefined) callers.do(server, slot, { do: "call_api" });
    }
    await timeline.runUntil(timeline.nowMs + (round % 2 === 0 ? 8_000 : 2 * stepMs - 8_000));
    watch.step(timeline.nowMs);
  }
  if (watch.violation === undefined) await askHealthy(world, callers);
  world.history.add({ kind: "phase", atMs: timeline.nowMs, phase: "rest" });
  watch.step(timeline.nowMs);
  if (watch.violation === undefined) await sweep(world);
  watch.rest(timeline.nowMs);
}

/**
 * The last word of I20: each browser asks once more where nothing is broken, twice, because a minority that is broken for
 * good may have left a pause.
 */
async function askHealthy({ servers, slots, weather, timeline }: World, callers: Callers): Promise<void> {
  for (let round = 0; round < 2; round++) {
    const healthy = servers.filter(({ life, index }) => life.process.running && !weather.disturbed(index));
    for (const slot of slots) {
      const server = healthy[(round + slot.index) % healthy.length];
      if (server !== undefined && slot.grant !== undefined) callers.do(server, slot, { do: "call_api" });
    }
    await timeline.runUntil(timeline.nowMs + LONGEST_NETWORK_PAUSE_MS);
  }
}

/** Does what the application is told to do now and then: what crashes and outages have left of sign-outs is finished. */
async function sweep({ servers, weather, timeline, history }: World): Promise<void> {
  for (const { life, index } of servers) {
    if (!life.process.running || weather.disturbed(index)) continue;
    life.manager.resealGrants().then(
      () => history.add({ kind: "phase", atMs: timeline.nowMs, phase: "swept" }),
      () => undefined,
    );
    await timeline.runUntil(timeline.nowMs + SWEEP_MS);
  }
}

/** Ends every fault that does not last for good. */
function heal(world: World): void {
  world.healed = true;
  world.weather.clear();
  const dead = new Set(
    world.plan.faults
      .filter((fault) => isPermanent(fault) && ["pause", "crash"].includes(fault.effect.type))
      .map(({ server }) => server),
  );
  for (const server of world.servers) {
    if (dead.has(server.index)) continue;
    server.clock.driftSinceMs = world.timeline.nowMs;
    server.clock.driftPpm = 0;
    server.clock.offsetMs = 0;
    server.life.process.timers = undefined;
    if (server.life.process.lostMs === Infinity) world.crash(server.life.process, 500);
    server.life.process.wake();
    world.restart(server);
  }
  world.history.add({ kind: "phase", atMs: world.timeline.nowMs, phase: "healed" });
}

/** What checkers may ask. */
export function probeOf(world: World): Probe {
  const { options } = world.plan;
  const indexes = new Map<string, number>();
  const serverOf = (process: string): number => {
    let index = indexes.get(process);
    if (index === undefined) indexes.set(process, (index = Number(process.slice(1).split(".")[0])));
    return index;
  };
  const lifeOf = (process: string): World["servers"][number]["life"] | undefined => {
    const life = world.servers[serverOf(process)]?.life;
    return life?.process.name === process ? life : undefined;
  };
  return {
    reveal: (sealed) => world.sealing.reveal(sealed),
    accepts: (token) => world.as.accepts(token),
    expiryOf: (token) => world.as.expiryOf(token),
    grantOfToken: (token) => world.grantOfToken(token) || undefined,
    targetOf: (token) => world.as.targetOf(token),
    skewOf: (process) => (lifeOf(process)?.process.nowMs() ?? world.timeline.nowMs) - world.timeline.nowMs,
    lostMsOf: (process) => lifeOf(process)?.process.lostMs ?? 0,
    runs: (process) => lifeOf(process)?.process.running ?? false,
    keptInMemory: (grant) =>
      world.servers.flatMap(({ life }) => {
        const kept = life.process.alive ? (life.shared.pendingRotations.get(grant) ?? []) : [];
        return kept.flatMap(({ tokenSet: { refreshToken } }) => refreshToken ?? []);
      }),
    openFlights: () =>
      world.servers.flatMap(({ life, index }) =>
        life.process.running && !world.weather.disturbed(index)
          ? [...life.shared.flights.keys()].map((key) => `${life.process.name} ${key}`)
          : [],
      ),
    healthy: (process) =>
      (lifeOf(process)?.process.running ?? false) && !world.weather.disturbed(serverOf(process)),
    wanted: () => world.slots.flatMap(({ grant }) => (grant === undefined ? [] : [grant])),
    mode: options.mode,
    profile: options.profile,
    servers: options.servers,
    accessLifetimeMs: options.accessLifetimeMs,
    leaseMs: options.leaseMs,
    holdMs: options.serverless ? 120_000 : 0,
  };
}
