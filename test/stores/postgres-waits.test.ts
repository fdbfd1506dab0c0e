/** What the PostgreSQL store does when it has to wait for a row: judge by the row and the clock as they are afterwards. */
import { randomUUID } from "node:crypto";

import type { Pool } from "pg";
import { beforeAll, beforeEach, expect, it } from "vitest";

import type { GrantStore } from "../../src/core/grant-store.ts";
import type { Lease } from "../../src/core/grant.ts";
import { MAX_LEASE_MS } from "../../src/stores/lease-rule.ts";
import { postgresStore } from "../../src/stores/postgres.ts";
import {
  acquired,
  commitOn,
  newGrant,
  request,
  rowOf,
} from "../../src/testing/grant-store-contract/fixtures.ts";
import { raceChecks } from "../../src/testing/grant-store-contract/races.ts";
import { contextOf } from "./fixtures.ts";
import { describeWithPostgres } from "./support/postgres-tests.ts";

const WAIT_MS = 200;
const NOW = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

describeWithPostgres("a PostgreSQL store that has to wait for a row", (bench) => {
  let table: string;
  let store: GrantStore;
  let id: string;
  let other: string;

  beforeAll(async () => {
    table = await bench.table();
    store = postgresStore({ client: await bench.pool(), table });
  }, 60_000);

  beforeEach(async () => {
    const grants = [newGrant(contextOf(store)), newGrant(contextOf(store))];
    for (const grant of grants) await store.insert(grant);
    [id, other] = grants.map((grant) => grant.id) as [string, string];
  });

  /**
   * Has the row locked by a transaction of somebody else when `call` starts, until it has waited for {@link WAIT_MS}.
   * `meanwhile` is what that transaction writes at the end of it.
   *
   * @returns The answer, and the database's clock just before the row was let go.
   */
  async function behind<Answer>(
    call: () => Promise<Answer>,
    meanwhile = "SELECT $1::text",
  ): Promise<{ answer: Answer; freedAtMs: number }> {
    const pool = await bench.pool({ max: 1 });
    const blocker = await pool.connect();
    try {
      await blocker.query("BEGIN");
      await blocker.query(`SELECT FROM nolapse.${table} WHERE id = $1 FOR UPDATE`, [id]);
      const answer = call();
      const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%${table}%'`;
      await expect.poll(async () => (await bench.sql(waiting)).length, { timeout: 10_000 }).toBe(1);
      // The database's own wait: its clock is the one that counts.
      await blocker.query(`SELECT pg_sleep(${WAIT_MS / 1_000})`);
      await blocker.query(meanwhile, [id]);
      const { rows } = await blocker.query<{ now_ms: string }>(`SELECT ${NOW} AS now_ms`);
      await blocker.query("COMMIT");
      return { answer: await answer, freedAtMs: Number(rows[0]?.now_ms) };
    } finally {
      blocker.release();
    }
  }

  const update = (change: string): string => `UPDATE nolapse.${table} SET ${change} WHERE id = $1`;

  it.each([
    ["only locked", undefined],
    ["changed", "version = version"],
  ])("takes a lease from when it got the row, not from when it asked, where it was %s", async (_, change) => {
    const call = () => acquired(store, id, request("a", { durationMs: 5_000, deadlineMs: 7_000 }));

    const { answer, freedAtMs } = await behind(call, change && update(change));

    expect(answer.storeNowMs).toBeGreaterThanOrEqual(freedAtMs);
    expect(answer.lease.untilMs).toBe(answer.storeNowMs + 5_000);
    expect(answer.grant.intent).toMatchObject({
      startedAtMs: answer.storeNowMs,
      deadlineAtMs: answer.storeNowMs + 7_000,
    });
  });

  it("takes no lease that was renewed to its full length meanwhile: to an older clock it looks impossibly long", async () => {
    await acquired(store, id, request("a"));

    const { answer } = await behind(
      () => store.acquireLease(id, request("b")),
      update(`lease_until_ms = ${NOW} + ${MAX_LEASE_MS}`),
    );

    expect(answer).toMatchObject({ status: "held", grant: { lease: { holder: "a" } } });
  });

  it("takes a lease that ran out meanwhile", async () => {
    await acquired(store, id, request("a", { durationMs: WAIT_MS / 2 }));

    const { answer } = await behind(() => store.acquireLease(id, request("b")));

    expect(answer).toMatchObject({
      status: "acquired",
      previousIntent: { holder: "a" },
      lease: { holder: "b" },
    });
  });

  it("sees the commit that it waited for, when it takes the lease", async () => {
    await acquired(store, id, request("a"));

    const { answer } = await behind(
      () => store.acquireLease(id, request("b")),
      update(
        `version = 2, sealed_token_set = 'theirs', lease_holder = NULL, lease_until_ms = NULL, intent_attempt_id = NULL`,
      ),
    );

    expect(answer).toMatchObject({
      status: "acquired",
      previousIntent: null,
      grant: { version: 2, sealedTokenSet: "theirs", intent: { parentVersion: 2 } },
    });
  });

  it("does not commit over the commit that it waited for, and shows it (I2)", async () => {
    const theirs = update("version = 2, sealed_token_set = 'theirs'");

    const { answer, freedAtMs } = await behind(() => store.commit(id, commitOn(1)), theirs);

    expect(answer).toMatchObject({ status: "conflict", grant: { version: 2, sealedTokenSet: "theirs" } });
    expect("storeNowMs" in answer && answer.storeNowMs).toBeGreaterThanOrEqual(freedAtMs);
  });

  it("does not commit to the grant that was ended meanwhile (I7, TL4)", async () => {
    const ending = update("state = 'ended', end_reason = 'signed_out', ended_at_ms = 5");

    const { answer } = await behind(() => store.commit(id, commitOn(1)), ending);

    expect(answer).toMatchObject({ status: "ended", grant: { version: 1, endedAtMs: 5 } });
  });

  it("answers a sign-out with the tokens of the commit that it waited for, so that those are revoked (I16)", async () => {
    const theirs = update("version = 2, sealed_token_set = 'theirs'");

    const { answer, freedAtMs } = await behind(() => store.end(id, "signed_out"), theirs);

    expect(answer).toMatchObject({ version: 2, sealedTokenSet: "theirs", state: "live" });
    expect((await rowOf(store, id)).endedAtMs).toBeGreaterThanOrEqual(freedAtMs);
  });

  it("ends nothing for a version that was replaced meanwhile (I6)", async () => {
    const { answer } = await behind(() => store.end(id, "rejected", 1), update("version = 2"));

    expect(answer).toBeUndefined();
    expect((await rowOf(store, id)).state).toBe("live");
  });

  it("answers a sign-out of a whole user with the rows as they were when it got them", async () => {
    const selector = { subjectRef: `subject of ${id}` };
    const theirs = update("version = 2, sealed_token_set = 'theirs'");

    const { answer, freedAtMs } = await behind(() => store.endMatching(selector, "revoked"), theirs);

    expect(answer).toMatchObject([{ id, version: 2, sealedTokenSet: "theirs" }]);
    expect((await rowOf(store, id)).endedAtMs).toBeGreaterThanOrEqual(freedAtMs);
    expect((await rowOf(store, other)).state).toBe("live");
  });

  it("counts a renewal, a pause and a candidate from when it got the row", async () => {
    const { lease } = await acquired(store, id, request("a"));

    const renewal = await behind(() => store.renewLease(id, lease, 5_000));
    expect((await rowOf(store, id)).lease?.untilMs).toBeGreaterThanOrEqual(renewal.freedAtMs + 5_000);

    const given = { attemptId: "x", sealedTokenSet: "s", keyId: "k", version: 2 };
    const kept = await behind(() => store.addCandidate(id, given));
    expect((await rowOf(store, id)).candidates[0]?.keptAtMs).toBeGreaterThanOrEqual(kept.freedAtMs);

    const backoff = { failures: 1, waitMs: 9_000, code: "timeout" };
    const pause = await behind(() => store.releaseLease(id, lease, { intent: null, backoff }));
    expect((await rowOf(store, id)).backoff?.untilMs).toBeGreaterThanOrEqual(pause.freedAtMs + 9_000);
    expect([renewal.answer, kept.answer, pause.answer]).toEqual([true, true, true]);
  });

  it("keeps the candidate that was added meanwhile beside its own (I4)", async () => {
    const theirs = `candidates = '[{"attemptId": "theirs", "sealedTokenSet": "s", "keyId": "k", "version": 2, "keptAtMs": 1}]'`;
    const own = { attemptId: "own", sealedTokenSet: "s", keyId: "k", version: 2 };

    await behind(() => store.addCandidate(id, own), update(theirs));

    expect((await rowOf(store, id)).candidates.map(({ attemptId }) => attemptId)).toEqual(["theirs", "own"]);
  });

  it("drops one candidate, and not the one that was added meanwhile (I4)", async () => {
    await store.addCandidate(id, { attemptId: "own", sealedTokenSet: "s", keyId: "k", version: 2 });
    const more = update(
      `candidates = candidates || '[{"attemptId": "theirs", "sealedTokenSet": "s", "keyId": "k", "version": 2, "keptAtMs": 1}]'`,
    );

    await behind(() => store.removeCandidate(id, "own"), more);

    expect((await rowOf(store, id)).candidates.map(({ attemptId }) => attemptId)).toEqual(["theirs"]);
  });

  it("puts no older tokens over the commit that it waited for when it seals anew (X10)", async () => {
    const { sealedTokenSet } = await rowOf(store, id);
    const resealing = () =>
      store.reseal(id, {
        expectedVersion: 1,
        expectedSealedTokenSet: sealedTokenSet,
        sealedTokenSet: "resealed",
        keyId: "newest",
        candidates: [],
      });

    const { answer } = await behind(resealing, update("version = 2, sealed_token_set = 'theirs'"));

    expect(answer).toBe(false);
    expect(await rowOf(store, id)).toMatchObject({ version: 2, sealedTokenSet: "theirs", keyId: "key1" });
  });

  it("keeps what is not its own where the row was purged meanwhile", async () => {
    const gone = `DELETE FROM nolapse.${table} WHERE id = $1`;

    expect((await behind(() => store.acquireLease(id, request("a")), gone)).answer).toEqual({
      status: "absent",
    });
    expect((await rowOf(store, other)).fence).toBe(0);
  });

  it("waits for no row that it could purge: somebody else has it", async () => {
    for (const one of [id, other])
      await bench.sql(`UPDATE nolapse.${table} SET sliding_end_ms = 1 WHERE id = $1`, [one]);
    const blocker = await (await bench.pool({ max: 1 })).connect();
    await blocker.query("BEGIN");
    await blocker.query(`SELECT FROM nolapse.${table} WHERE id = $1 FOR UPDATE`, [id]);

    expect(await store.purge(10)).toBe(1);
    await blocker.query(`UPDATE nolapse.${table} SET sliding_end_ms = absolute_end_ms WHERE id = $1`, [id]);
    await blocker.query("COMMIT");
    blocker.release();

    expect(await store.purge(10)).toBe(0);
    expect((await rowOf(store, id)).state).toBe("live");
    expect(await store.read(other)).toBeUndefined();
  });
});

describeWithPostgres("many connections of their own", (bench) => {
  let crowd: Pool;
  let strict: Pool;
  let table: string;

  beforeAll(async () => {
    table = await bench.table();
    crowd = await bench.pool({ max: 100 });
    strict = await bench.pool({ max: 8, options: "-c default_transaction_isolation=serializable" });
    await Promise.all(Array.from({ length: 100 }, () => crowd.query("SELECT pg_sleep(0.1)")));
  }, 60_000);

  it.each(raceChecks)("at once: $name", async ({ check }) => {
    expect(crowd.totalCount).toBe(100);

    await check(contextOf(postgresStore({ client: crowd, table })));
  });

  it.each(raceChecks)("at once, where transactions are serializable: $name", async ({ check }) => {
    await check(contextOf(postgresStore({ client: strict, table })));
  });

  it("let a sign-out and a commit each have their turn, one after the other, in each of 60 rounds (I7, I16)", async () => {
    const [one, two] = [
      postgresStore({ client: await bench.pool({ max: 5 }), table }),
      postgresStore({ client: await bench.pool({ max: 5 }), table }),
    ];
    const orders = new Set<string>();
    for (let round = 0; round < 60; round++) {
      const grant = newGrant(contextOf(one), { id: randomUUID() });
      await one.insert(grant);
      const { lease } = await acquired(one, grant.id, request("a"));
      const commit = (): Promise<string> =>
        one.commit(grant.id, commitOn(1, { lease })).then(({ status }) => status);
      const end = () => two.end(grant.id, "signed_out");

      // By turns, because whoever is sent first usually wins.
      const [status, before] =
        round % 2 === 0
          ? await Promise.all([commit(), end()])
          : await Promise.all([end(), commit()]).then(([ended, committed]) => [committed, ended] as const);

      orders.add(`${status} ${before?.version}`);
      expect(await rowOf(one, grant.id)).toMatchObject({ state: "ended", version: before?.version });
    }
    expect([...orders].filter((order) => order !== "committed 2" && order !== "ended 1")).toEqual([]);
    expect(orders.size, "both orders were seen").toBe(2);
  });

  it("give fences that only grow, while leases are taken, renewed and given back by 8 of them (I3)", async () => {
    const client = await bench.pool({ max: 8 });
    const store = postgresStore({ client, table });
    const grant = newGrant(contextOf(store));
    await store.insert(grant);
    const leases: Lease[] = [];

    await Promise.all(
      Array.from({ length: 8 }, async (_, racer) => {
        for (let turn = 0; turn < 20; turn++) {
          const answer = await store.acquireLease(grant.id, request(`holder ${racer}`));
          if (answer.status !== "acquired") continue;
          leases.push(answer.lease);
          await store.renewLease(grant.id, answer.lease, 50_000);
          await store.releaseLease(grant.id, answer.lease, { intent: null });
        }
      }),
    );

    const fences = leases.map(({ fence }) => fence).sort((one, two) => one - two);
    expect(fences).toEqual(fences.map((_, index) => index + 1));
    expect((await rowOf(store, grant.id)).fence).toBe(fences.length);
  });
});
