/**
 * Ends grants: leaves the tombstone, and has what is left cleared away.
 *
 * An end that the store does not take, or whose acknowledgement got lost, is not forgotten: this process refuses the
 * grant from then on and offers the end again until the store is back, for at most `MAX_PENDING_MS`. Other processes
 * learn of it only then.
 *
 * @module
 */
import { bury, buryUnheard, endedUnheard, type EndOptions } from "./clear-ended.ts";
import { settled, type Engine } from "./engine.ts";
import { StoreFailedError } from "./errors.ts";
import { isSelected, MAX_FOUND } from "./find-grants.ts";
import type { EndReason, GrantRecord } from "./grant.ts";
import type { GrantSelector } from "./grant-store.ts";
import { MAX_PENDING_MS, offerAgain } from "./offer-again.ts";
import { forgetGrant } from "./read-grant.ts";
import { remember, type PendingEnd } from "./single-flight.ts";

export type { EndOptions };

const FIRST_PAUSE_MS = 1_000;
const PAGE = 100;
/** How much longer ago than its failure an end may have been applied: the call took its time, and clocks drift. */
const AGE_MARGIN_MS = 60_000;

/** See `TokenManager.endGrant`. */
export async function endGrant(
  engine: Engine,
  id: string,
  reason: EndReason,
  options: EndOptions,
): Promise<boolean> {
  const end = (): Promise<boolean> => endNow(engine, id, reason, options);
  try {
    return await end();
  } catch (error) {
    offerEnd(engine, [id], reason, end);
    throw error;
  }
}

/** See `TokenManager.endGrants`. */
export async function endGrants(
  engine: Engine,
  selector: GrantSelector,
  reason: EndReason,
  options: EndOptions,
): Promise<number> {
  // Two that mean different grants of one selector are two ends.
  const key = options.only === undefined ? keyOf(selector) : `${keyOf(selector)} ${engine.newId()}`;
  const end = (): Promise<number> => endMatchingNow(engine, key, selector, reason, options);
  try {
    return await end();
  } catch (error) {
    if (!(error instanceof StoreFailedError)) throw error;
    // Those that this process has served, it refuses at once; which others there are, only the store can tell.
    const known = [...engine.shared.lastReadings.values()].filter(({ reading }) =>
      isMeant(reading.grant, selector, options),
    );
    const ids = known.map(({ reading }) => reading.grant.id);
    offerEnd(engine, [key, ...ids], reason, end);
    throw error;
  }
}

/** Keeps an end that the store has not taken, under each of the keys, and offers it again. The first one stays. */
function offerEnd(
  engine: Engine,
  keys: readonly [string, ...string[]],
  reason: EndReason,
  end: PendingEnd["end"],
): void {
  const { pendingEnds } = engine.shared;
  const pending: PendingEnd = { reason, sinceMs: engine.clock.nowMs(), end };
  for (const key of keys) remember(pendingEnds, key, pendingEnds.get(key) ?? pending);
  const isEnded = async (): Promise<boolean> => {
    await pendingEnds.get(keys[0])?.end();
    return true;
  };
  engine.background(offerAgain(engine, isEnded, FIRST_PAUSE_MS));
}

async function endNow(engine: Engine, id: string, reason: EndReason, options: EndOptions): Promise<boolean> {
  const { store, shared } = engine;
  const pending = shared.pendingEnds.get(id);
  const ended = await store.end(id, reason);
  // An earlier try may have been applied although its acknowledgement got lost (X26).
  const unheard =
    ended === undefined && pending !== undefined ? await endedUnheard(engine, id, pending.reason) : undefined;
  forgetGrant(engine, id);
  // Of two repeats at one moment, one tells.
  const isFirst = shared.pendingEnds.delete(id);
  const before = ended ?? (isFirst ? unheard : undefined);
  if (before !== undefined) bury(engine, before, unheard?.endReason ?? reason, options);
  return before !== undefined;
}

async function endMatchingNow(
  engine: Engine,
  key: string,
  selector: GrantSelector,
  reason: EndReason,
  options: EndOptions,
): Promise<number> {
  const { store, shared } = engine;
  const pending = shared.pendingEnds.get(key);
  const { only } = options;
  const { ended, failure } =
    only === undefined
      ? { ended: await store.endMatching(selector, reason), failure: undefined }
      : await endSome(engine, selector, reason, only);
  for (const before of ended) {
    forgetGrant(engine, before.id);
    bury(engine, before, reason, options);
  }
  if (failure !== undefined) throw failure;
  if (pending !== undefined && shared.pendingEnds.delete(key)) {
    for (const [key, one] of shared.pendingEnds) {
      if (one !== pending) continue;
      forgetGrant(engine, key);
      shared.pendingEnds.delete(key);
    }
    const told = new Set(ended.map(({ id }) => id));
    const search = (): Promise<boolean> => burySelected(engine, selector, pending, options, told);
    engine.background(offerAgain(engine, search, FIRST_PAUSE_MS));
  }
  return ended.length;
}

/** Ends, one by one, those that are meant: what they are chosen by never changes, so that nobody comes in between. */
async function endSome(
  { store }: Engine,
  selector: GrantSelector,
  reason: EndReason,
  only: (grant: GrantRecord) => boolean,
): Promise<{ readonly ended: readonly GrantRecord[]; readonly failure: Error | undefined }> {
  const found = await store.findMatching(selector, MAX_FOUND);
  const answers = await Promise.allSettled(found.filter(only).map(({ id }) => store.end(id, reason)));
  const ended = answers.flatMap((answer) =>
    answer.status === "fulfilled" && answer.value !== undefined ? [answer.value] : [],
  );
  const failed = answers.find((answer) => answer.status === "rejected");
  return { ended, failure: failed?.reason as Error | undefined };
}

/**
 * Looks for the grants that an earlier try ended without an acknowledgement: only a scan shows them (X26). They are told
 * from those that ended before by how long ago that was, as no two clocks need to agree (X20, X21).
 */
async function burySelected(
  engine: Engine,
  selector: GrantSelector,
  { reason, sinceMs }: PendingEnd,
  options: EndOptions,
  told: Set<string>,
): Promise<boolean> {
  const { clock } = engine;
  let cursor: string | null = null;
  do {
    const page = await engine.store.scan(cursor, PAGE);
    for (const shown of page.grants) {
      const { id, endReason } = shown;
      if (endReason !== reason || told.has(id) || !isMeant(shown, selector, options)) continue;
      const passedMs = clock.nowMs() - sinceMs;
      // A time that cannot be true is that of a clock which was set back (I17).
      const maxAgeMs = (passedMs < 0 ? MAX_PENDING_MS : passedMs) + AGE_MARGIN_MS;
      // Read again: the page may be old, and whoever else ended it may have cleared it away since.
      await buryUnheard(engine, id, reason, options, maxAgeMs);
      told.add(id);
    }
    cursor = page.next;
  } while (cursor !== null && !engine.closing.aborted);
  return true;
}

/** Offers the store, once more, each end that it has not taken yet. */
export async function flushEnds({ shared }: Engine): Promise<void> {
  const pending = new Set(shared.pendingEnds.values());
  await Promise.all([...pending].map(({ end }) => settled(end())));
}

function isMeant(grant: GrantRecord, selector: GrantSelector, { only }: EndOptions): boolean {
  return isSelected(grant, selector) && only?.(grant) !== false;
}

/** Under which key a pending end of many is kept: no id of a grant has a space. */
function keyOf(selector: GrantSelector): string {
  return Object.entries(selector).flat().join(" ");
}
