/**
 * The way from one process to the store: latency, losses in either direction, refusals, stale and damaged reads.
 *
 * A message that was sent goes on without its sender. What the sender sees is decided apart from what the store did, so a
 * write may be applied and look failed, or be lost and look like nothing at all.
 *
 * @module
 */
import type { GrantReading, GrantStore } from "../src/core/grant-store.ts";
import type { Chance } from "./chance.ts";
import type { HookAction, Loss, Phase } from "./fault-types.ts";
import type { SimProcess } from "./process.ts";
import { grantOf, isRead, type StoreNode, type StoreOperation } from "./store-node.ts";
import type { Timeline } from "./timeline.ts";
import type { Place, Weather } from "./weather.ts";

/** What the link needs of the world. */
export interface LinkWorld {
  readonly timeline: Timeline;
  readonly weather: Weather;
  readonly store: StoreNode;
  readonly latencyMs: number;
  /** Which browser's session a grant belongs to; `null` where it is not known. */
  slotOf(grant: string): number | null;
  /** Another grant, for swapping rows. */
  otherThan(grant: string): string | undefined;
  /** Lets a process die, and its server start anew later. */
  crash(process: SimProcess, restartMs: number): void;
  /** An ambiguous write happened: it was applied (or not), and its writer saw an error. */
  ambiguous(applied: boolean): void;
}

const OPERATIONS: readonly StoreOperation[] = [
  "insert",
  "read",
  "acquireLease",
  "renewLease",
  "releaseLease",
  "commit",
  "addCandidate",
  "removeCandidate",
  "end",
  "endMatching",
  "findMatching",
  "wipe",
  "slide",
  "purge",
  "scan",
  "reseal",
  "close",
];

const RESET_MS = 5;

interface Message {
  readonly operation: StoreOperation;
  readonly args: readonly unknown[];
  readonly place: Place;
  readonly sentAtMs: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The store as one process sees it. */
export function storeLink(world: LinkWorld, process: SimProcess, chance: Chance): GrantStore {
  const link = new StoreLink(world, process, chance);
  const store: Record<string, unknown> = { kind: "simulated" };
  for (const operation of OPERATIONS) {
    store[operation] = (...args: readonly unknown[]) => link.call(operation, args);
  }
  return store as unknown as GrantStore;
}

class StoreLink {
  readonly #world: LinkWorld;
  readonly #process: SimProcess;
  readonly #chance: Chance;

  constructor(world: LinkWorld, process: SimProcess, chance: Chance) {
    this.#world = world;
    this.#process = process;
    this.#chance = chance;
  }

  call(operation: StoreOperation, args: readonly unknown[]): Promise<unknown> {
    if (operation === "close") return Promise.resolve();
    return new Promise((resolve, reject) => {
      const grant = grantOf(operation, args);
      const slot = grant === undefined ? null : this.#world.slotOf(grant);
      const place = { server: this.#process.server, slot };
      const sentAtMs = this.#world.timeline.nowMs;
      const message: Message = { operation, args, place, sentAtMs, resolve, reject };
      this.#at("call", message, () => this.#process.pass(() => this.#leave(message)));
    });
  }

  /** Does what waits at a point, and then, unless it says otherwise, goes on. */
  #at(phase: Phase, message: Message, next: () => void): void {
    const { operation, place } = message;
    const action = this.#world.weather.spring(`${operation}/${phase}`, place);
    if (action === undefined) return next();
    this.#suffer(action, phase, message, next);
  }

  #suffer(action: HookAction, phase: Phase, message: Message, next: () => void): void {
    const { timeline } = this.#world;
    switch (action.do) {
      case "crash":
        this.#world.crash(this.#process, action.restartMs);
        // What is under way arrives all the same, or gets lost with its sender.
        if (phase !== "call" && (phase !== "arrive" || this.#chance.hits(0.5))) next();
        return;
      case "crash_sending":
        return this.#world.crash(this.#process, action.restartMs);
      case "pause":
        this.#process.pause(action.ms);
        return next();
      case "delay":
        timeline.after(action.ms, next);
        return;
      case "lose":
        if (!isRead(message.operation)) this.#world.ambiguous(phase === "applied");
        return this.#fail(message, action.seen);
      case "duplicate":
      case "pause_and_delay":
      case "answer":
        return next();
    }
  }

  #leave(message: Message): void {
    const { weather, timeline } = this.#world;
    const { place } = message;
    const cut = weather.at("store_link", place);
    if (cut !== undefined && cut.mode !== "answers") return this.#fail(message, cut.seen);
    if (weather.at("pool_exhausted", place, () => this.#chance.hits(0.8)) !== undefined) {
      timeline.after(1_000 * this.#chance.next(), () => this.#leave(message));
      return;
    }
    timeline.after(this.#latencyMs(place), () => this.#at("arrive", message, () => this.#arrive(message)));
  }

  #arrive(message: Message): void {
    const { weather } = this.#world;
    const busy = weather.at("store_busy", message.place, ({ share }) => this.#chance.hits(share));
    if (busy !== undefined) return this.#fail(message, "refused");
    const answer = this.#apply(message);
    answer.then(
      (result) => this.#at("applied", message, () => this.#answer(message, result)),
      (error: unknown) => this.#process.pass(() => message.reject(error as Error)),
    );
  }

  #apply({ operation, args, place, sentAtMs }: Message): Promise<unknown> {
    const { weather, store } = this.#world;
    const stale =
      operation === "read" ? weather.at("stale_reads", place, () => this.#chance.hits(0.7)) : undefined;
    if (stale !== undefined) return store.readStale(args[0] as string, stale.lagMs);
    return store.apply(this.#process.name, operation, args, sentAtMs);
  }

  #answer(message: Message, result: unknown): void {
    const { weather, timeline } = this.#world;
    const cut = weather.at("store_link", message.place);
    if (cut !== undefined && cut.mode !== "requests") {
      if (!isRead(message.operation)) this.#world.ambiguous(true);
      return this.#fail(message, cut.seen);
    }
    timeline.after(this.#latencyMs(message.place), () =>
      this.#at("answer", message, () =>
        this.#process.pass(() => message.resolve(this.#damaged(message, result))),
      ),
    );
  }

  #fail({ reject }: Message, seen: Loss | "refused"): void {
    if (seen === "hang") return;
    this.#world.timeline.after(RESET_MS, () =>
      this.#process.pass(() => reject(new Error(seen === "reset" ? "ECONNRESET" : "ECONNREFUSED"))),
    );
  }

  #latencyMs(place: Place): number {
    const slow = this.#world.weather.at("store_slow", place);
    return (this.#world.latencyMs + (slow?.upToMs ?? 0)) * this.#chance.next();
  }

  #damaged({ operation, place }: Message, result: unknown): unknown {
    if (operation !== "read" && operation !== "acquireLease") return result;
    const reading = result as GrantReading | undefined;
    if (reading === undefined || !("grant" in reading) || reading.grant.sealedTokenSet === "") return result;
    const { grant } = reading;
    const damage = this.#world.weather.at("damaged_reads", place);
    if (damage === undefined) return result;
    const other = this.#world.otherThan(grant.id);
    const swapped = other === undefined ? undefined : this.#world.store.rows.get(other)?.sealedTokenSet;
    const sealedTokenSet =
      damage.how === "swapped"
        ? (swapped ?? "")
        : damage.how === "truncated"
          ? grant.sealedTokenSet.slice(0, -8)
          : grant.sealedTokenSet.replace(/.(?=.{20}$)/, (one) => (one === "A" ? "B" : "A"));
    return { ...reading, grant: { ...grant, sealedTokenSet } };
  }
}
