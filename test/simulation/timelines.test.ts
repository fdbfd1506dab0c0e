/** The four timelines of the reliability requirements, each as a small world with one story. */
import { describe, expect, it } from "vitest";

import type { AsClass, Effect } from "../../simulation/fault-types.ts";
import { runPlan, type RunResult } from "../../simulation/run.ts";
import { demand, storyOf, type StoryFault } from "../../simulation/scenario.ts";

/** Tokens live 60 s, and are due 20 s before their end. */
const DUE_MS = 41_000;

const crashAfterCommit: Effect = {
  type: "hook",
  point: "refresh/applied",
  skip: 0,
  action: { do: "crash", restartMs: 30_000 },
};
const lostAnswer: Effect = {
  type: "hook",
  point: "refresh/arrive",
  skip: 0,
  action: { do: "answer", answer: "reset_after" },
};

function reasonsOf({ records }: RunResult, slot: number): (string | null)[] {
  return records.flatMap((record) =>
    record.kind === "store" &&
    record.grant.includes(`f${slot}x1`) &&
    record.before?.state === "live" &&
    record.after?.state === "ended"
      ? [record.after.endReason]
      : [],
  );
}

async function tell(
  asClass: AsClass,
  graceMs: number,
  faults: readonly StoryFault[],
  steps = demand(DUE_MS, 140_000, 1_000, [0, 1, 2]),
): Promise<RunResult> {
  const result = await runPlan(storyOf({ asClass, graceMs }, steps, faults));
  expect(result.violation).toBeUndefined();
  expect(result.injected.size).toBeGreaterThan(0);
  return result;
}

describe("TL1: the answer gets lost, and the holder lives", () => {
  const faults = [{ id: "X38", effect: lostAnswer, grant: 0 }] as const;

  it.each([
    ["P0", 0],
    ["P1", 0],
    ["P2", 30_000],
    ["P3", 30_000],
    ["P4", 30_000],
  ] as const)("at %s nothing is lost", async (asClass, graceMs) => {
    const result = await tell(asClass, graceMs, faults);

    expect(result.account).toEqual({ unavoidable: [], avoidable: [] });
    expect(result.coverage.retryInWindow > 0).toBe(graceMs > 0);
  });

  it.each(["P5", "P6"] as const)(
    "at %s the user signs in again, once, and is told that an answer was lost (I21)",
    async (asClass) => {
      const result = await tell(asClass, 0, faults);

      expect(result.account.unavoidable.map(({ how }) => how)).toEqual(["lost_response"]);
      expect(reasonsOf(result, 0)).toEqual(["lost_response"]);
      expect(reasonsOf(result, 1)).toEqual([]);
      expect(result.coverage.deferredResend).toBe(1);
    },
  );
});

describe("TL2: the holder dies after the server has committed", () => {
  const faults = [{ id: "X5", effect: crashAfterCommit, grant: 0 }] as const;

  it.each([
    ["P2", 30_000],
    ["P3", 10_000],
    ["P4", 10_000],
  ] as const)(
    "at %s its heir tries again within the window, and nothing is lost",
    async (asClass, graceMs) => {
      const result = await tell(asClass, graceMs, faults);

      expect(result.account).toEqual({ unavoidable: [], avoidable: [] });
    },
  );

  it("at P6 the old access token is served to its end, and then the loss is told", async () => {
    const result = await tell("P6", 0, faults);
    const ended = result.records.find((record) => record.kind === "store" && record.after?.state === "ended");
    const resent = result.records.filter(
      (record) => record.kind === "send" && record.refreshToken.endsWith("f0x1-1"),
    );

    expect(reasonsOf(result, 0)).toEqual(["lost_response"]);
    expect(resent).toHaveLength(2);
    // Asked for at 0 s, the token in hand lives until 60 s; nobody loses a second of it.
    expect(ended!.atMs - result.records[0]!.atMs).toBeGreaterThan(50_000);
  });

  it("at P6 nothing is lost if the server had not committed", async () => {
    const effect: Effect = { ...crashAfterCommit, point: "refresh/call" };
    const result = await tell("P6", 0, [{ id: "X2", effect, grant: 0 }]);

    expect(result.account).toEqual({ unavoidable: [], avoidable: [] });
  });
});

describe("TL3: the holder stands still, and its heir refreshes", () => {
  const pause: Effect = {
    type: "hook",
    point: "refresh/applied",
    skip: 0,
    action: { do: "pause", ms: 8_000 },
  };
  const faults = [{ id: "X11", effect: pause, grant: 0 }] as const;

  it("at P2 both get the same, and go on", async () => {
    const result = await tell("P2", 30_000, faults);

    expect(result.account).toEqual({ unavoidable: [], avoidable: [] });
  });

  it("at P3 the pair of the late one is kept as a candidate", async () => {
    const result = await tell("P3", 30_000, faults);
    const kept = result.records.filter(
      (record) =>
        record.kind === "event" && record.event.type === "candidate_kept" && record.grant.includes("f0x1"),
    );

    expect(kept).toHaveLength(1);
    expect(result.account).toEqual({ unavoidable: [], avoidable: [] });
  });

  it("at P4 the late request of the first wins, and its kept pair saves the grant", async () => {
    const late: Effect = {
      type: "hook",
      point: "refresh/call",
      skip: 0,
      action: { do: "pause_and_delay", pauseMs: 8_000, delayMs: 7_000 },
    };
    const result = await tell("P4", 30_000, [{ id: "X39", effect: late, grant: 0 }]);

    expect(result.account).toEqual({ unavoidable: [], avoidable: [] });
    expect(result.coverage.candidateSaved).toBeGreaterThan(0);
  });

  it("at P6 the heir leaves the refresh token alone, and the late commit is accepted (S6)", async () => {
    const result = await tell("P6", 0, faults);
    const sent = result.records.filter(
      (record) => record.kind === "send" && record.refreshToken.endsWith("f0x1-1"),
    );

    expect(sent).toHaveLength(1);
    expect(result.account).toEqual({ unavoidable: [], avoidable: [] });
  });
});

describe("TL4: the user signs out during a refresh", () => {
  it("refuses the commit, revokes what came, and hands nothing out any more", async () => {
    const steps = [
      { atMs: DUE_MS, server: 0, slot: 0, deed: { do: "get" } },
      { atMs: DUE_MS + 500, server: 1, slot: 0, deed: { do: "sign_out" } },
      { atMs: DUE_MS + 9_000, server: 2, slot: 0, deed: { do: "view", wait: true } },
      { atMs: DUE_MS + 9_001, server: 0, slot: 0, deed: { do: "get" } },
    ] as const;
    const slow: Effect = { type: "as_slow", upToMs: 8_000 };
    const result = await tell("P6", 0, [{ id: "X36", effect: slow, durationMs: 60_000 }], steps);
    const late = result.records.filter(
      (record) =>
        record.kind === "settled" &&
        record.atMs > result.records[0]!.atMs + DUE_MS + 8_000 &&
        record.grant.includes("f0x1"),
    );

    expect(reasonsOf(result, 0)).toEqual(["signed_out"]);
    expect(result.coverage.lateAnswerRevoked).toBe(1);
    expect(late.length).toBeGreaterThan(1);
    expect(late.every((record) => record.kind === "settled" && record.accessToken === undefined)).toBe(true);
  });
});
