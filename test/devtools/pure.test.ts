/** What the panel shows, as functions of what the scheduler knows. */
import { describe, expect, it } from "vitest";

import type { Reading } from "../../src/client/environment.ts";
import { DEFAULT_SETTINGS, type PlanSettings, type PlanState } from "../../src/client/plan.ts";
import { afterFailure, stateOf } from "../../src/client/plan-state.ts";
import type { ClientSession, TokenState } from "../../src/client/session.ts";
import { factsOf } from "../../src/devtools/facts.ts";
import { forecast } from "../../src/devtools/forecast.ts";
import { duration, timeOfDay } from "../../src/devtools/format.ts";
import { withLife, withoutLife, withStatus, type TokenLife } from "../../src/devtools/history.ts";
import { amend, append, type LogEntry } from "../../src/devtools/journal.ts";
import { livedLives, stretchOf } from "../../src/devtools/scale.ts";

const at = (ms: number): Reading => ({ wallMs: 1_700_000_000_000 + ms, monotonicMs: ms });
const SESSION: ClientSession = {
  user: { name: "alice" },
  expires: "2030-01-01T00:00:00.000Z",
  accessTokenExpires: 1_700_000_060,
  accessTokenExpiresIn: 60,
  tokenState: { status: "fresh", askInMs: 46_000 },
};
const withState = (tokenState: TokenState): ClientSession => ({ ...SESSION, tokenState });
const STATE = stateOf(SESSION, at(0), 0);

describe("the facts", () => {
  it("are times and a state, by whatever clock each goes", () => {
    expect(factsOf(SESSION, STATE, at(10_000))).toEqual({
      status: "fresh",
      failures: 0,
      tokenLeftMs: 50_000,
      tokenEndsAtMs: 1_700_000_060_000,
      sessionEndsAtMs: Date.parse("2030-01-01T00:00:00.000Z"),
      signInLeftMs: undefined,
    });
  });

  it("know the end of the session also where a server component gave it as a Date", () => {
    expect(factsOf({ ...SESSION, expires: new Date(5_000) }, STATE, at(0)).sessionEndsAtMs).toBe(5_000);
  });

  it("know when the sign-in ends, where the server says so (F28)", () => {
    const session = withState(Object.assign({ endsInMs: 90_000 }, SESSION.tokenState));

    expect(factsOf(session, STATE, at(10_000)).signInLeftMs).toBe(80_000);
  });

  it.each([
    [undefined, 0, "loading"],
    [undefined, 2, "failing"],
    [null, 0, "signed out"],
    [SESSION, 0, "fresh"],
    [SESSION, 1, "failing"],
    [withState({ status: "retrying" }), 0, "retrying"],
    [withState({ status: "reauthentication_required", reason: "x" }), 3, "reauthentication required"],
  ] as const)("call the session %j with %i failures %s", (session, failures, status) => {
    expect(factsOf(session, { ...STATE, failures }, at(0)).status).toBe(status);
  });

  it("take nothing from a session that has other types in it", () => {
    const odd = { expires: 5, accessTokenExpires: "soon", accessTokenExpiresIn: {}, tokenState: "odd" };

    expect(factsOf(odd as never, { ...STATE, askInMs: Infinity, spareMs: Infinity }, at(0))).toEqual({
      status: "fresh",
      failures: 0,
      tokenLeftMs: undefined,
      tokenEndsAtMs: undefined,
      sessionEndsAtMs: undefined,
      signInLeftMs: undefined,
    });
  });
});

describe("the forecast", () => {
  const next = (
    state: PlanState | undefined,
    now = at(0),
    settings: Partial<PlanSettings> = {},
    online = true,
  ) => forecast(state, now, online, { ...DEFAULT_SETTINGS, ...settings }, true);

  it("names the request that the plan leads to, beyond the looks before it", () => {
    expect(next(STATE, at(6_000))).toEqual({ kind: "ask", inMs: 40_000, lookInMs: 9_000, reason: "idle" });
  });

  it("names a retry, and a request that is due", () => {
    const failed = afterFailure(STATE, at(10_000), 0);

    expect(next(failed, at(10_200))).toMatchObject({ inMs: 800, reason: "retry" });
    expect(next(failed, at(12_000))).toMatchObject({ inMs: 0, reason: "retry" });
    expect(next({ ...STATE, lookedAt: at(46_000) }, at(46_000))).toMatchObject({ inMs: 0, reason: "idle" });
  });

  it("goes by the app's refetchInterval", () => {
    expect(next(STATE, at(0), { refetchIntervalMs: 20_000 })).toMatchObject({ inMs: 20_000 });
  });

  it.each([
    ["not started", undefined, true, {}],
    ["signed out", stateOf(null, at(0), 0), true, {}],
    ["offline", STATE, false, { askWhenOffline: false }],
    ["idle", STATE, true, { idleLimitMs: 0 }],
    ["nothing to renew", { ...STATE, askInMs: Infinity }, true, {}],
  ] as const)("says why nothing comes: %s", (because, state, online, settings) => {
    expect(next(state, at(0), settings, online)).toEqual({ kind: "rest", because });
  });
});

describe("the history", () => {
  const life = (fromMs: number, endMs: number, expires = 0): TokenLife => ({ fromMs, endMs, expires });

  it("tells tokens apart by their end, and two answers about one are one", () => {
    const first = withLife([], life(0, 60_000, 7));

    expect(withLife(first, life(20_000, 61_000, 7))).toBe(first);
    expect(withLife(first, life(46_000, 106_000, 8))).toHaveLength(2);
    const unnamed = withLife([], life(0, 60_000));
    expect(withLife(unnamed, life(20_000, 61_000))).toBe(unnamed);
    expect(withLife(unnamed, life(46_000, 106_000))).toHaveLength(2);
  });

  it("is bounded", () => {
    let [lives, spans] = [withLife([], life(0, 1)), withStatus([], { fromMs: 0, status: "fresh" })];
    for (let i = 1; i < 500; i++) {
      lives = withLife(lives, life(i, i + 1, i));
      spans = withStatus(spans, { fromMs: i, status: i % 2 ? "failing" : "fresh" });
    }

    expect([lives.length, spans.length]).toEqual([60, 60]);
    expect(lives.at(-1)).toEqual(life(499, 500, 499));
  });

  it("ends a token's line where its successor came, where it expired, or now", () => {
    const lives = [life(0, 60_000, 1), life(46_000, 106_000, 2), life(150_000, 210_000, 3)];
    const now = 160_000;

    expect(livedLives(lives, now, stretchOf(lives, now)).map(({ untilMs }) => untilMs)).toEqual([
      46_000, 106_000, 160_000,
    ]);
  });

  it("ends a life at a sign-out, and begins another when the same token is back", () => {
    const gone = withoutLife([life(0, 60_000, 1), life(46_000, 106_000, 2)], 70_000);
    const [now, back] = [90_000, withLife(gone, life(80_000, 106_000, 2))];

    expect(livedLives(gone, now, stretchOf(gone, now)).map(({ untilMs }) => untilMs)).toEqual([
      46_000, 70_000,
    ]);
    expect(withoutLife(gone, 75_000)).toEqual(gone);
    expect(livedLives(back, now, stretchOf(back, now)).map(({ untilMs }) => untilMs)).toEqual([
      46_000, 70_000, 90_000,
    ]);
    expect(withoutLife([], 0)).toEqual([]);
  });

  it.each([
    [8_000, 60_000],
    [60_000, 150_000],
    [3_600_000, 900_000],
  ])("shows of tokens that live %i ms the last %i ms", (lifeMs, backMs) => {
    const { fromMs, toMs, tickMs } = stretchOf([life(0, lifeMs)], 1_000_000);

    expect(1_000_000 - fromMs).toBe(backMs);
    expect((toMs - fromMs) / tickMs).toBeLessThanOrEqual(7);
    expect((toMs - fromMs) / tickMs).toBeGreaterThan(2);
  });
});

describe("the journal", () => {
  const entry = (id: number): LogEntry => ({ id, atMs: id, wallMs: id, kind: "ask", reason: "idle" });

  it("keeps the newest 100, and changes none that is gone", () => {
    let log: readonly LogEntry[] = [];
    for (let id = 1; id <= 130; id++) log = append(log, entry(id));

    expect([log.length, log[0]?.id, log.at(-1)?.id]).toEqual([100, 31, 130]);
    const end = { kind: "ask", reason: "idle", outcome: "session", tookMs: 5, changed: false } as const;
    expect(amend(log, 3, end)).toEqual(log);
    expect(amend(log, 130, end).at(-1)).toEqual({ id: 130, atMs: 130, wallMs: 130, ...end });
  });
});

describe("the words for times", () => {
  it.each([
    [-5, "0 s"],
    [4_001, "5 s"],
    [60_000, "60 s"],
    [125_000, "2 min 05 s"],
    [12_000_000, "3 h 20 min"],
    [30 * 86_400_000, "30 days"],
  ])("make of %i ms: %s", (ms, words) => {
    expect(duration(ms)).toBe(words);
  });

  it("have hours, minutes and seconds", () => {
    expect(timeOfDay(new Date(2026, 10, 26, 9, 5, 3).getTime())).toBe("09:05:03");
  });
});
