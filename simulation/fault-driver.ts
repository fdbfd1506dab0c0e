/**
 * Lets the planned faults happen: conditions begin and end, traps are laid, and what happens once happens.
 *
 * @module
 */
import type { GrantRecord } from "../src/core/grant.ts";
import type { Callers } from "./callers.ts";
import type { Fault } from "./fault-types.ts";
import { machineNowMs, type TimerFault } from "./process.ts";
import type { Server } from "./server.ts";
import type { World } from "./world.ts";

/** Puts all faults of the plan on the timeline. */
export function scheduleFaults(world: World, callers: Callers): void {
  for (const fault of world.plan.faults) {
    world.timeline.after(fault.atMs, () => {
      if (!world.healed) begin(world, callers, fault);
    });
  }
}

function begin(world: World, callers: Callers, fault: Fault): void {
  const { effect } = fault;
  const server = world.servers[fault.server ?? 0];
  if (server === undefined) return;
  const place = { server: server.index, slot: fault.grant };
  switch (effect.type) {
    case "flush_leases":
    case "evict_row":
    case "failover":
    case "store_clock":
    case "unrelated_writes":
      strikeStore(world, fault);
      return;
    case "as_revoke":
      revokeOne(world, fault);
      return;
    case "as_rotation":
      world.hit(fault, place);
      world.as.asClass = effect.asClass;
      world.as.graceMs = effect.graceMs;
      return;
    case "wall_clock":
    case "drift":
      world.hit(fault, place);
      moveClock(world, server, fault);
      return;
    case "timers":
      strikeTimers(world, server, fault, effect);
      return;
    case "pause":
    case "crash":
    case "sigterm":
    case "deploy":
      world.hit(fault, place);
      strikeProcess(world, server, fault);
      return;
    case "burst":
      world.hit(fault, place);
      for (let index = 0; index < effect.callers; index++) {
        const at = world.servers[index % world.servers.length];
        const slot = world.slots[fault.grant ?? 0];
        if (at !== undefined && slot !== undefined)
          callers.do(at, slot, { do: index % 3 === 0 ? "call_api" : "get" });
      }
      return;
    case "sign_out_race":
      world.hit(fault, place);
      raceSignOut(world, callers, fault, effect.signInAgain);
      return;
    case "key_sweep":
      sweepKeys(world, effect.removesOld, () => world.hit(fault, place));
      return;
    case "hook":
    case "store_link":
    case "as_link":
    case "store_slow":
    case "as_slow":
    case "store_busy":
    case "pool_exhausted":
    case "stale_reads":
    case "damaged_reads":
    case "as_answers":
    case "as_odd":
      world.weather.begin(fault);
      if (Number.isFinite(fault.durationMs) && effect.type !== "hook") {
        world.timeline.after(fault.durationMs, () => world.weather.end(fault));
      }
  }
}

function strikeStore(world: World, fault: Fault): void {
  const { effect } = fault;
  const { store } = world;
  const slot = world.slots[fault.grant ?? 0];
  const row = slot?.grant === undefined ? undefined : store.rows.get(slot.grant);
  if (effect.type === "flush_leases") {
    world.hit(fault);
    for (const grant of store.rows.values()) {
      if (grant.lease !== null) store.admin(grant.id, { ...grant, lease: null }, "flush");
    }
  } else if (effect.type === "evict_row" && row !== undefined) {
    world.noteFault(fault.id, "evict_row", undefined, row.id);
    store.admin(row.id, undefined, "evict");
  } else if (effect.type === "failover") {
    for (const grant of store.failover(effect.lostMs))
      world.noteFault(fault.id, "failover", undefined, grant);
  } else if (effect.type === "store_clock") {
    world.hit(fault);
    store.offsetMs += effect.jumpMs;
  } else if (effect.type === "unrelated_writes") {
    world.hit(fault);
    stormOfWrites(world, effect.everyMs, world.elapsedMs + fault.durationMs);
  }
}

/** X28: somebody else writes other fields of all rows, again and again. */
function stormOfWrites(world: World, everyMs: number, untilMs: number): void {
  const { store } = world;
  if (world.healed || world.elapsedMs > untilMs) return;
  for (const grant of store.rows.values()) {
    void store.apply("other", "slide", [grant.id, grant.slidingEndMs + 1]);
    sealAgain(world, grant);
  }
  world.timeline.after(everyMs, () => stormOfWrites(world, everyMs, untilMs));
}

/** What a key sweep of another process does at the same time: the same tokens under another seal. */
function sealAgain({ store, sealing, servers }: World, grant: GrantRecord): void {
  const known = sealing.reveal(grant.sealedTokenSet);
  const [server] = servers;
  if (known === undefined || server === undefined || grant.state === "ended") return;
  const sealer = sealing.sealer(server.ring, () => undefined);
  const sealed = sealer.seal(JSON.stringify(known.tokenSet), known.slot);
  const write = {
    expectedVersion: grant.version,
    expectedSealedTokenSet: grant.sealedTokenSet,
    sealedTokenSet: sealed.sealed,
    keyId: sealed.keyId,
    candidates: [],
  };
  void store.apply("other", "reseal", [grant.id, write]);
}

function strikeProcess(world: World, server: Server, { effect, durationMs }: Fault): void {
  const { process, manager } = server.life;
  if (effect.type === "pause") process.pause(durationMs);
  if (effect.type === "crash") world.crash(process, effect.restartMs);
  if (effect.type === "deploy") {
    server.build++;
    manager.close(2_000).catch(() => undefined);
    world.timeline.after(2_500, () => world.crash(process, 500, "stop"));
  }
  if (effect.type === "sigterm") {
    manager.close(effect.graceMs).catch(() => undefined);
    world.timeline.after(effect.graceMs + 50, () => world.crash(process, 1_000, "stop"));
  }
}

/** X23. A process whose timers are lost can keep no deadline: its host notices, and kills it. */
function strikeTimers(world: World, server: Server, fault: Fault, effect: TimerFault): void {
  const { process } = server.life;
  process.timers = effect;
  if (effect.neverShare === 0) world.hit(fault, { server: server.index, slot: null });
  process.onTimerLost = () => {
    world.hit(fault, { server: server.index, slot: null });
    const { nowMs } = world.timeline;
    if (process.lostMs !== Infinity)
      world.history.add({ kind: "process", atMs: nowMs, process: process.name, what: "timer_lost" });
    process.lostMs = Infinity;
  };
  world.timeline.after(fault.durationMs, () => {
    process.timers = undefined;
    if (process.lostMs === Infinity) world.crash(process, 500);
  });
}

function moveClock(world: World, server: Server, { effect, durationMs }: Fault): void {
  const { clock } = server;
  const nowMs = world.timeline.nowMs;
  if (effect.type === "wall_clock") {
    clock.offsetMs += effect.jumpMs;
    world.timeline.after(durationMs, () => (clock.offsetMs -= world.healed ? 0 : effect.jumpMs));
  } else if (effect.type === "drift") {
    // The drift so far becomes an offset, or a new rate would make the clock jump.
    clock.offsetMs = machineNowMs(clock, nowMs) - nowMs;
    clock.driftSinceMs = nowMs;
    clock.driftPpm = effect.partsPerMillion;
  }
}

function revokeOne(world: World, fault: Fault): void {
  const grant = world.slots[fault.grant ?? 0]?.grant;
  const truth = grant === undefined ? undefined : world.grants.get(grant);
  if (truth === undefined) return;
  world.noteFault(fault.id, "as_revoke", undefined, truth.id);
  world.as.end(truth.family, "revoked");
}

/** X61: one server is made to refresh, another signs the user out in the middle of it, and somebody else signs in. */
function raceSignOut(world: World, callers: Callers, fault: Fault, signInAgain: boolean): void {
  const slot = world.slots[fault.grant ?? 0];
  const [first, second = first] = world.servers;
  if (slot?.grant === undefined || first === undefined || second === undefined) return;
  const { grant } = slot;
  callers.do(first, slot, { do: "get", minValidityMs: world.plan.options.accessLifetimeMs * 0.7 });
  world.timeline.after(world.asLatencyMs / 2, () => {
    if (second.life.process.alive) callers.signOut(second.life, grant);
    if (signInAgain && slot.grant === grant && second.life.process.alive) callers.signIn(second.life, slot);
  });
}

/** Every server gets the new key beside the old one; one of them seals everything anew; then the old key may go. */
function sweepKeys(world: World, removesOld: boolean, onSealed: () => void): void {
  for (const server of world.servers) {
    server.ring = "both";
    world.crash(server.life.process, 100, "stop");
  }
  let isDone = false;
  let sweeps = 0;
  const sweep = (): void => {
    const server = world.servers.find(({ life }) => life.process.running);
    if (isDone || server === undefined || world.healed) return;
    const mine = ++sweeps;
    // One that was given up, because its process had died, is not followed by a second one.
    const again = (): void => void world.timeline.after(5_000, () => mine === sweeps && sweep());
    const { process } = server.life;
    world.timeline.after(6_000, () => {
      if (mine === sweeps && !process.alive) sweep();
    });
    server.life.manager.resealGrants().then(({ needed, unopened, resealed }) => {
      if (resealed > 0) onSealed();
      const left = Object.values(needed).filter(({ seals }) => seals > 0).length;
      if (left > 1 || unopened > 0) return again();
      if (isDone) return;
      isDone = true;
      if (removesOld) dropOldKey(world);
    }, again);
  };
  world.timeline.after(5_000, sweep);
}

function dropOldKey(world: World): void {
  for (const server of world.servers) {
    server.ring = "new";
    world.crash(server.life.process, 200, "stop");
  }
}
