/**
 * I17: however wrong a clock is, a token is used after its true end by no more than that; a lifetime counts from the request,
 * not from its answer (M13); and no lease lasts longer by the store's clock than it was taken for.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import type { SettledRecord, SimRecord } from "../history.ts";
import { tokensOfRow } from "./stored-tokens.ts";

/** Rounding of clocks, and the way of an answer. */
const SLACK_MS = 1_500;

/** Compares true times. */
export function timeSafety(probe: Probe): Checker {
  /** By access token: when it was asked for, by the clock of its process. */
  const requestedAtMs = new Map<string, number>();
  const skewOfAttempt = new Map<string, number>();
  /** By access token: how far ahead the clock was by which its end was reckoned. */
  const issuerSkewMs = new Map<string, number>();

  const note = (record: SimRecord): void => {
    if (record.kind === "send") skewOfAttempt.set(record.attemptId, record.processNowMs - record.atMs);
    if (record.kind === "answer" && record.accessToken !== undefined) {
      issuerSkewMs.set(record.accessToken, skewOfAttempt.get(record.attemptId) ?? 0);
      if (record.requestedAtMs !== undefined) requestedAtMs.set(record.accessToken, record.requestedAtMs);
    }
    if (record.kind === "store" && record.operation === "insert" && record.after !== undefined) {
      // A sign-in reckons by the clock of its moment; its process may stand still before it stores.
      const endMs = record.after.accessTokenExpiresAtMs ?? Infinity;
      for (const token of tokensOfRow(probe, record.after))
        issuerSkewMs.set(token, endMs - (probe.expiryOf(token) ?? endMs));
    }
  };

  const lateCount = (sealedTokenSet: string): string | undefined => {
    const { tokenSet } = probe.reveal(sealedTokenSet) ?? {};
    if (tokenSet === undefined) return undefined;
    for (const { accessToken, issuedAtMs } of [tokenSet, ...Object.values(tokenSet.targets ?? {})]) {
      const lateMs = issuedAtMs - (requestedAtMs.get(accessToken) ?? Infinity);
      if (lateMs > 0) return `the life of ${accessToken} counts from ${lateMs} ms after its request`;
    }
    return undefined;
  };

  const seeSettled = ({
    accessToken,
    atMs,
    processNowMs,
    process,
    door,
  }: SettledRecord): string | undefined => {
    if (accessToken === undefined || probe.holdMs > 0 || door === "save") return undefined;
    const expiresAtMs = probe.expiryOf(accessToken);
    if (expiresAtMs === undefined) return undefined;
    const wrongMs = Math.max(0, issuerSkewMs.get(accessToken) ?? 0) + Math.max(0, atMs - processNowMs);
    const overMs = atMs - expiresAtMs;
    return overMs > wrongMs + SLACK_MS
      ? `${process} handed out ${accessToken} ${overMs} ms after its true end; its clocks were ${wrongMs} ms wrong`
      : undefined;
  };

  return {
    name: "I17 time safety",
    see(record) {
      note(record);
      if (record.kind === "settled") return seeSettled(record);
      if (record.kind !== "store" || record.operation === "admin") return undefined;
      const { after, before, storeNowMs } = record;
      if (after !== undefined && after.sealedTokenSet !== before?.sealedTokenSet) {
        const problem = lateCount(after.sealedTokenSet);
        if (problem !== undefined) return problem;
      }
      const lease = after?.lease;
      if (lease == null || lease === before?.lease || lease.untilMs === before?.lease?.untilMs)
        return undefined;
      const lastsMs = lease.untilMs - storeNowMs;
      return lastsMs > probe.leaseMs ? `a lease of ${record.grant} lasts ${lastsMs} ms` : undefined;
    },
  };
}
