/**
 * The faults that are at work right now, and what they do to one request or one message.
 *
 * @module
 */
import type { Chance } from "../chance.ts";
import type { BrowserFault, MessageFault, RequestFault } from "./faults.ts";

/** What becomes of one request. */
export interface RequestFate {
  readonly what: RequestFault | undefined;
  readonly upMs: number;
  readonly downMs: number;
}

/** What becomes of one message. */
export interface MessageFate {
  readonly what: MessageFault | undefined;
  readonly lateMs: number;
}

/** The faults at work. */
export class Weather {
  readonly #chance: Chance;
  readonly #active = new Set<BrowserFault>();

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  begin(fault: BrowserFault): void {
    this.#active.add(fault);
  }
  end(fault: BrowserFault): void {
    this.#active.delete(fault);
  }
  clear(): void {
    this.#active.clear();
  }

  /** Draws what becomes of a request of that browser. */
  requestFate(browser: number): RequestFate {
    let what: RequestFault | undefined;
    let [upMs, downMs] = [0, 0];
    for (const { effect } of this.#of(browser)) {
      if (effect.type === "request" && this.#chance.hits(effect.share)) what ??= effect.what;
      if (effect.type === "slow" && this.#chance.hits(effect.share)) {
        upMs += effect.upMs;
        downMs += Math.round(effect.downMs * this.#chance.next());
      }
    }
    return { what, upMs, downMs };
  }

  /** Draws what becomes of a message between tabs of that browser. */
  messageFate(browser: number): MessageFate {
    for (const { effect } of this.#of(browser)) {
      if (effect.type === "message" && this.#chance.hits(effect.share))
        return { what: effect.what, lateMs: Math.round(effect.lateMs * this.#chance.next()) };
    }
    return { what: undefined, lateMs: 0 };
  }

  /** Whether refreshes of that browser's grants bring nothing now. */
  refreshFails(browser: number): boolean {
    return this.#of(browser).some(({ effect }) => effect.type === "refresh_fails");
  }

  /** The largest number of that kind of effect, 0 without one. */
  most(browser: number, type: "locks" | "timers"): number {
    const each = this.#of(browser).map(({ effect }) =>
      effect.type !== type ? 0 : effect.type === "locks" ? effect.lateMs : effect.earlyMs,
    );
    return Math.max(0, ...each);
  }

  #of(browser: number): readonly BrowserFault[] {
    return [...this.#active].filter((fault) => fault.browser === browser);
  }
}
