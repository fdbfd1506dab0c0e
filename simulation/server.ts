/**
 * One server of the world: a machine with a clock, and the process that runs on it right now with the real engine inside.
 *
 * @module
 */
import type { GrantRecord } from "../src/core/grant.ts";
import type { RotationPolicy } from "../src/core/rotation.ts";
import { createSharedState, type SharedState } from "../src/core/single-flight.ts";
import {
  createTokenManager,
  type TokenManager,
  type TokenManagerOptions,
} from "../src/core/token-manager.ts";
import { asLink } from "./as-port.ts";
import { chanceOf } from "./chance.ts";
import { SimProcess, type MachineClock } from "./process.ts";
import { storeLink } from "./store-link.ts";
import type { RINGS } from "./truth-sealer.ts";
import type { World } from "./world.ts";

/** A process with an engine in it. */
export interface Life {
  readonly process: SimProcess;
  readonly manager: TokenManager;
  readonly shared: SharedState;
}

/** A machine, and what runs on it. */
export interface Server {
  readonly index: number;
  readonly clock: MachineClock;
  ring: keyof typeof RINGS;
  /** Which build of the application runs: another one has other options (X18). */
  build: number;
  lives: number;
  life: Life;
}

/** Options in which two builds of an application may differ. */
const BUILDS: readonly Partial<TokenManagerOptions>[] = [
  {},
  { leadTimeMs: 20_000, storeTimeoutMs: 1_500 },
  { minValidityMs: 1_000, maxWaitMs: 2_000 },
];

/** What the engine is told about the authorization server. */
export function toldPolicy(world: World): (grant: GrantRecord) => RotationPolicy {
  const { told, asClass, graceMs } = world.plan.options;
  const policy = policyOf(asClass, graceMs, told === "off_by_one");
  return () => (told === "strict" ? { class: "strict", graceMs: 0 } : policy);
}

function policyOf(asClass: string, graceMs: number, offByOne: boolean): RotationPolicy {
  const window = Math.max(0, graceMs + (offByOne ? 1_000 : 0));
  switch (asClass) {
    case "P0":
      return { class: "none", graceMs: 0 };
    case "P1":
      return { class: "overlapping", graceMs: 0 };
    case "P2":
      return { class: "idempotent", graceMs: window };
    case "P3":
      return { class: "grace", graceMs: window };
    case "P4":
      return { class: "last_wins", graceMs: window };
    default:
      return { class: "strict", graceMs: 0 };
  }
}

/** Starts a process on a server. */
export function startLife(world: World, server: Omit<Server, "life">): Life {
  const { options } = world.plan;
  const name = `s${server.index}.${++server.lives}`;
  const timers = chanceOf(options.seed, `timers/${name}`);
  const engineChance = chanceOf(options.seed, `engine/${name}`);
  const process = new SimProcess(
    world.timeline,
    name,
    server.index,
    server.clock,
    () => timers.next(),
    (untilMs) =>
      world.history.add({
        kind: "process",
        atMs: world.timeline.nowMs,
        process: name,
        what: "pause",
        untilMs,
      }),
  );
  const shared = createSharedState();
  let ids = 0;
  const manager = createTokenManager({
    ...BUILDS[server.build % BUILDS.length],
    store: storeLink(world, process, chanceOf(options.seed, `store/${name}`)),
    sealer: world.sealing.sealer(server.ring, (slot, sealedFor) =>
      world.history.add({ kind: "opened", atMs: world.timeline.nowMs, process: name, slot, sealedFor }),
    ),
    refresher: asLink(world, process, chanceOf(options.seed, `as/${name}`)),
    holder: name,
    newId: () => `${name}#${++ids}`,
    clock: process.clock,
    random: () => engineChance.next(),
    shared,
    leaseMs: options.leaseMs,
    rotationOf: toldPolicy(world),
    ...(options.serverless && { background: (task: Promise<void>) => task }),
    onEvent: (event) =>
      world.history.add({
        kind: "event",
        atMs: world.timeline.nowMs,
        process: name,
        grant: world.grantOfRef(event.grantRef),
        event,
      }),
  });
  world.history.add({ kind: "process", atMs: world.timeline.nowMs, process: name, what: "start" });
  return { process, manager, shared };
}
