/** Records of a small history, for the tests of rules and of the oracle: one grant, two refresh tokens, two servers. */
import type { GrantRecord } from "../../src/core/grant.ts";
import { TOKEN_MARK } from "../../simulation/as-model.ts";
import type { Probe } from "../../simulation/checker.ts";
import type { SimRecord, StoreRecord } from "../../simulation/history.ts";
import { START_MS } from "../../simulation/timeline.ts";

export const GRANT = "key1.f0x1";
export const T = START_MS;
export const token = (kind: "rt" | "at", family: string, number: number): string =>
  `${kind}-${TOKEN_MARK}-${family}-${number}`;
export const RT1 = token("rt", "f0x1", 1);
export const RT2 = token("rt", "f0x1", 2);
export const AT1 = token("at", "f0x1", 1);
export const AT2 = token("at", "f0x1", 2);

const sealed = new Map([
  ["sealed-1", { rt: RT1, at: AT1, version: 1 }],
  ["sealed-2", { rt: RT2, at: AT2, version: 2 }],
]);

export function probe(overrides: Partial<Probe> = {}): Probe {
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
    targetOf: () => undefined,
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

export const row = (overrides: Partial<GrantRecord> = {}): GrantRecord => ({
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

export const store = (overrides: Partial<StoreRecord>): SimRecord => ({
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
export const inserted = store({ operation: "insert", answer: "true", before: undefined });
export const started = (process: string, attemptId: string, atMs = T): SimRecord => ({
  kind: "event",
  atMs,
  process,
  grant: GRANT,
  event: { type: "refresh_started", atMs, grantRef: "f0x1", provider: "p", attemptId, door: "d", version: 1 },
});
export const send = (process: string, attemptId: string, atMs: number, processNowMs = atMs): SimRecord => ({
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
export const call = (door: "get" | "end", atMs = T, minValidityMs?: number): SimRecord => ({
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
export const settled = (overrides: Partial<Extract<SimRecord, { kind: "settled" }>>): SimRecord => ({
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
export const gotten = settled({ accessToken: AT1, version: 1, expiresAtMs: T + 60_000, good: true });
export const answer = (overrides: Partial<Extract<SimRecord, { kind: "answer" }>> = {}): SimRecord => ({
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
export const lease = { holder: "s0.1", fence: 1, untilMs: T + 4_000 };
export const committed = store({
  expectedVersion: 1,
  after: row({ version: 2, sealedTokenSet: "sealed-2" }),
});
export const ended = (endReason: GrantRecord["endReason"]): SimRecord =>
  store({ operation: "end", answer: "found", after: row({ state: "ended", endReason, endedAtMs: T }) });
export const unknown = answer({ atMs: T + 100, outcome: "unknown", code: "timeout", answered: false });
export const intent = {
  attemptId: "a",
  holder: "s0.1",
  parentVersion: 1,
  fence: 1,
  startedAtMs: T,
  deadlineAtMs: T + 15_000,
  outcome: "pending",
} as const;
export const acquired = store({
  operation: "acquireLease",
  answer: "acquired",
  attemptId: "a",
  before: row({ fence: 0 }),
  after: row({ lease, intent }),
});
export const judgedRefused: SimRecord = {
  kind: "judged",
  atMs: T,
  grant: GRANT,
  attemptId: "a",
  refreshToken: RT1,
  verdict: "refused",
};
export const lost = (overrides: Partial<Extract<SimRecord, { kind: "lost" }>> = {}): SimRecord => ({
  kind: "lost",
  atMs: T,
  grant: GRANT,
  how: "lost_response",
  version: 1,
  row: [RT1],
  good: [],
  ended: "alarm",
  ...overrides,
});
export const judged = (overrides: Partial<Extract<SimRecord, { kind: "judged" }>>): SimRecord => ({
  kind: "judged",
  atMs: T,
  grant: GRANT,
  attemptId: "a",
  refreshToken: RT1,
  verdict: "rotated",
  asClass: "P6",
  graceMs: 0,
  ...overrides,
});
export const classified = (got: Extract<SimRecord, { kind: "classified" }>["got"]): SimRecord => ({
  kind: "classified",
  atMs: T,
  process: "s0.1",
  grant: GRANT,
  attemptId: "a",
  meant: "unknown",
  got,
  code: "http_503",
});
