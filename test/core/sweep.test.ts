import { describe, expect, it } from "vitest";

import type { EndReason } from "../../src/core/grant.ts";
import {
  ALICE,
  BOB,
  MINUTE_MS,
  SECOND_MS,
  boxSealer,
  grantInput,
  scenario,
  type Scenario,
} from "./support/scenario.ts";

/** A world in which a process died right after it had left Alice's tombstone (X9). */
async function afterCrash(reason: EndReason = "signed_out"): Promise<Scenario> {
  const world = scenario();
  await world.signInBoth();
  await world.store.end(ALICE, reason);
  return world;
}

describe("the sweep of resealGrants", () => {
  it("revokes and wipes what a process that died has left of a sign-out (X9, I16)", async () => {
    const { as, clock, server, row, eventsOf } = await afterCrash();
    await clock.advance(5 * MINUTE_MS);
    const { manager, token } = server();

    expect(await manager.resealGrants()).toMatchObject({ scanned: 2, cleared: 1, unopened: 0 });

    expect([as.revoked, as.liveRefreshTokens("alice")]).toEqual([["rt.alice.1"], []]);
    expect(await row(ALICE)).toMatchObject({ endReason: "signed_out", sealedTokenSet: "", candidates: [] });
    expect(eventsOf("revocation_ended")).toMatchObject([{ grantRef: "alice-grant-", outcome: "revoked" }]);
    expect([await token(BOB), as.liveRefreshTokens("bob")]).toEqual(["at.bob.1", ["rt.bob.1"]]);
    expect(await manager.resealGrants()).toMatchObject({ scanned: 2, cleared: 0 });
  });

  it("leaves an end of the last minutes to the process that is at it", async () => {
    const { as, clock, server } = await afterCrash();
    await clock.advance(5 * MINUTE_MS - 1);

    expect(await server().manager.resealGrants()).toMatchObject({ cleared: 0 });
    expect(as.revoked).toEqual([]);
  });

  it("leaves alone what a new sign-in replaced: both may share one consent (I7)", async () => {
    const { as, clock, server, row } = await afterCrash("replaced");
    await clock.advance(6 * MINUTE_MS);

    expect(await server().manager.resealGrants()).toMatchObject({ cleared: 0 });
    expect([as.revoked, (await row(ALICE)).sealedTokenSet === ""]).toEqual([[], false]);
  });

  it.each(["rejected", "lost_response"] as const)(
    "wipes tokens that the server has refused, and revokes nothing: %s (SEC-18)",
    async (reason) => {
      const { as, clock, server, row } = await afterCrash(reason);
      await clock.advance(6 * MINUTE_MS);

      expect(await server().manager.resealGrants()).toMatchObject({ cleared: 1 });
      expect([as.revoked, (await row(ALICE)).sealedTokenSet]).toEqual([[], ""]);
    },
  );

  it("keeps what it cannot open or revoke for the next one (I15, I16)", async () => {
    const { as, clock, server, row } = await afterCrash();
    await clock.advance(6 * MINUTE_MS);

    const poor = await server({ sealer: boxSealer("k2", ["k2"]) }).manager.resealGrants();
    expect(poor).toMatchObject({ cleared: 0, unopened: 2 });
    as.revokeOutcome = "failed";
    expect(await server().manager.resealGrants()).toMatchObject({ cleared: 0 });
    expect((await row(ALICE)).sealedTokenSet).not.toBe("");
    as.revokeOutcome = "revoked";
    expect(await server().manager.resealGrants()).toMatchObject({ cleared: 1 });
    expect(as.revoked).toEqual(["rt.alice.1"]);
  });

  it("asks an issuer that fails five times in a row no more, and goes on with the others (I10, I11)", async () => {
    const { as, clock, server, store, row } = scenario();
    const { manager } = server();
    for (let index = 0; index < 40; index++) {
      const id = `k1.grant-of-user-${String(index).padStart(4, "0")}`;
      const input = grantInput(id, `user${index}`, as.signIn(`user${index}`));
      const issuer = index % 2 === 0 ? "https://away.example" : input.issuer;
      await manager.saveGrant({ ...input, issuer });
      await store.end(id, "revoked");
    }
    await clock.advance(6 * MINUTE_MS);
    const revoke = as.revoke.bind(as);
    let asked = 0;
    as.revoke = (request) => {
      if (request.issuer !== "https://away.example") return revoke(request);
      asked++;
      return new Promise(() => undefined);
    };

    const report = manager.resealGrants();
    await clock.advance(55 * SECOND_MS);

    expect(await report).toMatchObject({ scanned: 40, cleared: 20 });
    expect([asked, as.revoked.length]).toEqual([5, 20]);
    expect((await row("k1.grant-of-user-0000")).sealedTokenSet).not.toBe("");
  });
});
