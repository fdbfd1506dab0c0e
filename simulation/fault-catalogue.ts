/**
 * The table of faults: which number of the list (docs/simulation.md) is injected how. Several lines may serve one number.
 *
 * X54-X57, X59, X60 and X63 need a browser and are not here.
 *
 * @module
 */
import type { Chance } from "./chance.ts";
import type { AsFault, Effect, FaultId, Point } from "./fault-types.ts";

/** One way to inject a fault. */
export interface Injector {
  readonly id: FaultId;
  readonly what: string;
  /** How often it is chosen, against the others. */
  readonly weight: number;
  /** Only in runs whose store may lose acknowledged writes: there the oracle knows about it. */
  readonly loses?: true;
  /** What it does in one run. */
  readonly effect: (chance: Chance) => Effect;
}

const SECOND_MS = 1_000;

function crashAt(id: FaultId, what: string, ...points: readonly Point[]): Injector {
  return {
    id,
    what,
    weight: 1,
    effect: (chance) => ({
      type: "hook",
      point: chance.pick(points),
      skip: chance.int(4),
      action: { do: "crash", restartMs: chance.pick([100, 2 * SECOND_MS, 10 * SECOND_MS, 60 * SECOND_MS]) },
    }),
  };
}

function pauseAt(what: string, point: Point): Injector {
  return {
    id: "X11",
    what,
    weight: 1,
    effect: (chance) => ({
      type: "hook",
      point,
      skip: chance.int(4),
      action: { do: "pause", ms: chance.pick([5, 8, 20, 90]) * SECOND_MS },
    }),
  };
}

function answers(id: FaultId, what: string, weight: number, ...faults: readonly AsFault[]): Injector {
  return {
    id,
    what,
    weight,
    effect: (chance) =>
      chance.hits(0.5)
        ? {
            type: "hook",
            point: "refresh/arrive",
            skip: chance.int(4),
            action: { do: "answer", answer: chance.pick(faults) },
          }
        : { type: "as_answers", answer: chance.pick(faults), share: chance.pick([0.3, 1]) },
  };
}

function hook(
  id: FaultId,
  what: string,
  point: Point | readonly Point[],
  action: (chance: Chance) => Extract<Effect, { type: "hook" }>["action"],
): Injector {
  const points = typeof point === "string" ? [point] : point;
  return {
    id,
    what,
    weight: 1,
    effect: (chance) => ({
      type: "hook",
      point: chance.pick(points),
      skip: chance.int(3),
      action: action(chance),
    }),
  };
}

function condition(id: FaultId, what: string, weight: number, effect: Injector["effect"]): Injector {
  return { id, what, weight, effect };
}

const lost = (chance: Chance): { readonly do: "lose"; readonly seen: "reset" | "hang" } => ({
  do: "lose",
  seen: chance.pick(["reset", "hang"]),
});

const DURING_WRITE: readonly Point[] = [
  "commit/applied",
  "acquireLease/applied",
  "releaseLease/applied",
  "end/applied",
];

/** Every fault of servers, stores, clocks and authorization servers, and how it is injected. */
export const CATALOGUE: readonly Injector[] = [
  crashAt("X1", "crash before the lease write", "acquireLease/call"),
  crashAt("X2", "crash after the lease write, before the request", "acquireLease/answer", "refresh/call"),
  hook("X3", "crash with the request only partly sent", "refresh/call", (chance) => ({
    do: "crash_sending",
    restartMs: chance.pick([100, 2 * SECOND_MS, 10 * SECOND_MS, 60 * SECOND_MS]),
  })),
  hook("X3", "request only partly sent", "refresh/call", lost),
  crashAt("X4", "crash when sent, not yet committed there", "refresh/arrive"),
  crashAt("X5", "crash when committed there, not yet answered", "refresh/applied"),
  crashAt("X6", "crash with the answer, before the store write", "refresh/answer", "commit/call"),
  crashAt("X7", "crash in the store write", "commit/arrive", "commit/applied"),
  crashAt("X8", "crash after the store write, before anybody knows", "commit/answer"),
  crashAt("X9", "crash between tombstone and revocation", "end/answer", "revoke/call"),
  crashAt("X10", "crash while the keys are changed", "reseal/call", "reseal/applied"),
  pauseAt("pause past the lease before the request", "acquireLease/answer"),
  pauseAt("pause past the lease between request and answer", "refresh/arrive"),
  pauseAt("pause past the lease before the commit", "commit/call"),
  pauseAt("pause past the lease with the request half out", "refresh/call"),
  hook("X12", "renewal lost", "renewLease/arrive", lost),
  hook("X12", "renewal late", "renewLease/arrive", (chance) => ({
    do: "delay",
    ms: chance.between(1, 9) * 500,
  })),
  {
    id: "X13",
    what: "failover that loses the last writes",
    weight: 2,
    loses: true,
    effect: (chance) => ({ type: "failover", lostMs: chance.pick([50, 500, 3_000]) }),
  },
  condition("X14", "all leases flushed", 1, () => ({ type: "flush_leases" })),
  { id: "X14", what: "row evicted", weight: 1, loses: true, effect: () => ({ type: "evict_row" }) },
  hook("X15", "release arrives late", "releaseLease/call", (chance) => ({
    do: "delay",
    ms: chance.between(2, 12) * SECOND_MS,
  })),
  condition("X16", "event loop stands still", 2, () => ({ type: "pause" })),
  condition("X17", "SIGTERM with little grace", 1, (chance) => ({
    type: "sigterm",
    graceMs: chance.pick([0, 200, 2_000, 10_000]),
  })),
  condition("X18", "rolling deploy with other options", 1, () => ({ type: "deploy" })),
  condition("X19", "wall clock jumps", 2, (chance) => ({
    type: "wall_clock",
    jumpMs: chance.pick([-3_600, -600, -30, 30, 600, 3_600]) * SECOND_MS,
  })),
  condition("X20", "clocks apart", 1, (chance) => ({
    type: "wall_clock",
    jumpMs: chance.pick([-5, -2, 2, 5]) * SECOND_MS,
  })),
  condition("X21", "store clock jumps", 1, (chance) => ({
    type: "store_clock",
    jumpMs: chance.pick([-600, -20, -3, 3, 20, 600]) * SECOND_MS,
  })),
  condition("X22", "clock drifts", 1, (chance) => ({
    type: "drift",
    partsPerMillion: chance.pick([-2_000, -200, 200, 2_000]),
  })),
  condition("X23", "timers fire late or early", 1, (chance) => ({
    type: "timers",
    lateByMs: chance.pick([0, 50, 1_500, 5_000]),
    earlyByMs: chance.pick([0, 1, 20]),
    neverShare: 0,
  })),
  condition("X23", "timers never fire, until the process is killed for it", 1, (chance) => ({
    type: "timers",
    lateByMs: 0,
    earlyByMs: 0,
    neverShare: chance.pick([0.1, 0.5]),
  })),
  condition("X24", "store slow", 2, (chance) => ({
    type: "store_slow",
    upToMs: chance.pick([100, 1_000, 5_000, 60_000]),
  })),
  condition("X25", "store unreachable", 3, (chance) => ({
    type: "store_link",
    mode: chance.pick(["both", "requests", "answers"]),
    seen: chance.pick(["reset", "hang", "refused"]),
  })),
  hook("X26", "write applied, error seen", DURING_WRITE, lost),
  hook("X26", "write not applied, error seen", ["commit/arrive", "acquireLease/arrive", "end/arrive"], lost),
  condition("X27", "stale reads", 1, (chance) => ({
    type: "stale_reads",
    lagMs: chance.pick([20, 300, 2_000]),
  })),
  condition("X28", "storm of unrelated writes", 1, () => ({ type: "unrelated_writes", everyMs: 500 })),
  condition("X29", "store busy", 1, (chance) => ({ type: "store_busy", share: chance.pick([0.2, 0.8]) })),
  condition("X30", "row damaged or swapped as read", 1, (chance) => ({
    type: "damaged_reads",
    how: chance.pick(["changed", "truncated", "swapped"]),
  })),
  { id: "X30", what: "row deleted", weight: 1, loses: true, effect: () => ({ type: "evict_row" }) },
  condition("X31", "connection pool exhausted", 1, () => ({ type: "pool_exhausted" })),
  condition("X32", "one server sees only one of store and authorization server", 2, (chance) => ({
    ...(chance.hits(0.5) ? { type: "store_link" } : { type: "as_link" }),
    mode: "both",
    seen: chance.pick(["hang", "refused"]),
  })),
  answers("X33", "5xx before commit", 2, "5xx_before"),
  answers("X34", "5xx after commit", 1, "5xx_after"),
  answers("X35", "429", 1, "429", "429_retry_after"),
  condition("X36", "authorization server slow", 2, (chance) => ({
    type: "as_slow",
    upToMs: chance.pick([1_000, 6_000, 20_000, 90_000]),
  })),
  answers("X37", "timeout after commit", 1, "hang_after"),
  answers("X38", "answer lost or truncated", 1, "reset_after", "truncated"),
  hook("X39", "request delivered late", "refresh/call", (chance) => ({
    do: "delay",
    ms: chance.pick([2, 8, 30, 70]) * SECOND_MS,
  })),
  hook("X39", "sender stands still, and its request arrives after its heir's", "refresh/call", (chance) => ({
    do: "pause_and_delay",
    pauseMs: chance.between(7, 12) * SECOND_MS,
    delayMs: chance.between(5, 12) * SECOND_MS,
  })),
  hook("X40", "request delivered twice", "refresh/arrive", (chance) => ({
    do: "duplicate",
    ms: chance.pick([1, 200, 5_000]),
  })),
  answers("X41", "error consumes the refresh token", 1, "error_consumes"),
  condition("X42", "two winners for one refresh token", 1, () => ({
    type: "as_rotation",
    asClass: "P7",
    graceMs: 0,
  })),
  condition("X43", "rotation class changes", 1, (chance) => ({
    type: "as_rotation",
    asClass: chance.pick(["P0", "P1", "P2", "P3", "P4", "P5", "P6"]),
    graceMs: chance.pick([9_000, 29_000, 31_000]),
  })),
  condition("X44", "odd token response", 2, (chance) => ({
    type: "as_odd",
    odd: chance.pick([
      "no_refresh_token",
      "same_refresh_token",
      "no_expiry",
      "zero_expiry",
      "huge_expiry",
    ] as const),
    share: chance.pick([0.3, 1]),
  })),
  answers("X46", "invalid_client", 1, "invalid_client"),
  answers("X47", "tokens of somebody else", 1, "wrong_subject"),
  answers("X48", "page, redirect or huge body", 1, "html_before", "html_after", "huge_body", "redirect"),
  answers("X49", "new DPoP nonce each time", 1, "dpop_nonce"),
  answers("X50", "metadata away", 1, "metadata"),
  condition("X51", "chain revoked there", 1, () => ({ type: "as_revoke" })),
  answers("X51", "chain revoked in mid-flight", 1, "revoked_first"),
  answers("X52", "Retry-After by a skewed clock", 1, "429_skewed_date"),
  condition("X61", "sign-out while another server refreshes, then somebody else", 2, (chance) => ({
    type: "sign_out_race",
    signInAgain: chance.hits(0.7),
  })),
  condition("X62", "everything on one page asks at once", 2, (chance) => ({
    type: "burst",
    callers: chance.between(4, 12),
  })),
];
