/**
 * One torture run: four processes on one store, struck again and again, and then the reckoning.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import type { RotationClass, RotationPolicy } from "../src/core/rotation.ts";
import { deterministicRandom } from "../src/testing/random.ts";
import { startAuthorizationServer } from "./authorization-server.ts";
import { createDealer, createGatekeeper } from "./blows.ts";
import type { Struck } from "./crash-points.ts";
import { startFleet, type Fleet } from "./fleet.ts";
import { createLedger } from "./ledger.ts";
import { reckon, type Reckoning } from "./reckoning.ts";
import { startStore, type StoreKind } from "./stores.ts";
import { GRANTS, strikeAll } from "./striking.ts";
import { readLines } from "./worker-log.ts";
import type { WorkerSetup } from "./worker.ts";

/** What a run is told. */
export interface RunOptions {
  readonly store: StoreKind;
  /** `strict` with reuse detection (P6) may lose what the oracle says, every other class (P0-P4) nothing. */
  readonly rotation: RotationClass;
  /** How many processes are to be killed. */
  readonly kills: number;
  /** What chance follows from, and by its last digit at which crash point the kills begin. */
  readonly seed: number;
  /** How many sessions are asked for at any time. @defaultValue 48: a process has one to refresh at any moment */
  readonly grants?: number;
  /** Told what happens, a line each. */
  readonly say?: (line: string) => void;
}

const PROCESSES = 4;
const TOKEN_TTL_SECONDS = 12;
/** A run of few kills on a fast machine is over before every session was refreshed once, and shows little then. */
const LEAST_RUN_MS = TOKEN_TTL_SECONDS * 1_000;
/** How long a second use is allowed, where it is for a while: a takeover, and all that a run does after its last blow. */
const GRACE_MS = 60_000;
/**
 * At a strict server an answer that comes after its deadline is lost, and a process that was stopped past its lease
 * shall still be in time: longer than the stop, on a loaded machine.
 */
const STRICT_DEADLINE_MS = 10_000;
/** Newest first: the grants are sealed with the older one, so that a re-sealing has something to do. */
const SECRETS = [randomBytes(32).toString("base64"), randomBytes(32).toString("base64")];

/** Runs it. `undefined`: the machine has no such store. */
export async function torture(options: RunOptions): Promise<Reckoning | undefined> {
  const store = await startStore(options.store);
  if (store === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "nolapse-strikes-"));
  const [strikeFile, logFile] = [join(folder, "struck.jsonl"), join(folder, "answers.jsonl")];
  for (const file of [strikeFile, logFile]) writeFileSync(file, "");
  const random = deterministicRandom(options.seed);
  const ledger = createLedger();
  const struck: Pick<Struck, "pid" | "atMs" | "blow">[] = [];
  const isStrict = options.rotation === "strict";
  const gatekeeper = createGatekeeper(
    random,
    (pid, signal) => {
      process.kill(pid, signal);
      struck.push({ pid, atMs: Date.now(), blow: signal === "SIGKILL" ? "kill" : "stop" });
    },
    !isStrict,
  );
  const graceMs = ["idempotent", "grace", "last_wins"].includes(options.rotation) ? GRACE_MS : 0;
  const rotation: RotationPolicy = { class: options.rotation, graceMs };
  const server = await startAuthorizationServer({
    tokenTtlSeconds: TOKEN_TTL_SECONDS,
    rotation,
    gate: gatekeeper.gate,
  });
  const setup: WorkerSetup = {
    store: store.address,
    issuer: server.issuer,
    clientId: server.clientId,
    clientSecret: server.clientSecret,
    secrets: SECRETS,
    rotation,
    strikeFile,
    logFile,
    callers: 5,
    tellsLeases: true,
    ...(isStrict && { refreshDeadlineMs: STRICT_DEADLINE_MS }),
  };
  let fleet: Fleet | undefined;
  try {
    await ledger.open(setup, server, SECRETS.slice(1), SECRETS);
    await ledger.fill(options.grants ?? GRANTS);
    fleet = await startFleet(PROCESSES, setup, ledger.listener);
    const untilMs = Date.now() + LEAST_RUN_MS;
    fleet.order({ type: "grants", ids: ledger.activeIds() });
    const dealer = createDealer(random, options.seed);
    await strikeAll({ options, store, random, dealer, ledger, gatekeeper, server, fleet, strikeFile });
    await wait(Math.max(0, untilMs - Date.now()));
    const late = await fleet.stop();
    struck.push(...(readLines(strikeFile) as Struck[]));
    return await reckon(ledger, server, options, {
      ...{ logFile, struck, late, deadlineMs: STRICT_DEADLINE_MS },
    });
  } finally {
    await fleet?.stop().catch(() => undefined);
    await ledger.close();
    await server.stop();
    await store.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
