/**
 * The route that gives a browser its access token, as the server's contract has it, with tokens that tell whose they are.
 *
 * @module
 */
import type { FetchToken, TokenAnswer, TokenRequest } from "../../src/client/fetch-token.ts";
import type { ClientSession } from "../../src/client/session.ts";

export class FakeTokenRoute {
  user: string | null = "alice";
  lifetimeMs: number;
  /** The server renews a token that has less left than this. */
  leadMs: number;
  expiresAtMs: number;
  /** How often the token was renewed: the number in its name. */
  renewals = 0;
  /** What it answers instead. */
  fault: Extract<TokenAnswer, { kind: "failed" }> | "network" | "hang" | undefined;
  /** What requests the fault meets; all unless set. */
  faultMeets: ((request: TokenRequest) => boolean) | undefined;
  /** Set where it hands out what it has, however short. */
  ignoresValidity = false;
  /** The ends of tokens are not known. */
  isEndless = false;
  readonly asked: TokenRequest[] = [];
  /** Answers wait for these, one for each request. */
  readonly held: Promise<void>[] = [];
  readonly signals: AbortSignal[] = [];
  readonly nowMs: () => number;

  constructor(nowMs: () => number, lifetimeMs = 300_000) {
    this.nowMs = nowMs;
    this.lifetimeMs = lifetimeMs;
    this.leadMs = lifetimeMs / 3;
    this.expiresAtMs = nowMs() + lifetimeMs;
  }

  get token(): string {
    return `${String(this.user)}-${this.renewals}`;
  }
  get expires(): number {
    return Math.floor(this.expiresAtMs / 1_000);
  }
  renew(): void {
    this.renewals++;
    this.expiresAtMs = this.nowMs() + this.lifetimeMs;
  }
  /** What the session route says. */
  session(): ClientSession | null {
    if (this.user === null) return null;
    const expires = this.isEndless ? {} : { accessTokenExpires: this.expires };
    return { user: { name: this.user }, ...expires, tokenState: { status: "fresh" } };
  }

  readonly fetchToken: FetchToken = async (request, signal) => {
    this.asked.push(request);
    this.signals.push(signal);
    const fault = this.faultMeets?.(request) === false ? undefined : this.fault;
    const answer = fault ?? this.#answer(request);
    await this.held.shift();
    if (answer === "network") throw new TypeError("Failed to fetch");
    if (answer === "hang") return new Promise(() => undefined);
    return answer;
  };

  #answer({ minValidityMs, renew }: TokenRequest): TokenAnswer {
    if (this.user === null) return { kind: "failed", code: "not_signed_in" };
    if (this.ignoresValidity) return this.#present();
    if (minValidityMs > this.lifetimeMs / 2) return { kind: "failed", code: "invalid_option" };
    if (renew || this.expiresAtMs - this.nowMs() < Math.max(this.leadMs, minValidityMs)) this.renew();
    return this.#present();
  }

  #present(): TokenAnswer {
    return {
      kind: "token",
      accessToken: this.token,
      expiresInMs: this.isEndless ? undefined : this.expiresAtMs - this.nowMs(),
      accessTokenExpires: this.isEndless ? undefined : this.expires,
    };
  }
}
