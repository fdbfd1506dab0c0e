/**
 * A channel between the tabs of one browser profile, as `BroadcastChannel`: to all others, copied, a little later; lost,
 * late, doubled and forged where a fault says so (X59).
 *
 * @module
 */
import type { Chance } from "../chance.ts";
import type { Machine } from "./machine.ts";
import type { SimPage } from "./page.ts";
import type { Weather } from "./weather.ts";

/** There and back takes less than the 50 ms that a tab waits for the word of another (`LINGER_MS` of `turns.ts`). */
const USUAL_MS = 20;

/** How one message fared for one page. */
export type Delivery = "came" | "lost" | "late" | "doubled" | "forged";

/** One channel. */
export class TabChannel {
  readonly #machine: Machine;
  readonly #weather: Weather;
  readonly #chance: Chance;
  readonly #onDelivery: (page: SimPage, how: Delivery) => void;
  readonly #listeners = new Map<SimPage, (value: unknown) => void>();

  constructor(
    machine: Machine,
    weather: Weather,
    chance: Chance,
    onDelivery: (page: SimPage, how: Delivery) => void,
  ) {
    this.#machine = machine;
    this.#weather = weather;
    this.#chance = chance;
    this.#onDelivery = onDelivery;
  }

  join(page: SimPage, listener: (value: unknown) => void): () => void {
    this.#listeners.set(page, listener);
    return () => this.#listeners.delete(page);
  }

  /** Sends to all others. */
  post(from: SimPage, value: unknown): void {
    for (const page of this.#listeners.keys()) {
      if (page === from || page.isGone) continue;
      this.#send(page, structuredClone(value));
    }
  }

  #send(page: SimPage, value: unknown): void {
    const { what, lateMs } = this.#weather.messageFate(this.#machine.index);
    // Its channel is closed: what was said meanwhile is old news when it comes back.
    if (page.isCached || what === "lost") return this.#onDelivery(page, "lost");
    const delayMs = this.#chance.between(1, USUAL_MS);
    if (what === "forged") this.#deliver(page, forgedFrom(value, this.#chance), delayMs, "forged");
    if (what === "doubled") this.#deliver(page, value, delayMs + lateMs, "doubled");
    if (what === "late") return this.#deliver(page, value, delayMs + lateMs, "late");
    this.#deliver(page, value, delayMs, "came");
  }

  #deliver(page: SimPage, value: unknown, delayMs: number, how: Delivery): void {
    this.#machine.timeline.after(delayMs, () => {
      if (page.isCached) return this.#onDelivery(page, "lost");
      page.pass(() => {
        const listener = this.#listeners.get(page);
        if (listener === undefined) return;
        this.#onDelivery(page, how);
        listener(value);
      });
    });
  }
}

/** A message that none of our tabs has sent. Whoever can forge one of the right checksums can do worse in this origin. */
function forgedFrom(value: unknown, chance: Chance): unknown {
  const news = value as Readonly<Record<string, unknown>>;
  return chance.pick<unknown>([
    "sign-out",
    null,
    { kind: "sign-out" },
    { kind: "answer" },
    { ...news, who: chance.int(1_000) },
    { ...news, view: chance.int(1_000), askInMs: 1e12 },
    { ...news, expires: 1 },
    { ...news, askInMs: "soon" },
    { ...news, atMs: 0, askInMs: 1e12 },
    { kind: "asking", turn: 0 },
    { kind: "failed", atMs: (news["atMs"] as number | undefined) ?? 0, failures: 3 },
  ]);
}
