import { describe, expect, it } from "vitest";

import type { FindOptions } from "../../src/core/find-grants.ts";
import type { GrantRecord } from "../../src/core/grant.ts";
import {
  ALICE,
  BOB,
  HOUR_MS,
  MINUTE_MS,
  SECOND_MS,
  outcomeOf,
  scenario,
  type Scenario,
  type Server,
} from "./support/scenario.ts";

const TELEPHONE = "k1.alice-on-the-telephone";
const OF_ALICE = { subjectRef: "subject-alice" };
const onTelephone = ({ id }: GrantRecord): boolean => id === TELEPHONE;
const notOnTelephone = (grant: GrantRecord): boolean => !onTelephone(grant);

/** Alice is signed in twice, Bob once. */
async function twiceAlice(): Promise<Scenario & { readonly one: Server }> {
  const made = scenario();
  await made.signInBoth();
  await made.clock.advance(SECOND_MS);
  await made.signIn("alice", TELEPHONE);
  return { ...made, one: made.server() };
}

describe("the end of some of a user's grants", () => {
  it("ends those that are meant and no other, and revokes their tokens (I8)", async () => {
    const { as, clock, one } = await twiceAlice();

    expect(await one.manager.endGrants(OF_ALICE, "revoked", { revoke: true, only: onTelephone })).toBe(1);
    await clock.settle();

    expect(await one.token(TELEPHONE)).toBe("reauthentication_required:revoked");
    expect([await one.token(ALICE), await one.token(BOB)]).toEqual(["at.alice.1", "at.bob.1"]);
    expect(as.revoked).toHaveLength(1);
  });

  it.each(["findMatching", "end"] as const)(
    "holds at once for what this process knows, and is made up for, where the store fails at %s (I16)",
    async (operation) => {
      const { clock, one, row, eventsOf } = await twiceAlice();
      for (const id of [ALICE, TELEPHONE, BOB]) await one.token(id);
      one.store.break(operation, "fail", 1);

      const ended = one.manager.endGrants(OF_ALICE, "revoked", { revoke: true, only: onTelephone });
      expect(await outcomeOf(ended.then(String))).toBe("store_failed");

      expect(await one.token(TELEPHONE)).toBe("reauthentication_required:revoked");
      expect([await one.token(ALICE), await one.token(BOB)]).toEqual(["at.alice.1", "at.bob.1"]);
      await clock.advance(10 * SECOND_MS);
      expect((await row(TELEPHONE)).endReason).toBe("revoked");
      expect((await row(ALICE)).state).toBe("live");
      expect(eventsOf("grant_ended")).toHaveLength(1);
      expect(one.shared.pendingEnds.size).toBe(0);
    },
  );

  it("is told, revoked and wiped although its acknowledgement got lost (I16, X26)", async () => {
    const { as, clock, one, row, eventsOf } = await twiceAlice();
    one.store.break("end", "ack_lost", 1);

    const ended = one.manager.endGrants(OF_ALICE, "revoked", { revoke: true, only: onTelephone });
    expect(await outcomeOf(ended.then(String))).toBe("store_failed");
    await clock.advance(MINUTE_MS);

    expect(eventsOf("grant_ended")).toMatchObject([{ reason: "revoked" }]);
    expect(as.revoked).toHaveLength(1);
    expect(await row(TELEPHONE)).toMatchObject({ endReason: "revoked", sealedTokenSet: "" });
    expect(await one.token(ALICE)).toBe("at.alice.1");
  });

  it("does not take the place of another that failed at the same moment (I16)", async () => {
    const { clock, one, row } = await twiceAlice();
    one.store.breakAll("fail");
    for (const only of [onTelephone, notOnTelephone]) {
      await outcomeOf(one.manager.endGrants(OF_ALICE, "revoked", { revoke: true, only }).then(String));
    }
    one.store.mend();
    await clock.advance(10 * SECOND_MS);

    expect([(await row(ALICE)).state, (await row(TELEPHONE)).state]).toEqual(["ended", "ended"]);
    expect((await row(BOB)).state).toBe("live");
  });
});

describe("the grants of a user", () => {
  it("are found newest first, the ended ones apart, and nobody else's (SEC-15)", async () => {
    const { one } = await twiceAlice();
    const idsNow = async (options?: FindOptions): Promise<readonly string[]> =>
      (await one.manager.findGrants(OF_ALICE, options)).map(({ id }) => id);

    expect(await idsNow()).toEqual([TELEPHONE, ALICE]);
    expect(await idsNow({ limit: 1 })).toEqual([TELEPHONE]);
    await one.manager.endGrant(TELEPHONE, "signed_out", { revoke: false });

    expect([await idsNow(), await idsNow({ state: "ended" })]).toEqual([[ALICE], [TELEPHONE]]);
  });

  it("show as ended the one whose end the store has not taken yet (I16)", async () => {
    const { one } = await twiceAlice();
    one.store.break("end", "fail");

    await outcomeOf(one.manager.endGrant(TELEPHONE, "signed_out", { revoke: false }).then(String));

    expect(await one.manager.findGrants(OF_ALICE)).toMatchObject([
      { id: TELEPHONE, state: "ended", endReason: "signed_out" },
      { id: ALICE, state: "live" },
    ]);
  });

  it("are not to be had without the store, unless what was read of late will do", async () => {
    const { clock, one } = await twiceAlice();
    for (const id of [ALICE, BOB]) await one.token(id);
    one.store.break("findMatching", "fail", 3);
    const found = (options?: FindOptions): Promise<string> =>
      outcomeOf(one.manager.findGrants(OF_ALICE, options).then((all) => all.map(({ id }) => id).join()));

    expect([await found(), await found({ orLastRead: true })]).toEqual(["store_failed", ALICE]);
    await clock.advance(MINUTE_MS);

    expect(await found({ orLastRead: true })).toBe("store_failed");
  });
});

describe("what may be used once", () => {
  const useOf = (ids: readonly [string, ...string[]], untilMs: number) => ({
    ids,
    ...{ provider: "keycloak", issuer: "https://as.example", clientId: "app", untilMs },
  });

  it("is new once in all processes, begun until it is finished, and used from then on", async () => {
    const { clock, server } = scenario();
    const [one, two] = [server(), server()];
    const use = useOf(["k1.use"], clock.nowMs() + HOUR_MS);

    const answers = await Promise.all([one, two, one].map(({ manager }) => manager.beginUse(use)));
    expect(answers.toSorted()).toEqual(["begun", "begun", "new"]);
    await two.manager.finishUse(use);

    expect(await one.manager.beginUse(use)).toBe("used");
    expect(await two.manager.beginUse(useOf(["k1.other"], use.untilMs))).toBe("new");
  });

  it("is known by its names under older keys as well", async () => {
    const { clock, server } = scenario();
    const { manager } = server();
    const untilMs = clock.nowMs() + HOUR_MS;
    await manager.beginUse(useOf(["k1.use"], untilMs));
    await manager.finishUse(useOf(["k1.use"], untilMs));

    expect(await manager.beginUse(useOf(["k2.use", "k1.use"], untilMs))).toBe("used");
  });

  it("is forgotten at its end, and is nobody's grant and nobody's work meanwhile", async () => {
    const { clock, server, store, eventsOf } = scenario();
    const { manager } = server();
    await manager.beginUse(useOf(["k1.use"], clock.nowMs() + MINUTE_MS));

    expect(await manager.resealGrants()).toMatchObject({ scanned: 1, resealed: 0, unopened: 0, cleared: 0 });
    await manager.finishUse(useOf(["k1.use"], clock.nowMs() + MINUTE_MS));
    expect(eventsOf("grant_created")).toEqual([]);
    await clock.advance(MINUTE_MS);

    expect(await store.purge(10)).toBe(1);
  });
});
