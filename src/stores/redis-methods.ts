/**
 * The methods of the Redis store: what goes into each script, and what its answer means.
 *
 * @module
 */
import { randomUUID } from "node:crypto";

import type { GrantStore, LeaseAnswer } from "../core/grant-store.ts";
import { MAX_CANDIDATES, type EndReason, type GrantRecord, type NewGrant } from "../core/grant.ts";
import { leaseDurationMs, MAX_LEASE_MS } from "./lease-rule.ts";
import type { RedisSender } from "./redis-client.ts";
import { readEach } from "./read-each.ts";
import { isForeignKey, redisFailureFrom } from "./redis-errors.ts";
import { beforeItsEnd, newGrantFields, rowAnswer, tokenFields, wholeText } from "./redis-rows.ts";
import { SCRIPTS, type RedisRunner } from "./redis-runner.ts";
import { scanKeys, type KeyPage } from "./redis-scan.ts";
import { matching, selectionFrom, type Selection } from "./selector.ts";

/** How many grants of an index are asked about at once. */
const ASKED_AT_ONCE = 50;

/** The {@link GrantStore} whose keys begin with `prefix`. */
export function redisMethods(runner: RedisRunner, sender: RedisSender, prefix: string): GrantStore {
  const { run, send, replicated } = runner;
  const keyOf = (id: string): string => `${prefix}grant:${id}`;
  const indexOf = (field: string, value: string): string => `${prefix}${field}:${value}`;

  /** Two tries of a client at one call carry one name, so that the second is answered like the first. */
  const callName = (): string => randomUUID();

  const endOne = (
    operation: string,
    id: string,
    reason: EndReason,
    condition: { readonly version?: number | undefined; readonly field?: string; readonly value?: string },
  ): Promise<unknown> => {
    const { version, field = "", value = "" } = condition;
    const expected = version === undefined ? "" : wholeText(version);
    return run(operation, keyOf(id), SCRIPTS.end, [reason, expected, callName(), field, value]);
  };

  /** Asks about many grants, and waits for all answers: one that fails does not take the others with it. */
  const repliesTo = async (
    ids: readonly string[],
    ask: (id: string) => Promise<unknown>,
  ): Promise<{ readonly replies: readonly (readonly [string, unknown])[]; readonly errors: unknown[] }> => {
    const answers = await Promise.allSettled(ids.map(async (id) => [id, await ask(id)] as const));
    const replies = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
    const errors = answers.flatMap((answer) =>
      answer.status === "rejected" ? [answer.reason as unknown] : [],
    );
    return { replies, errors };
  };

  /** Asks about all grants that an index names, some at a time: one that fails does not take the others with it. */
  const askIndex = async (
    operation: string,
    { field, value }: Selection,
    ask: (id: string) => Promise<unknown>,
  ): Promise<{ readonly found: readonly GrantRecord[]; readonly failures: readonly unknown[] }> => {
    const index = indexOf(field, value);
    const members = await send(operation, index, ["ZRANGE", index, "0", "-1"]);
    const ids = Array.isArray(members) ? members.map(String) : [];
    const found: GrantRecord[] = [];
    const failures: unknown[] = [];
    for (let first = 0; first < ids.length; first += ASKED_AT_ONCE) {
      const { replies, errors } = await repliesTo(ids.slice(first, first + ASKED_AT_ONCE), ask);
      found.push(...readEach(replies, grantOf).grants);
      failures.push(...errors.filter((error) => !isForeignKey(error)));
    }
    return { found, failures };
  };

  const addToIndexes = async (
    grant: Pick<NewGrant, "id" | "sessionRef" | "subjectRef" | "sidRef" | "absoluteEndMs">,
  ): Promise<void> => {
    const { id, sessionRef, subjectRef, sidRef, absoluteEndMs } = grant;
    const args = [id, wholeText(absoluteEndMs)];
    await Promise.all(
      Object.entries({ sessionRef, subjectRef, sidRef }).map(async ([field, value]) => {
        if (value !== null) await run("insert", indexOf(field, value), SCRIPTS.index, args);
      }),
    );
  };

  const idsFrom = async (cursor: string | null, limit: number): Promise<KeyPage> => {
    const begins = `${sender.keyPrefix}${keyOf("")}`;
    try {
      const { keys, next } = await scanKeys(await sender.nodes(), cursor, begins, limit);
      return { keys: keys.map((key) => key.slice(begins.length)), next };
    } catch (error) {
      throw redisFailureFrom("scan", error);
    }
  };

  return {
    kind: "redis",

    async insert(grant) {
      const slidingEndMs = wholeText(Math.min(grant.slidingEndMs, grant.absoluteEndMs));
      const fields = newGrantFields(grant, slidingEndMs);
      // First the indexes: a grant that no index names would outlive "sign out everywhere".
      await addToIndexes(grant);
      const args = [callName(), slidingEndMs, ...fields];
      const isNew = (await run("insert", keyOf(grant.id), SCRIPTS.insert, args)) === 1;
      if (isNew) await replicated();
      return isNew;
    },

    async read(id) {
      return rowAnswer(id, await run("read", keyOf(id), SCRIPTS.read)).reading;
    },

    async acquireLease(id, { holder, attemptId, durationMs, deadlineMs }) {
      const reply = await run("acquireLease", keyOf(id), SCRIPTS.acquire, [
        ...[holder, wholeText(leaseDurationMs(durationMs)), wholeText(deadlineMs)],
        ...[String(MAX_LEASE_MS), callName(), JSON.stringify({ attemptId, holder })],
      ]);
      return leaseAnswer(id, reply);
    },

    async renewLease(id, { holder, fence }, durationMs) {
      const args = [holder, wholeText(fence), wholeText(leaseDurationMs(durationMs))];
      return (await run("renewLease", keyOf(id), SCRIPTS.renew, args)) === 1;
    },

    async releaseLease(id, { holder, fence }, { intent, backoff }) {
      const pause =
        backoff == null
          ? [backoff === null ? "clear" : "keep"]
          : ["set", wholeText(backoff.failures), wholeText(backoff.waitMs), backoff.code];
      const left = intent === null ? ["", ""] : [JSON.stringify(intent), wholeText(intent.parentVersion)];
      const args = [holder, wholeText(fence), ...left, ...pause];
      return (await run("releaseLease", keyOf(id), SCRIPTS.release, args)) === 1;
    },

    async commit(id, commit) {
      const { expectedVersion, slidingEndMs, lease } = commit;
      const reply = await run("commit", keyOf(id), SCRIPTS.commit, [
        ...[wholeText(expectedVersion), wholeText(slidingEndMs)],
        ...(lease ? [lease.holder, wholeText(lease.fence)] : ["", ""]),
        ...tokenFields(commit),
      ]);
      const { status, reading } = rowAnswer(id, reply);
      if (reading === undefined) return { status: "absent" };
      if (status === "ended") return { status, ...reading };
      // A conflict with its own token set is a commit whose answer was lost, and as young.
      if (status === "committed" || reading.grant.sealedTokenSet === commit.sealedTokenSet)
        await replicated();
      if (status === "conflict") return { status, ...reading };
      // A failover of another primary may have lost them. Nobody waits for that, and the next commit tries again.
      if (sender.isCluster) void addToIndexes(reading.grant).catch(() => undefined);
      return { status: "committed", ...reading };
    },

    async addCandidate(id, { attemptId, sealedTokenSet, keyId, version }) {
      const json = JSON.stringify({ attemptId, sealedTokenSet, keyId });
      const args = [attemptId, wholeText(version), json, String(MAX_CANDIDATES)];
      const isKept = (await run("addCandidate", keyOf(id), SCRIPTS.addCandidate, args)) === 1;
      // It may be the only copy of a refresh token.
      if (isKept) await replicated();
      return isKept;
    },

    async removeCandidate(id, attemptId) {
      await run("removeCandidate", keyOf(id), SCRIPTS.removeCandidate, [attemptId]);
    },

    async end(id, reason, expectedVersion) {
      const { reading } = rowAnswer(id, await endOne("end", id, reason, { version: expectedVersion }));
      if (reading) await replicated();
      return reading && beforeItsEnd(reading.grant);
    },

    async endMatching(selector, reason) {
      const selection = selectionFrom(selector);
      const { found, failures } = await askIndex("endMatching", selection, (id) =>
        endOne("endMatching", id, reason, selection),
      );
      if (found.length > 0) await replicated();
      if (failures.length > 0) throw redisFailureFrom("endMatching", failures[0]);
      return found.map(beforeItsEnd);
    },

    async findMatching(selector, limit, state = "live") {
      const selection = selectionFrom(selector);
      const { found, failures } = await askIndex("findMatching", selection, (id) =>
        run("findMatching", keyOf(id), SCRIPTS.read),
      );
      if (failures.length > 0) throw redisFailureFrom("findMatching", failures[0]);
      return matching(found, selection, state).slice(0, limit);
    },

    async wipe(id) {
      await run("wipe", keyOf(id), SCRIPTS.wipe);
    },

    async reseal(id, { expectedVersion, expectedSealedTokenSet, sealedTokenSet, keyId, candidates }) {
      const args = [wholeText(expectedVersion), expectedSealedTokenSet, sealedTokenSet, keyId];
      const others = candidates.flatMap((one) => {
        const { attemptId } = one;
        return [
          attemptId,
          JSON.stringify({ attemptId, sealedTokenSet: one.sealedTokenSet, keyId: one.keyId }),
        ];
      });
      return (await run("reseal", keyOf(id), SCRIPTS.reseal, [...args, ...others])) === 1;
    },

    async scan(cursor, limit) {
      const { keys, next } = await idsFrom(cursor, limit);
      const { replies, errors } = await repliesTo(keys, (id) => run("scan", keyOf(id), SCRIPTS.read));
      const failure = errors.find((error) => !isForeignKey(error));
      if (failure !== undefined) throw redisFailureFrom("scan", failure);
      const { grants, unreadable } = readEach(replies, grantOf);
      return { grants, unreadable: unreadable + errors.length, next };
    },

    async slide(id, slidingEndMs) {
      await run("slide", keyOf(id), SCRIPTS.slide, [wholeText(slidingEndMs)]);
    },

    // Redis expires each grant at its end by itself.
    purge: () => Promise.resolve(0),

    close: () => Promise.resolve(),
  };
}

function grantOf([id, reply]: readonly [string, unknown]): GrantRecord | undefined {
  return rowAnswer(id, reply).reading?.grant;
}

function leaseAnswer(id: string, reply: unknown): LeaseAnswer {
  const { status, reading, intent } = rowAnswer(id, reply);
  if (reading === undefined) return { status: "absent" };
  const { lease } = reading.grant;
  if (status === "acquired" && lease !== null) {
    return { status, lease, previousIntent: intent, ...reading };
  }
  return { status: status === "ended" ? "ended" : "held", ...reading };
}
