/**
 * `node torture/herd.ts`: eight processes with fifty callers each ask for one grant at the same moment, again and again.
 *
 *   node torture/herd.ts [--store sqlite,redis,postgres] [--rounds 200]
 *
 * Each round is one refresh request, or more that the store's own clock excuses: the lease of the earlier request, with
 * all its renewals, had run out and was not given back when that of the next was taken. Counted and printed; ends with 1
 * if a round is neither.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";

import { startAuthorizationServer, type ArrivedRequest } from "./authorization-server.ts";
import { startFleet, type Fleet } from "./fleet.ts";
import { judgeRound } from "./leases.ts";
import { createLedger } from "./ledger.ts";
import { STRICT_ROTATION } from "../src/core/rotation.ts";
import { STORE_KINDS, startStore, type StoreKind } from "./stores.ts";
import type { Report, WorkerSetup } from "./worker.ts";

type Lease = Extract<Report, { type: "lease" }>;

/** What the rounds on one store came to. */
export interface HerdCount {
  readonly store: StoreKind;
  readonly rounds: number;
  /** Rounds with exactly one refresh request. */
  readonly one: number;
  /** Rounds with more, each of them after the lease of the one before had run out by the store's clock. */
  readonly excused: number;
  /** What neither explains, a line each. */
  readonly violations: readonly string[];
}

const PROCESSES = 8;
const CALLERS = 50;
const TOKEN_TTL_SECONDS = 60;

/** Runs the rounds on one store. `undefined`: the machine has none. */
export async function herd(kind: StoreKind, rounds: number): Promise<HerdCount | undefined> {
  const store = await startStore(kind);
  if (store === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "nolapse-herd-"));
  const pass = (): Promise<"pass"> => Promise.resolve("pass");
  const server = await startAuthorizationServer({
    tokenTtlSeconds: TOKEN_TTL_SECONDS,
    rotation: STRICT_ROTATION,
    gate: { before: pass, after: pass },
  });
  const secrets = [randomBytes(32).toString("base64")];
  const setup: WorkerSetup = {
    ...{
      store: store.address,
      issuer: server.issuer,
      clientId: server.clientId,
      clientSecret: server.clientSecret,
    },
    ...{ secrets, rotation: STRICT_ROTATION, callers: 0 },
    ...{ strikeFile: join(folder, "none"), logFile: join(folder, "answers.jsonl") },
    tellsLeases: true,
  };
  const leases = new Map<string, Lease[]>();
  const ledger = createLedger();
  let fleet: Fleet | undefined;
  try {
    await ledger.open(setup, server, secrets, secrets);
    fleet = await startFleet(PROCESSES, setup, {
      ...ledger.listener,
      lease: (lease) => void leases.set(lease.id, [...(leases.get(lease.id) ?? []), lease]),
    });
    const counts = { one: 0, excused: 0 };
    const violations: string[] = [];
    for (let round = 1; round <= rounds; round++) {
      await ledger.fill(round);
      const session = ledger.sessions[round - 1];
      if (session === undefined) throw new Error("A round without a session");
      const codes = await ask(fleet, session.id);
      const requests = server.requestsOf(session.chain);
      const news = leases.get(session.id) ?? [];
      if (codes.some((code) => code !== "ok"))
        violations.push(`round ${round}: callers got ${codes.join(", ")}`);
      const verdict = judgeRound(requests, news);
      if (verdict === "neither") violations.push(`round ${round}: ${told(requests, news)}`);
      else counts[verdict]++;
    }
    violations.push(...ledger.wrong);
    return { store: kind, rounds, ...counts, violations };
  } finally {
    await fleet?.stop();
    await ledger.close();
    await server.stop();
    await store.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Everybody asks at once. Resolves with the codes that callers got. */
async function ask(fleet: Fleet, id: string): Promise<readonly string[]> {
  const done = fleet.places.map((place) => fleet.report(place, "herd-done"));
  fleet.order({ type: "herd", id, callers: CALLERS });
  return [...new Set((await Promise.all(done)).flatMap(({ codes }) => codes))];
}

function told(requests: readonly ArrivedRequest[], news: readonly Lease[]): string {
  const sent = requests.map(({ pid, attemptId }) => `${pid} for ${attemptId.slice(0, 8)}`).join(", ");
  const history = [...news]
    .sort((one, other) => one.atMs - other.atMs)
    .map(
      ({ pid, what, fence, attemptId, atMs, untilMs }) =>
        `${pid}: fence ${fence} ${what} at ${atMs} for ${attemptId.slice(0, 8)}, ends ${untilMs}`,
    );
  return `${requests.length} refresh requests (${sent}); ${history.join("; ")}`;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      store: { type: "string", default: STORE_KINDS.join(",") },
      rounds: { type: "string", default: "200" },
    },
  });
  const lines = [
    "| store | rounds | one request | excused by an expired lease | neither |",
    "| --- | --- | --- | --- | --- |",
  ];
  for (const kind of STORE_KINDS.filter((name) => values.store.split(",").includes(name))) {
    const count = await herd(kind, Number(values.rounds));
    if (count === undefined) {
      process.stdout.write(`!! SKIPPED: ${kind}: there is no such server on this machine\n`);
      if (process.env["CI"] === "true") process.exitCode = 1;
      continue;
    }
    for (const line of count.violations) process.stdout.write(`VIOLATION: ${kind}: ${line}\n`);
    if (count.violations.length > 0) process.exitCode = 1;
    lines.push(
      `| ${kind} | ${count.rounds} | ${count.one} | ${count.excused} | ${count.violations.length} |`,
    );
  }
  process.stdout.write(`\n${lines.join("\n")}\n`);
}
