/**
 * One torture run: four processes on one store, struck again and again, and then the reckoning.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import type { RotationPolicy } from "../src/core/rotation.ts";
import { deterministicRandom } from "../src/testing/random.ts";
import { startAuthorizationServer, type AuthorizationServer } from "./authorization-server.ts";
import { createGatekeeper, nextStrike, type Gatekeeper, type Strike } from "./blows.ts";
import type { Struck } from "./crash-points.ts";
import { startFleet, type Fleet, type Place } from "./fleet.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { reckon, type Reckoning } from "./reckoning.ts";
import { startStore, type StoreKind, type StoreServer } from "./stores.ts";
import type { WorkerSetup } from "./worker.ts";

/** What a run is told. */
export interface RunOptions {
  readonly store: StoreKind;
  /** `strict`: rotation with reuse detection (P6). `none`: no rotation (P0). */
  readonly rotation: "strict" | "none";
  /** How many processes are to be killed. */
  readonly kills: number;
  readonly seed: number;
  /** Told what happens, a line each. */
  readonly say?: (line: string) => void;
}

const PROCESSES = 4;
const GRANTS = 32;
const TOKEN_TTL_SECONDS = 12;
/** Past the lease of 4 s, and within the deadline and the quiet time of a request: a slow winner (TL3). */
const STOP_MS = 4_600;
const ARMED_MS = 4_000;
const BLOWS_PER_RESTART = 8;
/** Newest first: the grants are sealed with the older one, so that a re-sealing has something to do. */
const SECRETS = [randomBytes(32).toString("base64"), randomBytes(32).toString("base64")];

/** Runs it. `undefined`: the machine has no such store. */
export async function torture(options: RunOptions): Promise<Reckoning | undefined> {
  const store = await startStore(options.store);
  if (store === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "nolapse-strikes-"));
  const strikeFile = join(folder, "struck.jsonl");
  writeFileSync(strikeFile, "");
  const random = deterministicRandom(options.seed);
  const ledger = createLedger();
  const gatekeeper = createGatekeeper(random, (pid, signal) => {
    process.kill(pid, signal);
    if (signal === "SIGKILL") ledger.kills.push({ pid, atMs: Date.now() });
  });
  const server = await startAuthorizationServer({
    tokenTtlSeconds: TOKEN_TTL_SECONDS,
    rotates: options.rotation === "strict",
    gate: gatekeeper.gate,
  });
  const rotation: RotationPolicy = { class: options.rotation, graceMs: 0 };
  const setup: WorkerSetup = {
    store: store.address,
    issuer: server.issuer,
    clientId: server.clientId,
    clientSecret: server.clientSecret,
    secrets: SECRETS,
    rotation,
    strikeFile,
    callers: 5,
  };
  let fleet: Fleet | undefined;
  try {
    await ledger.open(setup, server, SECRETS.slice(1), SECRETS);
    await ledger.fill(GRANTS);
    fleet = await startFleet(PROCESSES, setup, ledger.listener);
    fleet.order({ type: "grants", ids: ledger.activeIds() });
    await strikeAll({ options, store, random, ledger, gatekeeper, server, fleet, strikeFile });
    await fleet.stop();
    ledger.kills.push(...killsFrom(strikeFile));
    return await reckon(ledger, server, options);
  } finally {
    await fleet?.stop().catch(() => undefined);
    await ledger.close();
    await server.stop();
    await store.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Scene {
  readonly options: RunOptions;
  readonly store: StoreServer;
  readonly random: () => number;
  readonly ledger: Ledger;
  readonly gatekeeper: Gatekeeper;
  readonly server: AuthorizationServer;
  readonly fleet: Fleet;
  readonly strikeFile: string;
}

/** Two lanes strike two processes each, so that two are always up. */
async function strikeAll(scene: Scene): Promise<void> {
  const { options, fleet, ledger, store, server } = scene;
  const lane = async (places: readonly Place[]): Promise<void> => {
    for (let turn = 0; ledger.deaths < options.kills; turn++) {
      const place = places[turn % places.length];
      if (place !== undefined) await strikeOnce(scene, place);
      await ledger.fill(GRANTS);
      fleet.order({ type: "grants", ids: ledger.activeIds() });
      ledger.blows++;
      if (store.restart !== undefined && ledger.blows % BLOWS_PER_RESTART === 0) {
        options.say?.(`${options.store}: the store is restarted`);
        ledger.restarts++;
        await store.restart();
      }
      if (ledger.blows % 20 === 0) {
        options.say?.(
          `${options.store}: ${ledger.deaths} of ${options.kills} killed, ${server.counts.requests} refresh requests`,
        );
      }
    }
  };
  await Promise.all([lane(fleet.places.slice(0, 2)), lane(fleet.places.slice(2))]);
}

async function strikeOnce(scene: Scene, place: Place): Promise<void> {
  const { random, gatekeeper, fleet, ledger } = scene;
  const strike = nextStrike(random);
  ledger.count(strike);
  if (strike.kind === "sigterm") {
    fleet.signal(place, "SIGTERM");
    await fleet.gone(place);
    await fleet.restart(place);
    return;
  }
  if (!(await dealt(scene, place, strike))) return;
  if (strike.blow === "kill") {
    await fleet.gone(place);
    ledger.deaths++;
    await fleet.restart(place);
  } else if (strike.blow === "stop") {
    await wait(STOP_MS);
    fleet.signal(place, "SIGCONT");
  }
  gatekeeper.disarm(place.pid);
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
    struckFrom(strikeFile).some((one) => one.pid === pid && one.point === point);
  while (!isStruck() && Date.now() < untilMs) await wait(50);
  if (isStruck()) {
    // Struck behind the write of the tombstone: it has to stand.
    if (leaving !== undefined) leaving.tombstone = true;
    return true;
  }
  fleet.order({ type: "arm", armed: undefined }, place);
  return isStruck();
}

function struckFrom(file: string): readonly Struck[] {
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Struck);
}

function killsFrom(file: string): { pid: number; atMs: number }[] {
  return struckFrom(file).filter(({ blow }) => blow === "kill");
}
