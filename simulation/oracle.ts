/**
 * The oracle (I21): for every grant that a run has lost, whether anything could have kept it. It knows the truth of the
 * authorization server and every fault; the engine knows neither.
 *
 * It asks for what killed the chain: the last request that was refused for good. Each refresh token that was issued for
 * the same one before needs a cause of its own why nobody had it by then: its answer never came, or its process died or
 * stood still within the time that it gets to store it, or had no store from then until that request was decided upon.
 * Anything else was avoidable.
 *
 * @module
 */
import type { Cause } from "./causes.ts";
import { Chains, type Chain } from "./chains.ts";
import type { Probe } from "./checker.ts";
import { tokensStoredBy } from "./checkers/stored-tokens.ts";
import type { AsClass } from "./fault-types.ts";
import type { JudgedRecord, LostRecord, SimRecord } from "./history.ts";
import { chanceOfSecondUse, droppedSpent, firstUseOf, missedDoubt, missedWindow } from "./second-chance.ts";

/** One lost grant. */
export interface Loss {
  readonly grant: string;
  /** How it ended: its reason, or `row missing`. */
  readonly how: string;
  /** What made it impossible to keep, or why nothing did. */
  readonly why: string;
  /** How the server rotated when the chain lost its way. */
  readonly asClass: AsClass | undefined;
}

/** A loss that nothing could have kept from happening. */
export interface UnavoidableLoss extends Loss {
  readonly cause: Cause;
}

/** All losses of a run. */
export interface Account {
  readonly unavoidable: readonly UnavoidableLoss[];
  readonly avoidable: readonly Loss[];
}

/** A cause, or (`avoidable`) what shows that there was none. */
type Finding = { readonly cause: Cause } | { readonly avoidable: string };

/** A store may take so long to tell of a write that it has applied, in milliseconds. */
const STORE_MS = 3_500;

/** Reckons up a run. */
export function accountOf(records: readonly SimRecord[], probe: Probe): Account {
  const chains = new Chains();
  const missing = new Set<string>();
  for (const record of records) {
    chains.see(record);
    if (record.kind !== "store") continue;
    chains.stored(record, tokensStoredBy(probe, record));
    const { grant, operation, before, after } = record;
    if (after !== undefined) missing.delete(grant);
    else if (operation === "admin" && before?.state === "live") missing.add(grant);
  }
  const unavoidable: UnavoidableLoss[] = [];
  const avoidable: Loss[] = [];
  for (const chain of chains.lost) {
    const lost = chain.lost as LostRecord;
    const finding = causeOf(chain, lost, chains);
    const loss = { grant: lost.grant, how: lost.how, asClass: asClassOf(chain, lost) };
    if ("cause" in finding) unavoidable.push({ ...loss, why: finding.cause, cause: finding.cause });
    else avoidable.push({ ...loss, why: finding.avoidable });
  }
  for (const grant of missing)
    unavoidable.push({ grant, how: "row missing", why: "store", cause: "store", asClass: undefined });
  return { unavoidable, avoidable };
}

/**
 * How the server rotated when the refresh token was spent, or else killed: a class that changed since gives no second
 * chance.
 */
function asClassOf(chain: Chain, lost: LostRecord): AsClass | undefined {
  const fatal = fatalOf(chain, lost);
  return fatal && (firstUseOf(chain, fatal) ?? killerOf(chain, fatal) ?? fatal).asClass;
}

/**
 * The request that ended the chain, or else the one by which it first showed that a refresh token of the row was dead:
 * what is tried after that cannot have killed it.
 */
function fatalOf({ judged }: Chain, lost: LostRecord): JudgedRecord | undefined {
  const before = judged.filter(({ atMs }) => atMs <= lost.atMs);
  const refused = before.filter(({ verdict }) => verdict === "refused");
  const last = refused.findLast(({ refreshToken }) => lost.row.includes(refreshToken));
  return (
    before.find(({ verdict }) => verdict === "alarm") ??
    refused.find(({ refreshToken }) => refreshToken === last?.refreshToken)
  );
}

function causeOf(chain: Chain, lost: LostRecord, chains: Chains): Finding {
  const { tamperedAtMs = Infinity } = chain;
  if (tamperedAtMs <= lost.atMs) return { cause: "store" };
  const [good] = lost.good;
  if (good !== undefined) return { avoidable: `${good} in its row was good` };
  if (lost.ended === "revoked") return { cause: "revoked" };
  if (lost.ended === "signed_out") return { avoidable: "its chain was revoked by the engine itself" };
  const fatal = fatalOf(chain, lost);
  if (fatal === undefined) return { avoidable: "no refresh token of its row was refused" };
  return causeOfRefusal(chain, lost, fatal, chains);
}

/** Why the refresh token of the fatal request was used although it was spent. */
function causeOfRefusal(chain: Chain, lost: LostRecord, fatal: JudgedRecord, chains: Chains): Finding {
  const successors = chain.successorsOf(fatal.refreshToken, fatal.atMs);
  const killer = killerOf(chain, fatal);
  const issued = killer === undefined ? successors : [...successors, killer];
  const findings = issued.map((one) => causeOfToken(chain, lost, fatal, one, chains));
  const avoidable = findings.find((finding) => "avoidable" in finding);
  if (avoidable !== undefined) return avoidable;
  if (killer !== undefined) return causeOfKilling(chain, lost, fatal, killer, chains);
  if (fatal.duplicate === true) return { cause: "duplicated" };
  const chance = chanceOfSecondUse(chain, fatal);
  if (chance === "not_as_told") return { cause: "not_as_told" };
  const consumed = chain.judged.some(
    (one) => one.verdict === "consumed" && one.refreshToken === fatal.refreshToken && one.atMs <= fatal.atMs,
  );
  if (!consumed && findings.length === 0) return { avoidable: "no answer was lost, and nobody revoked it" };
  const missed = missedWindow(chain, fatal);
  if (missed !== undefined) return { avoidable: missed };
  if (consumed) return { cause: "consumed" };
  const first = findings[0] as { readonly cause: Cause };
  return chance === "none" || first.cause === "duplicated" ? first : { cause: chance };
}

/** Where the last one wins: the second use that killed the token of the fatal request although that was never spent. */
function killerOf(chain: Chain, fatal: JudgedRecord): JudgedRecord | undefined {
  const { judged } = chain;
  // Spent, as by an error that consumed it: then it was alive until that.
  if (firstUseOf(chain, fatal) !== undefined) return undefined;
  const bornAtMs = judged.find(({ issued }) => issued?.refreshToken === fatal.refreshToken)?.atMs ?? 0;
  return judged.findLast(
    ({ verdict, asClass, atMs }) =>
      verdict === "again" && asClass === "P4" && atMs >= bornAtMs && atMs <= fatal.atMs,
  );
}

function causeOfKilling(
  chain: Chain,
  lost: LostRecord,
  fatal: JudgedRecord,
  killer: JudgedRecord,
  { hindrances }: Chains,
): Finding {
  if (killer.duplicate === true) return { cause: "duplicated" };
  const lateMs = chain.decidedAtMs(killer) - (chain.durableAtMs.get(fatal.refreshToken) ?? Infinity);
  const missed = missedDoubt(chain, fatal, killer) ?? droppedSpent(chain, lost, fatal, killer, hindrances);
  if (missed !== undefined) return { avoidable: missed };
  return lateMs > 0
    ? {
        avoidable: `${killer.refreshToken} was sent although its successor had been stored ${lateMs} ms before its sender looked`,
      }
    : { cause: "late_winner" };
}

/** Why nobody had a newer refresh token when the fatal request was decided upon. */
function causeOfToken(
  chain: Chain,
  lost: LostRecord,
  fatal: JudgedRecord,
  { issued, duplicate, askedAtMs: issuedForMs, atMs: issuedAtMs }: JudgedRecord,
  { hindrances }: Chains,
): Finding {
  const { durableAtMs, answers, judged, durationMs } = chain;
  const token = issued?.refreshToken ?? "";
  const decidedAtMs = chain.decidedAtMs(fatal);
  const knownAtMs = durableAtMs.get(token) ?? Infinity;
  if (knownAtMs < decidedAtMs)
    return {
      avoidable: `${fatal.refreshToken} was sent although its successor had been stored ${decidedAtMs - knownAtMs} ms before its sender looked`,
    };
  if (knownAtMs < Infinity && knownAtMs <= lost.atMs) return { cause: "unforeseeable" };
  const came = answers.filter(({ refreshToken }) => refreshToken === token);
  for (const { process, atMs, attemptId } of came) {
    if (atMs > lost.atMs) {
      const endMs = (issuedForMs ?? issuedAtMs) + (durationMs.get(attemptId) ?? 0);
      if (lost.atMs < endMs)
        return { avoidable: `it was ended ${endMs - lost.atMs} ms before the deadline of ${attemptId}` };
    } else if (!hindrances.keeps(process, atMs, Math.min(Math.max(decidedAtMs, atMs), lost.atMs))) {
      // Decided before anybody could know, it ended the chain, and the new refresh token with it.
      const dead = lost.ended === "alarm" && decidedAtMs <= atMs + STORE_MS;
      if (!dead) return { avoidable: `${token} reached ${process}, and nothing kept it from being stored` };
    }
  }
  if (duplicate === true && came.length === 0) return { cause: "duplicated" };
  if (came.length === 0 || came.every(({ atMs }) => atMs > lost.atMs)) return { cause: "answer_lost" };
  const inTime = came.some(({ atMs }) => atMs <= decidedAtMs);
  return judged.length > 0 && inTime ? { cause: "holder_hindered" } : { cause: "unforeseeable" };
}
