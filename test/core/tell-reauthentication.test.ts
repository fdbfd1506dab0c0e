import { describe, expect, it } from "vitest";

import { MAX_SHARED_ENTRIES } from "../../src/core/single-flight.ts";
import { ALICE, BOB, DAY_MS, HOUR_MS, scenario } from "./support/scenario.ts";

describe("a caller who is told that only a new sign-in helps", () => {
  it("is told of by an event, also where nothing else tells why", async () => {
    const { clock, server, signIn, signInBoth, store, eventsOf } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    await signIn("carol", "k1.carol-grant-of-33");
    await store.end(BOB, "signed_out");
    const { token, manager } = server();
    await token("k1.unknown-grant-44");
    await token(BOB);
    await clock.advance(31 * DAY_MS);
    await token(ALICE);
    await manager.view("k1.carol-grant-of-33");

    expect(eventsOf("reauthentication_required")).toMatchObject([
      { grantRef: "unknown-gran", provider: "", reason: "missing" },
      { grantRef: "bob-grant-of", provider: "keycloak", reason: "signed_out" },
      { grantRef: "alice-grant-", provider: "keycloak", reason: "expired" },
      { grantRef: "carol-grant-", provider: "keycloak", reason: "expired" },
    ]);
  });

  it("is told of once per grant and reason: a tab that goes on asking floods nothing (I10)", async () => {
    const { clock, server, signIn, eventsOf } = scenario({ lifetimeMs: HOUR_MS });
    await signIn("alice", ALICE, { refreshToken: undefined } as never);
    await signIn("bob", BOB);
    const { token, manager, shared } = server();
    await clock.advance(2 * HOUR_MS);
    for (let times = 0; times < 20; times++) {
      await token(ALICE);
      await manager.view(ALICE);
      await manager.renewRejected(ALICE, "at.alice.0").catch(() => undefined);
    }

    expect(eventsOf("reauthentication_required")).toMatchObject([
      { grantRef: "alice-grant-", reason: "no_refresh_token" },
    ]);
    expect([shared.toldReasons.size, await token(BOB)]).toEqual([1, "at.bob.2"]);
  });

  it("is nobody who merely asks whether there is a grant, or why it has ended", async () => {
    const { clock, server, signInBoth, store, events } = scenario();
    await signInBoth();
    await store.end(BOB, "signed_out");
    const { manager, store: broken } = server();

    expect([
      (await manager.grantOf(ALICE))?.state,
      (await manager.grantOf(BOB))?.state,
      await manager.grantOf("k1.unknown"),
    ]).toEqual(["live", "ended", undefined]);
    const reasons = (): Promise<unknown[]> =>
      Promise.all([ALICE, BOB, "k1.unknown"].map((id) => manager.endReasonOf(id)));
    expect(await reasons()).toEqual([undefined, "signed_out", "missing"]);
    await clock.advance(61 * DAY_MS);
    expect(await reasons()).toEqual(["expired", "signed_out", "missing"]);
    expect(events).toEqual([]);

    broken.break("read", "fail");
    await expect(manager.grantOf("k1.unknown")).rejects.toMatchObject({ code: "store_failed" });
    await expect(manager.endReasonOf("k1.unknown")).rejects.toMatchObject({ code: "store_failed" });
  });

  it("is remembered in a bounded map", async () => {
    const { server } = scenario();
    const { token, shared } = server();
    for (let index = 0; index < MAX_SHARED_ENTRIES; index++)
      shared.toldReasons.set(`k1.${index} missing`, true);

    await token("k1.one-more");

    expect(shared.toldReasons.size).toBe(MAX_SHARED_ENTRIES);
  });
});
