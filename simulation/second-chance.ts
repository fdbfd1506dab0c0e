/**
 * Where the authorization server gives a spent refresh token a second chance for a while: whether the engine was told
 * so, and whether it could have taken the chance.
 *
 * @module
 */
import type { RotationPolicy } from "../src/core/rotation.ts";
import type { Cause } from "./causes.ts";
import type { Chain, Moment } from "./chains.ts";
import type { Hindrances } from "./hindrances.ts";
import type { JudgedRecord, LostRecord } from "./history.ts";

/** A window is missed by right if it was this short, or if what was tried within it failed. */
const TAKEOVER_SLACK_MS = 4_000;
/** A takeover begins when the lease of the one before has run out. */
const LEASE_MS = 4_000;

const WINDOWED = new Set(["P2", "P3", "P4"]);

/**
 * The use that spent the token of a fatal request: before a server began to rotate, uses brought the same one again (P0),
 * or a new one beside it (P1).
 */
export function firstUseOf(chain: Chain, { refreshToken }: JudgedRecord): JudgedRecord | undefined {
  return chain.judged.find(
    (one) =>
      one.refreshToken === refreshToken &&
      (one.verdict === "consumed" ||
        (one.asClass !== "P1" && one.issued !== undefined && one.issued.refreshToken !== refreshToken)),
  );
}

function toldAt(chain: Chain, attemptId: string): RotationPolicy | undefined {
  return chain.sends.findLast((send) => send.attemptId === attemptId)?.policy;
}

/**
 * What became of the second chance: `not_as_told`: the engine was told of one that did not exist; `window_untold`: the
 * reverse; `window_over`: it was over; `none`: the server gives none.
 */
export function chanceOfSecondUse(
  chain: Chain,
  fatal: JudgedRecord,
): Extract<Cause, "not_as_told" | "window_untold" | "window_over"> | "none" {
  const first = firstUseOf(chain, fatal);
  if (first === undefined) return "none";
  const told = toldAt(chain, fatal.attemptId);
  const askedAtMs = fatal.askedAtMs ?? fatal.atMs;
  const truthMs = WINDOWED.has(first.asClass ?? "") ? (first.graceMs ?? 0) : 0;
  if (told !== undefined && toldWindowMs(told) > truthMs && askedAtMs - first.atMs <= toldWindowMs(told))
    return "not_as_told";
  if (
    fatal.asClass !== first.asClass &&
    toldWindowMs(told) > 0 &&
    askedAtMs - first.atMs <= toldWindowMs(told)
  )
    return "not_as_told";
  if (truthMs === 0) return "none";
  return toldWindowMs(told) === 0 ? "window_untold" : "window_over";
}

function toldWindowMs(policy: RotationPolicy | undefined): number {
  if (policy === undefined || policy.class === "strict") return 0;
  return policy.class === "none" || policy.class === "overlapping" ? Infinity : policy.graceMs;
}

/** Whether there was an undisturbed moment in which somebody asked, and nobody took the chance. */
export function missedWindow(chain: Chain, fatal: JudgedRecord): string | undefined {
  const first = firstUseOf(chain, fatal);
  const policy = first && toldAt(chain, first.attemptId);
  if (first === undefined || policy === undefined || !WINDOWED.has(first.asClass ?? "P3")) return undefined;
  const windowMs = Math.min(toldWindowMs(policy), first.graceMs ?? Infinity);
  if (windowMs === 0 || fatal.asClass !== first.asClass) return undefined;
  // The network had doubled the request, and the sender got the answer to the one that spent nothing.
  if (chain.refused.has(first.attemptId)) return undefined;
  if (chain.startsAtMs.some((atMs) => atMs > first.atMs && atMs <= first.atMs + windowMs)) return undefined;
  const decidedAtMs = fatal.askedAtMs ?? fatal.atMs;
  const fromMs = first.atMs + LEASE_MS + TAKEOVER_SLACK_MS;
  const untilMs = Math.min(first.atMs + windowMs, decidedAtMs) - TAKEOVER_SLACK_MS;
  const asked = chain.asks.find(
    (ask) =>
      ask.atMs >= fromMs &&
      ask.atMs <= untilMs &&
      isQuiet(chain, fromMs, ask) &&
      isOpenByStore(chain, first, ask, windowMs),
  );
  return asked === undefined
    ? undefined
    : `${asked.process ?? ""} asked ${asked.atMs - first.atMs} ms into the window of ${windowMs} ms, and nobody sent again`;
}

/**
 * Where the last one wins: whether somebody asked, undisturbed, while it could be found out that the stored pair was dead
 * and the refresh token that both pairs had come from still helped, and nobody looked.
 *
 * @param killer The second use of that refresh token, which killed the stored pair.
 */
export function missedDoubt(chain: Chain, fatal: JudgedRecord, killer: JudgedRecord): string | undefined {
  const first = firstUseOf(chain, killer);
  const policy = first && toldAt(chain, first.attemptId);
  const storedAtMs = chain.durableAtMs.get(fatal.refreshToken);
  if (first === undefined || policy?.class !== "last_wins" || storedAtMs === undefined) return undefined;
  if (killer.asClass !== "P4" || fatal.asClass !== "P4") return undefined;
  const killerEndMs = (killer.askedAtMs ?? killer.atMs) + (chain.durationMs.get(killer.attemptId) ?? 0);
  // A request that comes after its deadline nobody can know of.
  if (killer.atMs > killerEndMs) return undefined;
  const windowMs = Math.min(policy.graceMs, first.graceMs ?? 0);
  const fromMs = Math.max(storedAtMs, killer.atMs, killerEndMs) + LEASE_MS + TAKEOVER_SLACK_MS;
  const untilMs = (first.askedAtMs ?? first.atMs) + windowMs - TAKEOVER_SLACK_MS;
  if (fatal.atMs <= untilMs + TAKEOVER_SLACK_MS) return undefined;
  const asked = chain.asks.find(
    (ask) => ask.atMs >= fromMs && ask.atMs <= untilMs && isQuiet(chain, fromMs, ask),
  );
  return asked && `${asked.process ?? ""} asked while the spent one still helped, and nobody looked`;
}

/**
 * Where the last one wins: whether the grant was ended while the refresh token that both pairs had come from still helped,
 * and was not in the row. Whoever stored one of the pairs had to keep it, unless that process died, stood still or had no store.
 *
 * @param killer As for {@link missedDoubt}.
 */
export function droppedSpent(
  chain: Chain,
  lost: LostRecord,
  fatal: JudgedRecord,
  killer: JudgedRecord,
  hindrances: Hindrances,
): string | undefined {
  const first = firstUseOf(chain, killer);
  const policy = first && toldAt(chain, first.attemptId);
  const storedAtMs = chain.durableAtMs.get(fatal.refreshToken);
  if (first === undefined || policy?.class !== "last_wins" || storedAtMs === undefined) return undefined;
  if (killer.asClass !== "P4" || fatal.asClass !== "P4" || fatal.verdict !== "refused") return undefined;
  // A request that comes after its deadline nobody can know of.
  const killerSentAtMs = killer.askedAtMs ?? killer.atMs;
  if (killer.atMs > killerSentAtMs + (chain.durationMs.get(killer.attemptId) ?? 0)) return undefined;
  const windowMs = Math.min(policy.graceMs, first.graceMs ?? 0);
  const leftMs = openedAtMs(chain, first) + windowMs - TAKEOVER_SLACK_MS - lost.atMs;
  const now = { atMs: lost.atMs, process: undefined };
  if (leftMs <= 0 || !isOpenByStore(chain, first, now, windowMs)) return undefined;
  const storer = chain.answers.find(({ refreshToken }) => refreshToken === fatal.refreshToken)?.process;
  if (storer === undefined || hindrances.standsStill(storer, storedAtMs, lost.atMs)) return undefined;
  if (hindrances.keeps(storer, storedAtMs, lost.atMs)) return undefined;
  return `it was ended although ${killer.refreshToken} helped for ${leftMs} ms more, and ${storer} had not kept it`;
}

/** When the window of a refresh token opened as the engine has to see it: with the first lease, whatever came of that. */
function openedAtMs({ leases, durableAtMs }: Chain, first: JudgedRecord): number {
  const storedAtMs = durableAtMs.get(first.refreshToken) ?? 0;
  const taken = leases.find(({ atMs }) => atMs >= storedAtMs)?.atMs ?? Infinity;
  return Math.min(taken, first.askedAtMs ?? first.atMs);
}

/**
 * Whether the window is open by the store's clock, too: a first request from its future, or from too long ago, tells
 * nobody how long the server still forgives (X21).
 */
function isOpenByStore(
  { sends, storeClock }: Chain,
  { attemptId }: JudgedRecord,
  { atMs }: Moment,
  windowMs: number,
): boolean {
  const send = sends.find((one) => one.attemptId === attemptId);
  if (send === undefined) return true;
  const passedMs = storeClock.nowMs(atMs) - send.storeNowMs;
  return passedMs >= 0 && passedMs < windowMs;
}

/**
 * What went wrong earlier is what lost the answer. What goes wrong from the takeover on keeps whoever asks from trying
 * again: the pauses of all, the trouble of its own process, and for a lease's length that of any other, which may hold it.
 */
function isQuiet({ trouble }: Chain, fromMs: number, ask: Moment): boolean {
  return !trouble.some(({ atMs, process }) => {
    const concerns = process === undefined || process === ask.process;
    const sinceMs = concerns ? fromMs : Math.max(fromMs, ask.atMs - LEASE_MS - TAKEOVER_SLACK_MS);
    return atMs >= sinceMs && atMs <= ask.atMs + TAKEOVER_SLACK_MS;
  });
}
