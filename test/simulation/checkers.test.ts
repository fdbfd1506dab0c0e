/** Each rule of the simulation rejects a history in which it is broken, and accepts the same history without that. */
import { describe, expect, it } from "vitest";

import type { GrantRecord } from "../../src/core/grant.ts";
import { TOKEN_MARK } from "../../simulation/as-model.ts";
import { Watch, type Probe } from "../../simulation/checker.ts";
import { CHECKERS, checkersFor } from "../../simulation/checkers/index.ts";
import type { SimRecord, StoreRecord } from "../../simulation/history.ts";
import { START_MS } from "../../simulation/timeline.ts";

const GRANT = "key1.f0x1";
const T = START_MS;
const token = (kind: "rt" | "at", family: string, number: number): string =>
  `${kind}-${TOKEN_MARK}-${family}-${number}`;
const RT1 = token("rt", "f0x1", 1);
const RT2 = token("rt", "f0x1", 2);
const AT1 = token("at", "f0x1", 1);
const AT2 = token("at", "f0x1", 2);

const sealed = new Map([
  ["sealed-1", { rt: RT1, at: AT1, version: 1 }],
  ["sealed-2", { rt: RT2, at: AT2, version: 2 }],
]);

function probe(overrides: Partial<Probe> = {}): Probe {
  return {
    reveal: (value) => {
      const found = sealed.get(value);
      return (
        found && {
          tokenSet: { accessToken: found.at, refreshToken: found.rt, tokenType: "Bearer", issuedAtMs: T },
          slot: { grantId: GRANT, field: "token-set", version: found.version },
        }
      );
    },
    accepts: () => false,
    expiryOf: () => T + 60_000,
    grantOfToken: (value) => (value.includes("f0x1") ? GRANT : "key1.other"),
    skewOf: () => 0,
    lostMsOf: () => 0,
    runs: () => true,
    keptInMemory: () => [],
    openFlights: () => [],
    healthy: () => true,
    wanted: () => [GRANT],
    mode: "safety",
    profile: "faulty",
    servers: 2,
    accessLifetimeMs: 60_000,
    leaseMs: 4_000,
    holdMs: 0,
    ...overrides,
  };
}

const row = (overrides: Partial<GrantRecord> = {}): GrantRecord => ({
  id: GRANT,
  sessionRef: "s",
  subjectRef: "u",
  sidRef: null,
  provider: "p",
  issuer: "i",
  clientId: "c",
  absoluteEndMs: T + 1e9,
  slidingEndMs: T + 1e9,
  sealedTokenSet: "sealed-1",
  keyId: "k",
  accessTokenIssuedAtMs: T,
  accessTokenExpiresAtMs: T + 60_000,
  refreshTokenExpiresAtMs: null,
  refreshable: true,
  format: 1,
  version: 1,
  createdAtMs: T,
  state: "live",
  endReason: null,
  endedAtMs: null,
  fence: 1,
  lease: null,
  intent: null,
  backoff: null,
  candidates: [],
  ...overrides,
});

const store = (overrides: Partial<StoreRecord>): SimRecord => ({
  kind: "store",
  atMs: T,
  process: "s0.1",
  operation: "commit",
  grant: GRANT,
  storeNowMs: overrides.atMs ?? T,
  answer: "committed",
  before: row(),
  after: row(),
  ...overrides,
});
const inserted = store({ operation: "insert", answer: "true", before: undefined });
const started = (process: string, attemptId: string, atMs = T): SimRecord => ({
  kind: "event",
  atMs,
  process,
  grant: GRANT,
  event: { type: "refresh_started", atMs, grantRef: "f0x1", provider: "p", attemptId, door: "d", version: 1 },
});
const send = (process: string, attemptId: string, atMs: number, processNowMs = atMs): SimRecord => ({
  kind: "send",
  atMs,
  process,
  grant: GRANT,
  attemptId,
  refreshToken: RT1,
  processNowMs,
  storeNowMs: atMs,
  policy: { class: "strict", graceMs: 0 },
  pendingHere: false,
});
const call = (door: "get" | "end", atMs = T, minValidityMs?: number): SimRecord => ({
  kind: "call",
  atMs,
  process: "s0.1",
  call: 1,
  grant: GRANT,
  door,
  maxWaitMs: 5_000,
  lostMs: 0,
  ...(minValidityMs !== undefined && { minValidityMs }),
});
const settled = (overrides: Partial<Extract<SimRecord, { kind: "settled" }>>): SimRecord => ({
  kind: "settled",
  atMs: T + 10,
  process: "s0.1",
  call: 1,
  grant: GRANT,
  door: "get",
  processNowMs: T + 10,
  lostMs: 0,
  result: "token",
  ...overrides,
});
const gotten = settled({ accessToken: AT1, version: 1, expiresAtMs: T + 60_000, good: true });
const answer = (overrides: Partial<Extract<SimRecord, { kind: "answer" }>> = {}): SimRecord => ({
  kind: "answer",
  atMs: T,
  process: "s0.1",
  grant: GRANT,
  attemptId: "a",
  sent: RT1,
  outcome: "committed",
  code: "ok",
  refreshToken: RT2,
  accessToken: AT2,
  ...overrides,
});
const lease = { holder: "s0.1", fence: 1, untilMs: T + 4_000 };
const committed = store({
  expectedVersion: 1,
  after: row({ version: 2, sealedTokenSet: "sealed-2" }),
});
const ended = (endReason: GrantRecord["endReason"]): SimRecord =>
  store({ operation: "end", answer: "found", after: row({ state: "ended", endReason, endedAtMs: T }) });
const unknown = answer({ atMs: T + 100, outcome: "unknown", code: "timeout", answered: false });
const intent = {
  attemptId: "a",
  holder: "s0.1",
  parentVersion: 1,
  fence: 1,
  startedAtMs: T,
  deadlineAtMs: T + 15_000,
  outcome: "pending",
} as const;
const acquired = store({
  operation: "acquireLease",
  answer: "acquired",
  attemptId: "a",
  before: row({ fence: 0 }),
  after: row({ lease, intent }),
});
const judgedRefused: SimRecord = {
  kind: "judged",
  atMs: T,
  grant: GRANT,
  attemptId: "a",
  refreshToken: RT1,
  verdict: "refused",
};

/** By rule: a history that breaks it, and the nearest one that does not. */
const STORIES: Readonly<
  Record<
    string,
    {
      readonly bad: readonly SimRecord[];
      readonly good: readonly SimRecord[];
      readonly probe?: Partial<Probe>;
    }
  >
> = {
  I1: {
    bad: [acquired, started("s0.1", "a"), started("s1.1", "b", T + 1_000)],
    good: [acquired, started("s0.1", "a"), started("s1.1", "b", T + 4_001)].map((record) =>
      record.kind === "store"
        ? store({ ...record, after: row({ lease: { ...lease, untilMs: T - 1 }, intent }) })
        : record,
    ),
  },
  I2: {
    bad: [store({ expectedVersion: 1, before: row({ version: 2 }), after: row({ version: 3 }) })],
    good: [committed],
  },
  I3: {
    bad: [
      store({
        operation: "releaseLease",
        answer: "true",
        fence: 1,
        before: row({ fence: 2, lease: { ...lease, holder: "s1.1", fence: 2 } }),
        after: row({ fence: 2, lease: null }),
      }),
    ],
    good: [
      store({
        operation: "releaseLease",
        answer: "true",
        fence: 2,
        before: row({ fence: 2, lease: { ...lease, fence: 2 } }),
        after: row({ fence: 2, lease: null }),
      }),
    ],
  },
  I4: { bad: [inserted, answer()], good: [inserted, answer(), committed] },
  I5: {
    bad: [inserted, answer(), settled({ accessToken: AT2, version: 2 })],
    good: [inserted, answer(), committed, settled({ accessToken: AT2, version: 2 })],
  },
  I6: { bad: [inserted, ended("rejected")], good: [inserted, judgedRefused, ended("rejected")] },
  I7: {
    bad: [store({ before: row({ state: "ended", endReason: "signed_out" }), after: row() })],
    good: [
      store({
        operation: "wipe",
        before: row({ state: "ended", endReason: "signed_out" }),
        after: row({ state: "ended", endReason: "signed_out", sealedTokenSet: "" }),
      }),
    ],
  },
  I8: { bad: [settled({ accessToken: token("at", "f9x1", 1), version: 1 })], good: [gotten] },
  I9: {
    bad: [call("get", T, 50_000), settled({ accessToken: AT1, version: 1, expiresAtMs: T + 40_000 })],
    good: [call("get", T, 50_000), gotten],
  },
  I10: {
    bad: Array.from({ length: 30 }, (_, index) => send("s0.1", `a${index}`, T + index * 100)),
    good: Array.from({ length: 30 }, (_, index) => send("s0.1", `a${index}`, T + index * 30_000)),
  },
  I11: {
    bad: [call("get"), settled({ atMs: T + 60_000, accessToken: AT1 })],
    good: [call("get"), settled({ atMs: T + 4_000, accessToken: AT1 })],
  },
  I12: {
    bad: [inserted, acquired, send("s0.1", "a", T), unknown, send("s1.1", "b", T + 20_000)],
    good: [inserted, acquired, send("s0.1", "a", T), unknown, send("s1.1", "b", T + 55_000)],
  },
  I14: {
    bad: [settled({ result: "store_failed", text: `cannot use ${RT1}` })],
    good: [settled({ result: "store_failed", text: "cannot use it" })],
  },
  I15: {
    bad: [
      {
        kind: "opened",
        atMs: T,
        process: "s0.1",
        slot: { grantId: GRANT, field: "token-set", version: 2 },
        sealedFor: { grantId: GRANT, field: "token-set", version: 1 },
      },
    ],
    good: [
      {
        kind: "opened",
        atMs: T,
        process: "s0.1",
        slot: { grantId: GRANT, field: "token-set", version: 1 },
        sealedFor: { grantId: GRANT, field: "token-set", version: 1 },
      },
    ],
  },
  I16: {
    bad: [
      inserted,
      ended("signed_out"),
      call("get", T + 5_000),
      settled({ atMs: T + 5_010, accessToken: AT1 }),
    ],
    good: [inserted, call("get"), ended("signed_out"), gotten],
  },
  I17: {
    bad: [call("get"), settled({ atMs: T + 70_000, processNowMs: T + 70_000, accessToken: AT1 })],
    // A clock that is ten seconds behind may err by ten seconds.
    good: [call("get"), settled({ atMs: T + 70_000, processNowMs: T + 59_000, accessToken: AT1 })],
  },
  I18: { bad: [inserted, committed], good: [inserted, answer(), committed] },
  I20: {
    bad: [inserted, { kind: "phase", atMs: T, phase: "healed" }, settled({ result: "refresh_unavailable" })],
    good: [inserted, { kind: "phase", atMs: T, phase: "healed" }, gotten],
  },
  I21: {
    bad: [inserted, send("s0.1", "a", T), judgedRefused, ended("rejected")],
    good: [
      inserted,
      send("s0.1", "a", T),
      { ...judgedRefused, verdict: "rotated", issued: { refreshToken: RT2, accessToken: AT2 } },
      { ...judgedRefused, attemptId: "b" },
      ended("lost_response"),
    ],
  },
  I22: {
    bad: [store({ after: row({ version: 2, sealedTokenSet: "sealed-1" }) })],
    good: [committed],
  },
};

function violationOf(
  rule: string,
  records: readonly SimRecord[],
  overrides: Partial<Probe> = {},
): string | undefined {
  const watch = new Watch(checkersFor(probe(overrides), [rule]), records);
  watch.rest(Math.max(...records.map(({ atMs }) => atMs)));
  return watch.violation?.checker;
}

describe("a rule of the simulation", () => {
  it.each(Object.keys(CHECKERS))("%s has its story here", (rule) => {
    expect(STORIES).toHaveProperty(rule);
  });

  it.each(Object.entries(STORIES))(
    "%s rejects a history in which it is broken",
    (rule, { bad, probe: own }) => {
      expect(violationOf(rule, bad, own)).toMatch(new RegExp(`^${rule} `));
    },
  );

  it.each(Object.entries(STORIES))(
    "%s accepts the nearest one in which it holds",
    (rule, { good, probe: own }) => {
      expect(violationOf(rule, good, own)).toBeUndefined();
    },
  );
});

describe("the rule of complete sign-out", () => {
  const phase = (name: "healed" | "rest" | "swept"): SimRecord => ({ kind: "phase", atMs: T, phase: name });
  const signedOut = [inserted, ended("signed_out"), phase("healed"), phase("rest")];
  const works = { accepts: (token: string) => token === RT1 };

  it("rejects a token that still works although the process that ended its grant lived on (I16)", () => {
    expect(violationOf("I16", signedOut, works)).toMatch(/^I16 /);
    expect(violationOf("I16", signedOut)).toBeUndefined();
  });

  it("rejects one that is left after a sweep, sealed or working, whoever has died (X9, I16)", () => {
    const died = { ...works, healthy: () => false };
    expect(violationOf("I16", signedOut, died)).toBeUndefined();
    expect(violationOf("I16", [...signedOut, phase("swept")], died)).toMatch(/^I16 /);
    expect(violationOf("I16", [...signedOut, phase("swept")])).toMatch(/^I16 /);
  });
});
