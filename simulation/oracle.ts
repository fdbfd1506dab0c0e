/**
 * The oracle (I21): for every grant that a run has lost, whether anything could have kept it. It knows the truth of the
 * authorization server and every fault; the engine knows neither.
 *
 * A loss is unavoidable only where
 * - the chain was revoked there, or the store lost the row, or an error consumed the refresh token (P7), or
 * - the answer with the only good refresh token never became durable, because it got lost, or its process died, stood
 *   still or had no store, and the server gives the old one no second chance (any more), or
 * - a request that was decided upon before anybody could know of a newer refresh token arrived after it.
 *
 * @module
 */
import type { Probe } from "./checker.ts";
import { Ledger, tokensStoredBy } from "./checkers/stored-tokens.ts";
import { Chains, type Chain } from "./chains.ts";
import type { SimRecord } from "./history.ts";

/** One lost grant. */
export interface Loss {
  readonly grant: string;
  /** How it ended: its reason, or `row missing`. */
  readonly how: string;
  /** What made it impossible to keep, or why nothing did. */
  readonly why: string;
}

/** All losses of a run. */
export interface Account {
  readonly unavoidable: readonly Loss[];
  readonly avoidable: readonly Loss[];
}

/** A window is missed by right if it was this short, or if what was tried within it failed. */
const TAKEOVER_SLACK_MS = 4_000;

/** Reckons up a run. */
export function accountOf(records: readonly SimRecord[], probe: Probe): Account {
  const chains = new Chains();
  const ledger = new Ledger();
  for (const record of records) {
    ledger.see(record);
    chains.see(record);
    if (record.kind === "store") chains.stored(record, tokensStoredBy(probe, record));
  }
  const unavoidable: Loss[] = [];
  const avoidable: Loss[] = [];
  for (const [grant, row] of ledger.rows) {
    const how = row.endReason;
    if (how !== "rejected" && how !== "lost_response") continue;
    const chain = chains.of(grant);
    const cause = ledger.tampered.has(grant)
      ? "the store lost what it had acknowledged"
      : causeOf(chain, probe);
    if (cause.startsWith("!")) avoidable.push({ grant, how, why: cause.slice(1) });
    else unavoidable.push({ grant, how, why: cause });
  }
  for (const grant of ledger.tampered) {
    if (!ledger.rows.has(grant))
      unavoidable.push({ grant, how: "row missing", why: "the store lost the row" });
  }
  return { unavoidable, avoidable };
}

/** What killed a chain; begins with `!` where nothing had to. */
function causeOf(chain: Chain, probe: Probe): string {
  if (chain.revoked) return "it was revoked there";
  if (chain.judged.some(({ verdict }) => verdict === "consumed"))
    return "an error consumed the refresh token";
  const alarm = chain.judged.find(({ verdict }) => verdict === "alarm");
  if (alarm !== undefined) {
    if (chain.duplicated) return "a request was delivered twice";
    if (chain.classChanged) return "the server changed how it rotates";
    const decidedAtMs = chain.decidedAtMs.get(alarm.attemptId) ?? alarm.atMs;
    const known = chain
      .successorsOf(alarm.refreshToken)
      .map((token) => chain.durableAtMs.get(token) ?? Infinity);
    const knownAtMs = Math.min(Infinity, ...known);
    if (knownAtMs < decidedAtMs)
      return `!${alarm.refreshToken} was sent ${decidedAtMs - knownAtMs} ms after its successor was stored`;
    return (
      missedWindow(chain, alarm.refreshToken, decidedAtMs, probe) ??
      "the only good refresh token never became durable"
    );
  }
  const neverDurable = chain.judged.some(
    ({ issued }) => issued !== undefined && !chain.durableAtMs.has(issued.refreshToken),
  );
  if (neverDurable) return "the only good refresh token never became durable";
  return chain.classChanged
    ? "the server changed how it rotates"
    : "!no answer was lost, and nobody revoked it";
}

/**
 * Where the server gives a second chance for a while, and the engine knows it: whether there was an undisturbed moment in
 * which somebody asked, and nobody used the chance.
 */
function missedWindow(
  chain: Chain,
  refreshToken: string,
  decidedAtMs: number,
  probe: Probe,
): string | undefined {
  const first = chain.judged.find((one) => one.refreshToken === refreshToken && one.issued !== undefined);
  const policy = chain.sends.find((send) => send.attemptId === first?.attemptId)?.policy;
  if (first === undefined || policy === undefined || policy.class === "strict") return undefined;
  const triedAgain = chain.sends.some(
    (send) =>
      send.refreshToken === refreshToken &&
      send.atMs > first.atMs &&
      send.atMs <= first.atMs + policy.graceMs,
  );
  if (triedAgain) return undefined;
  const fromMs = first.atMs + probe.leaseMs + TAKEOVER_SLACK_MS;
  const untilMs = Math.min(first.atMs + policy.graceMs, decidedAtMs) - TAKEOVER_SLACK_MS;
  // What went wrong earlier is what lost the answer; what went wrong later kept whoever asked from trying again.
  const asked = chain.asks.find(
    (atMs) =>
      atMs >= fromMs &&
      atMs <= untilMs &&
      !chain.trouble.some(
        (troubleAtMs) => troubleAtMs >= fromMs && troubleAtMs <= untilMs + TAKEOVER_SLACK_MS,
      ),
  );
  return asked === undefined
    ? undefined
    : `!somebody asked ${asked - first.atMs} ms into the window of ${policy.graceMs} ms, and nobody sent again`;
}
