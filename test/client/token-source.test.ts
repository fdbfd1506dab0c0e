import { describe, expect, it } from "vitest";
import { settle } from "./fake-page.ts";
import { gate, openTab, outcome } from "./token-tab.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

describe("the access token in the browser", () => {
  it("comes from memory while it is fresh: 100 calls send one request (F37)", async () => {
    const { page, route, get } = openTab();
    expect(await get()).toBe("alice-0");
    for (let i = 0; i < 99; i++) {
      await page.pass(1_000);
      expect(await get()).toBe("alice-0");
    }

    expect(route.asked).toHaveLength(1);
  });

  it("is asked for once by all who wait, for two users apart (F37, I8)", async () => {
    const [alice, bob] = [openTab("alice"), openTab("bob")];
    const calls = [alice, bob].flatMap(({ get }) => Array.from({ length: 20 }, () => get()));
    const tokens = await Promise.all(calls);

    expect(new Set(tokens.slice(0, 20))).toEqual(new Set(["alice-0"]));
    expect(new Set(tokens.slice(20))).toEqual(new Set(["bob-0"]));
    expect([alice.route.asked.length, bob.route.asked.length]).toEqual([1, 1]);
  });

  it("is asked for again before it ends, at most once in every lifetime, and never handed out dead (F22, F27)", async () => {
    const { page, route, get } = openTab("alice", 60_000);
    for (let i = 0; i < 600; i++) {
      const token = await get();
      expect(token).toBe(route.token);
      expect(route.expiresAtMs).toBeGreaterThan(route.nowMs());
      await page.pass(1_000);
    }

    expect(route.asked.length).toBeLessThanOrEqual(13);
  });

  it("of a short life is not asked for at every call near its end, while the server cannot renew it (F27, F33)", async () => {
    const { page, route, get } = openTab("alice", 60_000);
    route.leadMs = 0;
    await get();
    for (let i = 0; i < 590; i++) {
      await page.pass(100);
      await get();
    }

    expect(route.asked.length).toBeLessThanOrEqual(6);
  });

  it.each([
    ["a sleep that only the wall clock saw", false],
    ["a sleep that both clocks saw", true],
  ])("is not served from before %s (F22)", async (_what, both) => {
    const { page, route, get } = openTab();
    await get();
    page.sleep(8 * HOUR_MS, both);
    route.renew();

    expect(await get()).toBe("alice-1");
  });

  it.each([HOUR_MS, -HOUR_MS, 10 * MINUTE_MS, -10 * MINUTE_MS])(
    "costs as many requests with a clock that is off by %i ms (F26)",
    async (offMs) => {
      const { page, route, source, get } = openTab("alice", 60_000);
      page.wallMs += offMs;
      for (let i = 0; i < 60; i++) {
        await get();
        await page.pass(1_000);
      }
      const { expiresAtMs } = await source.get();

      expect(route.asked).toHaveLength(2);
      expect(expiresAtMs! - page.wallMs).toBeCloseTo(route.expiresAtMs - route.nowMs(), -3);
    },
  );

  it("counts its life from the request, not from a late answer (F26)", async () => {
    const { page, route, source } = openTab();
    const { closed, open } = gate();
    route.held.push(closed);
    const wallMs = page.wallMs;
    const token = source.get();
    await page.pass(9_000);
    open();

    expect((await token).expiresAtMs).toBe(wallMs + route.lifetimeMs);
  });

  it("without a known end is served until another is named, and has no end", async () => {
    const { page, route, source, known } = openTab();
    route.isEndless = true;
    known.session = { user: { name: "alice" } };
    expect(await source.get()).toEqual({ accessToken: "alice-0" });
    await page.pass(HOUR_MS);
    expect(await source.get()).toEqual({ accessToken: "alice-0" });

    expect(route.asked).toHaveLength(1);
  });

  it("is not to be changed by who got it", async () => {
    const { source } = openTab();
    const token = await source.get();

    expect(() => Object.assign(token, { accessToken: "x" })).toThrow(TypeError);
    expect(await source.get()).toBe(token);
  });
});

describe("a newer token that the server named", () => {
  it("in the session makes the next call hold it (F35)", async () => {
    const { page, route, hear, get } = openTab();
    await get();
    await page.pass(30_000);
    route.renew();
    hear();

    expect(await get()).toBe("alice-1");
    expect(await get()).toBe("alice-1");
    expect(route.asked).toHaveLength(2);
  });

  it("in the marker makes the next call hold it, without any event (F35)", async () => {
    const { route, known, get } = openTab();
    await get();
    route.renew();
    known.named = [route.expires + 1];

    expect(await get()).toBe("alice-1");
    expect(await get()).toBe("alice-1");
    expect(route.asked).toHaveLength(2);
  });

  it("while a request is under way makes a later call ask once more (F35)", async () => {
    const { route, known, get } = openTab();
    const { closed, open } = gate();
    route.held.push(closed);
    const before = get();
    await settle();
    route.renew();
    known.named = [route.expires + 1];
    const after = get();
    open();

    expect(await Promise.all([before, after])).toEqual(["alice-0", "alice-1"]);
    expect(route.asked).toHaveLength(2);
  });

  it("is asked for once, also where the server knows nothing of it", async () => {
    const { route, known, get } = openTab();
    await get();
    known.named = [7];
    for (let i = 0; i < 10; i++) expect(await get()).toBe("alice-0");

    expect(route.asked).toHaveLength(2);
  });

  it("by a script that invents one for every call costs 5 requests, then one in two seconds", async () => {
    const { page, route, known, get } = openTab();
    await get();
    for (let i = 0; i < 1_000; i++) {
      known.named = [i];
      expect(await get()).toBe("alice-0");
      await page.pass(10);
    }

    expect(route.asked.length).toBeGreaterThan(5);
    expect(route.asked.length).toBeLessThanOrEqual(1 + 5 + 5);
  });
});

describe("minValidityMs", () => {
  it("has a token renewed that is fresh for others (F38)", async () => {
    const { page, route, get } = openTab();
    await get();
    await page.pass(180_000);
    expect(await get()).toBe("alice-0");
    expect(await get({ minValidityMs: 140_000 })).toBe("alice-1");

    expect(route.asked).toEqual([
      { minValidityMs: 0, renew: false },
      { minValidityMs: 140_000, renew: false },
    ]);
  });

  it("that no token has is refused early, and harms nobody else who waits (F38)", async () => {
    const { route, get } = openTab();
    const upload = outcome(get({ minValidityMs: 600_000 }));
    const calls = [get(), get(), outcome(get({ minValidityMs: 600_000 }))];

    expect(await upload).toBe("invalid_option");
    expect(await Promise.all(calls)).toEqual(["alice-0", "alice-0", "invalid_option"]);
    expect(route.asked.length).toBeLessThanOrEqual(2);
  });

  it("is not taken to be served by the answer to less", async () => {
    const { page, route, get } = openTab();
    await page.pass(180_000);
    route.leadMs = 0;
    expect(await Promise.all([get(), get({ minValidityMs: 140_000 })])).toEqual(["alice-0", "alice-1"]);
    expect(route.asked.map(({ minValidityMs }) => minValidityMs)).toEqual([0, 140_000]);
  });

  it.each([-1, Number.NaN, Infinity])("of %d is refused with its name", async (minValidityMs) => {
    const { route, source } = openTab();
    await expect(source.get({ minValidityMs })).rejects.toThrow(/"minValidityMs" must be 0 or more; got/);
    expect(route.asked).toHaveLength(0);
  });
});

describe("a rejected token", () => {
  it("is renewed once for 20 callers that had it refused at once, and for those that come later (F39)", async () => {
    const { page, route, get } = openTab();
    const rejected = await get();
    const retries = await Promise.all(Array.from({ length: 20 }, () => get({ rejected })));
    await page.pass(30_000);
    retries.push(await get({ rejected }));

    expect(new Set(retries)).toEqual(new Set(["alice-1"]));
    expect(route.renewals).toBe(1);
    expect(route.asked).toHaveLength(2);
  });

  it("that a caller had from before is renewed, where the server still hands it out (F39)", async () => {
    const { route, get } = openTab();

    expect(await get({ rejected: "alice-0" })).toBe("alice-1");
    expect(route.asked.map(({ renew }) => renew)).toEqual([false, true]);
  });

  it("that the server does not renew again so soon ends in no loop (F39)", async () => {
    const { route, get } = openTab();
    const rejected = await get();
    route.renew = () => undefined;
    for (let i = 0; i < 20; i++) expect(await get({ rejected })).toBe("alice-0");

    expect(route.asked).toHaveLength(2);
  });

  it("is not handed out again when its renewal fails (F39)", async () => {
    const { route, get } = openTab();
    const rejected = await get();
    route.fault = { kind: "failed", code: "refresh_unavailable" };

    expect(await outcome(get({ rejected }))).toBe("refresh_unavailable");
    // Others have not had it refused.
    expect(await get()).toBe("alice-0");
  });
});

describe("renew", () => {
  it("renews a fresh token: after a role changed (F39)", async () => {
    const { route, get } = openTab();
    await get();
    const answers = await Promise.all(Array.from({ length: 20 }, () => get({ renew: true })));
    answers.push(await get({ renew: true }));

    expect(new Set(answers)).toEqual(new Set(["alice-1"]));
    expect(route.asked.map(({ renew }) => renew)).toEqual([false, true]);
  });

  it("is not served by a request under way that renews nothing", async () => {
    const { route, get } = openTab();
    const answers = await Promise.all([get(), get({ renew: true })]);

    expect(answers).toEqual(["alice-0", "alice-1"]);
    expect(route.renewals).toBe(1);
  });

  it("renews anew after a while", async () => {
    const { page, get } = openTab();
    expect(await get({ renew: true })).toBe("alice-1");
    await page.pass(3_000);

    expect(await get({ renew: true })).toBe("alice-2");
  });
});
