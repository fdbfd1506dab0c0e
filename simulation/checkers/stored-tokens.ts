/**
 * The tokens inside a stored row, and the state of all rows as the history tells it: what several checkers need.
 *
 * @module
 */
import type { GrantRecord } from "../../src/core/grant.ts";
import { usefulnessOf } from "../../src/core/spent-parent.ts";
import { TOKEN_MARK } from "../as-model.ts";
import type { Probe } from "../checker.ts";
import type { SimRecord, StoreRecord } from "../history.ts";

const TOKEN = new RegExp(`[ar]t-${TOKEN_MARK}-[\\w-]+`, "g");

/** Every token in a text. */
export function tokensIn(text: string): readonly string[] {
  return text.match(TOKEN) ?? [];
}

/** The tokens in the sealed values of a row: the current ones, and those of its candidates. */
export function tokensOfRow(probe: Probe, row: GrantRecord | undefined): readonly string[] {
  if (row === undefined) return [];
  return [row.sealedTokenSet, ...row.candidates.map(({ sealedTokenSet }) => sealedTokenSet)].flatMap(
    (sealed) => tokensOfSealed(probe, sealed),
  );
}

/** The tokens that a write brought into a row: none where it left the sealed values as they were. */
export function tokensStoredBy(probe: Probe, { before, after }: StoreRecord): readonly string[] {
  if (after === undefined) return [];
  const same =
    before?.sealedTokenSet === after.sealedTokenSet &&
    before.candidates.length === after.candidates.length &&
    before.candidates.at(-1)?.sealedTokenSet === after.candidates.at(-1)?.sealedTokenSet;
  return same ? [] : tokensOfRow(probe, after);
}

/** The tokens in one sealed value. */
export function tokensOfSealed(probe: Probe, sealed: string): readonly string[] {
  const tokenSet = probe.reveal(sealed)?.tokenSet;
  if (tokenSet === undefined) return [];
  let tokens = cache.get(tokenSet);
  if (tokens === undefined) cache.set(tokenSet, (tokens = tokensIn(JSON.stringify(tokenSet))));
  return tokens;
}

const cache = new WeakMap<object, readonly string[]>();

/** The refresh token that a row would send next. */
export function currentRefreshToken(probe: Probe, row: GrantRecord): string | undefined {
  return probe.reveal(row.sealedTokenSet)?.tokenSet.refreshToken;
}

/** The refresh tokens that a row keeps as candidates. */
export function candidateTokens(probe: Probe, row: GrantRecord): readonly string[] {
  return tokensOfCandidates(probe, row.candidates);
}

/** Those of them that are spent: see `src/core/spent-parent.ts`. */
export function spentTokens(probe: Probe, row: GrantRecord): readonly string[] {
  return tokensOfCandidates(
    probe,
    row.candidates.filter((one) => usefulnessOf(one) !== undefined),
  );
}

function tokensOfCandidates(probe: Probe, candidates: GrantRecord["candidates"]): readonly string[] {
  return candidates.flatMap(({ sealedTokenSet }) => {
    const token = probe.reveal(sealedTokenSet)?.tokenSet.refreshToken;
    return token === undefined ? [] : [token];
  });
}

/** The rows as they are after the records so far, and which processes have gone. */
export class Ledger {
  readonly rows = new Map<string, GrantRecord>();
  /** When a grant ended, in true time. */
  readonly endedAtMs = new Map<string, number>();
  /** Processes that crashed or were stopped, with the true time. */
  readonly goneAtMs = new Map<string, number>();
  /** Grants whose row was changed behind the engine's back: evicted, or taken back by a failover. */
  readonly tampered = new Set<string>();

  see(record: SimRecord): void {
    if (record.kind === "process" && (record.what === "crash" || record.what === "stop")) {
      this.goneAtMs.set(record.process, record.atMs);
    }
    if (record.kind !== "store") return;
    const { grant, before, after } = record;
    if (record.operation === "admin" && record.answer !== "flush") this.tampered.add(grant);
    if (after === undefined) this.rows.delete(grant);
    else this.rows.set(grant, after);
    if (before?.state !== "ended" && after?.state === "ended") this.endedAtMs.set(grant, record.atMs);
    if (before?.state === "ended" && after?.state === "live") this.endedAtMs.delete(grant);
  }
}
