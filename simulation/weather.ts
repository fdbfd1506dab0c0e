/**
 * The faults of a run while it runs: which conditions hold right now, and which traps wait at which point of the protocol.
 *
 * @module
 */
import type { Effect, Fault, FaultId, HookAction, Point } from "./fault-types.ts";

/** Where something happens: which server, and about which grant. */
export interface Place {
  readonly server: number;
  /** `null`: about none in particular. */
  readonly slot: number | null;
}

type Hook = Extract<Effect, { type: "hook" }>;

/** Effects that last for a time. */
export type ConditionType = Exclude<
  Effect["type"],
  | "hook"
  | "failover"
  | "evict_row"
  | "as_revoke"
  | "deploy"
  | "flush_leases"
  | "store_clock"
  | "wall_clock"
  | "crash"
  | "pause"
  | "sigterm"
  | "burst"
  | "sign_out_race"
  | "key_sweep"
  | "drift"
>;

/** Told of each fault that had an effect. */
export type OnHit = (fault: Fault, place: Place) => void;

/** What holds and what waits. */
export class Weather {
  #conditions: Fault[] = [];
  #traps: { readonly fault: Fault; readonly hook: Hook; left: number }[] = [];
  readonly #onHit: OnHit;

  constructor(onHit: OnHit) {
    this.#onHit = onHit;
  }

  begin(fault: Fault): void {
    if (fault.effect.type === "hook") {
      this.#traps.push({ fault, hook: fault.effect, left: fault.effect.skip });
    } else {
      this.#conditions.push(fault);
    }
  }

  end(fault: Fault): void {
    this.#conditions = this.#conditions.filter((other) => other !== fault);
    this.#traps = this.#traps.filter((trap) => trap.fault !== fault);
  }

  /** Ends everything that does not last for good. */
  clear(): void {
    this.#conditions = this.#conditions.filter(({ durationMs }) => durationMs === Infinity);
    this.#traps = [];
  }

  /**
   * The condition of that type that holds at a place, if it takes effect there.
   *
   * @param takesEffect Whether it does, this time. @defaultValue always
   */
  at<T extends ConditionType>(
    type: T,
    place: Place,
    takesEffect: (effect: Extract<Effect, { type: T }>) => boolean = () => true,
  ): Extract<Effect, { type: T }> | undefined {
    const fault = this.#conditions.find((one) => one.effect.type === type && matches(one, place));
    const effect = fault?.effect as Extract<Effect, { type: T }> | undefined;
    if (fault === undefined || effect === undefined || !takesEffect(effect)) return undefined;
    this.#onHit(fault, place);
    return effect;
  }

  /** Whether any condition holds at a server that keeps it from its store or its authorization server. */
  disturbed(server: number): boolean {
    return this.#conditions.some((fault) => fault.server === null || fault.server === server);
  }

  /** Springs the trap at a point, if there is one whose turn it is. */
  spring(point: Point, place: Place): HookAction | undefined {
    for (const trap of this.#traps) {
      if (trap.hook.point !== point || !matches(trap.fault, place)) continue;
      if (trap.left-- > 0) continue;
      this.#traps = this.#traps.filter((other) => other !== trap);
      this.#onHit(trap.fault, place);
      return trap.hook.action;
    }
    return undefined;
  }
}

/** The numbers of the faults that last for good. */
export function isPermanent({ durationMs }: Fault): boolean {
  return durationMs === Infinity;
}

function matches(where: Pick<Fault, "server" | "grant">, { server, slot }: Place): boolean {
  return (
    (where.server === null || where.server === server) &&
    (where.grant === null || slot === null || where.grant === slot)
  );
}

/** How often each fault had an effect. */
export type InjectionCounts = Map<FaultId, number>;
