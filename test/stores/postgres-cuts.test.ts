/** Connections that are cut, at the moments that matter: nobody can tell whether the statement ran. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import type { GrantStore } from "../../src/core/grant-store.ts";
import { postgresStore } from "../../src/stores/postgres.ts";
import { grantStoreRestartContract } from "../../src/testing/grant-store-contract.ts";
import {
  acquired,
  commitOn,
  newGrant,
  request,
  rowOf,
} from "../../src/testing/grant-store-contract/fixtures.ts";
import { contextOf } from "./fixtures.ts";
import { describeWithPostgres } from "./support/postgres-tests.ts";

/** The machine may have other things to do. */
const PATIENTLY = { timeout: 20_000 };
/** How a statement with values begins: with the message `Parse`. */
const PARSE = "P".charCodeAt(0);

/** A way to the server that can lose the answer to what it has passed on. */
interface Line {
  readonly url: string;
  /** Passes on each statement from now on, and cuts its connection at the first byte of the answer. */
  loseAnswers(lose: boolean): void;
  close(): void;
}

async function lineTo(port: number): Promise<Line> {
  let losing = false;
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        open.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    let doomed = false;
    near.on("data", (bytes) => {
      doomed ||= losing && bytes[0] === PARSE;
      far.write(bytes);
    });
    far.on("data", (bytes) => (doomed ? near.destroy() : near.write(bytes)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `postgres://postgres@127.0.0.1:${(server.address() as AddressInfo).port}/postgres`,
    loseAnswers: (lose) => {
      losing = lose;
    },
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

describeWithPostgres("a PostgreSQL store whose connection is cut", (bench) => {
  let table: string;
  let store: GrantStore;
  let line: Line;
  let id: string;

  beforeAll(async () => {
    table = await bench.table();
  }, 60_000);

  beforeEach(async () => {
    line = await lineTo((await bench.server()).port);
    const client = await bench.pool({ connectionString: line.url, max: 4 });
    store = postgresStore({ client, table });
    const grant = newGrant(contextOf(store));
    await store.insert(grant);
    id = grant.id;
  });
  afterEach(() => line.close());

  async function losingTheAnswer<Answer>(call: () => Promise<Answer>): Promise<unknown> {
    line.loseAnswers(true);
    const failure: unknown = await call().then(
      (answer) => ({ answer }),
      (error: unknown) => error,
    );
    line.loseAnswers(false);
    return failure;
  }
  const failed = {
    code: "store_failed",
    message: expect.stringMatching(/failed at "\w+": (Connection terminated|ECONNRESET|EPIPE)/) as string,
  };
  const readBySuperuser = (): Promise<{ version: string; fence: string; state: string }[]> =>
    bench.sql(`SELECT version, fence, state FROM nolapse.${table} WHERE id = $1`, [id]);

  it("fails a commit whose answer was lost; trying again does no harm and shows that it was done (X7, X26)", async () => {
    const ours = commitOn(1, { sealedTokenSet: "ours" });

    expect(await losingTheAnswer(() => store.commit(id, ours))).toMatchObject(failed);
    await expect.poll(readBySuperuser, PATIENTLY).toMatchObject([{ version: "2" }]);

    expect(await store.commit(id, ours)).toMatchObject({
      status: "conflict",
      grant: { version: 2, sealedTokenSet: "ours" },
    });
  });

  it("gives the lease to the same holder again, with a higher fence, where the answer was lost (X2)", async () => {
    expect(await losingTheAnswer(() => store.acquireLease(id, request("a")))).toMatchObject(failed);
    await expect.poll(readBySuperuser, PATIENTLY).toMatchObject([{ fence: "1" }]);

    expect(await store.acquireLease(id, request("b"))).toMatchObject({ status: "held" });
    const again = await acquired(store, id, request("a"));
    expect([again.lease.fence, again.previousIntent?.holder]).toEqual([2, "a"]);
  });

  it("keeps one candidate, one tombstone and one grant, however often each is tried (I4, I7)", async () => {
    const candidate = { attemptId: "x", sealedTokenSet: "s", keyId: "k", version: 2 };
    expect(await losingTheAnswer(() => store.addCandidate(id, candidate))).toMatchObject(failed);
    expect(await store.addCandidate(id, candidate)).toBe(true);
    expect((await rowOf(store, id)).candidates).toHaveLength(1);

    expect(await losingTheAnswer(() => store.end(id, "signed_out"))).toMatchObject(failed);
    await expect.poll(readBySuperuser, PATIENTLY).toMatchObject([{ state: "ended" }]);
    expect(await store.end(id, "rejected")).toBeUndefined();
    expect((await rowOf(store, id)).endReason).toBe("signed_out");

    const fresh = newGrant(contextOf(store));
    expect(await losingTheAnswer(() => store.insert(fresh))).toMatchObject(failed);
    await expect.poll(() => store.read(fresh.id), PATIENTLY).toBeDefined();
    expect(await store.insert(fresh)).toBe(false);
  });

  it("has changed nothing where the connection was ended in the middle of the statement", async () => {
    const blocker = await (await bench.pool({ max: 1 })).connect();
    await blocker.query("BEGIN");
    await blocker.query(`SELECT FROM nolapse.${table} WHERE id = $1 FOR UPDATE`, [id]);
    const committing = store.commit(id, commitOn(1)).catch((error: unknown) => error);
    const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%${table}%'`;
    await expect.poll(async () => (await bench.sql(kill)).length, PATIENTLY).toBe(1);

    expect(await committing).toMatchObject({
      code: "store_failed",
      message: expect.stringMatching(
        /"commit": the connection was ended by an administrator \(SQLSTATE 57P01\)/,
      ) as string,
    });
    await blocker.query("COMMIT");
    blocker.release();

    expect(await readBySuperuser()).toMatchObject([{ version: "1" }]);
    expect((await store.commit(id, commitOn(1))).status).toBe("committed");
  });

  it("gives up with the statement_timeout of its connections, having changed nothing", async () => {
    const client = await bench.pool({ max: 1, statement_timeout: 300 });
    const blocker = await (await bench.pool({ max: 1 })).connect();
    await blocker.query("BEGIN");
    await blocker.query(`SELECT FROM nolapse.${table} WHERE id = $1 FOR UPDATE`, [id]);

    await expect(postgresStore({ client, table }).commit(id, commitOn(1))).rejects.toMatchObject({
      code: "store_failed",
      message: expect.stringMatching(/statement_timeout.*57014/) as string,
    });
    await blocker.query("COMMIT");
    blocker.release();

    expect((await rowOf(store, id)).version).toBe(1);
  });

  describe("killed and started again", () => {
    it.each(grantStoreRestartContract)("$name", { timeout: 60_000 }, async ({ check }) => {
      const client = await bench.pool({ max: 4 });
      const reopen = async (): Promise<GrantStore> => {
        await (await bench.server()).restart();
        return postgresStore({ client: await bench.pool({ max: 4 }), table });
      };
      await check({ ...contextOf(postgresStore({ client, table })), reopen });
    });
  });

  it(
    "has every answered write again after the server crashed, over the same pool",
    { timeout: 60_000 },
    async () => {
      const { lease } = await acquired(store, id, request("a"));
      await store.commit(id, commitOn(1, { sealedTokenSet: "answered" }));
      const server = await bench.server();

      const restarting = server.restart();
      const beside = await Promise.allSettled(Array.from({ length: 20 }, () => store.read(id)));
      await restarting;

      for (const one of beside)
        if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "store_failed" });
      await expect
        .poll(() => store.read(id).catch(() => undefined), PATIENTLY)
        .toMatchObject({
          grant: { version: 2, sealedTokenSet: "answered", lease: { fence: lease.fence } },
        });
    },
  );
});
