import { describe, expect, it } from "vitest";

import { ALICE, BOB, MINUTE_MS, SECOND_MS, scenario } from "./support/scenario.ts";

describe("many servers with many callers and two users", () => {
  it("send exactly one refresh per expiry over ten lifetimes, and nobody waits (I1, F10, F12)", async () => {
    const { clock, as, server, signInBoth, eventsOf } = scenario({ lifetimeMs: 5 * MINUTE_MS });
    await signInBoth();
    as.latencyMs = 3 * SECOND_MS;
    const servers = Array.from({ length: 5 }, () => server());

    const answers = new Set<string>();
    for (let tick = 0; as.requestsOf("alice") < 10; tick++) {
      expect(tick).toBeLessThan(1_000);
      const calls = servers.flatMap(({ token }) =>
        Array.from({ length: 10 }, () => [token(ALICE), token(BOB)]).flat(),
      );
      let waiting = calls.length;
      for (const call of calls) void call.then(() => waiting--);
      await clock.settle();
      expect(waiting).toBe(0);
      for (const answer of await Promise.all(calls)) answers.add(answer);
      await clock.advance(10 * SECOND_MS);
    }

    expect(as.sent.filter((token) => token.startsWith("rt.alice"))).toEqual(
      Array.from({ length: 10 }, (_, index) => `rt.alice.${index + 1}`),
    );
    expect(as.requestsOf("bob")).toBe(10);
    expect(as.replayed).toEqual([]);
    expect(as.maxInFlight).toBe(2);
    expect([...answers].every((answer) => /^at\.(alice|bob)\.\d+$/.test(answer))).toBe(true);
    expect(eventsOf("refresh_started")).toHaveLength(20);
  });

  it.each([1, 2, 50])(
    "turn %i callers of an expired token into one request and equal answers (F10)",
    async (callers) => {
      const { clock, as, server, signInBoth } = scenario({ lifetimeMs: MINUTE_MS });
      await signInBoth();
      as.latencyMs = SECOND_MS;
      const [one, two] = [server(), server()];
      await clock.advance(2 * MINUTE_MS);

      const calls = Array.from({ length: callers }, () => [
        one.token(ALICE),
        two.token(ALICE),
        two.token(BOB),
      ]);
      await clock.advance(3 * SECOND_MS);

      expect(new Set(await Promise.all(calls.flat()))).toEqual(new Set(["at.alice.2", "at.bob.2"]));
      expect([as.requestsOf("alice"), as.requestsOf("bob")]).toEqual([1, 1]);
    },
  );
});
