/**
 * What may be done once in all processes, such as acting upon one logout token (`jti`).
 *
 * A store has rows for grants and nothing else, so a use is one: it holds no tokens, belongs to no user, and is purged at
 * its end. Its insert is the atomic step that only one process wins; its tombstone says that the use is over. A use that
 * was begun and not finished may be begun again, because whoever began it may have met a store that failed.
 *
 * @module
 */
import type { Engine } from "./engine.ts";

/** One use. */
export interface SingleUse {
  /**
   * Keyed hashes of what may be used once, under the newest key first. All of them are looked at, so that a use under an
   * older key counts.
   */
  readonly ids: readonly [string, ...string[]];
  /** NextAuth's id of the provider, its issuer, and the client: for whoever looks at the store. */
  readonly provider: string;
  readonly issuer: string;
  readonly clientId: string;
  /** How long it has to be remembered, in epoch milliseconds. */
  readonly untilMs: number;
}

/** `new`: nobody began it before. `begun`: somebody did, and did not finish it. `used`: it is done. */
export type UseAnswer = "new" | "begun" | "used";

/** See `TokenManager.beginUse`. */
export async function beginUse({ store, clock }: Engine, use: SingleUse): Promise<UseAnswer> {
  const { ids, provider, issuer, clientId, untilMs } = use;
  const [id] = ids;
  const isNew = await store.insert({
    ...{ id, provider, issuer, clientId, sessionRef: id, subjectRef: null, sidRef: null },
    ...{ sealedTokenSet: "", keyId: id.slice(0, id.indexOf(".")), refreshable: false },
    accessTokenIssuedAtMs: clock.nowMs(),
    accessTokenExpiresAtMs: untilMs,
    refreshTokenExpiresAtMs: null,
    absoluteEndMs: untilMs,
    slidingEndMs: untilMs,
  });
  const known = await Promise.all((isNew ? ids.slice(1) : ids).map((each) => store.read(each)));
  if (known.some((reading) => reading?.grant.state === "ended")) return "used";
  return isNew ? "new" : "begun";
}

/** See `TokenManager.finishUse`. */
export async function finishUse({ store }: Engine, { ids: [id] }: SingleUse): Promise<void> {
  await store.end(id, "revoked");
}
