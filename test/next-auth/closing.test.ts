import { describe, expect, it } from "vitest";
import { LIFETIME_MS, createWorld, pass, until } from "./support/world.ts";

describe("close()", () => {
  it("waits for the refreshes under way, then closes the store (X17)", async () => {
    const world = await createWorld();
    const [alice, bob] = [world.browser(), world.browser()];
    await alice.signIn("alice");
    await bob.signIn("bob");
    const closed: string[] = [];
    const store = world.store;
    const close = store.close.bind(store);
    store.close = async () => {
      closed.push("store");
      await close();
    };
    pass(LIFETIME_MS * 0.7);
    world.server.hold();
    await world.getAccessToken(alice.pageRequest());
    await world.getAccessToken(bob.pageRequest());
    await until(() => world.server.heldRequests === 2);

    const closing = world.close().then(() => closed.push("done"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(closed).toEqual([]);
    world.server.release();
    await closing;

    expect(closed).toEqual(["store", "done"]);
    expect(world.eventsOf("tokens_stored")).toHaveLength(2);
    expect(world.eventsOf("handed_over")).toEqual([]);
  });

  it("hands over what is still out when its time is up, and no grant is lost by it (X17, I4)", async () => {
    const world = await createWorld({
      // The answer that comes after all is looked at by the next process, not by this one.
      options: { providers: { strict: { rotation: { class: "grace", graceMs: 60_000 } } } },
    });
    const alice = world.browser();
    await alice.signIn("alice");
    pass(LIFETIME_MS * 0.7);
    world.server.hold();
    await world.getAccessToken(alice.pageRequest());
    await until(() => world.server.heldRequests === 1);
    world.store.close = () => Promise.resolve();

    await world.close(20);

    expect(world.eventsOf("handed_over")).toHaveLength(1);
    world.server.release();
    await until(() => world.eventsOf("tokens_stored").length === 1);
    const next = world.copy();
    const { accessToken } = await next.getAccessToken(alice.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("alice");
    expect(world.server.requests.some(({ outcome }) => outcome === "reused")).toBe(false);
  });

  it("of an application that was never used puts nothing together, and closes the store", async () => {
    const world = await createWorld({ options: { secret: "too-short" } });
    let closed = 0;
    world.store.close = () => {
      closed++;
      return Promise.resolve();
    };

    await world.close();

    expect(closed).toBe(1);
  });
});
