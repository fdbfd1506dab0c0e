/**
 * Strikes the processes of a run until enough of them were killed, and restarts the store meanwhile.
 */
import { setTimeout as wait } from "node:timers/promises";

import type { AuthorizationServer } from "./authorization-server.ts";
import type { Dealer, Gatekeeper, Strike } from "./blows.ts";
import type { Struck } from "./crash-points.ts";
import type { Fleet, Place } from "./fleet.ts";
import type { Ledger } from "./ledger.ts";
import type { RunOptions } from "./run.ts";
import type { StoreServer } from "./stores.ts";
import { readLines } from "./worker-log.ts";

/** What is struck, and by whom. */
export interface Scene {
  readonly options: RunOptions;
  readonly store: StoreServer;
  readonly random: () => number;
  readonly dealer: Dealer;
  readonly ledger: Ledger;
  readonly gatekeeper: Gatekeeper;
  readonly server: AuthorizationServer;
  readonly fleet: Fleet;
  readonly strikeFile: string;
}

/** How many sessions are asked for at any time: enough that a process has one to refresh at any moment. */
export const GRANTS = 48;
/** Past the lease of 4 s, and within the deadline of a request at a strict server: a slow winner (TL3). */
const STOP_MS = 4_600;
/** Where nothing may be lost: so long that the heir has sent as well when the first one wakes. */
const LONG_STOP_MS = { least: 8_000, most: 20_000 };
const SHARE_OF_LONG_STOPS = 0.4;
const ARMED_MS = 4_000;
const BLOWS_PER_RESTART = 8;
/** Blows that may be dealt per kill that is wanted, and some more: then something is wrong with the run itself. */
const MOST_BLOWS = { perKill: 6, more: 30 };

/** Two lanes strike two processes each, so that others are up. */
export async function strikeAll(scene: Scene): Promise<void> {
  const { options, fleet, ledger, server } = scene;
  const stopped = new Map<Place, Promise<void>>();
  const most = options.kills * MOST_BLOWS.perKill + MOST_BLOWS.more;
  const lane = async (places: readonly Place[]): Promise<void> => {
    for (let turn = 0; ledger.deaths < options.kills; turn++) {
      if (ledger.blows > most) throw new Error(`${ledger.deaths} kills after ${ledger.blows} blows`);
      const place = places[turn % places.length];
      if (place === undefined || stopped.has(place)) {
        if (places.every((one) => stopped.has(one))) await Promise.race(stopped.values());
        continue;
      }
      await strikeOnce(scene, place, stopped);
      await ledger.fill(options.grants ?? GRANTS);
      fleet.order({ type: "grants", ids: ledger.activeIds() });
      ledger.blows++;
      if (ledger.blows % BLOWS_PER_RESTART === 0) await restart(scene);
      if (ledger.blows % 20 === 0) {
        options.say?.(
          `${options.store}: ${ledger.deaths} of ${options.kills} killed, ${server.counts.requests} refresh requests`,
        );
      }
    }
  };
  await Promise.all([lane(fleet.places.slice(0, 2)), lane(fleet.places.slice(2))]);
  await Promise.all(stopped.values());
}

async function restart({ options, store, ledger }: Scene): Promise<void> {
  if (store.restart === undefined) return;
  const how = ledger.restarts % 2 === 0 ? "crashes" : "ends";
  options.say?.(`${options.store}: the store ${how} and is started again`);
  ledger.restarts++;
  await store.restart(how);
}

async function strikeOnce(scene: Scene, place: Place, stopped: Map<Place, Promise<void>>): Promise<void> {
  const { dealer, gatekeeper, fleet, ledger } = scene;
  const strike = dealer.next();
  if (strike.kind === "sigterm") {
    const { pid } = place;
    fleet.signal(place, "SIGTERM");
    await fleet.gone(place);
    ledger.count(strike);
    await ledger.lookFor((one) => one === pid);
    await fleet.restart(place);
    return;
  }
  if (!(await dealt(scene, place, strike))) {
    dealer.putBack(strike);
    return;
  }
  ledger.count(strike);
  if (strike.blow === "kill") {
    const { pid } = place;
    await fleet.gone(place);
    ledger.deaths++;
    await ledger.lookFor((one) => one === pid);
    await fleet.restart(place);
  } else if (strike.blow === "stop") {
    const goesOn = wait(stopMs(scene)).then(() => {
      fleet.signal(place, "SIGCONT");
      stopped.delete(place);
    });
    stopped.set(place, goesOn);
  }
  gatekeeper.disarm(place.pid);
}

function stopMs({ options, random }: Scene): number {
  if (options.rotation === "strict" || random() > SHARE_OF_LONG_STOPS) return STOP_MS;
  return LONG_STOP_MS.least + random() * (LONG_STOP_MS.most - LONG_STOP_MS.least);
}

/** Arms the strike and waits for its moment. False: the moment did not come. */
async function dealt(
  { fleet, gatekeeper, ledger, strikeFile }: Scene,
  place: Place,
  strike: Extract<Strike, { kind: "worker" | "gate" }>,
): Promise<boolean> {
  const untilMs = Date.now() + ARMED_MS;
  if (strike.kind === "gate") {
    const struck = new AbortController();
    gatekeeper.arm(place.pid, strike, () => struck.abort());
    while (!struck.signal.aborted && Date.now() < untilMs) await wait(20);
    gatekeeper.disarm(place.pid);
    return struck.signal.aborted;
  }
  const { point, blow } = strike;
  fleet.order({ type: "arm", armed: { point, blow } }, place);
  const leaving = point === "X9" ? ledger.signOutOne() : undefined;
  if (leaving !== undefined) fleet.order({ type: "sign-out", id: leaving.id }, place);
  if (point === "X10") fleet.order({ type: "reseal" }, place);
  const { pid } = place;
  const isStruck = (): boolean =>
    (readLines(strikeFile) as Struck[]).some((one) => one.pid === pid && one.point === point);
  while (!isStruck() && Date.now() < untilMs) await wait(50);
  if (isStruck()) {
    // Struck behind the write of the tombstone: it has to stand.
    if (leaving !== undefined) leaving.tombstone = true;
    return true;
  }
  fleet.order({ type: "arm", armed: undefined }, place);
  return isStruck();
}
