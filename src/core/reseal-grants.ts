/**
 * Puts everything that is stored under the newest key while the application runs, so that an old secret can be dropped,
 * and finishes on the way what sign-outs have left: it is the one walk over all grants that there is.
 *
 * @module
 */
import { createSweep } from "./clear-ended.ts";
import type { Engine } from "./engine.ts";
import type { GrantRecord } from "./grant.ts";
import type { Reseal } from "./grant-store.ts";
import { openCandidate, openTokens, sealCandidate, sealTokens } from "./seal-tokens.ts";

/** What a run found and did. Keys go by their ids: 4 characters that tell nothing about the secret. */
export interface ResealReport {
  /** How many grants were looked at, ended ones included. */
  readonly scanned: number;
  readonly resealed: number;
  /**
   * Grants with a value that no key of the ring opens, and rows that this release cannot read. They are left as they are.
   * As long as there are any, `needed` does not tell all.
   */
  readonly unopened: number;
  /**
   * Grants that ended more than five minutes ago and still held tokens, because a process died or the authorization
   * server was away: these are revoked and erased now.
   */
  readonly cleared: number;
  /**
   * Why each key is still needed: live grants that it seals, and live grants that sessions find by it. The secret of a
   * key that is not in here can be taken out of the list.
   */
  readonly needed: Readonly<Record<string, { readonly seals: number; readonly names: number }>>;
}

const PAGE = 100;
/** How often a grant that is refreshed at the same moment is tried again. */
const TRIES = 3;

/** See `TokenManager.resealGrants`. */
export async function resealGrants(engine: Engine): Promise<ResealReport> {
  const needed = new Map<string, { seals: number; names: number }>();
  const need = (keyId: string, what: "seals" | "names"): void => {
    const entry = needed.get(keyId) ?? { seals: 0, names: 0 };
    entry[what]++;
    needed.set(keyId, entry);
  };
  const clear = createSweep(engine);
  let [scanned, resealed, unopened, cleared] = [0, 0, 0, 0];
  let cursor: string | null = null;
  do {
    const page = await engine.store.scan(cursor, PAGE);
    scanned += page.unreadable;
    unopened += page.unreadable;
    for (const grant of page.grants) {
      scanned++;
      if (await clear(grant)) {
        cleared++;
        continue;
      }
      const { done, now } = await resealOne(engine, grant);
      if (done === "resealed") resealed++;
      if (done === "unopened") unopened++;
      if (now === undefined || now.state === "ended") continue;
      for (const keyId of done === "resealed" ? [newestKeyId(engine)] : keysOf(now)) need(keyId, "seals");
      const [named] = now.id.split(".");
      if (named !== undefined) need(named, "names");
    }
    cursor = page.next;
  } while (cursor !== null);
  return { scanned, resealed, unopened, cleared, needed: Object.fromEntries(needed) };
}

interface Outcome {
  /** `kept`: nothing was to be done, or somebody was faster each time, maybe with an older key. */
  readonly done: "resealed" | "kept" | "unopened";
  /** The row as it was read last; `undefined`: it is gone. */
  readonly now: GrantRecord | undefined;
}

async function resealOne(engine: Engine, seen: GrantRecord): Promise<Outcome> {
  let grant: GrantRecord | undefined = seen;
  for (let tried = 0; tried < TRIES && grant !== undefined; tried++) {
    if (grant.sealedTokenSet === "" || keysOf(grant).every((keyId) => keyId === newestKeyId(engine))) break;
    const reseal = underNewestKey(engine, grant);
    if (reseal === undefined) return { done: "unopened", now: grant };
    if (await engine.store.reseal(grant.id, reseal)) return { done: "resealed", now: grant };
    grant = (await engine.store.read(grant.id))?.grant;
  }
  return { done: "kept", now: grant };
}

function keysOf(grant: GrantRecord): readonly string[] {
  return [...new Set([grant.keyId, ...grant.candidates.map(({ keyId }) => keyId)])];
}

function newestKeyId({ sealer }: Engine): string {
  return sealer.seal("", { grantId: "", field: "token-set", version: 0 }).keyId;
}

function underNewestKey(engine: Engine, grant: GrantRecord): Reseal | undefined {
  const tokenSet = openTokens(engine, grant);
  if (tokenSet === undefined) return undefined;
  const { sealedTokenSet, keyId } = sealTokens(engine.sealer, grant.id, grant.version, tokenSet);
  const candidates: Reseal["candidates"][number][] = [];
  for (const candidate of grant.candidates) {
    const inside = openCandidate(engine, grant, candidate);
    if (inside === undefined) return undefined;
    candidates.push(sealCandidate(engine.sealer, grant.id, candidate.version, candidate.attemptId, inside));
  }
  return {
    expectedVersion: grant.version,
    expectedSealedTokenSet: grant.sealedTokenSet,
    sealedTokenSet,
    keyId,
    candidates,
  };
}
