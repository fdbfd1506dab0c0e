/**
 * The end of a run: every session is asked for once more, when its token has run out, and what is lost is compared with
 * what the oracle says could not be kept.
 */
import { setTimeout as wait } from "node:timers/promises";

import { isTokenError } from "../src/core/errors.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import { storedTokens, type Ledger, type Session } from "./ledger.ts";
import { unavoidablyLost } from "./oracle.ts";
import { retried } from "./retried.ts";
import type { RunOptions } from "./run.ts";

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
  readonly answers: { readonly good: number; readonly late: number };
  readonly strikes: ReadonlyMap<string, number>;
  readonly events: ReadonlyMap<string, number>;
  /** What must not be: empty when all is well. */
  readonly violations: readonly string[];
}

const GIVE_UP_MS = 60_000;

/** Reckons. */
export async function reckon(
  ledger: Ledger,
  server: AuthorizationServer,
  options: RunOptions,
): Promise<Reckoning> {
  const active = ledger.sessions.filter(({ signedOut }) => !signedOut);
  const stored = new Map<string, ReadonlySet<string>>();
  let lifetimes = 0;
  for (const session of active) {
    stored.set(session.chain, await storedTokens(ledger, session));
    lifetimes += ((await retried(() => ledger.store().store.read(session.id)))?.grant.version ?? 1) - 1;
  }
  const oracle = unavoidablyLost(server.rotations, ledger.arrived, ledger.kills, stored);
  const { requests, refused } = { ...server.counts };
  const ends = await Promise.all(
    active.map(async (session) => [session, await lastWord(ledger, session)] as const),
  );
  const lost = new Set(ends.filter(([, word]) => word === "lost").map(([{ chain }]) => chain));
  const violations = [
    ...ledger.wrong,
    ...ends
      .filter(([, word]) => word === "stuck")
      .map(([{ chain }]) => `${chain} got no token although the faults had stopped`),
    ...[...lost]
      .filter((chain) => !oracle.has(chain))
      .map((chain) => `${chain} was lost, and could have been kept`),
    ...[...oracle]
      .filter((chain) => !lost.has(chain))
      .map((chain) => `${chain} is alive, and the oracle calls it lost`),
    ...active
      .filter(({ toldEnded, chain }) => toldEnded && !oracle.has(chain))
      .map(({ chain }) => `a user of ${chain} was signed out`),
    ...(await revived(ledger)),
  ];
  return {
    ...{ store: options.store, rotation: options.rotation, kills: ledger.deaths, restarts: ledger.restarts },
    ...{ sessions: ledger.sessions.length, lifetimes, requests, refused },
    ...{ lost: lost.size, oracle: oracle.size, answers: ledger.answers },
    ...{ strikes: ledger.strikes, events: ledger.events, violations: [...new Set(violations)] },
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
