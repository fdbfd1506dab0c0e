/**
 * The end of a run: every session is asked for once more, when its token has run out, and what is lost is compared with
 * what the oracle says could not be kept.
 */
import { setTimeout as wait } from "node:timers/promises";

import { isTokenError } from "../src/core/errors.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import type { Ledger, Session } from "./ledger.ts";
import { unavoidablyLost, type LossCause } from "./oracle.ts";
import { unexplained } from "./overlaps.ts";
import { retried } from "./retried.ts";
import type { RunOptions } from "./run.ts";
import type { Struck } from "./crash-points.ts";
import { readLines, type WorkerLine } from "./worker-log.ts";

/** What a run came to. */
export interface Reckoning {
  readonly store: string;
  readonly rotation: string;
  readonly kills: number;
  readonly restarts: number;
  readonly sessions: number;
  /** Access tokens that were stored after the sign-ins. */
  readonly lifetimes: number;
  readonly requests: number;
  readonly refused: number;
  readonly lost: number;
  readonly oracle: number;
  /** What the oracle's losses are due to, counted. */
  readonly causes: ReadonlyMap<LossCause, number>;
  /** Refresh requests of one chain that were out at the same time, excused ones included. */
  readonly overlaps: number;
  readonly answers: { readonly good: number; readonly late: number };
  readonly strikes: ReadonlyMap<string, number>;
  readonly events: ReadonlyMap<string, number>;
  /** What must not be: empty when all is well. */
  readonly violations: readonly string[];
}

const GIVE_UP_MS = 60_000;

/** What the processes left behind. */
export interface Remains {
  readonly logFile: string;
  /** Blows that fell within the processes, and those that the gate dealt. */
  readonly struck: readonly Pick<Struck, "pid" | "atMs" | "blow">[];
  /** Processes that did not end when they were told to. */
  readonly late: readonly number[];
  readonly deadlineMs: number;
}

/** Reckons. */
export async function reckon(
  ledger: Ledger,
  server: AuthorizationServer,
  options: RunOptions,
  { logFile, struck, late, deadlineMs }: Remains,
): Promise<Reckoning> {
  const active = ledger.sessions.filter(({ signedOut }) => !signedOut);
  const chains = new Set(active.map(({ chain }) => chain));
  await ledger.lookFor(() => true);
  let lifetimes = 0;
  for (const session of active) {
    lifetimes += ((await retried(() => ledger.store().store.read(session.id)))?.grant.version ?? 1) - 1;
  }
  const log = readLines(logFile) as WorkerLine[];
  // Only a strict server takes a second use amiss: of every other class the lost answer can be had again.
  const oracle =
    options.rotation === "strict"
      ? unavoidablyLost({
          rotations: server.rotations.filter(({ chain }) => chains.has(chain)),
          kills: struck.filter(({ blow }) => blow === "kill"),
          log,
          durable: ledger.durable,
          deadlineMs,
        })
      : new Map<string, LossCause>();
  const historyOf = (chain: string): string => {
    const last = server.rotations.findLast((one) => one.chain === chain);
    const requests = server.requestsOf(chain).slice(-3);
    const lines = log.filter(
      (line) =>
        ("issued" in line && line.issued === last?.issued) || ("send" in line && line.send === last?.send),
    );
    const blows = struck.filter(({ pid }) => requests.some((one) => one.pid === pid));
    return JSON.stringify({ last, requests, lines, blows });
  };
  const spentLastAtMs = new Map(server.rotations.map(({ chain, atMs }) => [chain, atMs]));
  const { requests, refused } = { ...server.counts };
  const ends = await Promise.all(
    active.map(async (session) => [session, await lastWord(ledger, session)] as const),
  );
  const lost = new Set(ends.filter(([, word]) => word === "lost").map(([{ chain }]) => chain));
  const violations = [
    ...ledger.wrong,
    ...late.map((pid) => `process ${pid} did not end after SIGTERM`),
    ...unexplained(server.overlaps, struck, ledger.leases).map(
      ({ chain, first, second }) =>
        `${chain}: ${second.pid} sent a refresh request while that of ${first.pid} was out for ${second.atMs - first.atMs} ms`,
    ),
    ...ends
      .filter(([, word]) => word === "stuck")
      .map(([{ chain }]) => `${chain} got no token although the faults had stopped`),
    ...[...lost]
      .filter((chain) => !oracle.has(chain))
      .map((chain) => `${chain} was lost, and could have been kept: ${historyOf(chain)}`),
    ...[...oracle.keys()]
      .filter((chain) => !lost.has(chain))
      .map((chain) => `${chain} is alive, and the oracle calls it lost`),
    ...active.flatMap(({ toldEndedAtMs, chain }) => {
      if (toldEndedAtMs === undefined) return [];
      if (!oracle.has(chain)) return [`a user of ${chain} was signed out`];
      const isEarly = toldEndedAtMs < (spentLastAtMs.get(chain) ?? Number.POSITIVE_INFINITY);
      return isEarly ? [`a user of ${chain} was signed out before anything was lost`] : [];
    }),
    ...(await revived(ledger)),
  ];
  const causes = new Map<LossCause, number>();
  for (const cause of oracle.values()) causes.set(cause, (causes.get(cause) ?? 0) + 1);
  return {
    ...{ store: options.store, rotation: options.rotation, kills: ledger.deaths, restarts: ledger.restarts },
    ...{ sessions: ledger.sessions.length, lifetimes, requests, refused },
    ...{ lost: lost.size, oracle: oracle.size, causes, overlaps: server.overlaps.length },
    ...{ answers: ledger.answers, strikes: ledger.strikes, events: ledger.events },
    violations: [...new Set(violations)],
  };
}

/** Asks until the answer is final. The token in hand has to run out first, so that the chain is really tried. */
async function lastWord(ledger: Ledger, { id }: Session): Promise<"alive" | "lost" | "stuck"> {
  const untilMs = Date.now() + GIVE_UP_MS;
  const before = (await retried(() => ledger.store().store.read(id)))?.grant.version ?? 0;
  while (Date.now() < untilMs) {
    try {
      const { version } = await ledger.manager().getAccessToken(id, { maxWaitMs: 10_000 });
      if (version > before) return "alive";
    } catch (error) {
      if (isTokenError(error) && error.code === "reauthentication_required") return "lost";
    }
    await wait(500);
  }
  return "stuck";
}

/** Signed-out sessions that hand out a token all the same. */
async function revived(ledger: Ledger): Promise<string[]> {
  const found: string[] = [];
  for (const { id, chain, tombstone } of ledger.sessions) {
    if (!tombstone) continue;
    const grant = (await retried(() => ledger.store().store.read(id)))?.grant;
    if (grant?.state === "live") found.push(`${chain} lives on after its sign-out`);
  }
  return found;
}
