/**
 * I10: the authorization server gets as many requests as there are refreshes due, and a few more; and after an outage
 * the requests of many grants come spread in time.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";

const WINDOW_MS = 60_000;
/** What the pauses of the back-off allow within a minute, for a grant whose requests all fail. */
const RETRY_BUDGET = 14;
/** The same where each attempt sends up to four times while a window lasts: up to six attempts fit into half a minute. */
const WINDOW_RETRY_BUDGET = 26;
const MAX_FORCED_AGE_MS = 30_000;
/** How long after the beginning of an outage the attempts of many grants have to be apart. */
const PARTED_AFTER_MS = 20_000;

/**
 * The largest share of a herd whose requests may fall into one second, during an outage and for the first ones after it.
 * Pauses of up to 30 s part them over 15 s; early in the outage they are shorter.
 */
const MAX_CROWD = { during: 0.7, after: 0.55 };

/** Counts requests per grant and minute, and in a herd per second. */
export function boundedLoad(probe: Probe): Checker {
  const recent = new Map<string, { atMs: number; kind: "send" | "good" }[]>();
  const herd: { readonly atMs: number; readonly grant: string }[] = [];
  const grants = new Set<string>();
  const attempts = new Set<string>();
  let [outageFromMs, overAtMs, healedAtMs] = [Infinity, Infinity, Infinity];
  // A rejected token is renewed at most once in a quarter of its life.
  const dueBudget = 4 + (2 * WINDOW_MS) / Math.min(MAX_FORCED_AGE_MS, probe.accessLifetimeMs / 4);

  const budgetProblem = (grant: string, atMs: number, retryBudget: number): string | undefined => {
    const list = (recent.get(grant) ?? []).filter((one) => one.atMs > atMs - WINDOW_MS);
    recent.set(grant, list);
    const sent = list.filter(({ kind }) => kind === "send").length;
    const good = list.length - sent;
    if (sent - good > retryBudget * Math.max(1, probe.servers / 2))
      return `${sent} requests for ${grant} within a minute, ${good} of them good`;
    return good > dueBudget
      ? `${good} refreshes of ${grant} within a minute, ${dueBudget} are due`
      : undefined;
  };

  return {
    name: "I10 bounded load",
    see(record) {
      if (record.kind === "fault" && record.id === "X66") outageFromMs = Math.min(outageFromMs, record.atMs);
      if (record.kind === "phase" && record.phase === "healed") healedAtMs = record.atMs;
      // During the outage no request reaches what judges.
      if (record.kind === "judged" && record.atMs > outageFromMs + PARTED_AFTER_MS)
        overAtMs = Math.min(overAtMs, record.atMs);
      if (record.kind === "answer" && record.outcome === "committed") {
        recent.set(record.grant, [...(recent.get(record.grant) ?? []), { atMs: record.atMs, kind: "good" }]);
        return budgetProblem(record.grant, record.atMs, Infinity);
      }
      if (record.kind !== "send") return undefined;
      grants.add(record.grant);
      // What an attempt sends again follows its first request; that one is what chance has to part from the others.
      if (probe.profile === "herd" && !attempts.has(record.attemptId)) herd.push(record);
      attempts.add(record.attemptId);
      recent.set(record.grant, [...(recent.get(record.grant) ?? []), { atMs: record.atMs, kind: "send" }]);
      const { graceMs } = record.policy;
      const resends = graceMs > 0 && graceMs < Infinity;
      return budgetProblem(record.grant, record.atMs, resends ? WINDOW_RETRY_BUDGET : RETRY_BUDGET);
    },
    rest() {
      if (probe.profile !== "herd") return undefined;
      // In the first seconds of an outage all fail together; from then on chance has to part them.
      const during = herd.filter(({ atMs }) => atMs >= outageFromMs + PARTED_AFTER_MS && atMs < overAtMs);
      const after = herd.filter(({ atMs }) => atMs >= overAtMs && atMs <= healedAtMs);
      const first = after.filter((one, at) => after.findIndex(({ grant }) => grant === one.grant) === at);
      return crowdProblem("during", during, grants.size) ?? crowdProblem("after", first, grants.size);
    },
  };
}

/** What is wrong if too many grants of a herd are refreshed within one second. */
function crowdProblem(
  when: keyof typeof MAX_CROWD,
  sends: readonly { readonly atMs: number; readonly grant: string }[],
  grants: number,
): string | undefined {
  const perSecond = new Map<number, Set<string>>();
  for (const { atMs, grant } of sends) {
    const second = Math.floor(atMs / 1_000);
    perSecond.set(second, (perSecond.get(second) ?? new Set()).add(grant));
  }
  const most = Math.max(0, ...[...perSecond.values()].map(({ size }) => size));
  return most > MAX_CROWD[when] * grants
    ? `${most} of ${grants} grants were refreshed within a second ${when} the outage`
    : undefined;
}
