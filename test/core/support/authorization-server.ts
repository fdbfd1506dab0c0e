/**
 * A model of an authorization server that knows the truth: which refresh token is live, which was spent, and who was
 * signed out by a replay. Requests arrive, are judged at once, and are answered when the test lets them.
 */
import type { Clock } from "../../../src/core/clock.ts";
import type { Refresher, RefreshOutcome, RefreshRequest } from "../../../src/core/refresher.ts";
import type { TokenSet } from "../../../src/core/token-set.ts";
import type { TokenTarget } from "../../../src/core/token-target.ts";

/**
 * What the server does with a refresh token that was used before (classes P0, P2-P6 of the reliability requirements).
 * P1 and P3 differ only in the window, which a test sets with `graceMs`.
 */
export type RotationClass =
  "static" | "idempotent" | "grace_forks" | "last_wins" | "strict_error" | "strict_family";

/** What happens to one request. A fault that `commits` rotates before the answer gets lost. */
export type Fault =
  | { readonly answer: Exclude<RefreshOutcome, { kind: "committed" }>; readonly commits?: boolean }
  /** No answer until the signal is aborted; then what a well-behaved refresher says. */
  | { readonly hang: "until_abort"; readonly commits?: boolean }
  /** No answer ever, or a real one `afterMs` later, whatever the signal says. */
  | { readonly hang: "deaf"; readonly afterMs?: number; readonly commits?: boolean }
  | { readonly throws: true };

interface Family {
  readonly user: string;
  readonly live: Set<string>;
  readonly successors: Map<string, { readonly tokenSet: TokenSet; readonly atMs: number }>;
  alive: boolean;
  issued: number;
}

export class ModelAuthorizationServer implements Refresher {
  rotation: RotationClass = "strict_family";
  graceMs = 0;
  lifetimeMs: number;
  /** How long an answer takes. */
  latencyMs = 0;
  /** Members that go into every committed token set last, for odd servers. */
  overrides: Partial<TokenSet> = {};
  /** Each refresh token presented, in the order of arrival. */
  readonly sent: string[] = [];
  readonly sentAtMs: number[] = [];
  /** What each request asked an access token for; `undefined`: for what the sign-in asked. */
  readonly targets: (TokenTarget | undefined)[] = [];
  /** Refresh tokens presented although they were spent. */
  readonly replayed: string[] = [];
  readonly revoked: string[] = [];
  revokeOutcome: "revoked" | "failed" | "unsupported" = "revoked";
  inFlight = 0;
  maxInFlight = 0;
  readonly #clock: Clock;
  readonly #families = new Map<string, Family>();
  readonly #faults: Fault[] = [];
  #always: Fault | undefined;
  #gate: { readonly opened: Promise<void>; readonly open: () => void } | undefined;

  constructor(clock: Clock, lifetimeMs: number) {
    this.#clock = clock;
    this.lifetimeMs = lifetimeMs;
  }

  /** The token set of a new sign-in. */
  signIn(user: string): TokenSet {
    const family: Family = { user, live: new Set(), successors: new Map(), alive: true, issued: 0 };
    this.#families.set(user, family);
    return this.#issue(family);
  }

  /** The next requests meet these faults, one each. */
  failNext(...faults: readonly Fault[]): void {
    this.#faults.push(...faults);
  }

  /** Every request meets this fault, until `undefined`. */
  failAlways(fault: Fault | undefined): void {
    this.#always = fault;
  }

  /** Answers are held back, after the server has acted, until `release`. */
  hold(): void {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    this.#gate = { opened, open };
  }

  release(): void {
    this.#gate?.open();
    this.#gate = undefined;
  }

  /** How many refresh requests came for a user. */
  requestsOf(user: string): number {
    return this.sent.filter((token) => token.startsWith(`rt.${user}.`)).length;
  }

  /** The refresh tokens that would still work. */
  liveRefreshTokens(user: string): readonly string[] {
    const family = this.#families.get(user);
    return family?.alive === true ? [...family.live] : [];
  }

  /** Ends every token of a user, as an administrator does. */
  killFamily(user: string): void {
    const family = this.#families.get(user);
    if (family !== undefined) family.alive = false;
  }

  /** Spends a user's refresh token behind everybody's back, as a thief does. Returns the new token set. */
  rotateElsewhere(user: string): TokenSet {
    const family = this.#families.get(user)!;
    const [token] = family.live;
    return this.#rotate(family, token!);
  }

  /** Presents a refresh token behind everybody's back. */
  replay(refreshToken: string): TokenSet {
    const outcome = this.#judge(refreshToken);
    if (outcome.kind !== "committed") throw new Error(`${refreshToken} was refused`);
    return outcome.tokenSet;
  }

  async refresh(request: RefreshRequest): Promise<RefreshOutcome> {
    const refreshToken = request.tokenSet.refreshToken ?? "none";
    this.sent.push(refreshToken);
    this.sentAtMs.push(this.#clock.nowMs());
    this.targets.push(request.target);
    this.maxInFlight = Math.max(this.maxInFlight, ++this.inFlight);
    try {
      return issuedFor(request.target, await this.#answer(refreshToken, request.signal));
    } finally {
      this.inFlight--;
    }
  }

  async revoke({ tokenSet }: RefreshRequest): Promise<"revoked" | "failed" | "unsupported"> {
    if (this.revokeOutcome === "revoked" && tokenSet.refreshToken !== undefined) {
      this.revoked.push(tokenSet.refreshToken);
      this.#familyOf(tokenSet.refreshToken)?.live.delete(tokenSet.refreshToken);
    }
    return this.revokeOutcome;
  }

  async #answer(refreshToken: string, signal: AbortSignal): Promise<RefreshOutcome> {
    const gate = this.#gate;
    const fault = this.#faults.shift() ?? this.#always;
    if (fault === undefined) {
      const outcome = this.#judge(refreshToken);
      if (this.latencyMs > 0) await this.#clock.sleep(this.latencyMs);
      await gate?.opened;
      return outcome;
    }
    if ("throws" in fault) throw new Error(`fetch failed for ${refreshToken}`);
    const judged = fault.commits === true ? this.#judge(refreshToken) : undefined;
    await gate?.opened;
    if ("answer" in fault) return fault.answer;
    if (fault.hang === "deaf") {
      await (fault.afterMs === undefined ? new Promise(() => undefined) : this.#clock.sleep(fault.afterMs));
      return judged ?? this.#judge(refreshToken);
    }
    await new Promise((resolve) => {
      signal.addEventListener("abort", resolve);
    });
    return { kind: "unknown", code: "timeout", answered: false };
  }

  #judge(refreshToken: string): RefreshOutcome {
    const family = this.#familyOf(refreshToken);
    const dead: RefreshOutcome = { kind: "rejected", code: "invalid_grant" };
    if (family === undefined || !family.alive) {
      this.replayed.push(refreshToken);
      return dead;
    }
    if (this.rotation === "static") return { kind: "committed", tokenSet: this.#issue(family, refreshToken) };
    if (family.live.has(refreshToken))
      return { kind: "committed", tokenSet: this.#rotate(family, refreshToken) };
    const used = family.successors.get(refreshToken);
    // Revoked, but never spent: refused without being taken for theft.
    if (used === undefined) return dead;
    this.replayed.push(refreshToken);
    const within = this.#clock.nowMs() - used.atMs <= this.graceMs;
    if (within && this.rotation === "idempotent") return { kind: "committed", tokenSet: used.tokenSet };
    if (within && this.rotation === "grace_forks")
      return { kind: "committed", tokenSet: this.#issue(family) };
    if (within && this.rotation === "last_wins") {
      family.live.clear();
      return { kind: "committed", tokenSet: this.#issue(family) };
    }
    if (this.rotation !== "strict_error") family.alive = false;
    return dead;
  }

  #rotate(family: Family, spent: string): TokenSet {
    family.live.delete(spent);
    const tokenSet = this.#issue(family);
    family.successors.set(spent, { tokenSet, atMs: this.#clock.nowMs() });
    return tokenSet;
  }

  #issue(family: Family, keptRefreshToken?: string): TokenSet {
    const serial = ++family.issued;
    const refreshToken = keptRefreshToken ?? `rt.${family.user}.${serial}`;
    family.live.add(refreshToken);
    const issuedAtMs = this.#clock.nowMs();
    return {
      accessToken: `at.${family.user}.${serial}`,
      refreshToken,
      tokenType: "Bearer",
      issuedAtMs,
      expiresAtMs: issuedAtMs + this.lifetimeMs,
      ...this.overrides,
    };
  }

  #familyOf(refreshToken: string): Family | undefined {
    return this.#families.get(refreshToken.split(".")[1] ?? "");
  }
}

/** An access token shows what it is for: `at.alice.2@https://calendar.example`. */
function issuedFor(target: TokenTarget | undefined, outcome: RefreshOutcome): RefreshOutcome {
  if (outcome.kind !== "committed" || target === undefined) return outcome;
  const { resource, audience, scope } = target;
  const accessToken = `${outcome.tokenSet.accessToken}@${resource ?? audience ?? scope ?? ""}`;
  return {
    ...outcome,
    tokenSet: { ...outcome.tokenSet, accessToken, ...(scope !== undefined && { scope }) },
  };
}
