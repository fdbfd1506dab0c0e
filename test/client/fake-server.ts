/**
 * A session route with a token behind it, by its own clock: renews a token that is due when it is asked, as nolapse does.
 *
 * @module
 */
import type { ClientSession } from "../../src/client/session.ts";
import { readSession, type SessionAnswer } from "../../src/client/fetch-session.ts";

export type Fault = "network" | "500" | "html" | "401" | "hang";

export class FakeServer {
  user: string | null = "alice";
  fault: Fault | undefined;
  /** Whom the fault meets; everybody unless set. */
  faultMeets: ((reason: string) => boolean) | undefined;
  /** Answers wait for this. */
  held: Promise<void> | undefined;
  /** Answers are made at once, and wait for this on their way. */
  slow: Promise<void> | undefined;
  /** Set while the authorization server is down. */
  refreshFails = false;
  /** Unset where the sign-in brought no refresh token. */
  refreshable = true;
  /** Set while every answer says to come back in a second, the least that nolapse says. */
  hurries = false;
  /** Set once the grant has ended. */
  ended = false;
  refreshes = 0;
  lifetimeMs: number;
  expiresAtMs: number;
  /** Whose words it uses where next-auth's versions differ. */
  nextAuth: 4 | 5 = 4;
  /** Whether the app put the access token into its session. */
  showsToken = false;
  readonly asked: { reason: string; atMs: number }[] = [];
  readonly nowMs: () => number;

  constructor(nowMs: () => number, lifetimeMs = 60_000) {
    this.nowMs = nowMs;
    this.lifetimeMs = lifetimeMs;
    this.expiresAtMs = nowMs() + lifetimeMs;
  }

  get leadMs(): number {
    return this.lifetimeMs < 60_000 ? this.lifetimeMs / 2 : Math.min(600_000, this.lifetimeMs / 3);
  }
  /** When an idle tab should ask, counted from the birth of a token. */
  get idleMs(): number {
    return this.lifetimeMs - 0.7 * this.leadMs;
  }
  get reasons(): string[] {
    return this.asked.map(({ reason }) => reason);
  }

  session(): ClientSession | null {
    if (this.user === null) return null;
    const now = this.nowMs();
    if (this.ended || (!this.refreshable && this.expiresAtMs <= now)) {
      return {
        user: { name: this.user, email: `${this.user}@example.com` },
        expires: new Date(now + 2_592_000_000).toISOString(),
        tokenState: { status: "reauthentication_required", reason: "rejected" },
        error: this.nextAuth === 4 ? "RefreshAccessTokenError" : "RefreshTokenError",
      };
    }
    if (this.expiresAtMs - this.leadMs <= now && !this.refreshFails && this.refreshable) {
      this.refreshes++;
      this.expiresAtMs = now + this.lifetimeMs;
    }
    const leftMs = this.expiresAtMs - now;
    const usualMs = this.refreshable ? leftMs - 0.7 * this.leadMs : leftMs;
    return {
      user: { name: this.user, email: `${this.user}@example.com` },
      expires: new Date(now + 2_592_000_000).toISOString(),
      accessTokenExpires: Math.floor(this.expiresAtMs / 1000),
      accessTokenExpiresIn: Math.max(0, Math.floor(leftMs / 1000)),
      tokenState: {
        status: this.refreshFails ? "retrying" : "fresh",
        askInMs: this.refreshFails || this.hurries ? 1_000 : Math.max(0, usualMs),
      },
      ...(this.showsToken ? { accessToken: `${this.user}-${String(this.refreshes)}` } : {}),
    };
  }

  /** What goes over the wire. */
  async respond(reason: string): Promise<Response> {
    this.asked.push({ reason, atMs: this.nowMs() });
    await this.held;
    switch (this.faultMeets?.(reason) === false ? undefined : this.fault) {
      case "network":
        return Promise.reject(new TypeError("Failed to fetch"));
      case "hang":
        return new Promise(() => undefined);
      case "500":
        return Promise.resolve(Response.json({ message: "no" }, { status: 500 }));
      case "401":
        return Promise.resolve(Response.json({}, { status: 401 }));
      case "html":
        return Promise.resolve(new Response("<!doctype html><h1>Sign in</h1>", { status: 200 }));
      case undefined: {
        const { slow } = this;
        const answer = Response.json(this.session() ?? (this.nextAuth === 4 ? {} : null));
        await slow;
        return answer;
      }
    }
  }

  /** The same without the wire, for tests that count microtasks. */
  answer(reason: string): Promise<SessionAnswer> {
    if (this.fault === "500" || this.fault === "html" || this.fault === "401") {
      this.asked.push({ reason, atMs: this.nowMs() });
      return Promise.resolve({ kind: this.fault === "401" ? "refused" : "failed" });
    }
    if (this.fault) return this.respond(reason).then(readSession);
    this.asked.push({ reason, atMs: this.nowMs() });
    const session = this.session();
    return Promise.resolve(session ? { kind: "session", session } : { kind: "signed_out" });
  }
}
